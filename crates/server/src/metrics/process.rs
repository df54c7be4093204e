//! What the system says of this process; Linux only, elsewhere all is 0.

use std::fs;

use super::registrar::{Level, Registrar};

#[derive(Debug)]
pub(super) struct Process {
    memory_bytes: Level,
    open_files: Level,
    threads: Level,
}

impl Process {
    pub(super) fn new(registrar: &mut Registrar) -> Process {
        Process {
            memory_bytes: registrar.level("process_resident_bytes", "Memory of this process"),
            open_files: registrar.level("process_open_files", "Files and sockets that it has open"),
            threads: registrar.level("process_threads", "Its threads"),
        }
    }

    pub(super) fn refresh(&self) {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        self.memory_bytes.set(1024 * field(&status, "VmRSS:"));
        self.threads.set(field(&status, "Threads:"));
        let open = fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
        // Reading the list is one of them.
        self.open_files.set(i64::try_from(open.saturating_sub(1)).unwrap_or(i64::MAX));
    }
}

/// The number behind a name, without its unit.
fn field(status: &str, name: &str) -> i64 {
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
    line.split_whitespace().next().and_then(|number| number.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_found_by_its_whole_name() {
        let status = "Name:\tx\nVmRSS:\t    1234 kB\nThreads:\t7\n";
        assert_eq!(
            (field(status, "VmRSS:"), field(status, "Threads:"), field(status, "VmHWM:")),
            (1234, 7, 0)
        );
    }
}
