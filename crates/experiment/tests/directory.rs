//! Runs of the real search and the directories that they leave.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use experiment::{Control, Error, Evaluation, Hooks, Iteration, RunRequest, RunSummary, Settings, run};
use model::{BomFormat, Layout, LimitSet, Problem, Satellite, SystemConfig};
use serde_json::Value;

const BOM: &str = r#"{"scenario_id": "test", "envelope": {"x": 300, "y": 300, "z": 300}, "components": [
  {"id": "battery", "name": "蓄电池", "dimensions": {"x": 120, "y": 90, "z": 60}, "mass": 3, "power": 4, "category": "power"},
  {"id": "radio", "name": "Radio", "dimensions": {"x": 100, "y": 80, "z": 40}, "mass": 1.5, "power": 25, "category": "communication"},
  {"id": "computer", "name": "Computer", "dimensions": {"x": 90, "y": 90, "z": 50}, "mass": 1, "power": 10, "category": "avionics"}
]}"#;

fn satellite(bom: &str) -> Satellite {
    let bom = model::parse_bom(bom.as_bytes(), BomFormat::Json).expect("a sound BOM").value;
    model::assemble(Some(&bom), &SystemConfig::default(), &LimitSet::default()).expect("a satellite").value
}

fn settings(max_iterations: u32) -> Settings {
    Settings { max_iterations, convergence_threshold: 0.0, seed: 7 }
}

/// Notes what it is told, keeps the checkpoints, and stops or leaves when told.
struct Watcher<'a> {
    dir: &'a Path,
    told: Vec<String>,
    checkpoints: Vec<Vec<u8>>,
    stop_at: Option<u32>,
    leave_at: Option<u32>,
    hour: u32,
    warnings: Vec<Problem>,
}

impl<'a> Watcher<'a> {
    fn new(dir: &'a Path) -> Self {
        Watcher {
            dir,
            told: Vec::new(),
            checkpoints: Vec::new(),
            stop_at: None,
            leave_at: None,
            hour: 5,
            warnings: Vec::new(),
        }
    }

    fn control(&self, number: u32) -> Control {
        if self.stop_at == Some(number) { Control::Stop } else { Control::Continue }
    }
}

impl Hooks for Watcher<'_> {
    fn started(&mut self, layout: &Layout, _: &Evaluation) -> Control {
        assert!(!layout.placements.is_empty());
        self.told.push("started".into());
        self.control(0)
    }

    fn progress(&mut self, number: u32, fraction: f64) -> Control {
        assert!(fraction > 0.0 && fraction < 1.0, "{number}: {fraction}");
        Control::Continue
    }

    fn iteration(&mut self, iteration: &Iteration<'_>, checkpoint: &[u8]) -> Control {
        let Iteration { number, evaluation, score, .. } = *iteration;
        // What is told stands in the files already.
        let file = read_json(&self.dir.join(format!("design_state_iter_{number:02}.json")));
        assert_eq!(file["iteration"], number);
        assert_eq!(file["metadata"]["score"], score);
        assert_eq!(file["metadata"]["feasible"], evaluation.is_feasible());
        let rows = experiment::read_evolution(self.dir);
        assert_eq!(rows.len(), number as usize);
        assert_eq!(rows[rows.len() - 1]["iteration"], number.to_string());
        self.told.push(format!("iteration {number}"));
        self.checkpoints.push(checkpoint.to_vec());
        self.control(number)
    }

    fn visualizing(&mut self) -> Control {
        self.told.push("visualizing".into());
        Control::Continue
    }

    fn abandoned(&self) -> bool {
        self.leave_at.is_some_and(|number| self.told.contains(&format!("iteration {number}")))
    }

    fn now(&self) -> String {
        format!("2026-11-24T{:02}:48:18.123+00:00", self.hour)
    }

    fn warnings(&self) -> &[Problem] {
        &self.warnings
    }
}

fn request<'a>(
    satellite: &'a Satellite,
    settings: &'a Settings,
    dir: &'a Path,
    checkpoint: Option<&'a [u8]>,
) -> RunRequest<'a> {
    let dir_name = "experiments/run_20261124_054818_deadbeef";
    RunRequest { satellite, settings, dir, dir_name, images: true, checkpoint }
}

