//! Who calls.

use std::sync::{Arc, LazyLock};

use crate::auth::{Refusal, Scope, Scopes};

/// One for all, since every connection of a server that asks nobody has it.
static ANYONE: LazyLock<Arc<str>> = LazyLock::new(|| "anyone".into());

/// Somebody whom the server knows, for as long as what they have shown holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    name: Arc<str>,
    scopes: Scopes,
    expires_ms: Option<i64>,
    only_task: Option<Arc<str>>,
    proof: Proof,
}

/// With what a caller has said who they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    /// With nothing: the server asks nobody.
    Nothing,
    /// With the access key of this id.
    Key(Arc<str>),
    /// With a signed token (JWT).
    Jwt,
    /// With a share link, signed with the secret of this generation.
    Share(u64),
}

impl Principal {
    /// Whoever calls a server that asks nobody: may do everything.
    pub fn anyone() -> Principal {
        Principal {
            name: ANYONE.clone(),
            scopes: Scopes::from_iter([Scope::Admin]),
            expires_ms: None,
            only_task: None,
            proof: Proof::Nothing,
        }
    }

    pub(super) fn new(name: &str, scopes: Scopes, expires_ms: Option<i64>, proof: Proof) -> Principal {
        Principal { name: name.into(), scopes, expires_ms, only_task: None, proof }
    }

    /// Who holds a share link: reads one task.
    pub(super) fn of_share(task_id: &str, expires_ms: i64, generation: u64) -> Principal {
        Principal {
            name: "share".into(),
            scopes: Scopes::from_iter([Scope::TasksRead]),
            expires_ms: Some(expires_ms),
            only_task: Some(task_id.into()),
            proof: Proof::Share(generation),
        }
    }

    /// By what name limits and logs know them.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The same for who keeps it.
    pub(crate) fn shared_name(&self) -> &Arc<str> {
        &self.name
    }

    /// Whose the tasks are that they make; `None` where nobody is asked.
    pub fn owner(&self) -> Option<&str> {
        (self.proof != Proof::Nothing).then_some(&*self.name)
    }

    /// What they may do.
    pub fn scopes(&self) -> Scopes {
        self.scopes
    }

    /// When what they have shown ends, ms since 1970 UTC.
    pub fn expires_ms(&self) -> Option<i64> {
        self.expires_ms
    }

    /// With what they have said who they are.
    pub fn proof(&self) -> &Proof {
        &self.proof
    }

    /// The one task that they may see, if it is only one.
    pub fn only_task(&self) -> Option<&str> {
        self.only_task.as_deref()
    }

    /// Whether they may do what `scope` stands for at all.
    pub fn require(&self, scope: Scope) -> Result<(), Refusal> {
        if self.scopes.allow(scope) { Ok(()) } else { Err(Refusal::ScopeMissing(scope)) }
    }

    /// Whether the tasks of everybody are theirs to see.
    pub fn sees_all(&self) -> bool {
        self.only_task.is_none() && self.scopes.allow(Scope::Admin)
    }

    /// Whether they may see a task of this owner. To the others it looks as if
    /// there were none.
    pub fn sees(&self, task_id: &str, owner: Option<&str>) -> bool {
        match &self.only_task {
            Some(only) => **only == *task_id,
            None => self.sees_all() || owner == Some(&*self.name),
        }
    }
}

/// A name is shown and logged, and is part of every task: short, and in one line.
pub(super) fn is_name(text: &str) -> bool {
    const MOST: usize = 128;
    let length = text.chars().count();
    (1..=MOST).contains(&length) && text.trim() == text && !text.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_sees_ones_own_tasks_admins_all_and_a_share_link_one() {
        let key = |name, words| Principal::new(name, Scopes::from_words(words), None, Proof::Key("k".into()));
        let share = Principal::of_share("t1", 1, 0);
        for (principal, sees, sees_all) in [
            (key("ann", "tasks:read"), [true, false, false], false),
            (key("bob", "tasks:read tasks:write"), [false, true, false], false),
            (key("eve", "admin"), [true, true, true], true),
            (Principal::anyone(), [true, true, true], true),
            (share, [true, false, false], false),
        ] {
            let tasks = [("t1", Some("ann")), ("t2", Some("bob")), ("t3", None)];
            assert_eq!(tasks.map(|(id, owner)| principal.sees(id, owner)), sees, "{principal:?}");
            assert_eq!(principal.sees_all(), sees_all, "{principal:?}");
        }
    }

    #[test]
    fn a_missing_scope_is_named() {
        let reader = Principal::new("ann", Scopes::from_words("tasks:read"), None, Proof::Jwt);
        assert_eq!(reader.require(Scope::TasksRead), Ok(()));
        assert_eq!(reader.require(Scope::TasksWrite), Err(Refusal::ScopeMissing(Scope::TasksWrite)));
        assert_eq!((reader.owner(), Principal::anyone().owner()), (Some("ann"), None));
    }

    #[test]
    fn names_are_short_and_in_one_line() {
        for name in ["a", "Li Lei 李雷", "jwt:user@example.org", &"n".repeat(128)] {
            assert!(is_name(name), "{name}");
        }
        for name in ["", " a", "a ", "a\nb", "a\u{1b}[31m", &"n".repeat(129)] {
            assert!(!is_name(name), "{name:?}");
        }
    }
}
