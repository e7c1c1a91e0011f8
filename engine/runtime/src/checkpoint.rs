//! Checkpoints of the log: signed at intervals and when the store is let go of, recorded in the log itself, kept
//! beside the store and shipped where the workspace says. A log that ends before its checkpoint, or is another one,
//! is found by it. What cannot be shipped is said and shipped with the next; it never holds up a run.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use jiff::Timestamp;
use ordain_kernel::log::Checkpoint;
use ordain_kernel::log::tree::Hash;
use ordain_kernel::run::system::SystemEvent;
use ordain_spec::digest::Digest;
use ordain_spec::kind::workspace::Checkpoints as Wish;

use crate::api::ApiError;
use crate::backup::beside;
use crate::log_key::{self, LogKey, Successor, note_key};
use crate::store::read::Reader;
use crate::workspace::{Opened, private_file};

/// The newest checkpoint, beside the store.
pub const FILE: &str = "checkpoint";

/// What the store remembers of the newest: records that it covers, and when.
pub const META: &str = "checkpoint";

/// How long shipping may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often where the workspace says nothing: an hour.
const EVERY_MS: u64 = 3_600_000;

/// The checkpoints of one log.
pub struct Checkpoints {
    key: LogKey,
    every_ms: i64,
    file: PathBuf,
    wish: Option<Wish>,
    /// Records that need no further checkpoint: those below the last, and its own.
    covered: u64,
    /// When the last was signed, or the store opened.
    last_at: Timestamp,
}

impl Checkpoints {
    /// Of a workspace whose store is opened now; `remembered` is what the store says of the last.
    ///
    /// # Errors
    /// When the log's key cannot be read or made.
    pub fn of(workspace: &Opened, remembered: Option<&str>, now: Timestamp) -> Result<Self, ApiError> {
        let wish = workspace.spec().checkpoints;
        let every = wish.as_ref().map_or(EVERY_MS, |wish| wish.every.value.0);
        let (covered, last_at) = remembered.and_then(read_mark).unwrap_or((0, now));
        let key = LogKey::of(&workspace.state)?;
        let (every_ms, file) = (i64::try_from(every).unwrap_or(i64::MAX), workspace.state.join(FILE));
        Ok(Self { key, every_ms, file, wish, covered, last_at })
    }

    /// When the next is due over a log of that size; none while there is nothing new.
    pub fn due(&self, size: u64) -> Option<Timestamp> {
        let at = self.last_at.as_millisecond().saturating_add(self.every_ms);
        Timestamp::from_millisecond(at).ok().filter(|_| self.is_news(size))
    }

    /// True where the log has records that no checkpoint covers.
    pub const fn is_news(&self, size: u64) -> bool {
        size > self.covered
    }

    /// A checkpoint over what is stored, as the event that records it.
    pub fn sign(&self, size: u64, root: Hash) -> SystemEvent {
        SystemEvent::CheckpointSigned { size, root: Digest(root), note: self.key.checkpoint(size, root) }
    }

    /// The key that is to sign what comes after record `seq`.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn successor(&self, seq: u64) -> Result<Successor, ApiError> {
        self.key.successor(self.state(), seq)
    }

    /// That key is on record: it signs from here on. Gives its public half.
    ///
    /// # Errors
    /// When the files cannot be changed.
    pub fn follow(&mut self, successor: Successor) -> Result<String, ApiError> {
        let state = self.state().to_owned();
        self.key.follow(&state, successor)?;
        Ok(self.key.public())
    }

    fn state(&self) -> &Path {
        self.file.parent().unwrap_or(&self.file)
    }

    /// What the store is to remember of a checkpoint over `size` records.
    pub fn mark(size: u64, now: Timestamp) -> (String, String) {
        (META.to_owned(), format!("{} {}", size + 1, now.as_millisecond()))
    }

    /// A checkpoint is stored: it is kept beside the store.
    pub fn stored(&mut self, event: &SystemEvent, now: Timestamp) {
        let SystemEvent::CheckpointSigned { size, note, .. } = event else { return };
        (self.covered, self.last_at) = (size + 1, now);
        if let Err(error) = keep(&self.file, note) {
            crate::aside::say(&format!(
                "the checkpoint could not be kept in `{}`: {error}",
                self.file.display()
            ));
        }
    }

    /// Where a checkpoint is sent.
    pub fn shipment(&self, event: &SystemEvent) -> Option<Shipment> {
        let SystemEvent::CheckpointSigned { note, .. } = event else { return None };
        let wish = self.wish.clone().filter(is_shipped)?;
        Some(Shipment { wish, note: note.clone(), shipped: self.state().join(SHIPPED) })
    }
}

/// The newest checkpoint that was sent, beside the store.
const SHIPPED: &str = "checkpoint.shipped";