fn read_json(path: &Path) -> Value {
    let bytes = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_slice(&bytes).expect("json")
}

/// Every file below a directory with its content; directories are empty.
fn content(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut pending = vec![dir.to_owned()];
    while let Some(next) = pending.pop() {
        for entry in
            std::fs::read_dir(&next).expect("a directory").map(|entry| entry.expect("an entry").path())
        {
            let name = entry.strip_prefix(dir).expect("inside").to_owned();
            if entry.is_dir() {
                found.insert(name, Vec::new());
                pending.push(entry);
            } else {
                found.insert(name, std::fs::read(entry).expect("readable"));
            }
        }
    }
    found
}

#[test]
fn a_run_leaves_the_whole_directory_and_tells_in_order() {
    let root = tempfile::tempdir().expect("a directory");
    let dir = root.path().join("experiments/run_x");
    let satellite = satellite(BOM);
    let settings = settings(3);
    let mut watcher = Watcher::new(&dir);
    watcher.warnings = vec![
        Problem::warning("bom.unknown_field", "未知字段 colour", "unknown field colour")
            .at("/components/0/colour"),
    ];
    let summary = run(&request(&satellite, &settings, &dir, None), &mut watcher).expect("a result");
    assert_eq!(watcher.told, ["started", "iteration 1", "iteration 2", "iteration 3", "visualizing"]);
    let names: Vec<String> =
        content(&dir).keys().map(|name| name.to_string_lossy().replace('\\', "/")).collect();
    assert_eq!(
        names,
        [
            "design_state_iter_01.json",
            "design_state_iter_02.json",
            "design_state_iter_03.json",
            "evolution_trace.csv",
            "llm_interactions",
            "report.md",
            "summary.json",
            "visualizations",
            "visualizations/evolution_trace.png",
            "visualizations/final_layout_3d.png",
            "visualizations/thermal_heatmap.png",
        ]
    );
    let on_disk: RunSummary =
        serde_json::from_value(read_json(&dir.join("summary.json"))).expect("a summary");
    assert_eq!(on_disk, summary);
    assert_eq!((summary.status.as_str(), summary.stop_reason.as_str()), ("SUCCESS", "completed"));
    assert_eq!((summary.final_iteration, summary.num_components, summary.seed), (3, 3, 7));
    assert_eq!(experiment::read_summary(&dir)["run_dir"], "experiments/run_20261124_054818_deadbeef");
    let last = read_json(&dir.join("design_state_iter_03.json"));
    assert_eq!(last["metadata"]["metrics"], Value::Object(summary.metrics.clone()));
    assert_eq!(last["metadata"]["feasible"], summary.feasible);
    // What the file says is what the models say of the layout in it.
    let layout = model::design_state::layout_from_value(&last, "", &satellite).expect("a layout").value;
    let evaluation = physics::evaluate(&satellite, &layout, 16).expect("an evaluation");
    let again = experiment::headline_metrics(&evaluation, summary.score, &satellite);
    for (name, value) in &summary.metrics {
        match (value.as_f64(), again[name].as_f64()) {
            // Positions in the file are rounded to a nanometre.
            (Some(written), Some(computed)) => {
                assert!((written - computed).abs() < 1e-4, "{name}: {written} {computed}")
            }
            _ => assert_eq!(value, &again[name], "{name}"),
        }
    }
    let report = std::fs::read_to_string(dir.join("report.md")).expect("a report");
    assert!(report.contains("蓄电池") && report.contains("unknown field colour"), "{report}");
    for image in experiment::IMAGE_NAMES {
        let bytes = std::fs::read(dir.join("visualizations").join(image)).expect("an image");
        assert!(bytes.starts_with(b"\x89PNG\r\n") && bytes.len() > 30_000, "{image}: {} bytes", bytes.len());
    }
}

