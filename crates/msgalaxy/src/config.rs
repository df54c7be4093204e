use std::path::{Path, PathBuf};

use model::{Language, Problem};
use serde_json::json;
use server::Settings;

use crate::{Exit, report, say, write_out};

/// Subcommands of `msgalaxy config`.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Prints every setting of the server with its default and its meaning, as a settings file
    Print {
        /// Print what holds here, by the settings file and the environment, instead of the defaults
        #[arg(long)]
        current: bool,
        /// Settings file (TOML)
        #[arg(long, value_name = "FILE", requires = "current")]
        config: Option<PathBuf>,
    },
    /// Says everything that is wrong with a settings file; exit code 5 when it cannot be used
    Check {
        /// A settings file (TOML)
        file: PathBuf,
        /// Print the findings as JSON
        #[arg(long)]
        json: bool,
    },
}

pub(crate) fn run(command: &Command) -> Exit {
    match command {
        Command::Print { current: false, .. } => {
            write_out(Settings::default().to_commented_toml().as_bytes())
        }
        Command::Print { current: true, config } => match load(config.as_deref()) {
            Ok(settings) => write_out(settings.to_commented_toml().as_bytes()),
            Err(exit) => exit,
        },
        Command::Check { file, json } => check(file, *json),
    }
}

/// The settings of a file, if any, and of the environment. What is wrong with
/// them goes to standard error.
pub(crate) fn load(file: Option<&Path>) -> Result<Settings, Exit> {
    let environment = std::env::vars_os()
        .map(|(name, value)| (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned()));
    Settings::load(file, environment).map_err(|refused| {
        for (place, problems) in &refused.findings {
            say(report::problems(place, problems, report::language()).trim_end());
        }
        Exit::InvalidInput
    })
}

fn check(path: &Path, as_json: bool) -> Exit {
    let problems: Vec<Problem> = match Settings::load(Some(path), []) {
        Ok(settings) => {
            server::check(&settings).err().map(|error| contradiction(&error)).into_iter().collect()
        }
        Err(refused) => refused.findings.into_iter().flat_map(|(_, problems)| problems).collect(),
    };
    let valid = !problems.iter().any(Problem::is_error);
    let written = if as_json {
        write_out(format!("{:#}\n", json!({ "valid": valid, "problems": problems })).as_bytes())
    } else {
        let language = report::language();
        let mut text = report::problems(path, &problems, language);
        text.push_str(&verdict(path, valid, problems.len(), language));
        write_out(text.as_bytes())
    };
    if written == Exit::Done && !valid { Exit::InvalidInput } else { written }
}

/// What the server would refuse although each value may be.
fn contradiction(error: &server::Error) -> Problem {
    let (zh, en) = ("服务器会拒绝以这些设置启动", "the server refuses to start with these settings");
    match error {
        // An option of the command line can still make it what is meant.
        server::Error::NoAuth { .. } => Problem::warning("settings.no_auth", zh, en),
        _ => Problem::error("settings.contradiction", zh, en),
    }
    .found(error.to_string(), "")
}

fn verdict(path: &Path, valid: bool, problems: usize, language: Language) -> String {
    let path = path.display();
    match (valid, language) {
        (true, Language::En) => format!("{path}: valid\n"),
        (true, Language::Zh) => format!("{path}: 有效\n"),
        (false, Language::En) => format!("{path}: cannot be used, {problems} problem(s)\n"),
        (false, Language::Zh) => format!("{path}: 不能使用，{problems} 个问题\n"),
    }
}
