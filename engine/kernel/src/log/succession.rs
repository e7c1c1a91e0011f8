//! One key of a log hands over to the next: the old key signs which key follows it and from which record on. The
//! record says so in the log itself, so whoever knows an old key can follow to the present one, and a key that was
//! handed over counts for nothing afterwards. Never makes a key trusted that no trusted key named.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, VerifyingKey};
use serde::{Deserialize, Serialize};

use super::note::NoteKey;
use crate::audit::{Action, AuditRecord};

/// What the old key signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Succession {
    /// The public key so far, 32 bytes in base64.
    pub from: String,
    /// The public key from here on.
    pub to: String,
    /// The place of the record that says so: the last one that the old key may count.
    pub seq: u64,
    /// The old key's signature over [`Succession::statement`], 64 bytes in base64.
    pub signature: String,
}

impl Succession {
    /// The text that the old key signs.
    #[must_use]
    pub fn statement(from: &[u8; 32], to: &[u8; 32], seq: u64) -> String {
        format!("ordain/v1 log key\n{}\n{}\n{seq}\n", STANDARD.encode(from), STANDARD.encode(to))
    }

    /// As the subject of its record: base64 of the new key and the signature, 128 characters.
    #[must_use]
    pub fn to_text(&self) -> String {
        let bytes = [&self.to, &self.signature].map(|text| STANDARD.decode(text).unwrap_or_default());
        STANDARD.encode(bytes.concat())
    }
}

/// The keys that count for a log with these records: those that are trusted, each until it handed over, and those
/// that they handed over to. What nobody trusted has signed changes nothing.
#[must_use]
pub fn follow<'r>(trusted: &[NoteKey], records: impl IntoIterator<Item = &'r AuditRecord>) -> Vec<NoteKey> {
    let rekeyed = records.into_iter().filter(|record| record.entry.action == Action::LogRekeyed);
    handed_over(trusted, rekeyed.map(|record| (record.seq, &*record.entry.subject)))
}

/// The same, by the places of those records and their subjects.
#[must_use]
pub fn handed_over<'s>(
    trusted: &[NoteKey],
    successions: impl IntoIterator<Item = (u64, &'s str)>,
) -> Vec<NoteKey> {
    let mut keys = trusted.to_vec();
    for (seq, subject) in successions {
        let Some((to, signature)) = read(subject) else { continue };
        // One that is known to have handed over then names the one that followed it, and no other.
        let may = |key: &NoteKey| key.until.is_none_or(|until| until == seq);
        let handed = keys.iter().position(|key| may(key) && names(key, &to, seq, &signature));
        let Some(old) = handed.and_then(|at| keys.get_mut(at)) else { continue };
        old.until = Some(seq);
        let next = NoteKey::of_log(to);
        if !keys.iter().any(|key| key.public == next.public) {
            keys.push(next);
        }
    }
    keys
}

fn read(subject: &str) -> Option<([u8; 32], [u8; 64])> {
    let bytes = STANDARD.decode(subject).ok()?;
    let (to, signature) = bytes.split_first_chunk::<32>()?;
    Some((*to, signature.try_into().ok()?))
}

/// True where this key signed that the other one follows it.
fn names(key: &NoteKey, to: &[u8; 32], seq: u64, signature: &[u8; 64]) -> bool {
    let statement = Succession::statement(&key.public, to, seq);
    VerifyingKey::from_bytes(&key.public).is_ok_and(|public| {
        public.verify_strict(statement.as_bytes(), &Signature::from_bytes(signature)).is_ok()
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
    use ed25519_dalek::{Signer as _, SigningKey};
    use jiff::Timestamp;

    use super::*;
    use crate::actor::Actor;
    use crate::audit::{Chain, Entry};

    fn key(seed: u8) -> (SigningKey, NoteKey) {
        let secret = SigningKey::from_bytes(&[seed; 32]);
        let public = secret.verifying_key().to_bytes();
        (secret, NoteKey::of_log(public))
    }

    fn handed(from: u8, to: u8, seq: u64) -> AuditRecord {
        let ((secret, old), (_, new)) = (key(from), key(to));
        let statement = Succession::statement(&old.public, &new.public, seq);
        let succession = Succession {
            from: STANDARD.encode(old.public),
            to: STANDARD.encode(new.public),
            seq,
            signature: STANDARD.encode(secret.sign(statement.as_bytes()).to_bytes()),
        };
        assert_eq!(succession.to_text().len(), 128);
        let entry =
            Entry::new(Timestamp::UNIX_EPOCH, Actor::system(), Action::LogRekeyed, succession.to_text());
        AuditRecord { seq, ..Chain::default().append(entry) }
    }

    #[test]
    fn who_knows_the_first_key_comes_to_the_last_and_each_counts_until_it_handed_over() {
        let records = [handed(1, 2, 5), handed(2, 3, 9)];
        let keys = follow(&[key(1).1], &records);
        let untils: Vec<_> = keys.iter().map(|key| key.until).collect();
        assert_eq!(untils, [Some(5), Some(9), None]);
        assert_eq!(keys[2].public, key(3).1.public);
    }

    #[test]
    fn a_key_names_its_successor_once_at_one_place_and_for_itself_alone() {
        for records in [vec![handed(2, 3, 5)], vec![AuditRecord { seq: 6, ..handed(1, 2, 5) }]] {
            assert_eq!(follow(&[key(1).1], &records), [key(1).1]);
        }
        let retired = NoteKey { until: Some(5), ..key(1).1 };
        let known =
            follow(std::slice::from_ref(&retired), &[handed(1, 4, 4), handed(1, 2, 5), handed(1, 4, 9)]);
        assert_eq!(known, [retired, key(2).1], "of which it is known when it handed over");
        let twice = follow(&[key(1).1], &[handed(1, 2, 5), handed(1, 4, 7)]);
        assert!(twice.iter().all(|found| found.public != key(4).1.public), "it had handed over already");
    }
}
