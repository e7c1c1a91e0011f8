//! Checkpoints of the log (C2SP `tlog-checkpoint`): origin, number of records and root, as the text of a signed note.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::note::{NotANote, NoteKey, open};
use super::tree::Hash;

/// What a checkpoint says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log: the name of its key.
    pub origin: String,
    /// Records.
    pub size: u64,
    /// The root over them.
    pub root: Hash,
}

/// Why it is none that is trusted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotACheckpoint {
    /// The note.
    #[error("the checkpoint is not to be trusted: {0}")]
    Note(#[from] NotANote),
    /// Its text.
    #[error("the note is no checkpoint")]
    Text,
    /// Of another log.
    #[error("the checkpoint is of another log, `{0}`")]
    Origin(String),
    /// By a key that had handed over before.
    #[error("the key `{0}` counts up to record {1}: another one follows it")]
    Retired(String, u64),
}

impl Checkpoint {
    /// The text that is signed.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, STANDARD.encode(self.root))
    }

    /// The signed note, given the signature over [`Checkpoint::text`].
    #[must_use]
    pub fn note(&self, key: &NoteKey, signature: &[u8; 64]) -> String {
        format!("{}\n{}", self.text(), key.line(signature))
    }

    /// Reads a signed note. Its origin must be the name of one of the keys that signed it.
    ///
    /// # Errors
    /// When it is no checkpoint, or none that a trusted key signed.
    pub fn open(note: &str, trusted: &[NoteKey]) -> Result<Self, NotACheckpoint> {
        let (text, signers) = open(note, trusted)?;
        let checkpoint = Self::read(text).ok_or(NotACheckpoint::Text)?;
        if !signers.contains(&checkpoint.origin) {
            return Err(NotACheckpoint::Origin(checkpoint.origin));
        }
        let until = trusted.iter().filter(|key| key.name == checkpoint.origin).find_map(|key| key.until);
        match until.filter(|until| *until < checkpoint.size) {
            Some(until) => Err(NotACheckpoint::Retired(checkpoint.origin, until)),
            None => Ok(checkpoint),
        }
    }

    /// Three lines and nothing else, numbers in their one form.
    fn read(text: &str) -> Option<Self> {
        let mut lines = text.strip_suffix('\n')?.split('\n');
        let (origin, size, root) = (lines.next()?, lines.next()?, lines.next()?);
        let checkpoint = Self {
            origin: origin.to_owned(),
            size: size.parse().ok()?,
            root: STANDARD.decode(root).ok()?.try_into().ok()?,
        };
        (lines.next().is_none() && !origin.is_empty() && checkpoint.text() == text).then_some(checkpoint)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use ed25519_dalek::{Signer as _, SigningKey};

    use super::*;

    fn signed(checkpoint: &Checkpoint, secret: &SigningKey, name: &str) -> (String, NoteKey) {
        let key = NoteKey { name: name.into(), public: secret.verifying_key().to_bytes(), until: None };
        (checkpoint.note(&key, &secret.sign(checkpoint.text().as_bytes()).to_bytes()), key)
    }

    #[test]
    fn a_checkpoint_is_what_the_log_of_its_key_signed() {
        let checkpoint = Checkpoint { origin: "ordain/home".into(), size: 12, root: [5; 32] };
        let (note, key) = signed(&checkpoint, &SigningKey::from_bytes(&[1; 32]), "ordain/home");
        assert_eq!(Checkpoint::open(&note, std::slice::from_ref(&key)), Ok(checkpoint.clone()));
        assert!(Checkpoint::open(&note.replace("\n12\n", "\n13\n"), std::slice::from_ref(&key)).is_err());
        let (_, stranger) = signed(&checkpoint, &SigningKey::from_bytes(&[2; 32]), "ordain/home");
        assert!(matches!(
            Checkpoint::open(&note, &[stranger]),
            Err(NotACheckpoint::Note(NotANote::Unsigned))
        ));
        let (foreign, other) = signed(&checkpoint, &SigningKey::from_bytes(&[1; 32]), "ordain/away");
        assert_eq!(Checkpoint::open(&foreign, &[other]), Err(NotACheckpoint::Origin("ordain/home".into())));
    }

    #[test]
    fn a_key_that_handed_over_signs_nothing_that_came_later() {
        let checkpoint = Checkpoint { origin: "ordain/home".into(), size: 12, root: [5; 32] };
        let (note, key) = signed(&checkpoint, &SigningKey::from_bytes(&[1; 32]), "ordain/home");
        let until = |until| Checkpoint::open(&note, &[NoteKey { until: Some(until), ..key.clone() }]);
        assert_eq!(until(12), Ok(checkpoint.clone()));
        assert_eq!(until(11), Err(NotACheckpoint::Retired("ordain/home".into(), 11)));
    }

    #[test]
    fn a_number_has_one_form() {
        for text in ["o\n012\nAA==\n", "o\n1\n", "\n1\nAA==\n", "o\n-1\nAA==\n", "o\n1\nAA==\nmore\n"] {
            assert_eq!(Checkpoint::read(text), None, "{text:?}");
        }
    }
}
