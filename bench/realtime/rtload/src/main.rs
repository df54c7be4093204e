//! rtload: measures a Socket.IO task-update server over WebSocket. Prints one JSON object.
mod client;
mod event;
mod frame;
mod inflate;
mod procfs;
mod stats;

use clap::{Args, Parser, Subcommand};
use client::{Client, Protocol, Shared};
use procfs::{Machine, now_us};
use serde::Serialize;
use stats::{Latency, Phase};
use std::{cell::RefCell, io, net::SocketAddr, rc::Rc, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::{LocalSet, spawn_local},
    time::{sleep, timeout},
};

/// An answer to a request is a list of ids at most.
const MAX_ANSWER_BYTES: u64 = 1 << 20;

/// Load generator for Socket.IO v5 servers (Engine.IO v4, WebSocket transport), and for the native stream.
///
/// The server must offer POST /publish?task=ID&count=N&rate=R&seq0=S, which makes it emit N
/// `task_update` events to the task's room (to the whole namespace if ID is empty) at R events/s
/// (0: as fast as it can). Each event's JSON must carry task_id, seq (from S up), ts_us (time of the
/// emit) and may carry due_us (time the schedule asked for), both CLOCK_MONOTONIC microseconds, so
/// server and generator must run on one machine. A server whose tasks cannot have the generator's ids
/// also offers POST /tasks?count=N, which answers N ids, one a line (--ask-for-tasks).
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Connect, subscribe, publish once, and report.
    Run {
        #[command(flatten)]
        common: Common,
        /// Events to publish per task; 0 only measures the connections.
        #[arg(long, default_value_t = 25)]
        count: u64,
        /// Events per second per task; 0 = as fast as the server can.
        #[arg(long, default_value_t = 0.0)]
        rate: f64,
        /// The server emits every event to every connection (no rooms): wait for all of them.
        #[arg(long)]
        namespace_wide: bool,
    },
    /// Raise the publish rate step by step to find the highest one that is sustained.
    Sweep {
        #[command(flatten)]
        common: Common,
        /// First rate, in events per second per task.
        #[arg(long, default_value_t = 20.0)]
        from: f64,
        /// Ratio of one step to the one before.
        #[arg(long, default_value_t = 1.25)]
        factor: f64,
        /// Length of each step in seconds.
        #[arg(long, default_value_t = 3.0)]
        seconds: f64,
        #[arg(long, default_value_t = 10)]
        max_steps: usize,
        /// A step passes if nothing is lost and the p99 latency from the due time stays below this.
        #[arg(long, default_value_t = 250.0)]
        limit_ms: f64,
    },
}

#[derive(Args, Clone, Serialize)]
struct Common {
    /// Server address.
    #[arg(long, default_value = "127.0.0.1:5000")]
    server: SocketAddr,
    /// Copied into the report.
    #[arg(long, default_value = "")]
    label: String,
    #[arg(long, default_value = "/tasks")]
    namespace: String,
    #[arg(long, default_value_t = 1000)]
    conns: usize,
    /// Tasks (rooms) the connections are dealt out to; 0 = subscribe to none, publish to the namespace.
    #[arg(long, default_value_t = 1)]
    tasks: usize,
    /// Ask the server for the ids of the tasks instead of naming them.
    #[arg(long)]
    ask_for_tasks: bool,
    /// What clients speak.
    #[arg(long, value_enum, default_value = "socketio")]
    protocol: Protocol,
    /// Ask for compressed messages (permessage-deflate), and fail without.
    #[arg(long)]
    deflate: bool,
    /// All tasks tick at one moment; otherwise their beginnings are spread over one interval of the rate.
    #[arg(long)]
    in_step: bool,
    /// Connections being set up at one time.
    #[arg(long, default_value_t = 50)]
    connect_parallel: usize,
    /// Use this many source addresses 127.0.0.1, .2, ...
    #[arg(long, default_value_t = 1)]
    source_addresses: u8,
    /// Server process to watch, descendants included (may be repeated).
    #[arg(long)]
    pid: Vec<i32>,
    /// Seconds to wait between connecting and publishing (memory is read at the end of it).
    #[arg(long, default_value_t = 1.0)]
    settle: f64,
    /// Seconds a single connection may take to be set up.
    #[arg(long, default_value_t = 10.0)]
    connect_timeout: f64,
    /// Seconds after which a phase is cut off.
    #[arg(long, default_value_t = 25.0)]
    timeout: f64,
    /// Seconds of silence after which a phase counts as over.
    #[arg(long, default_value_t = 4.0)]
    silence: f64,
}

