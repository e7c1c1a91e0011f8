//! How strict a store is: in which profile it was opened last, and under which seal. Its `meta` says so, and so does
//! its log: a store in which they differ is not continued. Reads; decides nothing.

use jiff::Timestamp;
use ordain_kernel::run::journal_digest;
use ordain_kernel::run::system::SystemEvent;
use ordain_spec::kind::workspace::Profile;

use crate::recover;
use crate::seal;
use crate::store::read::Reader;
use crate::store::{SYSTEM, StoreError};

/// Where the store remembers its profile.
pub const META: &str = "profile";

/// How strict a store is. One that says nothing is in profile `dev`, under no seal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stance {
    /// The profile.
    pub profile: Profile,
    /// When the newest seal was signed that was active.
    pub sealed: Option<Timestamp>,
}

/// Why a store's `meta` is not what its log says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unbound {
    /// The place of the record; 0 where the log has none.
    pub seq: u64,
    /// What is wrong.
    pub reason: String,
}

impl Stance {
    /// As an event of the workspace, where it is another than before.
    #[must_use]
    pub fn taken(self, before: Self) -> Option<SystemEvent> {
        let Self { profile, sealed } = self;
        (self != before).then(|| SystemEvent::StanceTaken { profile: profile.as_str().into(), sealed })
    }
}

/// How strict the store is, as its `meta` and its log say alike.
///
/// # Errors
/// When the data base refuses; within, why they do not.
pub async fn of(reader: &Reader) -> Result<Result<Stance, Unbound>, StoreError> {
    let (recorded, seq) = match recorded(reader).await? {
        Ok(recorded) => recorded,
        Err(unbound) => return Ok(Err(unbound)),
    };
    let unbound = |what: &str, said: &str, log: &str| {
        let reason = format!("the store says {what} `{said}` of itself, and its log `{log}`");
        Ok(Err(Unbound { seq, reason }))
    };
    let profile = reader.meta(META).await?.unwrap_or_else(|| Profile::Dev.as_str().to_owned());
    if profile != recorded.profile.as_str() {
        return unbound("profile", &profile, recorded.profile.as_str());
    }
    let sealed = reader.meta(seal::META).await?;
    let log = recorded.sealed.map(|at| at.to_string());
    if sealed != log {
        return unbound("seal", &sealed.unwrap_or_default(), &log.unwrap_or_default());
    }
    Ok(Ok(recorded))
}

/// What the log says, and the place of its record.
async fn recorded(reader: &Reader) -> Result<Result<(Stance, u64), Unbound>, StoreError> {
    let unbound = |seq, reason: &str| Ok(Err(Unbound { seq, reason: reason.to_owned() }));
    let (records, events) = reader.system_counts().await?;
    if records != events {
        return unbound(0, "the workspace has other events of its own than records of them");
    }
    let Some((row, number)) = reader.stance_record().await? else {
        return Ok(Ok((Stance { profile: Profile::Dev, sealed: None }, 0)));
    };
    let seq = row.seq.unsigned_abs();
    let Ok(record) = recover::record(&row) else { return unbound(seq, "it cannot be read") };
    let event = reader.journal_row(SYSTEM, number).await?;
    let bound = event.filter(|event| {
        let digest = journal_digest(&record.prev_hash, number.unsigned_abs(), event.at, &event.event);
        record.entry.payload_digest == Some(digest)
    });
    let taken = bound.and_then(|event| serde_json::from_str(&event.event).ok());
    match taken {
        Some(SystemEvent::StanceTaken { profile, sealed }) => match Profile::from_word(&profile) {
            Some(profile) => Ok(Ok((Stance { profile, sealed }, seq))),
            None => unbound(seq, "it names a profile that there is not"),
        },
        _ => unbound(seq, "the event of the store's profile is not what it was made for"),
    }
}
