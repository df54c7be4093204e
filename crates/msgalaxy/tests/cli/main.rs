//! The program as a user starts it: what it prints where, and how it exits.

mod config;
mod token;
mod watch;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

fn msgalaxy(dir: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_msgalaxy"))
        .args(arguments)
        .current_dir(dir)
        .env("LANG", "C")
        .env_remove("LC_ALL")
        .env_remove("LC_MESSAGES")
        .output()
        .expect("the program starts")
}

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn scratch() -> TempDir {
    tempfile::tempdir().expect("a directory")
}

#[test]
fn a_template_checks_as_valid_in_each_format() {
    let dir = scratch();
    for format in ["json", "csv", "yaml"] {
        let name = format!("bom.{format}");
        let written = msgalaxy(dir.path(), &["bom", "template", format, &name]);
        assert_eq!(written.status.code(), Some(0), "{}", err(&written));
        let printed = msgalaxy(dir.path(), &["bom", "template", format]);
        assert_eq!(out(&printed), std::fs::read_to_string(dir.path().join(&name)).expect("written"));
        let again = msgalaxy(dir.path(), &["bom", "template", format, &name]);
        assert_eq!(again.status.code(), Some(1), "an existing file is not overwritten");

        let checked = msgalaxy(dir.path(), &["bom", "check", &name]);
        assert_eq!(checked.status.code(), Some(0), "{}", out(&checked));
        assert!(out(&checked).contains("valid, 3 components"), "{}", out(&checked));
        let json = msgalaxy(dir.path(), &["bom", "check", &name, "--json"]);
        let findings: Value = serde_json::from_slice(&json.stdout).expect("JSON");
        assert_eq!((&findings["valid"], &findings["num_units"]), (&Value::from(true), &Value::from(3)));
    }
}

#[test]
fn an_invalid_bom_exits_with_5_and_says_where() {
    let dir = scratch();
    let path = dir.path().join("bad.json");
    std::fs::write(
        &path,
        r#"[{"id":"a","name":"A","dimensions":{"x":1,"y":1,"z":1},"mass":-1,"power":1,"category":"c"}]"#,
    )
    .expect("written");
    let checked = msgalaxy(dir.path(), &["bom", "check", "bad.json"]);
    assert_eq!(checked.status.code(), Some(5));
    assert!(out(&checked).contains("at: /0/mass"), "{}", out(&checked));
    let json = msgalaxy(dir.path(), &["bom", "check", "bad.json", "--json"]);
    assert_eq!(json.status.code(), Some(5));
    let findings: Value = serde_json::from_slice(&json.stdout).expect("JSON");
    assert_eq!(findings["problems"][0]["pointer"], "/0/mass");
    let optimized = msgalaxy(dir.path(), &["optimize", "bad.json"]);
    assert_eq!((optimized.status.code(), out(&optimized).as_str()), (Some(5), ""));
    assert!(err(&optimized).contains("/0/mass"), "{}", err(&optimized));
    for missing in
        [vec!["bom", "check", "none.json"], vec!["optimize", "none.json"], vec!["optimize", "none.txt"]]
    {
        assert_eq!(msgalaxy(dir.path(), &missing).status.code(), Some(5), "{missing:?}");
    }
    let chinese = Command::new(env!("CARGO_BIN_EXE_msgalaxy"))
        .args(["bom", "check", "bad.json"])
        .current_dir(dir.path())
        .env("LC_ALL", "zh_CN.UTF-8")
        .output()
        .expect("the program starts");
    assert!(out(&chinese).contains("质量必须大于0"), "{}", out(&chinese));
}

#[test]
fn wrong_usage_exits_with_2() {
    let dir = scratch();
    for arguments in [
        vec!["dance"],
        vec!["optimize"],
        vec!["optimize", "a.json", "--max-iterations", "0"],
        vec!["optimize", "a.json", "--max-iterations", "10001"],
        vec!["optimize", "a.json", "--convergence-threshold", "nan"],
        vec!["optimize", "a.json", "--seed", "-1"],
        vec!["bom", "template", "xml"],
        vec!["serve", "--listen", "nowhere"],
        vec![],
    ] {
        assert_eq!(msgalaxy(dir.path(), &arguments).status.code(), Some(2), "{arguments:?}");
    }
}

#[test]
fn optimizing_leaves_a_directory_and_prints_the_result() {
    let dir = scratch();
    msgalaxy(dir.path(), &["bom", "template", "json", "bom.json"]);
    let run =
        ["optimize", "bom.json", "--max-iterations", "2", "--seed", "5", "--convergence-threshold", "0"];
    let table = msgalaxy(dir.path(), &[&run[..], &["--out", "one"]].concat());
    assert_eq!(table.status.code(), Some(0), "{}{}", out(&table), err(&table));
    assert!(out(&table).contains("feasible after 2 iterations"), "{}", out(&table));
    assert!(out(&table).contains("Results saved to: one"), "{}", out(&table));
    let json = msgalaxy(dir.path(), &[&run[..], &["--json", "--out", "two"]].concat());
    let result: Value = serde_json::from_slice(&json.stdout).expect("JSON");
    assert_eq!(
        (&result["feasible"], &result["seed"], &result["final_iteration"]),
        (&true.into(), &5.into(), &2.into())
    );
    assert!(result["constraints"].as_array().is_some_and(|list| !list.is_empty()), "{result}");
    for name in ["evolution_trace.csv", "summary.json", "report.md", "visualizations/thermal_heatmap.png"] {
        assert!(dir.path().join("two").join(name).is_file(), "{name}");
    }
    let state = |dir: &Path| -> Value {
        let text = std::fs::read(dir.join("design_state_iter_02.json")).expect("a layout");
        serde_json::from_slice::<Value>(&text).expect("JSON")["components"].clone()
    };
    assert_eq!(state(&dir.path().join("one")), state(&dir.path().join("two")), "equal seeds, equal layouts");
    let occupied = msgalaxy(dir.path(), &[&run[..], &["--out", "one"]].concat());
    assert_eq!(occupied.status.code(), Some(2));
}

