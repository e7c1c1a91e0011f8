//! The key of a workspace's log: it signs checkpoints and runpacks. It lies in `.ordain/log.key` and is made when it
//! is first needed; the log is called after it.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ordain_kernel::log::Checkpoint;
use ordain_kernel::log::envelope::Signed;
use ordain_kernel::log::note::NoteKey;
use ordain_kernel::log::tree::Hash;
use ordain_spec::digest::Digest;

use crate::api::ApiError;
use crate::backup::disk;
use crate::keys::Key;

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
        let name = note_key(&key.public());
        let name = name.ok_or_else(|| ApiError::new("system_fault", "the log's key is no key"))?;
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

fn made(path: &Path) -> std::io::Result<Key> {
    let key = Key::generate()?;
    match key.write(path) {
        // Somebody else made it meanwhile.
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Key::read(path),
        written => written.map(|()| key),
    }
}

/// A public key as the key of a log: `ordain/` and the first eight bytes of SHA-256 over the key.
#[must_use]
pub fn note_key(public: &str) -> Option<NoteKey> {
    let bytes = STANDARD.decode(public.strip_prefix("ed25519:")?).ok()?;
    let public: [u8; 32] = bytes.try_into().ok()?;
    let name: String = Digest::of(&public).0.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    Some(NoteKey { name: format!("ordain/{name}"), public })
}
