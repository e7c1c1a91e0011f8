//! Signed notes (C2SP `signed-note`): a text, an empty line, and lines of signatures. A key is known by its name
//! and an id of four bytes; who is trusted is said by the workspace, never by the note.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, VerifyingKey};
use ordain_spec::digest::Digest;
use sha2::{Digest as _, Sha256};

/// The kind of an Ed25519 key in a key id.
const ED25519: u8 = 1;

/// A key that notes may be signed with: its name and its public half.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteKey {
    /// Its name: no space, no `+`.
    pub name: String,
    /// The public key, 32 bytes.
    pub public: [u8; 32],
    /// The last record that it may count, where another key follows it.
    pub until: Option<u64>,
}

impl NoteKey {
    /// The key of a log, which is called after it: `ordain/` and the first eight bytes of SHA-256 over the key.
    #[must_use]
    pub fn of_log(public: [u8; 32]) -> Self {
        let name: String = Digest::of(&public).0.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        Self { name: format!("ordain/{name}"), public, until: None }
    }

    /// Its id: the first four bytes of SHA-256 over name, line feed, kind and public key.
    #[must_use]
    pub fn id(&self) -> [u8; 4] {
        let hash: [u8; 32] = Sha256::new()
            .chain_update(&self.name)
            .chain_update([b'\n', ED25519])
            .chain_update(self.public)
            .finalize()
            .into();
        let [a, b, c, d, ..] = hash;
        [a, b, c, d]
    }

    /// The line that adds this key's signature to a note.
    #[must_use]
    pub fn line(&self, signature: &[u8; 64]) -> String {
        let mut bytes = self.id().to_vec();
        bytes.extend_from_slice(signature);
        format!("\u{2014} {} {}\n", self.name, STANDARD.encode(bytes))
    }
}

/// Why a note is not one that is trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotANote {
    /// It has no form.
    #[error("it is no signed note")]
    Form,
    /// No signature of a trusted key.
    #[error("no trusted key signed it")]
    Unsigned,
    /// A signature of a trusted key that is not one.
    #[error("a signature of a trusted key does not verify")]
    Signature,
}

/// The text of a signed note and the names of the trusted keys that signed it, in their order.
///
/// # Errors
/// When it is no note, no trusted key signed it, or a signature that claims a trusted key does not verify.
pub fn open<'n>(note: &'n str, trusted: &[NoteKey]) -> Result<(&'n str, Vec<String>), NotANote> {
    let (body, signatures) = note.rsplit_once("\n\n").ok_or(NotANote::Form)?;
    let text = note.get(..=body.len()).ok_or(NotANote::Form)?;
    let hidden = |letter: char| letter.is_control() && letter != '\n';
    let lines = signatures.strip_suffix('\n').filter(|lines| !lines.is_empty()).ok_or(NotANote::Form)?;
    if text.chars().any(hidden) {
        return Err(NotANote::Form);
    }
    let mut signers = Vec::new();
    for line in lines.split('\n') {
        let named = line.strip_prefix("\u{2014} ").and_then(|line| line.split_once(' '));
        let (name, encoded) = named.filter(|(name, _)| !name.is_empty()).ok_or(NotANote::Form)?;
        let bytes = STANDARD.decode(encoded).map_err(|_| NotANote::Form)?;
        let (id, signature) = bytes.split_first_chunk::<4>().ok_or(NotANote::Form)?;
        let Some(key) = trusted.iter().find(|key| key.name == name && key.id() == *id) else { continue };
        let signature: &[u8; 64] = signature.try_into().map_err(|_| NotANote::Signature)?;
        let public = VerifyingKey::from_bytes(&key.public).map_err(|_| NotANote::Signature)?;
        public
            .verify_strict(text.as_bytes(), &Signature::from_bytes(signature))
            .map_err(|_| NotANote::Signature)?;
        signers.push(key.name.clone());
    }
    if signers.is_empty() { Err(NotANote::Unsigned) } else { Ok((text, signers)) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    /// The example of the specification of signed notes.
    #[test]
    fn the_key_and_note_of_the_specification_are_read() {
        let verifier = "ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
        let bytes = STANDARD.decode(verifier).unwrap();
        let key = NoteKey {
            name: "PeterNeumann".into(),
            public: bytes.get(1..).unwrap().try_into().unwrap(),
            until: None,
        };
        assert_eq!(u32::from_be_bytes(key.id()), 0xc74f_20a3);
        let text = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
        let signed = format!(
            "{text}\n\u{2014} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
        );
        assert_eq!(
            open(&signed, std::slice::from_ref(&key)).unwrap(),
            (text, vec!["PeterNeumann".to_owned()])
        );
        assert_eq!(
            open(&signed.replace("answer", "Answer"), std::slice::from_ref(&key)),
            Err(NotANote::Signature)
        );
        let stranger = NoteKey { name: "PeterNeumann".into(), public: [3; 32], until: None };
        assert_eq!(open(&signed, &[stranger]), Err(NotANote::Unsigned));
        assert_eq!(open(text, std::slice::from_ref(&key)), Err(NotANote::Form));
        for (what, other) in [
            ("a carriage return", signed.replace("M=\n", "M=\r\n")),
            ("an empty line", format!("{signed}\n")),
            ("no last line feed", signed.trim_end().to_owned()),
            ("nobody", format!("{signed}\u{2014}  {}\n", STANDARD.encode([7; 68]))),
            ("no key", format!("{signed}\u{2014} witness {}\n", STANDARD.encode([7; 3]))),
        ] {
            assert_eq!(open(&other, std::slice::from_ref(&key)), Err(NotANote::Form), "{what}");
        }
        let witness = format!("{signed}\u{2014} witness {}\n", STANDARD.encode([7; 68]));
        assert!(open(&witness, &[key]).is_ok(), "others may sign too");
    }
}
