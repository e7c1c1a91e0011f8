//! Crash points for tests. In a release build they are nothing; in a debug build the environment
//! `ORDAIN_FAULT=point` or `point:n` ends the process at the n-th passage of that point, without any
//! farewell, as a power cut would. The marker on standard error lets a test assert that it fired.

/// Ends the process here, if a test asked for it.
#[cfg(debug_assertions)]
pub fn point(name: &str) {
    use std::sync::atomic::{AtomicU64, Ordering};
    static PASSED: AtomicU64 = AtomicU64::new(0);
    let Ok(wanted) = std::env::var("ORDAIN_FAULT") else { return };
    let (point, number) = wanted.split_once(':').unwrap_or((&wanted, "1"));
    if point == name && (PASSED.fetch_add(1, Ordering::SeqCst) + 1).to_string() == number {
        eprintln!("fault fired: {name}");
        std::process::abort();
    }
}

/// Nothing in a release build.
#[cfg(not(debug_assertions))]
pub const fn point(_name: &str) {}

/// Fails here as a full disk does, from the n-th passage on until as many have failed, where a test asked for
/// it with `ORDAIN_REFUSE=point:n:times`. Unlike [`point`] the process lives.
///
/// # Errors
/// Only when a test asked for it.
#[cfg(debug_assertions)]
pub fn refuse(name: &str) -> std::io::Result<()> {
    use std::sync::atomic::{AtomicU64, Ordering};
    static PASSED: AtomicU64 = AtomicU64::new(0);
    let Ok(wanted) = std::env::var("ORDAIN_REFUSE") else { return Ok(()) };
    let (point, rest) = wanted.split_once(':').unwrap_or((&wanted, "1:1"));
    let (first, times) = rest.split_once(':').unwrap_or((rest, "1"));
    let (first, times) = (first.parse::<u64>().unwrap_or(1), times.parse::<u64>().unwrap_or(1));
    if point != name {
        return Ok(());
    }
    let passed = PASSED.fetch_add(1, Ordering::SeqCst) + 1;
    if (first..first.saturating_add(times)).contains(&passed) {
        eprintln!("fault fired: {name}");
        return Err(std::io::Error::from(std::io::ErrorKind::StorageFull));
    }
    Ok(())
}

/// Nothing in a release build.
///
/// # Errors
/// Never.
#[cfg(not(debug_assertions))]
#[expect(clippy::unnecessary_wraps, reason = "the same signature as in a debug build")]
pub const fn refuse(_name: &str) -> std::io::Result<()> {
    Ok(())
}

/// The points, in the order in which an attempt passes them.
pub const POINTS: [&str; 5] =
    ["before-intent", "after-intent", "after-effect", "mid-transaction", "after-outcome"];
