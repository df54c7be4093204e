//! Access keys, as an operator makes and ends them.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

use crate::{err, msgalaxy, out, scratch};

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("JSON: {}{}", out(output), err(output)))
}

fn create(dir: &Path, more: &[&str]) -> String {
    let made =
        msgalaxy(dir, &[&["token", "create", "--name", "ann", "--scope", "tasks:read"], more].concat());
    assert_eq!(made.status.code(), Some(0), "{}", err(&made));
    out(&made).trim().to_owned()
}

fn inspect_on_stdin(dir: &Path, token: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_msgalaxy"))
        .args(["token", "inspect", "-", "--json"])
        .current_dir(dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program starts");
    child.stdin.take().expect("piped").write_all(format!("{token}\n").as_bytes()).expect("sent");
    child.wait_with_output().expect("it ends")
}

#[test]
fn a_key_is_shown_once_listed_without_its_secret_and_ended() {
    let dir = scratch();
    let made = msgalaxy(
        dir.path(),
        &[
            "token",
            "create",
            "--name",
            "Li Lei 李雷",
            "--scope",
            "tasks:read,tasks:write",
            "--expires",
            "30d",
        ],
    );
    let token = out(&made).trim().to_owned();
    assert_eq!((made.status.code(), out(&made).lines().count()), (Some(0), 1), "the key alone");
    assert!(token.starts_with("msg_"), "{token}");
    assert!(err(&made).contains("allows tasks:read tasks:write until 2"), "{}", err(&made));
    let (id, secret) = token["msg_".len()..].split_once('_').expect("id and secret");

    let listed = msgalaxy(dir.path(), &["token", "list"]);
    assert!(out(&listed).contains(id) && out(&listed).contains("Li Lei 李雷"), "{}", out(&listed));
    let key = &json(&msgalaxy(dir.path(), &["token", "list", "--json"]))["keys"][0];
    assert_eq!((&key["id"], &key["state"]), (&id.into(), &"valid".into()));
    assert_eq!(key["scopes"], serde_json::json!(["tasks:read", "tasks:write"]));
    assert!(!out(&listed).contains(secret) && !err(&made).contains(secret));
    for file in std::fs::read_dir(dir.path()).expect("the data directory") {
        let bytes = std::fs::read(file.expect("a file").path()).expect("readable");
        assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()), "it is not stored");
    }

    assert_eq!(inspect_on_stdin(dir.path(), &token).status.code(), Some(0));
    // The whole key names itself as well as its id does.
    let ended = msgalaxy(dir.path(), &["token", "revoke", &token]);
    assert_eq!((ended.status.code(), out(&ended).as_str()), (Some(0), ""));
    assert!(err(&ended).contains("has ended") && !err(&ended).contains(secret), "{}", err(&ended));
    let inspected = inspect_on_stdin(dir.path(), &token);
    assert_eq!((inspected.status.code(), &json(&inspected)["refusal"]), (Some(5), &"token_revoked".into()));
    assert_eq!(json(&inspected)["key"]["state"], "revoked");
}

#[test]
fn what_cannot_be_done_is_said() {
    let dir = scratch();
    for arguments in [&["token", "list"][..], &["token", "revoke", "x"], &["token", "inspect", "x"]] {
        let refused = msgalaxy(dir.path(), arguments);
        assert_eq!(refused.status.code(), Some(1), "{arguments:?}");
        assert!(err(&refused).contains("there is no task store"), "{}", err(&refused));
    }
    assert_eq!(std::fs::read_dir(dir.path()).expect("readable").count(), 0, "and nothing is left behind");
    create(dir.path(), &[]);
    for (arguments, code, expected) in [
        (&["token", "create", "--name", "a"][..], 2, "--scope"),
        (
            &["token", "create", "--name", "a", "--scope", "tasks"],
            2,
            "allowed: tasks:read, tasks:write, admin",
        ),
        (&["token", "create", "--name", " a", "--scope", "admin"], 2, "1 to 128 characters in one line"),
        (&["token", "create", "--name", "a", "--scope", "admin", "--expires", "1w"], 2, "such as 12h or 30d"),
        (&["token", "create", "--name", "a", "--scope", "admin", "--data-dir", "none"], 1, "No such file"),
        (&["token", "list", "--config", "none.toml"], 5, "cannot read none.toml"),
        (&["token", "revoke", "x"], 1, "there is no key x"),
        (&["token", "revoke"], 2, "ID"),
        (&["token", "inspect", "x"], 5, "neither an access key nor a share link nor a JWT"),
    ] {
        let refused = msgalaxy(dir.path(), arguments);
        assert_eq!((refused.status.code(), out(&refused).as_str()), (Some(code), ""), "{arguments:?}");
        assert!(err(&refused).contains(expected), "{arguments:?}: {}", err(&refused));
    }
    let chinese = Command::new(env!("CARGO_BIN_EXE_msgalaxy"))
        .args(["token", "revoke", "x"])
        .current_dir(dir.path())
        .env("LC_ALL", "zh_CN.UTF-8")
        .output()
        .expect("the program starts");
    assert!(err(&chinese).contains("没有密钥 x"), "{}", err(&chinese));
}

#[test]
fn what_a_jwt_says_is_shown_as_unchecked() {
    let dir = scratch();
    create(dir.path(), &[]);
    // {"alg":"none"}, {"sub":"a"}
    let token = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0.";
    let text = msgalaxy(dir.path(), &["token", "inspect", token]);
    assert_eq!(text.status.code(), Some(0));
    assert!(out(&text).contains("JWT: read, not checked"), "{}", out(&text));
    let findings = json(&msgalaxy(dir.path(), &["token", "inspect", token, "--json"]));
    assert_eq!((&findings["kind"], &findings["claims"]["sub"]), (&"jwt".into(), &"a".into()));
}

/// A server that ends with the test.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn keys_are_made_and_ended_while_a_server_works_on_the_store() {
    let dir = scratch();
    std::fs::write(dir.path().join("server.toml"), "data_dir = \"data\"\n").expect("written");
    let mut server = Server(
        Command::new(env!("CARGO_BIN_EXE_msgalaxy"))
            .args(["serve", "--listen", "127.0.0.1:0", "--config", "server.toml"])
            .current_dir(dir.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program starts"),
    );
    let mut lines = BufReader::new(server.0.stdout.take().expect("piped")).lines();
    assert!(lines.next().expect("a line").expect("text").contains("listening"));
    let token = create(dir.path(), &["--config", "server.toml"]);
    let id = token["msg_".len()..].split_once('_').expect("id and secret").0;
    let ended = msgalaxy(dir.path(), &["token", "revoke", id, "--data-dir", "data"]);
    assert_eq!(ended.status.code(), Some(0), "{}", err(&ended));
    let links = msgalaxy(dir.path(), &["token", "revoke", "--share-links", "--data-dir", "data"]);
    assert_eq!(links.status.code(), Some(0), "{}", err(&links));
    let keys = json(&msgalaxy(dir.path(), &["token", "list", "--json", "--config", "server.toml"]));
    assert_eq!((&keys["keys"][0]["id"], &keys["keys"][0]["state"]), (&id.into(), &"revoked".into()));
}
