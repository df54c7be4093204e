use std::io::ErrorKind;
use std::path::Path;

use model::config::Origin;
use model::examples::{SYSTEM_YAML, SYSTEM_YAML_PATH};
use model::{Checked, Problem, SystemConfig};

use crate::{Exit, report, say};

/// The configuration that is named, else the file at the default place, else
/// the one that is built in. Problems go to standard error.
pub(crate) fn read(named: Option<&Path>) -> Result<SystemConfig, Exit> {
    let language = report::language();
    let path = named.unwrap_or(Path::new(SYSTEM_YAML_PATH));
    let refuse = |problems: &[Problem]| {
        say(report::problems(path, problems, language).trim_end());
        Exit::InvalidInput
    };
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if named.is_none() && error.kind() == ErrorKind::NotFound => SYSTEM_YAML.into(),
        Err(error) => {
            let code = match error.kind() {
                ErrorKind::NotFound => "config.file_missing",
                _ => "config.file_unreadable",
            };
            let shown = path.display();
            let problem = Problem::error(
                code,
                format!("无法读取配置文件 {shown}: {error}"),
                format!("cannot read the configuration {shown}: {error}"),
            );
            return Err(refuse(&[problem.found(error.to_string(), "a readable file")]));
        }
    };
    // The one who runs the command is the operator.
    let environment = |name: &str| std::env::var(name).ok();
    let Checked { value, warnings } =
        model::config::load(&bytes, named.is_some(), Origin::Operator(&environment))
            .map_err(|problems| refuse(&problems))?;
    if !warnings.is_empty() {
        say(report::warnings(path, &warnings, language).trim_end());
    }
    Ok(value)
}
