use std::io::Write;
use std::path::{Path, PathBuf};

use model::{Bom, BomError, BomFormat, Checked, Language, LimitSet, Problem};
use serde_json::json;

use crate::{Exit, fail, report, say, system, write_out};

/// Subcommands of `msgalaxy bom`.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Says everything that is wrong with a BOM file; exit code 5 when it cannot be used
    Check {
        /// A .json, .csv, .yaml or .yml file
        file: PathBuf,
        /// Print the findings as JSON
        #[arg(long)]
        json: bool,
    },
    /// Writes a sample BOM of two components
    Template {
        /// The format
        #[arg(value_parser = format)]
        format: BomFormat,
        /// Where to; standard output when it is left out
        file: Option<PathBuf>,
    },
}

pub(crate) fn run(command: &Command) -> Exit {
    match command {
        Command::Check { file, json } => check(file, *json),
        Command::Template { format, file } => template(*format, file.as_deref()),
    }
}

/// Reads and checks a BOM file.
pub(crate) fn read(path: &Path) -> Result<Checked<Bom>, BomError> {
    let name = path.to_string_lossy();
    let format = BomFormat::from_file_name(&name)?;
    match std::fs::read(path) {
        Ok(bytes) => model::parse_bom(&bytes, format),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(model::bom::file_missing(&name)),
        Err(error) => Err(BomError::unreadable(
            Problem::error(
                "bom.file_unreadable",
                format!("无法读取 {name}: {error}"),
                format!("cannot read {name}: {error}"),
            )
            .found(error.to_string(), "a readable file"),
        )),
    }
}

fn check(path: &Path, as_json: bool) -> Exit {
    let (bom, mut problems) = match read(path) {
        Ok(checked) => (Some(checked.value), checked.warnings),
        Err(error) => (None, error.problems().to_vec()),
    };
    if let Some(bom) = &bom {
        let config = match system::read(None) {
            Ok(config) => config,
            Err(exit) => return exit,
        };
        // What shows only when the units meet their envelope.
        match model::assemble(Some(bom), &config, &LimitSet::default()) {
            Ok(checked) => problems.extend(checked.warnings),
            Err(found) => problems.extend(found),
        }
    }
    let valid = !problems.iter().any(Problem::is_error);
    let written = if as_json {
        let mut findings = json!({ "valid": valid, "problems": problems });
        if let Some(bom) = &bom {
            findings["num_components"] = bom.entries.len().into();
            findings["num_units"] = bom.num_components().into();
            findings["total_mass"] = bom.total_mass_kg().into();
            findings["total_power"] = bom.total_power_w().into();
        }
        write_out(format!("{findings:#}\n").as_bytes())
    } else {
        let language = report::language();
        let mut text = report::problems(path, &problems, language);
        text.push_str(&verdict(path, bom.as_ref().filter(|_| valid), problems.len(), language));
        write_out(text.as_bytes())
    };
    if written == Exit::Done && !valid { Exit::InvalidInput } else { written }
}

fn verdict(path: &Path, bom: Option<&Bom>, problems: usize, language: Language) -> String {
    let path = path.display();
    match (bom, language) {
        (Some(bom), Language::En) => format!(
            "{path}: valid, {} components, {:.3} kg, {:.1} W\n",
            bom.num_components(),
            bom.total_mass_kg(),
            bom.total_power_w()
        ),
        (Some(bom), Language::Zh) => format!(
            "{path}: 有效，{} 个组件，{:.3} kg，{:.1} W\n",
            bom.num_components(),
            bom.total_mass_kg(),
            bom.total_power_w()
        ),
        (None, Language::En) => format!("{path}: cannot be used, {problems} problem(s)\n"),
        (None, Language::Zh) => format!("{path}: 不能使用，{problems} 个问题\n"),
    }
}

fn template(format: BomFormat, file: Option<&Path>) -> Exit {
    let text = model::template::bom_template(format);
    let Some(path) = file else { return write_out(text.as_bytes()) };
    // Somebody's BOM is never overwritten.
    match std::fs::File::create_new(path).and_then(|mut file| file.write_all(text.as_bytes())) {
        Ok(()) => {
            say(format_args!("wrote {}", path.display()));
            Exit::Done
        }
        Err(error) => fail(format_args!("cannot write {}: {error}", path.display())),
    }
}

fn format(word: &str) -> Result<BomFormat, String> {
    BomFormat::from_word(word).ok_or_else(|| "allowed: json, csv, yaml".to_owned())
}