#[test]
fn the_configuration_at_the_default_place_holds_for_check_and_optimize() {
    let dir = scratch();
    msgalaxy(dir.path(), &["bom", "template", "json", "bom.json"]);
    // Without a file the built-in one holds, and its keys give no warnings.
    let silent = msgalaxy(dir.path(), &["bom", "check", "bom.json"]);
    assert_eq!((silent.status.code(), err(&silent).as_str()), (Some(0), ""));

    std::fs::create_dir(dir.path().join("config")).expect("made");
    let path = dir.path().join("config/system.yaml");
    let run = ["optimize", "bom.json", "--max-iterations", "1"];
    let check = ["bom", "check", "bom.json"];
    std::fs::write(&path, "geometry: {synth: {n: 3}}\noptimization: {sed: 3}\n").expect("written");
    for arguments in [&run[..], &check[..]] {
        let told = msgalaxy(dir.path(), arguments);
        assert_eq!(told.status.code(), Some(0), "{}", err(&told));
        assert!(err(&told).contains("config.unknown_key") && err(&told).contains("sed"), "{}", err(&told));
    }
    std::fs::write(&path, "optimization: {seed: -1}\n").expect("written");
    for arguments in [&run[..], &check[..]] {
        let refused = msgalaxy(dir.path(), arguments);
        assert_eq!(refused.status.code(), Some(5), "{}", err(&refused));
        assert!(err(&refused).contains("/optimization/seed"), "{}", err(&refused));
    }
    // What is there and cannot be read is not silently replaced.
    std::fs::remove_file(&path).expect("removed");
    std::fs::create_dir(&path).expect("made");
    for arguments in [&run[..], &check[..]] {
        let refused = msgalaxy(dir.path(), arguments);
        assert_eq!(refused.status.code(), Some(5), "{}", err(&refused));
        assert!(err(&refused).contains("cannot read the configuration"), "{}", err(&refused));
    }
}

#[test]
fn an_impossible_bom_finishes_infeasible_with_6() {
    let dir = scratch();
    let bom = r#"{"components":[{"id":"a","name":"A","dimensions":{"x":3000,"y":50,"z":50},"mass":1,"power":1,"category":"c"},
        {"id":"b","name":"B","dimensions":{"x":50,"y":50,"z":50},"mass":1,"power":1,"category":"c"}],"envelope":{"x":300,"y":300,"z":300}}"#;
    std::fs::write(dir.path().join("bar.json"), bom).expect("written");
    let run = msgalaxy(dir.path(), &["optimize", "bar.json", "--max-iterations", "2"]);
    assert_eq!(run.status.code(), Some(6), "{}{}", out(&run), err(&run));
    assert!(out(&run).contains("NOT feasible") && out(&run).contains("violated"), "{}", out(&run));
    assert!(err(&run).contains("envelope.component_too_large"), "{}", err(&run));
    assert!(dir.path().join("experiments").is_dir());
}

#[test]
fn the_program_names_itself_and_completes() {
    let dir = scratch();
    let version = msgalaxy(dir.path(), &["--version"]);
    assert_eq!(out(&version).trim(), format!("msgalaxy {}", env!("CARGO_PKG_VERSION")));
    for shell in ["bash", "zsh", "fish"] {
        let script = msgalaxy(dir.path(), &["completions", shell]);
        assert_eq!(script.status.code(), Some(0), "{shell}");
        assert!(out(&script).contains("optimize"), "{shell}");
    }
}

#[test]
fn serving_announces_itself_in_one_line_and_stops_when_told() {
    let dir = scratch();
    std::fs::write(dir.path().join("server.toml"), "[limits]\nshutdown_s = 3\n").expect("written");
    let mut child = Command::new(env!("CARGO_BIN_EXE_msgalaxy"))
        .args(["serve", "--listen", "127.0.0.1:0", "--config", "server.toml"])
        .current_dir(dir.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program starts");
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    let line = lines.next().expect("a line").expect("text");
    let address = line.strip_prefix("MsGalaxy is listening on http://").expect("the announcement");
    let mut stream = TcpStream::connect(address).expect("a connection");
    write!(stream, "GET /api/health HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n").expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    // The shell's own kill: not every system has a program of that name.
    let told =
        Command::new("sh").args(["-c", &format!("kill -TERM {}", child.id())]).status().expect("sh runs");
    assert!(told.success());
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
    assert!(lines.next().is_none(), "one line only");
    assert!(dir.path().join("msgalaxy.db").is_file());
}

#[test]
fn serving_refuses_what_it_must_not_do() {
    let dir = scratch();
    let open = msgalaxy(dir.path(), &["serve", "--listen", "0.0.0.0:0"]);
    assert_eq!(open.status.code(), Some(1));
    assert!(err(&open).contains("--insecure-no-auth") && out(&open).is_empty(), "{}", err(&open));
    std::fs::write(dir.path().join("bad.toml"), "lisen = \"x\"\n").expect("written");
    let unknown = msgalaxy(dir.path(), &["serve", "--config", "bad.toml"]);
    assert_eq!(unknown.status.code(), Some(5));
    assert!(err(&unknown).contains("did you mean `listen`?"), "{}", err(&unknown));
    assert!(!dir.path().join("msgalaxy.db").exists(), "nothing was opened");
}