#[derive(Serialize, Default)]
struct Connected {
    wanted: usize,
    ready: usize,
    failed: usize,
    first_error: Option<String>,
    seconds: f64,
    per_s: f64,
    setup: Latency,
    server_cpu_s: f64,
    rss_before: u64,
    rss_after: u64,
    rss_bytes_per_conn: f64,
}

#[derive(Serialize, Default)]
struct Delivered {
    rate: f64,
    published: u64,
    expected: u64,
    delivered: u64,
    lost: u64,
    duplicates: u64,
    out_of_order: u64,
    foreign: u64,
    unreadable: u64,
    lost_connections: usize,
    complete: bool,
    /// From the first publish request to the last event read.
    seconds: f64,
    delivered_per_s: f64,
    received_per_s: f64,
    mean_packet_bytes: f64,
    wire_bytes: u64,
    latency_from_emit: Latency,
    latency_from_due: Latency,
    server_cpu_s: f64,
    delivered_per_cpu_s: f64,
    received_per_cpu_s: f64,
    rss_after: u64,
    generator_cpu_s: f64,
    machine: Machine,
    /// Busy seconds that belong to neither the server nor us (softirq time is counted here, too).
    others_busy_s: f64,
}

#[derive(Serialize)]
struct Report {
    options: Common,
    connect: Connected,
    phases: Vec<Delivered>,
    /// Sweep only: the best step that passed.
    sustained_rate: Option<f64>,
    sustained_delivered_per_s: Option<f64>,
}

/// The tasks' ids; a single empty one if the events go to the namespace.
async fn task_ids(o: &Common) -> io::Result<Vec<String>> {
    if o.tasks == 0 {
        return Ok(vec![String::new()]);
    }
    if !o.ask_for_tasks {
        return Ok((0..o.tasks).map(|i| format!("550e8400-e29b-41d4-a716-{i:012}")).collect());
    }
    let body = post(o.server, &format!("/tasks?count={}", o.tasks)).await?;
    let ids: Vec<String> = body.lines().map(str::to_owned).collect();
    if ids.len() == o.tasks {
        Ok(ids)
    } else {
        Err(io::Error::other(format!("asked for {} tasks, got {}", o.tasks, ids.len())))
    }
}

