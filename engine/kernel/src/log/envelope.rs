//! DSSE envelopes: what is signed is the payload and its type together (pre-authentication encoding, DSSE v1.0.2),
//! so that a signature over one kind of thing can never stand for another.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, VerifyingKey};
use serde::{Deserialize, Serialize};

/// A payload, its type, and who signed both.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Envelope {
    /// Base64.
    pub payload: String,
    /// What the payload is: a media type.
    pub payload_type: String,
    /// One or more.
    pub signatures: Vec<Signed>,
}

/// One signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signed {
    /// The id of the key as the workspace's `trust` names it. A hint: the signature is what counts.
    pub keyid: String,
    /// Base64.
    pub sig: String,
}

/// A key that the workspace trusts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustedKey {
    /// Its id.
    pub id: String,
    /// The public key, 32 bytes.
    pub public: [u8; 32],
}

/// Why an envelope is not to be trusted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotTrusted {
    /// It has no form.
    #[error("it is no envelope: {0}")]
    Form(&'static str),
    /// Of another type.
    #[error("it is an envelope of `{0}`")]
    Type(String),
    /// Nobody who is trusted signed it.
    #[error("no trusted key signed it")]
    Unsigned,
    /// A signature that claims a trusted key is not one.
    #[error("the signature of key `{0}` does not verify")]
    Signature(String),
}

/// What is signed: `DSSEv1`, the type and the payload, each behind its length.
#[must_use]
pub fn signed_bytes(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let mut bytes = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len()).into_bytes();
    bytes.extend_from_slice(payload);
    bytes
}

impl Envelope {
    /// An envelope around a payload that nobody signed yet.
    #[must_use]
    pub fn around(payload_type: &str, payload: &[u8]) -> Self {
        Self {
            payload: STANDARD.encode(payload),
            payload_type: payload_type.to_owned(),
            signatures: Vec::new(),
        }
    }

    /// Its type and payload as they are, whoever signed it: nothing to be trusted.
    #[must_use]
    pub fn claimed(&self) -> Option<(&str, Vec<u8>)> {
        Some((&self.payload_type, STANDARD.decode(&self.payload).ok()?))
    }

    /// The payload and the ids of the trusted keys that signed it, sorted.
    ///
    /// # Errors
    /// When it is of another type, no trusted key signed it, or a signature that claims one does not verify.
    pub fn open(&self, due: &str, trusted: &[TrustedKey]) -> Result<(Vec<u8>, Vec<String>), NotTrusted> {
        if self.payload_type != due {
            return Err(NotTrusted::Type(self.payload_type.clone()));
        }
        let payload =
            STANDARD.decode(&self.payload).map_err(|_| NotTrusted::Form("its payload is no base64"))?;
        let bytes = signed_bytes(due, &payload);
        let mut signers = Vec::new();
        for signed in &self.signatures {
            let Some(key) = trusted.iter().find(|key| key.id == signed.keyid) else { continue };
            let bad = || NotTrusted::Signature(key.id.clone());
            let signature: [u8; 64] =
                STANDARD.decode(&signed.sig).ok().and_then(|sig| sig.try_into().ok()).ok_or_else(bad)?;
            let public = VerifyingKey::from_bytes(&key.public).map_err(|_| bad())?;
            public.verify_strict(&bytes, &Signature::from_bytes(&signature)).map_err(|_| bad())?;
            signers.push(key.id.clone());
        }
        signers.sort();
        signers.dedup();
        if signers.is_empty() { Err(NotTrusted::Unsigned) } else { Ok((payload, signers)) }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use ed25519_dalek::{Signer as _, SigningKey};

    use super::*;

    const TYPE: &str = "application/vnd.ordain.bundle+json";

    fn sealed(payload: &[u8], secret: &SigningKey, id: &str) -> Envelope {
        let mut envelope = Envelope::around(TYPE, payload);
        let sig = STANDARD.encode(secret.sign(&signed_bytes(TYPE, payload)).to_bytes());
        envelope.signatures.push(Signed { keyid: id.into(), sig });
        envelope
    }

    /// The example of the protocol's page.
    #[test]
    fn what_is_signed_is_what_the_protocol_says() {
        let bytes = signed_bytes("http://example.com/HelloWorld", b"hello world");
        assert_eq!(bytes, b"DSSEv1 29 http://example.com/HelloWorld 11 hello world");
    }

    #[test]
    fn only_a_trusted_key_opens_and_only_for_its_type() {
        let secret = SigningKey::from_bytes(&[1; 32]);
        let trusted = [TrustedKey { id: "release".into(), public: secret.verifying_key().to_bytes() }];
        let envelope = sealed(b"{}", &secret, "release");
        assert_eq!(envelope.open(TYPE, &trusted), Ok((b"{}".to_vec(), vec!["release".to_owned()])));
        assert_eq!(envelope.open("text/plain", &trusted), Err(NotTrusted::Type(TYPE.into())));
        assert_eq!(envelope.open(TYPE, &[]), Err(NotTrusted::Unsigned));
        let thief = sealed(b"{}", &SigningKey::from_bytes(&[2; 32]), "release");
        assert_eq!(thief.open(TYPE, &trusted), Err(NotTrusted::Signature("release".into())));
        let changed = Envelope { payload: STANDARD.encode("[]"), ..envelope };
        assert_eq!(changed.open(TYPE, &trusted), Err(NotTrusted::Signature("release".into())));
    }
}
