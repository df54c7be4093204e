use serde_json::Value;

/// What a task is made from. None of it changes later.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Submission {
    /// What clients see.
    pub config: Value,
    /// What the job gets.
    pub spec: Value,
    /// What is to be shown beside the task, such as remarks about its input. It
    /// is no part of the task.
    pub notes: Option<Value>,
    /// Whose the task is. It is no part of the task either; `None` when nobody
    /// said who they are.
    pub owner: Option<String>,
}
