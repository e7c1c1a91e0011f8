//! Being told to end, by Ctrl-C or by whoever stops the machine: the calls that this process made, for itself and for
//! others, come to their end first, because an outcome that nobody heard is one that nobody knows. Told again, it ends
//! at once. Decides nothing.

use std::sync::Once;
use std::time::Duration;

use ordain_runtime::{aside, session};
use tokio::signal::unix::{SignalKind, signal};

/// How long it may take without a word.
const MOMENT: Duration = Duration::from_millis(300);

/// From here on this process ends as said above.
pub fn heed() {
    static HEEDED: Once = Once::new();
    HEEDED.call_once(|| {
        let heeding = std::thread::Builder::new().name("interrupt".into()).spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            // Without it the process ends as any other does.
            if let Ok(runtime) = runtime {
                runtime.block_on(ending());
            }
        });
        drop(heeding);
    });
}

async fn ending() {
    let Some(first) = told().await else { return };
    let ended = async {
        let mut halting = std::pin::pin!(session::halt());
        if tokio::time::timeout(MOMENT, &mut halting).await.is_err() {
            aside::say("ends as soon as what was called has come to its end; once more ends it now");
            halting.await;
        }
        first
    };
    let last = tokio::select! {
        last = ended => last,
        again = told() => again.unwrap_or(first),
    };
    std::process::exit(128 + last);
}

/// The number of the signal that asks for the end; none where all of them are ignored, as whoever started this wanted.
async fn told() -> Option<i32> {
    let ignored = ignored();
    let wanted = |kind: SignalKind| ignored & (1 << (kind.as_raw_value() - 1)) == 0;
    let [interrupt, terminate] = [SignalKind::interrupt(), SignalKind::terminate()]
        .map(|kind| wanted(kind).then(|| signal(kind).ok()).flatten());
    if interrupt.is_none() && terminate.is_none() {
        return None;
    }
    tokio::select! {
        () = heard(interrupt) => Some(SignalKind::interrupt().as_raw_value()),
        () = heard(terminate) => Some(SignalKind::terminate().as_raw_value()),
    }
}

async fn heard(signal: Option<tokio::signal::unix::Signal>) {
    match signal {
        Some(mut signal) => {
            signal.recv().await;
        }
        None => std::future::pending().await,
    }
}

/// The signals that this process ignores, as a mask.
fn ignored() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default()
}
