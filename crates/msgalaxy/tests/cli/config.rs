//! The settings of the server, as an operator prints and checks them.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

use crate::{err, msgalaxy, out, scratch};

fn with_environment(dir: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_msgalaxy"))
        .args(arguments)
        .current_dir(dir)
        .env("LC_ALL", "C")
        .envs(variables.iter().copied())
        .output()
        .expect("the program starts")
}

const WRONG: &str = r#"lisen = "127.0.0.1:1"
workers = 0
[limits]
connections = "many"
[auth.jwt]
secret = "hunter2"
"#;

#[test]
fn every_setting_is_printed_in_a_file_that_can_be_used() {
    let dir = scratch();
    let printed = msgalaxy(dir.path(), &["config", "print"]);
    assert_eq!(printed.status.code(), Some(0), "{}", err(&printed));
    std::fs::write(dir.path().join("all.toml"), &printed.stdout).expect("written");
    let checked = msgalaxy(dir.path(), &["config", "check", "all.toml"]);
    assert_eq!((checked.status.code(), out(&checked).as_str()), (Some(0), "all.toml: valid\n"));
    let current = msgalaxy(dir.path(), &["config", "print", "--current", "--config", "all.toml"]);
    assert_eq!(out(&current), out(&printed), "{}", err(&current));
    for line in
        ["listen = \"127.0.0.1:5000\"", "[limits]", "connections = 10000", "#[auth.jwt]", "mode = \"none\""]
    {
        assert_eq!(out(&printed).lines().filter(|printed| *printed == line).count(), 1, "{line}");
    }
}

#[test]
fn the_settings_of_the_service_can_be_used() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/msgalaxy.toml");
    let checked = msgalaxy(scratch().path(), &["config", "check", &file.to_string_lossy()]);
    assert_eq!(checked.status.code(), Some(0), "{}{}", out(&checked), err(&checked));
}

#[test]
fn all_that_is_wrong_with_a_file_is_told_at_once_in_both_languages() {
    let dir = scratch();
    std::fs::write(dir.path().join("bad.toml"), WRONG).expect("written");
    let checked = msgalaxy(dir.path(), &["config", "check", "bad.toml"]);
    assert_eq!(checked.status.code(), Some(5), "{}", out(&checked));
    for expected in [
        "bad.toml:1:1: error[settings.unknown_key]: unknown key `lisen`, did you mean `listen`?",
        "    allowed: listen, data_dir,",
        "bad.toml:2:1: error[settings.out_of_range]: `workers` cannot be 0",
        "    allowed: 1 to 256",
        "bad.toml:4:1: error[settings.wrong_value]: `limits.connections` cannot be \"many\"",
        "    at: limits.connections",
        "    found: \"many\"",
        "bad.toml:6:1: error[settings.unknown_key]: unknown key `auth.jwt.secret`",
        "bad.toml: cannot be used, 4 problem(s)",
    ] {
        assert!(out(&checked).contains(expected), "{expected}: {}", out(&checked));
    }
    assert!(!out(&checked).contains("hunter2") && err(&checked).is_empty());

    let chinese =
        with_environment(dir.path(), &["config", "check", "bad.toml"], &[("LC_ALL", "zh_CN.UTF-8")]);
    for expected in [
        "没有名为 `lisen` 的设置，是否是 `listen`？",
        "`workers` 不能是 0",
        "允许: 1 to 256",
        "不能使用，4 个问题",
    ] {
        assert!(out(&chinese).contains(expected), "{expected}: {}", out(&chinese));
    }

    let json = msgalaxy(dir.path(), &["config", "check", "bad.toml", "--json"]);
    let findings: Value = serde_json::from_slice(&json.stdout).expect("JSON");
    assert_eq!((json.status.code(), &findings["valid"]), (Some(5), &Value::from(false)));
    assert_eq!(findings["problems"][0]["fix"], "listen");
    assert_eq!(
        (&findings["problems"][2]["line"], &findings["problems"][2]["pointer"]),
        (&4.into(), &"limits.connections".into())
    );

    let none = msgalaxy(dir.path(), &["config", "check", "none.toml"]);
    assert_eq!(none.status.code(), Some(5));
    assert!(out(&none).contains("none.toml: error[settings.file_unreadable]"), "{}", out(&none));
}