#[test]
fn an_interrupted_and_resumed_run_leaves_the_same_files() {
    let root = tempfile::tempdir().expect("a directory");
    let (whole, broken) = (root.path().join("whole"), root.path().join("broken"));
    let (satellite, settings) = (satellite(BOM), settings(4));
    run(&request(&satellite, &settings, &whole, None), &mut Watcher::new(&whole)).expect("a result");

    let mut first = Watcher::new(&broken);
    first.leave_at = Some(2);
    let left = run(&request(&satellite, &settings, &broken, None), &mut first);
    assert!(matches!(left, Err(Error::Abandoned)), "{left:?}");
    assert_eq!(first.told, ["started", "iteration 1", "iteration 2"]);
    assert!(!broken.join("summary.json").exists());
    // The process may die after it wrote files that the log never heard of.
    std::fs::write(broken.join("design_state_iter_03.json"), "half a fi").expect("written");
    std::fs::write(broken.join(".design_state_iter_03.json.4711.tmp"), "half").expect("written");
    std::fs::write(broken.join("evolution_trace.csv"), "iteration,time").expect("written");

    let mut second = Watcher::new(&broken);
    run(&request(&satellite, &settings, &broken, Some(&first.checkpoints[1])), &mut second)
        .expect("a result");
    assert_eq!(second.told, ["iteration 3", "iteration 4", "visualizing"]);
    let (expected, found) = (content(&whole), content(&broken));
    assert_eq!(expected.keys().collect::<Vec<_>>(), found.keys().collect::<Vec<_>>());
    for (name, bytes) in &expected {
        assert!(bytes == &found[name], "{} differs", name.display());
    }

    // A run that dies while it draws goes on from its last checkpoint, and the
    // times of what was done before stay.
    let mut third = Watcher::new(&broken);
    third.hour = 9;
    let last = &second.checkpoints[1];
    let summary = run(&request(&satellite, &settings, &broken, Some(last)), &mut third).expect("a result");
    assert_eq!(third.told, ["visualizing"]);
    assert_eq!(summary.final_iteration, 4);
    assert!(summary.timestamp.contains("T09:"));
    for (name, bytes) in content(&broken) {
        let timed = ["summary.json", "report.md"].iter().any(|timed| name == Path::new(timed));
        assert!(timed || bytes == expected[&name], "{} differs", name.display());
    }
}

#[test]
fn a_run_without_images_leaves_everything_else_and_says_so() {
    let root = tempfile::tempdir().expect("a directory");
    let dir = root.path().join("run");
    let (satellite, settings) = (satellite(BOM), settings(1));
    let mut watcher = Watcher::new(&dir);
    let wanted = RunRequest { images: false, ..request(&satellite, &settings, &dir, None) };
    run(&wanted, &mut watcher).expect("a result");
    assert_eq!(watcher.told, ["started", "iteration 1"]);
    let names: Vec<String> = content(&dir).keys().map(|name| name.to_string_lossy().into_owned()).collect();
    assert_eq!(
        names,
        ["design_state_iter_01.json", "evolution_trace.csv", "llm_interactions", "report.md", "summary.json"]
    );
    let report = std::fs::read_to_string(dir.join("report.md")).expect("a report");
    assert!(report.contains("asks for no images") && !report.contains("visualizations"), "{report}");
}

#[test]
fn a_stopped_run_keeps_the_best_so_far() {
    let root = tempfile::tempdir().expect("a directory");
    let (satellite, settings) = (satellite(BOM), settings(50));
    for (stop_at, states) in [(0, vec!["design_state_iter_00.json"]), (1, vec!["design_state_iter_01.json"])]
    {
        let dir = root.path().join(format!("stopped_{stop_at}"));
        std::fs::create_dir_all(&dir).expect("made");
        // Left by a run that was further but whose checkpoint was never stored.
        std::fs::write(dir.join("design_state_iter_07.json"), "{}").expect("written");
        let mut watcher = Watcher::new(&dir);
        watcher.stop_at = Some(stop_at);
        let summary = run(&request(&satellite, &settings, &dir, None), &mut watcher).expect("a result");
        assert_eq!((summary.status.as_str(), summary.final_iteration), ("STOPPED", stop_at));
        let files = content(&dir);
        let found: Vec<&str> = files
            .keys()
            .filter_map(|name| name.to_str())
            .filter(|name| name.starts_with("design_state"))
            .collect();
        assert_eq!(found, states);
        assert_eq!(experiment::read_evolution(&dir).len(), stop_at as usize);
        assert!(files.keys().any(|name| name.ends_with("thermal_heatmap.png")));
        let report = String::from_utf8(files[Path::new("report.md")].clone()).expect("text");
        assert!(report.contains("stopped on request"), "{report}");
    }
}