async fn connect_all(shared: &Rc<Shared>, o: &Common, tasks: &[String]) -> Connected {
    let pids = procfs::tree(&o.pid);
    let (rss_before, cpu_before, start) = (procfs::rss(&pids), procfs::cpu_s(&pids), now_us());
    let next = Rc::new(RefCell::new(0..o.conns));
    let setup = Rc::new(RefCell::new(stats::new_histogram()));
    let errors = Rc::new(RefCell::new(Vec::<String>::new()));
    let workers: Vec<_> = (0..o.connect_parallel.clamp(1, o.conns.max(1)))
        .map(|_| {
            let (shared, o, tasks) = (shared.clone(), o.clone(), tasks.to_vec());
            let (next, setup, errors) = (next.clone(), setup.clone(), errors.clone());
            spawn_local(async move {
                loop {
                    let Some(id) = next.borrow_mut().next() else { return };
                    let task = tasks[id % tasks.len()].clone();
                    let began = now_us();
                    let limit = Duration::from_secs_f64(o.connect_timeout);
                    match timeout(limit, Client::connect(shared.clone(), id, task)).await {
                        Ok(Ok(c)) => {
                            setup.borrow_mut().saturating_record(now_us() - began);
                            shared.ready.set(shared.ready.get() + 1);
                            spawn_local(c.run());
                        }
                        Ok(Err(e)) => errors.borrow_mut().push(e.to_string()),
                        Err(_) => errors.borrow_mut().push("timed out".into()),
                    }
                    if errors.borrow().len() > 20 {
                        return; // the server is full or broken: do not wait for every timeout
                    }
                }
            })
        })
        .collect();
    for w in workers {
        let _ = w.await;
    }
    let seconds = (now_us() - start) as f64 * 1e-6;
    sleep(Duration::from_secs_f64(o.settle)).await;
    let pids = procfs::tree(&o.pid);
    let (ready, rss_after) = (shared.ready.get(), procfs::rss(&pids));
    Connected {
        wanted: o.conns,
        ready,
        failed: o.conns - ready,
        first_error: errors.borrow().first().cloned(),
        seconds,
        per_s: ready as f64 / seconds,
        setup: stats::latency(&setup.borrow()),
        server_cpu_s: procfs::cpu_s(&pids) - cpu_before,
        rss_before,
        rss_after,
        rss_bytes_per_conn: (rss_after as f64 - rss_before as f64) / ready.max(1) as f64,
    }
}

