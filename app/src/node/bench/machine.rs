//! What a benchmark runs on, and what it takes of it.

use std::process::Command;
use std::time::Duration;
use std::{fs, thread};

use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

/// Ticks of processor time a second, as Linux tells it to every program.
const CLOCK_TICKS_PER_SECOND: u64 = 100;

/// A machine.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Machine {
    /// Model of the processor.
    pub cpu: String,
    /// Cores that the process may use.
    pub cores: usize,
    /// Main memory.
    pub memory_bytes: u64,
    /// Runnable processes over the last minute when the benchmark began: above zero on an idle
    /// machine means that something else was running.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub load_average: Option<f64>,
}

impl Machine {
    /// This machine.
    #[must_use]
    pub fn this() -> Self {
        let cpu = field("/proc/cpuinfo", "model name").unwrap_or_else(|| "unknown".to_owned());
        let load = fs::read_to_string("/proc/loadavg").ok();
        Self {
            cpu,
            cores: cores(),
            memory_bytes: kibibytes("/proc/meminfo", "MemTotal").unwrap_or(0),
            load_average: load.and_then(|text| text.split(' ').next()?.parse().ok()),
        }
    }
}

/// Cores that the process may use.
#[must_use]
pub fn cores() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// Version of the operating system's kernel.
#[must_use]
pub fn kernel() -> Option<String> {
    Some(fs::read_to_string("/proc/sys/kernel/osrelease").ok()?.trim().to_owned())
}

/// Revision of the source in the current folder, if it is a work tree of git.
#[must_use]
pub fn git_revision() -> Option<String> {
    let output = Command::new("git").args(["rev-parse", "HEAD"]).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && !text.is_empty()).then_some(text)
}

/// Bytes that a process has caused to be written to disk so far.
#[must_use]
pub fn bytes_written(process: u32) -> Option<u64> {
    field(&format!("/proc/{process}/io"), "write_bytes")?.parse().ok()
}

/// Resident memory of a process.
#[must_use]
pub fn rss_bytes(process: u32) -> Option<u64> {
    kibibytes(&format!("/proc/{process}/status"), "VmRSS")
}

/// Processor time of this process so far, all its threads together.
#[must_use]
pub fn own_cpu_time() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ProcessCPUTime)).unwrap_or_default()
}

/// What some processes have used since they began.
#[derive(Debug, Clone, Copy, Default)]
pub struct Usage {
    /// Bytes that they caused to be written to disk.
    pub bytes_written: u64,
    /// Sum of their largest resident memories.
    pub peak_rss_bytes: u64,
    /// Time of processors.
    pub cpu_ms: u64,
}

impl Usage {
    /// Adds what a process has used.
    pub fn add(&mut self, process: u32) {
        self.bytes_written += bytes_written(process).unwrap_or(0);
        let peak = kibibytes(&format!("/proc/{process}/status"), "VmHWM");
        self.peak_rss_bytes += peak.unwrap_or(0);
        self.cpu_ms += cpu_ms(process).unwrap_or(0);
    }
}

/// Processes that a process has started.
#[must_use]
pub fn children(parent: u32) -> Vec<u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let processes = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let is_child = |process: &u32| {
        let found = field(&format!("/proc/{process}/status"), "PPid");
        found.is_some_and(|found| found == parent.to_string())
    };
    processes.filter(is_child).collect()
}

fn cpu_ms(process: u32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name, in parentheses, may contain spaces; user and system time are fields 14 and 15.
    let (_, rest) = text.rsplit_once(')')?;
    let mut fields = rest.split_whitespace().skip(11).map(str::parse::<u64>);
    let ticks = fields.next()?.ok()? + fields.next()?.ok()?;
    Some(ticks * 1_000 / CLOCK_TICKS_PER_SECOND)
}

fn kibibytes(path: &str, name: &str) -> Option<u64> {
    let text = field(path, name)?;
    Some(text.strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}

fn field(path: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let value = |line: &str| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == name).then(|| value.trim().to_owned())
    };
    text.lines().find_map(value)
}