#[test]
fn one_component_that_fits_nowhere_is_a_result_and_not_an_error() {
    let bom = r#"{"envelope": {"x": 300, "y": 300, "z": 300}, "components": [
      {"id": "bar", "name": "Bar", "dimensions": {"x": 500, "y": 80, "z": 60}, "mass": 4, "power": 30, "category": "payload"}]}"#;
    let root = tempfile::tempdir().expect("a directory");
    let satellite = satellite(bom);
    let summary = run(&request(&satellite, &settings(1), root.path(), None), &mut Watcher::new(root.path()))
        .expect("a result");
    assert!(!summary.feasible && summary.metrics["num_violations"].as_u64() > Some(0));
    assert_eq!(summary.metrics["min_clearance"], Value::Null);
    let rows = experiment::read_evolution(root.path());
    assert_eq!((&rows[0]["is_safe"], &rows[0]["min_clearance"]), (&"False".into(), &"".into()));
    let report = std::fs::read_to_string(root.path().join("report.md")).expect("a report");
    assert!(report.contains("**no**") && report.contains("**否**"), "{report}");
    let state = read_json(&root.path().join("design_state_iter_01.json"));
    assert!(state["components"][0]["containment"].as_f64() < Some(0.0), "{}", state["components"][0]);
}

#[test]
fn a_directory_that_cannot_be_written_is_named_with_its_cause() {
    let root = tempfile::tempdir().expect("a directory");
    let occupied = root.path().join("occupied");
    std::fs::write(&occupied, "a file").expect("written");
    let dir = occupied.join("run");
    let satellite = satellite(BOM);
    let error = run(&request(&satellite, &settings(1), &dir, None), &mut Watcher::new(&dir))
        .expect_err("no directory");
    // By the name that the results have, not by where they stand on this machine.
    let text = error.to_string();
    assert!(text.starts_with("files: cannot write experiments/run_20261124_054818_deadbeef: "), "{text}");

    // In the middle of a run, too.
    let dir = root.path().join("later");
    std::fs::create_dir_all(dir.join("design_state_iter_02.json/in_the_way")).expect("made");
    let mut watcher = Watcher::new(&dir);
    let error = run(&request(&satellite, &settings(3), &dir, None), &mut watcher)
        .expect_err("a directory is in the way");
    let named = Path::new("experiments/run_20261124_054818_deadbeef/design_state_iter_02.json");
    assert!(matches!(&error, Error::Write { path, .. } if path == named), "{error:?}");
    assert_eq!(watcher.told, ["started", "iteration 1"]);
}

#[test]
fn the_stage_that_failed_is_named() {
    let root = tempfile::tempdir().expect("a directory");
    let fails = |satellite: &Satellite, settings: &Settings, checkpoint: Option<&[u8]>| {
        let request = request(satellite, settings, root.path(), checkpoint);
        run(&request, &mut Watcher::new(root.path())).expect_err("a failure")
    };
    let sound = satellite(BOM);
    let error = fails(&sound, &settings(0), None);
    assert!(matches!(error, Error::Layout(_)) && error.to_string().starts_with("layout: "), "{error}");

    let mut sealed = sound.clone();
    sealed.panels.iter_mut().for_each(|panel| panel.outer_emissivity = 0.0);
    let error = fails(&sealed, &settings(1), None);
    assert!(matches!(error, Error::Physics(_)) && error.to_string().starts_with("physics: "), "{error}");

    let error = fails(&sound, &settings(1), Some(b"{\"version\": 1}"));
    assert!(matches!(error, Error::Checkpoint { .. }), "{error}");
    let mut watcher = Watcher::new(root.path());
    run(&request(&sound, &settings(1), root.path(), None), &mut watcher).expect("a result");
    let other_seed = Settings { seed: 8, ..settings(1) };
    let error = fails(&sound, &other_seed, Some(&watcher.checkpoints[0]));
    assert!(matches!(error, Error::Checkpoint { .. }), "{error}");
}
