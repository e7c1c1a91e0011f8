//! The key of a workspace's log: it signs checkpoints and runpacks. It lies in `.ordain/log.key` and is made when it
//! is first needed; the log is called after it. When another key follows, the old one signs which, that is a record of
//! the log, and only then the files change; the old key's public half stays in `.ordain/log.retired`, with the last
//! record that it counts, and its private half goes.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ordain_kernel::log::envelope::Signed;
use ordain_kernel::log::note::NoteKey;
use ordain_kernel::log::tree::Hash;
use ordain_kernel::log::{Checkpoint, Succession};
use ordain_kernel::run::system::SystemEvent;

use crate::api::ApiError;
use crate::backup::{beside, disk, remove};
use crate::fault;
use crate::keys::Key;
use crate::store::SYSTEM;
use crate::store::read::Reader;

/// A log's key pair, and the log's name.
pub struct LogKey {
    key: Key,
    name: NoteKey,
}

impl LogKey {
    /// The key of a workspace's log; made where there is none.
    ///
    /// # Errors
    /// When it cannot be read or written.
    pub fn of(state: &Path) -> Result<Self, ApiError> {
        let path = state.join("log.key");
        let key = match Key::read(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => made(&path).map_err(disk)?,
            read => read.map_err(disk)?,
        };
        let name = NoteKey::of_log(key.public_bytes());
        Ok(Self { key, name })
    }

    /// The log's name.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.name.name
    }

    /// The public half: `ed25519:` and base64.
    #[must_use]
    pub fn public(&self) -> String {
        self.key.public()
    }

    /// A signed checkpoint over the first `size` records.
    #[must_use]
    pub fn checkpoint(&self, size: u64, root: Hash) -> String {
        let checkpoint = Checkpoint { origin: self.name.name.clone(), size, root };
        checkpoint.note(&self.name, &self.key.sign_bytes(checkpoint.text().as_bytes()))
    }

    /// A signature of an envelope.
    #[must_use]
    pub fn sign(&self, bytes: &[u8]) -> Signed {
        Signed { keyid: self.name.name.clone(), sig: self.key.sign(bytes) }
    }
}

/// The next key of a log, before anything is said about it.
pub struct Successor {
    key: Key,
    /// What the present key signed.
    pub succession: Succession,
}

impl LogKey {
    /// Makes the key that follows this one from record `seq` on. It counts for nothing until that is recorded.
    ///
    /// # Errors
    /// When it cannot be made or written.
    pub fn successor(&self, state: &Path, seq: u64) -> Result<Successor, ApiError> {
        let path = state.join(NEXT);
        remove(&path)?;
        let key = Key::generate().map_err(disk)?;
        key.write(&path).map_err(disk)?;
        let (from, to) = (self.key.public_bytes(), key.public_bytes());
        let signature = self.key.sign(Succession::statement(&from, &to, seq).as_bytes());
        let [from, to] = [from, to].map(|public| STANDARD.encode(public));
        Ok(Successor { key, succession: Succession { from, to, seq, signature } })
    }

    /// The succession is recorded: from here on the next key signs.
    ///
    /// # Errors
    /// When the files cannot be changed; then that is done when the store is opened next.
    pub fn follow(&mut self, state: &Path, successor: Successor) -> Result<(), ApiError> {
        settled(state, &successor.succession)?;
        self.name = NoteKey::of_log(successor.key.public_bytes());
        self.key = successor.key;
        Ok(())
    }
}

/// The key that is to follow.
const NEXT: &str = "log.key.new";

/// Public keys of before, a line each: the key, `@`, and the last record that it counts.
const RETIRED: &str = "log.retired";

/// Ends what a crash left half done: a next key that the log names takes its place, another one goes.
///
/// # Errors
/// When the files or the store cannot be read or changed.
pub async fn settle(state: &Path, reader: &Reader) -> Result<(), ApiError> {
    let path = state.join(NEXT);
    let Ok(next) = Key::read(&path) else { return remove(&path) };
    let to = STANDARD.encode(next.public_bytes());
    for row in reader.journal(SYSTEM).await? {
        match serde_json::from_str(&row.event) {
            Ok(SystemEvent::Rekeyed { succession, .. }) if succession.to == to => {
                return settled(state, &succession);
            }
            _ => {}
        }
    }
    remove(&path)
}

fn settled(state: &Path, succession: &Succession) -> Result<(), ApiError> {
    let path = state.join(RETIRED);
    let mut lines = retired(state);
    let line = format!("ed25519:{}@{}", succession.from, succession.seq);
    if !lines.contains(&line) {
        lines.push(line);
        let part = beside(&path, ".part");
        remove(&part)?;
        let mut file =
            std::fs::File::options().write(true).create_new(true).mode(0o600).open(&part).map_err(disk)?;
        file.write_all((lines.join("\n") + "\n").as_bytes()).and_then(|()| file.sync_all()).map_err(disk)?;
        std::fs::rename(&part, &path).map_err(disk)?;
    }
    fault::point("mid-rekey");
    std::fs::rename(state.join(NEXT), state.join("log.key")).map_err(disk)?;
    Ok(crate::store::sync_folder(&path)?)
}

fn retired(state: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(state.join(RETIRED)).unwrap_or_default();
    text.lines().filter(|line| note_key(line).is_some()).map(str::to_owned).collect()
}

/// The public keys that signed this log: those of before, each with the last record that it counts, and the present.
#[must_use]
pub fn publics(state: &Path) -> Vec<String> {
    let present = Key::read(&state.join("log.key")).ok().map(|key| key.public());
    retired(state).into_iter().chain(present).collect()
}

fn made(path: &Path) -> std::io::Result<Key> {
    let key = Key::generate()?;
    match key.write(path) {
        // Somebody else made it meanwhile.
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Key::read(path),
        written => written.map(|()| key),
    }
}

/// A public key as the key of a log: `ed25519:` and base64; `@` and a number say the last record that it counts.
#[must_use]
pub fn note_key(public: &str) -> Option<NoteKey> {
    let encoded = public.strip_prefix("ed25519:")?;
    let (encoded, until) = match encoded.split_once('@') {
        Some((encoded, until)) => (encoded, Some(until.parse().ok()?)),
        None => (encoded, None),
    };
    let public: [u8; 32] = STANDARD.decode(encoded).ok()?.try_into().ok()?;
    Some(NoteKey { until, ..NoteKey::of_log(public) })
}