fn is_shipped(wish: &Wish) -> bool {
    wish.file.is_some() || !wish.command.is_empty() || wish.url.is_some()
}

/// Whether the newest checkpoint stands elsewhere too; none where nothing says where.
#[must_use]
pub fn stands_unshipped(workspace: &Opened) -> Option<bool> {
    workspace.spec().checkpoints.filter(is_shipped)?;
    let read = |name: &str| std::fs::read(workspace.state.join(name)).ok();
    Some(read(FILE).is_some_and(|newest| read(SHIPPED) != Some(newest)))
}

/// A checkpoint on its way.
pub struct Shipment {
    wish: Wish,
    note: String,
    shipped: PathBuf,
}

fn read_mark(text: &str) -> Option<(u64, Timestamp)> {
    let (covered, at) = text.split_once(' ')?;
    Some((covered.parse().ok()?, Timestamp::from_millisecond(at.parse().ok()?).ok()?))
}

/// Whole or not at all.
fn keep(file: &Path, note: &str) -> std::io::Result<()> {
    let part = beside(file, ".part");
    let mut written = private_file(&part)?;
    written.write_all(note.as_bytes())?;
    written.sync_all()?;
    std::fs::rename(&part, file)
}

/// Sends a checkpoint where the workspace wants it, remembers that, and says where it failed.
pub async fn ship(Shipment { wish, note, shipped }: Shipment) {
    let sent = tokio::time::timeout(PATIENCE, sent(&wish, &note)).await;
    let sent = sent.unwrap_or_else(|_| Err("it took too long".to_owned()));
    let sent = sent.and_then(|()| keep(&shipped, &note).map_err(text));
    if let Err(why) = sent {
        crate::aside::say(&format!(
            "a checkpoint could not be shipped: {why}; the next one covers the same records"
        ));
    }
}

async fn sent(wish: &Wish, note: &str) -> Result<(), String> {
    if let Some(file) = &wish.file {
        let path = Path::new(&*file.value);
        let mut to = std::fs::OpenOptions::new().create(true).append(true).open(path).map_err(text)?;
        to.write_all(format!("{note}\n").as_bytes()).and_then(|()| to.sync_all()).map_err(text)?;
    }
    if let Some((program, arguments)) = wish.command.split_first() {
        let mut child = tokio::process::Command::new(&*program.value)
            .args(arguments.iter().map(|argument| &*argument.value))
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .map_err(text)?;
        if let Some(mut stdin) = child.stdin.take() {
            use tokio::io::AsyncWriteExt as _;
            stdin.write_all(note.as_bytes()).await.map_err(text)?;
        }
        let status = child.wait().await.map_err(text)?;
        if !status.success() {
            return Err(format!("`{}` ended with {status}", program.value));
        }
    }
    if let Some(url) = &wish.url {
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .timeout(PATIENCE)
            .build()
            .map_err(text)?;
        let request = client.post(&*url.value).header("content-type", "text/plain; charset=utf-8");
        let status = request.body(note.to_owned()).send().await.map_err(text)?.status();
        if !status.is_success() {
            return Err(format!("`{}` answered {status}", url.value));
        }
    }
    Ok(())
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// The newest checkpoint of a workspace's log that is kept beside the store; none where there is none. One that is
/// signed by another key is of another log.
///
/// # Errors
/// When it is none that the log's key signed.
pub fn kept(state: &Path) -> Result<Option<Checkpoint>, String> {
    match std::fs::read_to_string(state.join(FILE)) {
        Ok(note) => opened(state, &note).map(Some),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(format!("`{FILE}` cannot be read: {error}")),
    }
}

/// A checkpoint that the log's key signed.
///
/// # Errors
/// When it is none.
fn opened(state: &Path, note: &str) -> Result<Checkpoint, String> {
    let keys: Vec<_> = log_key::publics(state).iter().filter_map(|key| note_key(key)).collect();
    Checkpoint::open(note, &keys).map_err(|error| error.to_string())
}

/// That a log begins with what a checkpoint was signed over, as its tree says.
///
/// # Errors
/// Why it does not: it was cut, or is another one.
pub async fn holds(reader: &Reader, records: u64, checkpoint: &Checkpoint) -> Result<(), String> {
    if records < checkpoint.size {
        return Err(format!(
            "the log ends at record {records}, before its checkpoint over {} records: it was cut or put back",
            checkpoint.size
        ));
    }
    match reader.root(checkpoint.size).await {
        Ok(root) if root == checkpoint.root => Ok(()),
        Ok(_) => Err(format!(
            "the first {} records are not those that the checkpoint was signed over",
            checkpoint.size
        )),
        Err(error) => Err(error.to_string()),
    }
}