/// Posts nothing to `path` and returns the answer's body.
async fn post(server: SocketAddr, path: &str) -> io::Result<String> {
    let mut s = TcpStream::connect(server).await?;
    let head =
        format!("POST {path} HTTP/1.1\r\nHost: {server}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    s.write_all(head.as_bytes()).await?;
    let mut answer = String::new();
    s.take(MAX_ANSWER_BYTES).read_to_string(&mut answer).await?;
    if answer.get(9..12) != Some("200") {
        let found: String = answer.chars().take(80).collect();
        return Err(io::Error::other(format!("POST {path} refused: {found}")));
    }
    Ok(answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default())
}

/// One order to each of the tasks.
#[derive(Clone, Copy)]
struct Orders {
    seq0: u64,
    count: u64,
    rate: f64,
    namespace_wide: bool,
}

async fn publish(shared: &Rc<Shared>, o: &Common, tasks: &[String], orders: Orders) -> Delivered {
    let Orders { seq0, count, rate, namespace_wide } = orders;
    *shared.phase.borrow_mut() = Phase::new(o.conns, seq0, count);
    let pids = procfs::tree(&o.pid);
    let (cpu, own_cpu, machine, start) =
        (procfs::cpu_s(&pids), procfs::own_cpu_s(), Machine::now(), now_us());
    let topics = tasks.len() as u64;
    let ready = shared.ready.get() as u64;
    let expected = ready * count;
    let wait_for = if namespace_wide { expected * topics } else { expected };
    for (i, task) in tasks.iter().enumerate() {
        let server = o.server;
        let path = format!("/publish?task={task}&count={count}&rate={rate}&seq0={seq0}");
        // In step, the latency of a fast server says little more than how long this generator takes
        // to read an event of each connection.
        let spread = rate > 0.0 && !o.in_step;
        let begin = if spread { i as f64 / (rate * topics as f64) } else { 0.0 };
        spawn_local(async move {
            sleep(Duration::from_secs_f64(begin)).await;
            match timeout(Duration::from_secs(20), post(server, &path)).await {
                Ok(Ok(_)) => {}
                Ok(Err(e)) => eprintln!("rtload: {e}"),
                Err(_) => eprintln!("rtload: publish request timed out"),
            }
        });
    }
    loop {
        sleep(Duration::from_millis(5)).await;
        let phase = shared.phase.borrow();
        if phase.received() >= wait_for || shared.lost_connections.get() as u64 >= ready {
            break;
        }
        let spent = (now_us() - start) as f64 * 1e-6;
        let between_events = if rate > 0.0 { 1.0 / rate } else { 0.0 };
        if spent > o.timeout || phase.silent_for_us(start) as f64 * 1e-6 > o.silence + between_events {
            break;
        }
    }
    let machine = Machine::now().since(machine);
    let generator_cpu_s = procfs::own_cpu_s() - own_cpu;
    let server_cpu_s = procfs::cpu_s(&pids) - cpu;
    let p = shared.phase.borrow();
    let seconds = p.last_us.saturating_sub(start).max(1) as f64 * 1e-6;
    let per_cpu = |n: u64| if server_cpu_s > 0.0 { n as f64 / server_cpu_s } else { 0.0 };
    Delivered {
        rate,
        published: count * topics,
        expected,
        delivered: p.own,
        lost: expected.saturating_sub(p.own),
        duplicates: p.duplicates,
        out_of_order: p.out_of_order,
        foreign: p.foreign,
        unreadable: p.unreadable,
        lost_connections: shared.lost_connections.get(),
        complete: p.received() >= wait_for,
        seconds,
        delivered_per_s: p.own as f64 / seconds,
        received_per_s: p.received() as f64 / seconds,
        mean_packet_bytes: p.bytes as f64 / p.received().max(1) as f64,
        wire_bytes: p.wire_bytes,
        latency_from_emit: stats::latency(&p.from_emit),
        latency_from_due: stats::latency(&p.from_due),
        server_cpu_s,
        delivered_per_cpu_s: per_cpu(p.own),
        received_per_cpu_s: per_cpu(p.received()),
        rss_after: procfs::rss(&pids),
        generator_cpu_s,
        machine,
        others_busy_s: machine.busy_s - server_cpu_s - generator_cpu_s,
    }
}

async fn run(cli: Cli) -> io::Result<Report> {
    let common = match &cli.command {
        Command::Run { common, .. } | Command::Sweep { common, .. } => common.clone(),
    };
    let shared = Rc::new(Shared::new(&common));
    *shared.phase.borrow_mut() = Phase::new(common.conns, 0, 0);
    let tasks = task_ids(&common).await?;
    let mut report = Report {
        connect: connect_all(&shared, &common, &tasks).await,
        options: common.clone(),
        phases: Vec::new(),
        sustained_rate: None,
        sustained_delivered_per_s: None,
    };
    match cli.command {
        Command::Run { count, rate, namespace_wide, .. } if count > 0 => {
            report.phases.push(
                publish(&shared, &common, &tasks, Orders { seq0: 0, count, rate, namespace_wide }).await,
            );
        }
        Command::Run { .. } => {}
        Command::Sweep { from, factor, seconds, max_steps, limit_ms, .. } => {
            let (mut rate, mut step, mut seq0) = (from, factor, 0);
            let mut failed_once = false;
            for _ in 0..max_steps {
                let count = ((rate * seconds) as u64).max(1);
                let d =
                    publish(&shared, &common, &tasks, Orders { seq0, count, rate, namespace_wide: false })
                        .await;
                seq0 += count;
                let passed = d.lost == 0 && d.latency_from_due.p99_ms < limit_ms;
                let usable = d.complete;
                if passed && report.sustained_rate.is_none_or(|r| rate > r) {
                    report.sustained_rate = Some(rate);
                    report.sustained_delivered_per_s = Some(d.delivered_per_s);
                }
                report.phases.push(d);
                if !usable {
                    break; // events of this step may still be under way and would muddle the next one
                }
                // Up by whole steps until the first failure, then halve the step (on a log scale).
                failed_once |= !passed;
                if failed_once {
                    step = step.sqrt();
                    if step < 1.04 {
                        break;
                    }
                }
                rate = if passed { rate * step } else { rate / step };
                sleep(Duration::from_millis(200)).await;
            }
        }
    }
    Ok(report)
}

fn main() -> io::Result<()> {
    let cli = Cli::parse();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime");
    let report = LocalSet::new().block_on(&runtime, run(cli))?;
    println!("{}", serde_json::to_string_pretty(&report).expect("plain data serializes"));
    Ok(())
}
