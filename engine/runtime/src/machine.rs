//! What the machine gives a host of the kernel: the time, and chance. Whoever plays a scenario gives his own, so that
//! the same scenario has the same records here and in memory. Nothing else of the writer reads a clock or draws a number.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use ordain_kernel::realm::Entropy;

use crate::api::ApiError;
use crate::ports::Later;

/// The time.
pub trait Clock: Send + Sync {
    /// The instant, in whole milliseconds.
    fn now(&self) -> Timestamp;

    /// Comes back at that instant, or earlier; never where there is none.
    fn sleep_until(&self, at: Option<Timestamp>) -> Later<'_, ()>;
}

/// Numbers that nobody can guess.
pub trait Chance: Send + Sync {
    /// For one run: its id and the salt of its digests.
    ///
    /// # Errors
    /// When there is none; then no run starts.
    fn entropy(&self) -> Result<Entropy, ApiError>;
}

/// Both.
#[derive(Clone)]
pub struct Machine {
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub chance: Arc<dyn Chance>,
}

impl Default for Machine {
    /// The machine that this program runs on.
    fn default() -> Self {
        Self { clock: Arc::new(WallClock), chance: Arc::new(SystemChance) }
    }
}

impl fmt::Debug for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Machine")
    }
}

/// The clock on the wall: it may be set, and jump.
struct WallClock;

impl Clock for WallClock {
    fn now(&self) -> Timestamp {
        let now = Timestamp::now();
        Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
    }

    fn sleep_until(&self, at: Option<Timestamp>) -> Later<'_, ()> {
        Box::pin(async move {
            let Some(at) = at else { return std::future::pending().await };
            let left = Duration::try_from(at.duration_since(Timestamp::now())).unwrap_or(Duration::ZERO);
            // Clocks jump: look again at least once a minute.
            tokio::time::sleep(left.min(Duration::from_secs(60))).await;
        })
    }
}

struct SystemChance;

impl Chance for SystemChance {
    fn entropy(&self) -> Result<Entropy, ApiError> {
        let mut entropy = Entropy { id: [0; 10], salt: [0; 32] };
        let failed = |error| ApiError::fault(format!("no randomness: {error}"));
        getrandom::fill(&mut entropy.id).map_err(failed)?;
        getrandom::fill(&mut entropy.salt).map_err(failed)?;
        Ok(entropy)
    }
}

/// How much may still be written where that path lies, in bytes.
///
/// # Errors
/// When the disk cannot be asked.
pub fn free_bytes(path: &std::path::Path) -> std::io::Result<u64> {
    let disk = nix::sys::statvfs::statvfs(path)?;
    Ok(disk.blocks_available().saturating_mul(disk.fragment_size()))
}