#[test]
fn what_the_server_would_refuse_is_told_before_it_starts() {
    let dir = scratch();
    let check = |text: &str| {
        std::fs::write(dir.path().join("a.toml"), text).expect("written");
        msgalaxy(dir.path(), &["config", "check", "a.toml"])
    };
    let open = check("listen = \"0.0.0.0:5000\"");
    assert_eq!(open.status.code(), Some(0), "an option may make it what is meant");
    assert!(out(&open).contains("warning[settings.no_auth]"), "{}", out(&open));
    let torn = check("insecure_no_auth = true\n[auth]\nmode = \"required\"");
    assert_eq!(torn.status.code(), Some(5));
    assert!(out(&torn).contains("remove one of them"), "{}", out(&torn));
}

#[test]
fn options_win_over_the_environment_and_that_over_the_file() {
    let dir = scratch();
    for name in ["of_file", "of_environment", "of_option"] {
        std::fs::create_dir(dir.path().join(name)).expect("a directory");
    }
    std::fs::write(dir.path().join("a.toml"), "data_dir = \"of_file\"\n[limits]\nconnections = 7\n")
        .expect("written");
    let environment = [("MSGALAXY_DATA_DIR", "of_environment"), ("MSGALAXY_LIMITS__CONNECTIONS", "8")];
    let store = |name: &str| dir.path().join(name).join("msgalaxy.db").exists();
    let create = ["token", "create", "--name", "ann", "--scope", "tasks:read", "--config", "a.toml"];

    let option = [&create[..], &["--data-dir", "of_option"]].concat();
    assert_eq!(with_environment(dir.path(), &option, &environment).status.code(), Some(0));
    assert!(store("of_option") && !store("of_environment") && !store("of_file"));
    assert_eq!(with_environment(dir.path(), &create, &environment).status.code(), Some(0));
    assert!(store("of_environment") && !store("of_file"));
    assert_eq!(with_environment(dir.path(), &create, &[]).status.code(), Some(0));
    assert!(store("of_file"));

    let current = ["config", "print", "--current", "--config", "a.toml"];
    let printed = with_environment(dir.path(), &current, &environment[1..]);
    assert!(out(&printed).contains("# Default: \".\"\ndata_dir = \"of_file\"\n"), "{}", out(&printed));
    assert!(out(&printed).contains("# Default: 10000\nconnections = 8\n"), "{}", out(&printed));
}

#[test]
fn a_server_does_not_start_with_what_is_wrong_in_file_or_environment() {
    let dir = scratch();
    std::fs::write(dir.path().join("bad.toml"), WRONG).expect("written");
    let served = with_environment(
        dir.path(),
        &["serve", "--config", "bad.toml"],
        &[("MSGALAXY_LIMITS_CONNECTIONS", "5"), ("MSGALAXY_AUTH__MODE", "on")],
    );
    assert_eq!(served.status.code(), Some(5));
    for expected in [
        "bad.toml:2:1: error[settings.out_of_range]",
        "environment: error[settings.unknown_key]: the variable `MSGALAXY_LIMITS_CONNECTIONS` names no setting, did you mean `MSGALAXY_LIMITS__CONNECTIONS`?",
        "environment: error[settings.wrong_value]: `MSGALAXY_AUTH__MODE` cannot be \"on\"",
        "    allowed: `none` or `required`",
    ] {
        assert!(err(&served).contains(expected), "{expected}: {}", err(&served));
    }
    assert!(!err(&served).contains("hunter2") && !dir.path().join("msgalaxy.db").exists());
    for usage in [&["config"][..], &["config", "check"], &["config", "print", "--config", "bad.toml"]] {
        assert_eq!(msgalaxy(dir.path(), usage).status.code(), Some(2), "{usage:?}");
    }
}
