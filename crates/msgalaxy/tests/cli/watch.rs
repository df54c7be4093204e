//! Watching a task of a real server, which may be killed meanwhile.

use std::io::{BufRead, BufReader, Lines, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Output, Stdio};

use serde_json::{Value, json};

use crate::{err, out, scratch};

/// One `msgalaxy serve`; killed when it is dropped.
struct Server {
    child: Child,
    address: String,
}

impl Server {
    fn start(dir: &Path) -> Server {
        Server::at(dir, "127.0.0.1:0")
    }

    fn at(dir: &Path, listen: &str) -> Server {
        let mut child = Command::new(env!("CARGO_BIN_EXE_msgalaxy"))
            .args(["serve", "--listen", listen])
            .current_dir(dir)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program starts");
        let line = BufReader::new(child.stdout.take().expect("piped")).lines().next();
        let line = line.expect("a line").expect("text");
        let address = line.strip_prefix("MsGalaxy is listening on http://").expect("the announcement");
        Server { child, address: address.to_owned() }
    }

    /// Kills it and starts another in its place.
    fn restart(&mut self, dir: &Path) {
        let address = self.address.clone();
        self.kill();
        *self = Server::at(dir, &address);
    }

    fn kill(&mut self) {
        self.child.kill().expect("killed");
        self.child.wait().expect("it ended");
    }

    fn request(&self, method: &str, path: &str, body: &str) -> Value {
        let Server { address, .. } = self;
        let mut stream = TcpStream::connect(address).expect("a connection");
        let length = body.len();
        let head = format!("{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n");
        let head = format!("{head}content-type: application/json\r\ncontent-length: {length}\r\n\r\n");
        stream.write_all(format!("{head}{body}").as_bytes()).expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        let (_, body) = answer.split_once("\r\n\r\n").expect("a head");
        serde_json::from_str(body).expect("JSON")
    }

    fn create(&self, max_iterations: u32) -> String {
        let request = json!({
            "bom_file": "config/bom_example.json",
            "max_iterations": max_iterations,
            "convergence_threshold": 0,
            "seed": 1,
        });
        let created = self.request("POST", "/api/tasks", &request.to_string());
        created["task_id"].as_str().unwrap_or_else(|| panic!("no task: {created}")).to_owned()
    }

    fn cancel(&self, id: &str) {
        self.request("POST", &format!("/api/tasks/{id}/cancel"), "");
    }

    fn command(&self, id: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_msgalaxy"));
        command.args(["watch", id, "--url", &format!("http://{}", self.address)]);
        command.env("LC_ALL", "C");
        command
    }

