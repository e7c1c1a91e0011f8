//! A bundle: the files of a checked catalogue as one archive, the same bytes for the same files, and who signed them.
//! A signature is over what the bundle holds and from when until when it counts. Trust comes from the reader, never
//! from the bundle.

use std::sync::Arc;

use jiff::Timestamp;
use ordain_spec::catalogue::Catalogue;
use ordain_spec::digest::{Digest, canonical};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::manifest::{self, Manifest};
use super::{NotVerified, paths};
use crate::archive::{Archive, NotAnArchive};
use crate::log::envelope::{Envelope, NotTrusted, Signed, TrustedKey, signed_bytes};

/// What the manifest calls it.
pub const FORMAT: &str = "ordain-bundle/1";
/// What is signed: a [`Statement`], as this type.
pub const PAYLOAD_TYPE: &str = "application/vnd.ordain.bundle+json";

const CATALOGUE: &str = "catalogue";
const SIGNATURE: &str = "signature.json";

/// What a signature says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Statement {
    /// SHA-256 over the manifest, which names every file by its digest.
    pub manifest: Digest,
    /// Digest of the catalogue.
    pub catalogue: Digest,
    /// From when on it counts; a catalogue is never replaced by one that was signed earlier.
    pub issued: Timestamp,
    /// Until when.
    pub expires: Timestamp,
}

/// A bundle that was read: everything is as its manifest says; nothing is said about who made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundle {
    /// Digest of the catalogue, as the manifest says.
    pub catalogue: Digest,
    /// (path, text) of its files, sorted.
    pub files: Vec<(String, Arc<str>)>,
    manifest: Vec<u8>,
    envelope: Option<Envelope>,
}

/// A bundle whose signature is trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// What was signed.
    pub statement: Statement,
    /// Ids of the trusted keys that signed it, sorted.
    pub signers: Vec<String>,
}

/// Why a catalogue is not taken for signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unsealed {
    /// Nobody signed the bundle.
    #[error("the bundle is not signed")]
    Unsigned,
    /// Nobody who is trusted.
    #[error("{0}")]
    Untrusted(#[from] NotTrusted),
    /// It is about another bundle.
    #[error("the signature is about another bundle")]
    Other,
    /// Its time is not there yet.
    #[error("it counts from {0} on")]
    Early(Timestamp),
    /// Its time is over.
    #[error("it expired at {0}")]
    Expired(Timestamp),
    /// A newer one was active.
    #[error("it was signed at {issued}, and one that was signed at {active} was active already")]
    Older {
        /// This one.
        issued: Timestamp,
        /// The one that was active.
        active: Timestamp,
    },
    /// The specs are not those of the bundle.
    #[error("{0}")]
    Changed(String),
}

/// Writes a bundle of a catalogue that nobody signed yet.
///
/// # Errors
/// When it grows too large.
pub fn build(catalogue: &Catalogue) -> Result<Vec<u8>, NotAnArchive> {
    let mut archive = Archive::default();
    for (_, file) in catalogue.sources.iter() {
        archive.add(&paths::name_of(CATALOGUE, &file.path), file.text.as_bytes())?;
    }
    let about: Map<String, Value> =
        [("catalogue".to_owned(), json!(catalogue.digest()))].into_iter().collect();
    let manifest = Manifest::of(&archive, FORMAT, about).to_bytes();
    archive.add(manifest::NAME, manifest)?;
    Ok(archive.to_bytes())
}

/// Reads a bundle.
///
/// # Errors
/// When anything is not as its manifest says.
pub fn read(archive: &Archive) -> Result<Bundle, NotVerified> {
    let wrong = |text: &str| NotVerified::Manifest(text.to_owned());
    let found = Manifest::read(archive, FORMAT, &[SIGNATURE])?;
    let catalogue = found.about.get("catalogue").and_then(Value::as_str).and_then(|text| text.parse().ok());
    let catalogue = catalogue
        .filter(|_| found.about.len() == 1)
        .ok_or_else(|| wrong("the manifest does not say what a bundle's says"))?;
    let mut files = Vec::new();
    for name in found.entries.keys() {
        let path = paths::path_of(CATALOGUE, name)
            .ok_or_else(|| wrong(&format!("`{name}` is no entry of a bundle")))?;
        let text = archive.get(name).and_then(|bytes| std::str::from_utf8(bytes).ok());
        let text = text.ok_or_else(|| wrong(&format!("`{name}` is no text")))?;
        files.push((path, text.into()));
    }
    files.sort();
    let envelope = match archive.get(SIGNATURE) {
        Some(bytes) => Some(read_envelope(bytes).ok_or_else(|| wrong("the signature is not in its form"))?),
        None => None,
    };
    let manifest = archive.get(manifest::NAME).unwrap_or_default().to_vec();
    Ok(Bundle { catalogue, files, manifest, envelope })
}

fn read_envelope(bytes: &[u8]) -> Option<Envelope> {
    let envelope: Envelope = serde_json::from_slice(bytes).ok()?;
    let written = canonical(&serde_json::to_value(&envelope).ok()?);
    (written == bytes).then_some(envelope)
}

