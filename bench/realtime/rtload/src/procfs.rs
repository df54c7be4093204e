//! What the kernel says about the server under test and about the machine.
use std::{fs, time::Duration};

use nix::{
    time::{ClockId, clock_getcpuclockid, clock_gettime},
    unistd::Pid,
};
use serde::Serialize;

/// `roots` and all their descendants (a pre-forking server's workers).
pub(crate) fn tree(roots: &[i32]) -> Vec<i32> {
    let mut pids = roots.to_vec();
    let all: Vec<(i32, i32)> = fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .filter_map(|e| e.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(|pid: i32| {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
            let after_name = stat.rsplit_once(") ")?.1;
            Some((pid, after_name.split(' ').nth(1)?.parse().ok()?))
        })
        .collect();
    let mut i = 0;
    while i < pids.len() {
        let parent = pids[i];
        let children: Vec<i32> =
            all.iter().filter(|(c, p)| *p == parent && !pids.contains(c)).map(|(c, _)| *c).collect();
        pids.extend(children);
        i += 1;
    }
    pids
}

/// Resident bytes, summed over the processes.
pub(crate) fn rss(pids: &[i32]) -> u64 {
    let one = |pid: &i32| -> Option<u64> {
        let s = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let line = s.lines().find(|l| l.starts_with("VmRSS:"))?;
        Some(line.split_whitespace().nth(1)?.parse::<u64>().ok()? * 1024)
    };
    pids.iter().filter_map(one).sum()
}

fn read(clock: ClockId) -> Duration {
    clock_gettime(clock).map(Duration::from).unwrap_or_default()
}

/// CPU seconds (user + system) used so far, nanosecond clock, summed over the processes.
pub(crate) fn cpu_s(pids: &[i32]) -> f64 {
    let clocks = pids.iter().filter_map(|pid| clock_getcpuclockid(Pid::from_raw(*pid)).ok());
    clocks.map(|clock| read(clock).as_secs_f64()).sum()
}

/// CPU seconds used so far by this process.
pub(crate) fn own_cpu_s() -> f64 {
    read(ClockId::CLOCK_PROCESS_CPUTIME_ID).as_secs_f64()
}

/// The clock that the servers stamp their events with.
pub(crate) fn now_us() -> u64 {
    u64::try_from(read(ClockId::CLOCK_MONOTONIC).as_micros()).unwrap_or(u64::MAX)
}

/// Seconds since boot that all cores together spent busy, in softirq (part of busy), and stolen.
#[derive(Clone, Copy, Default, Serialize)]
pub(crate) struct Machine {
    pub(crate) busy_s: f64,
    pub(crate) softirq_s: f64,
    pub(crate) steal_s: f64,
}

impl Machine {
    pub(crate) fn now() -> Machine {
        let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
        let fields = stat.lines().next().unwrap_or("").split_whitespace();
        let v: Vec<f64> = fields.skip(1).filter_map(|x| x.parse().ok()).collect();
        let get = |i: usize| v.get(i).copied().unwrap_or(0.0) / 100.0;
        Machine { busy_s: get(0) + get(1) + get(2) + get(5) + get(6), softirq_s: get(6), steal_s: get(7) }
    }

    pub(crate) fn since(self, before: Machine) -> Machine {
        Machine {
            busy_s: self.busy_s - before.busy_s,
            softirq_s: self.softirq_s - before.softirq_s,
            steal_s: self.steal_s - before.steal_s,
        }
    }
}