    fn watched(&self, id: &str) -> Output {
        self.command(id).output().expect("the program starts")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `msgalaxy watch --json` at work.
struct Watcher {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Watcher {
    fn start(server: &Server, id: &str) -> Watcher {
        let mut child = server
            .command(id)
            .arg("--json")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        Watcher { child, lines }
    }

    fn next(&mut self) -> Option<Value> {
        let line = self.lines.next()?.expect("text");
        Some(serde_json::from_str(&line).expect("JSON"))
    }

    /// Events up to one that is as wanted.
    fn until(&mut self, wanted: impl Fn(&Value) -> bool) -> Vec<Value> {
        let mut events = Vec::new();
        while let Some(event) = self.next() {
            let done = wanted(&event);
            events.push(event);
            if done {
                return events;
            }
        }
        panic!("never came; heard {events:?}")
    }

    /// Its exit code, and what it said on standard error.
    fn end(mut self) -> (Option<i32>, String) {
        drop(self.lines);
        let mut errors = String::new();
        self.child.stderr.take().expect("piped").read_to_string(&mut errors).expect("text");
        (self.child.wait().expect("it ends").code(), errors)
    }
}

fn is_iteration(event: &Value, number: u64) -> bool {
    event["event_type"] == "iteration_complete" && event["data"]["iteration"] == number
}

#[test]
fn every_event_is_printed_once_and_in_order_over_a_killed_server() {
    let dir = scratch();
    let mut server = Server::start(dir.path());
    let id = server.create(60);
    let mut watcher = Watcher::start(&server, &id);
    let mut events = watcher.until(|event| is_iteration(event, 2));
    server.restart(dir.path());
    let seen = events.len() as u64;
    events.extend(watcher.until(|event| event["seq"].as_u64() > Some(seen + 5)));
    server.restart(dir.path());
    events.extend(watcher.until(|event| event["data"]["status"] == "completed"));
    assert_eq!(watcher.next(), None);
    let (code, errors) = watcher.end();
    assert_eq!(code, Some(0), "{errors}");
    assert_eq!(errors.matches("trying again").count(), 2, "{errors}");
    assert_eq!(errors.matches("connected again").count(), 2, "{errors}");
    let stored = server.request("GET", &format!("/api/tasks/{id}/events"), "");
    assert_eq!(Value::from(events), stored["events"]);
}

#[test]
fn people_read_lines_in_their_language() {
    let dir = scratch();
    let server = Server::start(dir.path());
    let id = server.create(2);
    let watched = server.watched(&id);
    assert_eq!((watched.status.code(), err(&watched).as_str()), (Some(0), ""));
    let text = out(&watched);
    let lines: Vec<&str> = text.lines().collect();
    let [pending, running, first, second, completed] = lines[..] else { panic!("five lines: {text}") };
    assert_eq!((pending, running), ("pending", "running"));
    assert!(
        first.starts_with("iteration 1/2:  max ") && second.starts_with("iteration 2/2:  max "),
        "{text}"
    );
    for metric in ["clearance", "CG offset", "violations 0", "score"] {
        assert!(second.contains(metric), "{metric}: {text}");
    }
    assert!(
        completed.starts_with("completed: feasible, 2 iterations, results in experiments/run_"),
        "{text}"
    );

    let chinese = server.command(&id).env("LC_ALL", "zh_CN.UTF-8").output().expect("the program starts");
    assert_eq!(chinese.status.code(), Some(0));
    let text = out(&chinese);
    assert!(text.starts_with("等待中\n运行中\n迭代 1/2:  最高温度 "), "{text}");
    assert!(text.contains("已完成：可行，2 次迭代，结果在 experiments/run_"), "{text}");
}

#[test]
fn the_exit_code_tells_how_the_task_ended() {
    let dir = scratch();
    let server = Server::start(dir.path());
    let id = server.create(10_000);
    let mut watcher = Watcher::start(&server, &id);
    watcher.until(|event| is_iteration(event, 1));
    server.cancel(&id);
    watcher.until(|event| event["data"]["status"] == "cancelled");
    assert_eq!(watcher.end(), (Some(4), String::new()));
    let watched = server.watched(&id);
    assert_eq!(watched.status.code(), Some(4));
    assert!(
        out(&watched).lines().last().is_some_and(|line| line.starts_with("cancelled")),
        "{}",
        out(&watched)
    );

    let dir = scratch();
    std::fs::write(dir.path().join("experiments"), "a file where results should go").expect("written");
    let server = Server::start(dir.path());
    let failed = server.watched(&server.create(2));
    assert_eq!(failed.status.code(), Some(3), "{}", err(&failed));
    assert!(out(&failed).contains("failed: files: cannot write experiments/run_"), "{}", out(&failed));
}

#[test]
fn what_cannot_be_watched_is_said() {
    let dir = scratch();
    let mut server = Server::start(dir.path());
    let unknown = server.watched("no-such-task");
    assert_eq!((unknown.status.code(), out(&unknown).as_str()), (Some(1), ""));
    assert_eq!(err(&unknown), "error: Task not found [task_not_found]\n");
    server.kill();
    let absent = server.watched("no-such-task");
    assert_eq!(absent.status.code(), Some(1));
    assert!(err(&absent).starts_with(&format!("error: no MsGalaxy server at http://{}: ", server.address)));
    for arguments in [&["*"][..], &[""], &[], &["t", "--url", "localhost:5000"], &["t", "--url", "https://a"]]
    {
        let wrong = Command::new(env!("CARGO_BIN_EXE_msgalaxy")).arg("watch").args(arguments).output();
        assert_eq!(wrong.expect("the program starts").status.code(), Some(2), "{arguments:?}");
    }
}

#[test]
fn an_interrupt_and_a_closed_pipe_end_the_watching_and_not_the_task() {
    let dir = scratch();
    let server = Server::start(dir.path());
    let id = server.create(10_000);
    let mut watcher = Watcher::start(&server, &id);
    watcher.until(|event| is_iteration(event, 1));
    let told = Command::new("sh").args(["-c", &format!("kill -INT {}", watcher.child.id())]).status();
    assert!(told.expect("sh runs").success());
    while watcher.next().is_some() {}
    assert_eq!(watcher.end(), (Some(130), "stopped watching; the task goes on\n".to_owned()));

    let mut reader = Watcher::start(&server, &id);
    reader.until(|event| is_iteration(event, 1));
    assert_eq!(reader.end(), (Some(0), String::new()));
    let task = server.request("GET", &format!("/api/tasks/{id}"), "");
    assert_eq!(task["status"], "running");
    server.cancel(&id);
}