impl Bundle {
    /// The bundle with a signature more: `id` is the key's, `sign` signs the bytes that it is given. A signature by
    /// another key joins those that are there and says what they say; one by the same key, or one that counts at
    /// other times, takes their place.
    ///
    /// # Errors
    /// When it grows too large.
    pub fn sign(
        &self,
        statement: &Statement,
        id: &str,
        sign: impl FnOnce(&[u8]) -> String,
    ) -> Result<Vec<u8>, NotAnArchive> {
        let payload = canonical(&serde_json::to_value(statement).unwrap_or_default());
        let mut envelope = Envelope::around(PAYLOAD_TYPE, &payload);
        if let Some(before) = self.envelope.as_ref().filter(|before| before.payload == envelope.payload) {
            envelope.signatures.clone_from(&before.signatures);
            envelope.signatures.retain(|signed| signed.keyid != id);
        }
        let sig = sign(&signed_bytes(PAYLOAD_TYPE, &payload));
        envelope.signatures.push(Signed { keyid: id.to_owned(), sig });
        envelope.signatures.sort_by(|one, other| one.keyid.cmp(&other.keyid));
        let mut archive = Archive::default();
        for (path, text) in &self.files {
            archive.add(&paths::name_of(CATALOGUE, path), text.as_bytes())?;
        }
        archive.add(manifest::NAME, self.manifest.clone())?;
        archive.add(SIGNATURE, canonical(&serde_json::to_value(&envelope).unwrap_or_default()))?;
        Ok(archive.to_bytes())
    }

    /// What would be signed now.
    #[must_use]
    pub fn statement(&self, issued: Timestamp, expires: Timestamp) -> Statement {
        Statement { manifest: Digest::of(&self.manifest), catalogue: self.catalogue, issued, expires }
    }

    /// Ids that the signatures claim.
    pub fn signers(&self) -> impl Iterator<Item = &str> {
        let signatures = self.envelope.iter().flat_map(|envelope| &envelope.signatures);
        signatures.map(|signed| signed.keyid.as_str())
    }

    /// What the signatures that are there say, whoever made them.
    #[must_use]
    pub fn claimed(&self) -> Option<Statement> {
        let (_, payload) = self.envelope.as_ref().and_then(Envelope::claimed)?;
        serde_json::from_slice(&payload).ok()
    }

    /// What trusted keys signed, and which.
    ///
    /// # Errors
    /// When none did, or a signature that claims a trusted key does not verify.
    pub fn signed(&self, trusted: &[TrustedKey]) -> Result<Sealed, Unsealed> {
        let envelope = self.envelope.as_ref().ok_or(Unsealed::Unsigned)?;
        let (payload, signers) = envelope.open(PAYLOAD_TYPE, trusted)?;
        let statement: Statement = serde_json::from_slice(&payload).map_err(|_| Unsealed::Other)?;
        let own = self.statement(statement.issued, statement.expires);
        let canonical = serde_json::to_value(&statement).is_ok_and(|value| canonical(&value) == payload);
        if own == statement && canonical { Ok(Sealed { statement, signers }) } else { Err(Unsealed::Other) }
    }

    /// That `files`, which a catalogue was read from, are those of the bundle, byte for byte.
    ///
    /// # Errors
    /// The first that is not.
    pub fn holds<'f>(&self, files: impl Iterator<Item = (&'f str, &'f str)>) -> Result<(), Unsealed> {
        let mut due: std::collections::BTreeMap<&str, &str> =
            self.files.iter().map(|(path, text)| (path.as_str(), &**text)).collect();
        for (path, text) in files {
            match due.remove(path) {
                Some(signed) if signed == text => {}
                Some(_) => return Err(Unsealed::Changed(format!("`{path}` is not what was signed"))),
                None => return Err(Unsealed::Changed(format!("`{path}` was not signed"))),
            }
        }
        match due.keys().next() {
            Some(path) => Err(Unsealed::Changed(format!("`{path}` was signed and is missing"))),
            None => Ok(()),
        }
    }
}

