//! People's signing keys in `.ordain/keys`, mode 0600.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signer as _, SigningKey};
use zeroize::Zeroizing;

use crate::workspace::make_private;

/// A key pair that can sign. Neither printed nor serialized.
pub struct Key(SigningKey);

impl Key {
    /// A new key from the machine's randomness.
    ///
    /// # Errors
    /// When the machine has none.
    pub fn generate() -> std::io::Result<Self> {
        let mut seed = Zeroizing::new([0_u8; 32]);
        getrandom::fill(seed.as_mut_slice()).map_err(std::io::Error::other)?;
        Ok(Self(SigningKey::from_bytes(&seed)))
    }

    /// The key of a seed.
    pub(crate) fn of_seed(seed: [u8; 32]) -> Self {
        Self(SigningKey::from_bytes(&seed))
    }

    /// Reads a key file: `ed25519-secret:` and base64 of the 32 byte seed.
    ///
    /// # Errors
    /// When the file cannot be read or is no key.
    pub fn read(path: &Path) -> std::io::Result<Self> {
        let invalid = || std::io::Error::new(std::io::ErrorKind::InvalidData, "not a key file");
        let text = Zeroizing::new(std::fs::read_to_string(path)?);
        let encoded = text.trim().strip_prefix("ed25519-secret:").ok_or_else(invalid)?;
        let bytes = Zeroizing::new(STANDARD.decode(encoded).map_err(|_| invalid())?);
        let seed: &[u8; 32] = bytes.as_slice().try_into().map_err(|_| invalid())?;
        Ok(Self(SigningKey::from_bytes(seed)))
    }

    /// Writes a key file that only its owner can read. Never overwrites.
    ///
    /// # Errors
    /// When there is one already, or the folder cannot be written.
    pub fn write(&self, path: &Path) -> std::io::Result<()> {
        if let Some(folder) = path.parent() {
            make_private(folder)?;
        }
        let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        let seed = Zeroizing::new(self.0.to_bytes());
        let text = Zeroizing::new(format!("ed25519-secret:{}\n", STANDARD.encode(*seed)));
        file.write_all(text.as_bytes())?;
        file.sync_all()
    }

    /// The public half as the roster writes it: `ed25519:` and base64.
    #[must_use]
    pub fn public(&self) -> String {
        format!("ed25519:{}", STANDARD.encode(self.0.verifying_key().as_bytes()))
    }

    /// The public half.
    #[must_use]
    pub fn public_bytes(&self) -> [u8; 32] {
        self.0.verifying_key().to_bytes()
    }

    /// Signs.
    #[must_use]
    pub fn sign_bytes(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }

    /// Signs; base64.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> String {
        STANDARD.encode(self.sign_bytes(message))
    }
}

/// Where the key of a person lies.
#[must_use]
pub fn path_of(state_dir: &Path, person: &ordain_spec::kind::scalar::Name) -> PathBuf {
    state_dir.join("keys").join(format!("{person}.key"))
}
