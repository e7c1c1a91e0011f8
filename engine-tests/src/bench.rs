//! What the measurements share. Numbers only: no verdict is given here.

pub mod baseline;
pub mod editing;
pub mod evidence;
pub mod ruled;

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Processor time of this process so far.
#[must_use]
pub fn cpu_time() -> Duration {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after = text.rsplit_once(')').map_or("", |(_, after)| after);
    let ticks: u64 =
        after.split_whitespace().skip(11).take(2).filter_map(|word| word.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}

/// Memory of a process that is in use, in bytes: a number, or `self`.
#[must_use]
pub fn resident(process: &str) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{process}/statm")).unwrap_or_default();
    text.split_whitespace().nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0) * 4096
}

/// Counts the syncs of this process from now on, by `strace`; none where the machine does not have it.
#[derive(Debug)]
pub struct Syncs {
    strace: std::process::Child,
    said: tempfile::NamedTempFile,
}

impl Syncs {
    /// Begins to count.
    #[must_use]
    pub fn count() -> Option<Self> {
        let said = tempfile::NamedTempFile::new().ok()?;
        let strace = Command::new("strace")
            .args(["-f", "-qq", "-e", "trace=fsync,fdatasync", "-e", "signal=none", "-o"])
            .arg(said.path())
            .args(["-p", &std::process::id().to_string()])
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let begun = Instant::now();
        let traced = || {
            let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
            text.lines().any(|line| line.starts_with("TracerPid:") && !line.ends_with("\t0"))
        };
        while !traced() {
            if begun.elapsed() > Duration::from_secs(5) {
                return None;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Some(Self { strace, said })
    }

    /// How many there were.
    #[must_use]
    pub fn counted(mut self) -> usize {
        let id = self.strace.id().to_string();
        // An interrupt makes it let go of this process and write all it has.
        let _ = Command::new("kill").args(["-INT", &id]).status();
        let _ = self.strace.wait();
        let text = std::fs::read_to_string(self.said.path()).unwrap_or_default();
        // A call that another interrupted is written twice: `<unfinished ...>` and `resumed`.
        text.lines().filter(|line| line.contains("sync") && !line.contains("resumed")).count()
    }
}

/// The middle, the least and the most of several rounds of one measurement.
#[derive(Debug, Clone, Copy)]
pub struct Spread {
    /// In the middle.
    pub median: f64,
    /// The least.
    pub least: f64,
    /// The most.
    pub most: f64,
}

impl Spread {
    /// Of these; zeros of none.
    #[must_use]
    pub fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let at = |place: usize| values.get(place).copied().unwrap_or(0.0);
        Self { median: at(values.len() / 2), least: at(0), most: at(values.len().saturating_sub(1)) }
    }
}

/// One line: what, how much, in which unit, from least to most, and what it is beside.
#[expect(clippy::print_stdout, reason = "it prints what was measured")]
pub fn say(what: &str, digits: usize, unit: &str, values: impl IntoIterator<Item = f64>, beside: &str) {
    let Spread { median, least, most } = Spread::of(values);
    let range = if least < most { format!("{least:.digits$} to {most:.digits$}") } else { String::new() };
    println!("{what:<42}{median:>11.digits$} {unit:<9}{range:<22}{beside}");
}