impl Sealed {
    /// That it counts at that instant, and is not older than what was active.
    ///
    /// # Errors
    /// Why not.
    pub fn counts(&self, now: Timestamp, active: Option<Timestamp>) -> Result<(), Unsealed> {
        let Statement { issued, expires, .. } = self.statement;
        match active {
            _ if now < issued => Err(Unsealed::Early(issued)),
            _ if now >= expires => Err(Unsealed::Expired(expires)),
            Some(active) if issued < active => Err(Unsealed::Older { issued, active }),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use ed25519_dalek::{Signer as _, SigningKey};

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn bundle(text: &str) -> Bundle {
        let mut archive = Archive::default();
        archive.add("catalogue/specs/a.yaml", text.as_bytes()).unwrap();
        let about = [("catalogue".to_owned(), json!(Digest([3; 32])))].into_iter().collect();
        let manifest = Manifest::of(&archive, FORMAT, about).to_bytes();
        archive.add(manifest::NAME, manifest).unwrap();
        read(&archive).unwrap()
    }

    fn key(number: u8) -> (SigningKey, TrustedKey) {
        let secret = SigningKey::from_bytes(&[number; 32]);
        let public = secret.verifying_key().to_bytes();
        (secret, TrustedKey { id: format!("release-{number}"), public })
    }

    fn signed(bundle: &Bundle, number: u8) -> Vec<u8> {
        let (secret, trusted) = key(number);
        let statement = bundle.statement(at("2026-01-01T00:00:00Z"), at("2026-04-01T00:00:00Z"));
        let sign = |bytes: &[u8]| STANDARD.encode(secret.sign(bytes).to_bytes());
        bundle.sign(&statement, &trusted.id, sign).unwrap()
    }

    fn read_bytes(bytes: &[u8]) -> Result<Bundle, NotVerified> {
        read(&Archive::from_bytes(bytes)?)
    }

    #[test]
    fn what_trusted_keys_signed_counts_in_its_time_and_never_after_a_newer_one() {
        let made = bundle("kind: Runbook\n");
        assert_eq!(made.signed(&[key(1).1]), Err(Unsealed::Unsigned));
        let once = read_bytes(&signed(&made, 1)).unwrap();
        let both = read_bytes(&signed(&once, 2)).unwrap();
        let sealed = both.signed(&[key(1).1, key(2).1]).unwrap();
        assert_eq!(sealed.signers, ["release-1", "release-2"]);
        assert_eq!(both.signed(&[key(2).1]).unwrap().signers, ["release-2"], "while keys change");
        assert!(matches!(both.signed(&[key(3).1]), Err(Unsealed::Untrusted(_))));
        assert!(sealed.counts(at("2026-02-01T00:00:00Z"), Some(at("2026-01-01T00:00:00Z"))).is_ok());
        for (now, active) in [
            ("2025-12-31T00:00:00Z", None),
            ("2026-04-01T00:00:00Z", None),
            ("2026-02-01T00:00:00Z", Some("2026-01-02T00:00:00Z")),
        ] {
            assert!(sealed.counts(at(now), active.map(at)).is_err(), "{now} {active:?}");
        }
    }

    /// Every set of signers, of trusted keys, of instants and of what was active before.
    #[test]
    fn fewer_signatures_fewer_trusted_keys_and_more_that_was_active_never_make_one_count() {
        let of = |set: u8| (1..=3).filter(move |number| set & 1 << (number - 1) != 0);
        let bundles: Vec<Bundle> = (0..8)
            .map(|set| {
                let unsigned = bundle("kind: Runbook\n");
                of(set).fold(unsigned, |made, number| read_bytes(&signed(&made, number)).unwrap())
            })
            .collect();
        let now = ["2025-12-31T00:00:00Z", "2026-02-01T00:00:00Z", "2026-05-01T00:00:00Z"].map(at);
        let actives = [None, Some(at("2025-12-01T00:00:00Z")), Some(at("2026-01-02T00:00:00Z"))];
        let counts = |signers: u8, trusted: u8, now: Timestamp, active: Option<Timestamp>| {
            let trusted: Vec<TrustedKey> = of(trusted).map(|number| key(number).1).collect();
            let sealed = bundles[usize::from(signers)].signed(&trusted);
            sealed.is_ok_and(|sealed| sealed.counts(now, active).is_ok())
        };
        let mut counted = 0;
        for signers in 0..8 {
            for trusted in 0..8 {
                let some_of_them = signers & trusted != 0;
                for (at, now) in now.iter().enumerate() {
                    let found = actives.map(|active| counts(signers, trusted, *now, active));
                    let due = some_of_them && at == 1;
                    assert_eq!(found, [due, due, false], "{signers:03b} {trusted:03b} {now}");
                    counted += usize::from(due);
                }
            }
        }
        assert_eq!(counted, 64 - 27, "all pairs of sets that have a key in common");
    }

    #[test]
    fn the_specs_are_those_that_were_signed_byte_for_byte() {
        let made = bundle("kind: Runbook\n");
        assert_eq!(made.holds([("specs/a.yaml", "kind: Runbook\n")].into_iter()), Ok(()));
        let other: [&[(&str, &str)]; 3] = [
            &[("specs/a.yaml", "kind: Runbook \n")],
            &[],
            &[("specs/a.yaml", "kind: Runbook\n"), ("specs/b.yaml", "")],
        ];
        for files in other {
            assert!(matches!(made.holds(files.iter().copied()), Err(Unsealed::Changed(_))), "{files:?}");
        }
    }

    #[test]
    fn a_signature_of_another_bundle_is_none_and_no_byte_can_be_other_than_it_is() {
        let bytes = signed(&bundle("kind: Runbook\n"), 1);
        let trusted = [key(1).1];
        for place in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[place] ^= 1 << (place % 8);
            let found = read_bytes(&changed).ok().and_then(|bundle| bundle.signed(&trusted).ok());
            assert_eq!(found, None, "byte {place}");
        }
        let mut other = bundle("kind: Policy\n");
        other.envelope = read_bytes(&bytes).unwrap().envelope;
        assert_eq!(other.signed(&trusted), Err(Unsealed::Other));
    }
}
