use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use crate::evolution::EVOLUTION_FILE;
use crate::picture::IMAGE_NAMES;

/// Where directories of results stand, relative to the data directory.
pub const EXPERIMENTS_DIR: &str = "experiments";
/// The summary's file name.
pub const SUMMARY_FILE: &str = "summary.json";
/// The report's file name.
pub const REPORT_FILE: &str = "report.md";
/// Directory of the images in an experiment's directory.
pub const IMAGE_DIR: &str = "visualizations";
/// Always there and empty: no language model takes part in the search, and
/// tools made for the directory's form look for it.
pub const LLM_DIR: &str = "llm_interactions";
/// A summary larger than this is not one of ours, bytes.
const LARGEST_SUMMARY: u64 = 1 << 20;

/// Directory of a task, the same for every run of it: [`run_name`] in
/// [`EXPERIMENTS_DIR`].
pub fn directory_name(created_at: &str, task_id: &str) -> String {
    format!("{EXPERIMENTS_DIR}/{}", run_name(created_at, task_id))
}

/// `run_YYYYMMDD_HHMMSS_` of a creation in UTC, then the end of an id, which is
/// the random part of a UUID.
pub fn run_name(created_at: &str, id: &str) -> String {
    let stamp = created_at
        .parse::<jiff::Timestamp>()
        .map_or_else(|_| "00000000_000000".to_owned(), |time| time.strftime("%Y%m%d_%H%M%S").to_string());
    let plain: Vec<char> = id.chars().filter(char::is_ascii_alphanumeric).collect();
    let short: String = plain[plain.len().saturating_sub(8)..].iter().collect();
    format!("run_{stamp}_{short}")
}

/// File of an iteration's layout.
pub fn design_state_name(iteration: u32) -> String {
    format!("design_state_iter_{iteration:02}.json")
}

/// The iteration of a design state file's name; `None` for other names.
pub fn design_state_iteration(name: &str) -> Option<u32> {
    let digits = name.strip_prefix("design_state_iter_")?.strip_suffix(".json")?;
    let iteration = digits.parse().ok()?;
    (design_state_name(iteration) == name).then_some(iteration)
}

/// Where a file stands in an experiment's directory, by the name under which
/// it can be downloaded: the csv, the summary, the report, the three images
/// and the design states. No other name has a place.
pub fn file_place(name: &str) -> Option<PathBuf> {
    if [EVOLUTION_FILE, SUMMARY_FILE, REPORT_FILE].contains(&name) || design_state_iteration(name).is_some() {
        return Some(PathBuf::from(name));
    }
    IMAGE_NAMES.contains(&name).then(|| Path::new(IMAGE_DIR).join(name))
}

/// The summary of an experiment; empty when there is none that can be read.
pub fn read_summary(dir: &Path) -> Map<String, Value> {
    let path = dir.join(SUMMARY_FILE);
    let small = std::fs::metadata(&path).is_ok_and(|metadata| metadata.len() <= LARGEST_SUMMARY);
    let bytes = if small { std::fs::read(&path).unwrap_or_default() } else { Vec::new() };
    serde_json::from_slice(&bytes).unwrap_or_default()
}

/// One entry of a list of experiments.
#[derive(Debug, Clone, PartialEq)]
pub struct Listed {
    /// Name of the directory.
    pub name: String,
    /// Its summary; empty when there is none that can be read.
    pub summary: Map<String, Value>,
}

impl Listed {
    /// The entry as the interface has it.
    pub fn to_json(&self) -> Value {
        json!({
            "name": self.name,
            "path": format!("{EXPERIMENTS_DIR}/{}", self.name),
            "summary": self.summary,
        })
    }
}

/// The newest experiments (directories `run_*`) and the number of all. A
/// missing directory has none; a broken summary is an empty one.
pub fn list_experiments(experiments_dir: &Path, limit: usize) -> (Vec<Listed>, usize) {
    let entries = std::fs::read_dir(experiments_dir).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        // A link is not followed: it may lead out of the data directory.
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| name.starts_with("run_"))
        .collect();
    names.sort_unstable_by(|a, b| b.cmp(a));
    let total = names.len();
    let listed = names.into_iter().take(limit).map(|name| {
        let summary = read_summary(&experiments_dir.join(&name));
        Listed { name, summary }
    });
    (listed.collect(), total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_has_one_directory_name_whatever_the_zone_it_is_written_in() {
        let id = "0197f000-0000-7000-8000-0000deadbeef";
        let name = "experiments/run_20261124_054818_deadbeef";
        assert_eq!(directory_name("2026-11-24T05:48:18.123+00:00", id), name);
        assert_eq!(directory_name("2026-11-24T13:48:18.123+08:00", id), name);
        assert_eq!(directory_name("2026-11-24T05:48:18Z", "../x"), "experiments/run_20261124_054818_x");
    }

    #[test]
    fn only_the_known_files_can_be_named() {
        assert_eq!(file_place("report.md"), Some(PathBuf::from("report.md")));
        assert_eq!(file_place("thermal_heatmap.png"), Some(Path::new(IMAGE_DIR).join("thermal_heatmap.png")));
        assert_eq!(file_place("design_state_iter_07.json"), Some(PathBuf::from("design_state_iter_07.json")));
        assert_eq!(
            file_place("design_state_iter_1000.json"),
            Some(PathBuf::from("design_state_iter_1000.json"))
        );
        let refused = [
            "..",
            "",
            "/etc/passwd",
            "../report.md",
            "design_state_iter_007.json",
            "design_state_iter_+7.json",
        ];
        for name in refused {
            assert_eq!(file_place(name), None, "{name}");
        }
    }

    #[test]
    fn a_corrupt_summary_spoils_no_list() {
        let root = tempfile::tempdir().expect("a directory");
        let summaries = [
            ("run_1", "{\"status\": \"SUCCESS\"}"),
            ("run_2", "{\"status\": \"SUC"),
            ("run_3", "[1]"),
            ("other", "{}"),
        ];
        for (name, text) in summaries {
            std::fs::create_dir(root.path().join(name)).expect("made");
            std::fs::write(root.path().join(name).join(SUMMARY_FILE), text).expect("written");
        }
        std::fs::create_dir(root.path().join("run_4")).expect("made");
        std::fs::write(root.path().join("run_5"), "a file").expect("written");
        let (listed, total) = list_experiments(root.path(), 3);
        let names: Vec<&str> = listed.iter().map(|entry| entry.name.as_str()).collect();
        assert_eq!((names, total), (vec!["run_4", "run_3", "run_2"], 4));
        assert!(listed.iter().all(|entry| entry.summary.is_empty()));
        let (listed, _) = list_experiments(root.path(), 10);
        assert_eq!(
            listed[3].to_json(),
            json!({"name": "run_1", "path": "experiments/run_1", "summary": {"status": "SUCCESS"}})
        );
        assert_eq!(list_experiments(&root.path().join("none"), 10), (Vec::new(), 0));
    }
}
