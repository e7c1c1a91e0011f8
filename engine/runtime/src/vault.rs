//! Payloads encrypted at rest: what runs carry is stored under a key that the provider of secrets hands over, each
//! piece bound to its place in the store and named with its key, so that keys can change. Keys are never written,
//! printed or logged; where one is missing nothing is read, and nothing is written in the clear instead.
//!
//! AES-256-GCM. Each run has a key of its own, derived from the declared one. The nonce is derived from what is
//! encrypted and from its place (HMAC-SHA-256), so the same is stored as the same and no nonce serves two texts.

use std::sync::Arc;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use zeroize::Zeroizing;

use crate::api::ApiError;
use crate::secrets::{self, SecretError, Secrets};
use crate::store::read::Reader;
use crate::store::rows::WorldRow;
use crate::store::{StoreError, header};
use crate::workspace::Opened;

/// What a stored piece begins with; the id of its key, a colon and base64 follow.
const MARK: &str = "sealed:";

/// In the list of keys of a store: it holds payloads in the clear.
pub(crate) const PLAIN: &str = "plain";

/// What the store remembers: the ids of all keys that its payloads stand under.
pub(crate) const META: &str = "payloads";

const HINT: &str = "see `payloads` and `secrets` in ordain.yaml; `ordain explain payloads_locked` says more";

/// A declared key.
struct Key {
    id: String,
    root: Zeroizing<[u8; 32]>,
}

impl Key {
    /// Of a secret's value: 32 bytes in base64.
    fn of(value: &str) -> Option<Self> {
        let bytes = Zeroizing::new(STANDARD.decode(value.trim()).ok()?);
        let root = Zeroizing::new(<[u8; 32]>::try_from(bytes.as_slice()).ok()?);
        let mut key = Self { id: String::new(), root };
        key.id = key.derived("id", "").iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        Some(key)
    }

    /// A key for one use, from which this one cannot be found.
    fn derived(&self, what: &str, place: &str) -> Zeroizing<[u8; 32]> {
        let tag = mac(self.root.as_slice(), &["ordain/v1 payloads", what, place]);
        Zeroizing::new(tag)
    }

    fn seal(&self, owner: &str, place: &str, text: &str) -> Option<String> {
        let head = format!("{MARK}{}:", self.id);
        let about = format!("{head}{owner}\n{place}");
        let made = mac(self.derived("nonce", owner).as_slice(), &[&about, text]);
        let nonce: [u8; NONCE_LEN] = *made.first_chunk()?;
        let mut bytes = text.as_bytes().to_vec();
        let key =
            LessSafeKey::new(UnboundKey::new(&AES_256_GCM, self.derived("text", owner).as_slice()).ok()?);
        let nonces = Nonce::assume_unique_for_key(nonce);
        key.seal_in_place_append_tag(nonces, Aad::from(about.as_bytes()), &mut bytes).ok()?;
        Some(head + &STANDARD_NO_PAD.encode([nonce.as_slice(), &bytes].concat()))
    }

    fn open(&self, owner: &str, place: &str, encoded: &str) -> Option<String> {
        let about = format!("{MARK}{}:{owner}\n{place}", self.id);
        let mut bytes = STANDARD_NO_PAD.decode(encoded).ok()?;
        let (nonce, text) = bytes.split_first_chunk_mut::<NONCE_LEN>()?;
        let key =
            LessSafeKey::new(UnboundKey::new(&AES_256_GCM, self.derived("text", owner).as_slice()).ok()?);
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let text = key.open_in_place(nonce, Aad::from(about.as_bytes()), text).ok()?;
        String::from_utf8(text.to_vec()).ok()
    }
}

/// HMAC-SHA-256 over parts, each behind its length.
fn mac(key: &[u8], parts: &[&str]) -> [u8; 32] {
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, key));
    for part in parts {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part.as_bytes());
    }
    let mut out = [0; 32];
    out.iter_mut().zip(context.sign().as_ref()).for_each(|(to, from)| *to = *from);
    out
}

/// The keys of a workspace's payloads. Neither printed nor serialized.
pub struct Vault {
    /// The first one writes; all of them read.
    keys: Vec<Key>,
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Vault({})", self.id())
    }
}

impl Vault {
    /// As a workspace declares it; none where payloads are kept in the clear.
    ///
    /// # Errors
    /// `payloads_locked` where a declared key is not at hand.
    pub async fn of(workspace: &Opened) -> Result<Option<Arc<Self>>, ApiError> {
        let spec = workspace.spec();
        let Some(declared) = &spec.payloads else { return Ok(None) };
        let provider = secrets::of(&spec).map_err(|why| locked(&why))?;
        let mut keys = Vec::new();
        for secret in std::iter::once(&declared.encrypt).chain(&declared.decrypt) {
            keys.push(key(&*provider, secret.secret.value.as_str()).await?);
        }
        Ok(Some(Arc::new(Self { keys })))
    }

    /// The id of the key that writes.
    #[must_use]
    pub fn id(&self) -> &str {
        self.keys.first().map_or("", |key| &key.id)
    }

    /// True where it has the key of that id.
    #[must_use]
    pub fn has(&self, id: &str) -> bool {
        self.keys.iter().any(|key| key.id == id)
    }

    /// True where a stored piece stands under the key that writes.
    #[must_use]
    pub fn is_present(&self, stored: &str) -> bool {
        split(stored).is_some_and(|(id, _)| id == self.id())
    }

    fn seal(&self, owner: &str, place: &str, text: &str) -> Result<String, StoreError> {
        let sealed = self.keys.first().and_then(|key| key.seal(owner, place, text));
        sealed.ok_or_else(|| StoreError::Locked("a payload could not be encrypted".into()))
    }

    /// Payloads of a run as they are stored.
    ///
    /// # Errors
    /// When they cannot be encrypted.
    pub fn payload(&self, run: &str, seq: i64, body: &str) -> Result<String, StoreError> {
        self.seal(run, &seq.to_string(), body)
    }

    /// Names of locks hold values of runs: their rows are stored under a name that says nothing.
    ///
    /// # Errors
    /// When they cannot be encrypted.
    pub fn world(&self, rows: &mut [WorldRow]) -> Result<(), StoreError> {
        for row in rows.iter_mut().filter(|row| row.kind == LOCK) {
            let key = self.keys.first().map(|key| mac(key.derived("name", LOCK).as_slice(), &[&row.key]));
            let name = key.unwrap_or_default().iter().map(|byte| format!("{byte:02x}")).collect::<String>();
            if let Some(value) = &row.value {
                let both = serde_json::to_string(&(&row.key, value)).unwrap_or_default();
                row.value = Some(self.seal(LOCK, &name, &both)?);
            }
            row.key = name;
        }
        Ok(())
    }
}

const LOCK: &str = "lock";

async fn key(provider: &dyn Secrets, name: &str) -> Result<Key, ApiError> {
    let secret = provider.read(name).await.map_err(|error: SecretError| locked(&error.to_string()))?;
    Key::of(secret.expose()).ok_or_else(|| {
        locked(&format!("secret `{name}` is not 32 bytes in base64"))
            .hint("`openssl rand -base64 32` makes a key; the provider of `secrets` hands it over")
    })
}

fn locked(why: &str) -> ApiError {
    ApiError::new("payloads_locked", format!("the key of the payloads is not at hand: {why}")).hint(HINT)
}

fn split(stored: &str) -> Option<(&str, &str)> {
    stored.strip_prefix(MARK)?.split_once(':')
}

fn opened(vault: Option<&Vault>, owner: &str, place: &str, stored: String) -> Result<String, StoreError> {
    if !stored.starts_with(MARK) {
        return Ok(stored);
    }
    let changed = || {
        StoreError::Corrupt(format!("payload {place} of {owner} was changed, or stands in another's place"))
    };
    let (id, encoded) = split(&stored).ok_or_else(changed)?;
    let key = vault.and_then(|vault| vault.keys.iter().find(|key| key.id == id));
    let key = key.ok_or_else(|| missing(vault, id))?;
    key.open(owner, place, encoded).ok_or_else(changed)
}

fn missing(vault: Option<&Vault>, id: &str) -> StoreError {
    StoreError::Locked(match vault {
        None => {
            format!("payloads are encrypted under key {id}, and ordain.yaml declares no key of `payloads`")
        }
        Some(_) => format!("payloads are encrypted under key {id}, which is none of those declared"),
    })
}

/// Payloads of a run, as they were before they were stored.
///
/// # Errors
/// When their key is missing, or they are not what was stored there.
pub(crate) fn payload(
    vault: Option<&Vault>,
    run: &str,
    seq: i64,
    body: String,
) -> Result<String, StoreError> {
    opened(vault, run, &seq.to_string(), body)
}

/// A row of what crosses runs, as it was before it was stored.
///
/// # Errors
/// When its key is missing, or it is not what was stored there.
pub(crate) fn world(vault: Option<&Vault>, mut row: WorldRow) -> Result<WorldRow, StoreError> {
    if let Some(stored) = row.value.take_if(|value| row.kind == LOCK && value.starts_with(MARK)) {
        let both = opened(vault, LOCK, &row.key, stored)?;
        let (key, value) =
            serde_json::from_str(&both).map_err(|error| StoreError::Corrupt(error.to_string()))?;
        (row.key, row.value) = (key, Some(value));
    }
    Ok(row)
}

/// What a store that is opened for writing is to remember of its keys; none where it does already. `list` is what it
/// remembers, `filled` says that it holds payloads.
///
/// # Errors
/// When a key is missing that its payloads stand under.
pub(crate) fn admitted(
    vault: Option<&Vault>,
    list: Option<&str>,
    filled: bool,
) -> Result<Option<String>, StoreError> {
    let known: Vec<&str> = list.unwrap_or_default().split(' ').filter(|id| !id.is_empty()).collect();
    let lost = known.iter().find(|id| **id != PLAIN && !vault.is_some_and(|vault| vault.has(id)));
    if let Some(id) = lost {
        return Err(missing(vault, id));
    }
    let Some(vault) = vault.filter(|vault| !known.contains(&vault.id())) else { return Ok(None) };
    let plain = (known.is_empty() && filled).then_some(PLAIN);
    let all: Vec<&str> = known.into_iter().chain(plain).chain([vault.id()]).collect();
    Ok(Some(all.join(" ")))
}

/// Whether a workspace's payloads are encrypted, for people: true where it is as declared.
///
/// # Errors
/// When a key is missing, or the store cannot be read.
pub async fn standing(workspace: &Opened) -> Result<(bool, String), ApiError> {
    let vault = Vault::of(workspace).await?;
    let path = workspace.state.join("ordain.db");
    let list = if path.exists() {
        header::check(&path)?;
        Reader::open(&path, None)?.meta(META).await?
    } else {
        None
    };
    admitted(vault.as_deref(), list.as_deref(), false)?;
    let Some(vault) = vault else { return Ok((true, "payloads are kept in the clear".to_owned())) };
    let others: Vec<&str> = list
        .as_deref()
        .unwrap_or_default()
        .split(' ')
        .filter(|id| !id.is_empty() && *id != vault.id())
        .collect();
    let now = format!("payloads are encrypted under key {}", vault.id());
    Ok(match others.as_slice() {
        [] => (true, now),
        [PLAIN] => (false, format!("{now}; older ones still lie in the clear")),
        some => (true, format!("{now}; older ones under {}", some.join(", "))),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
    use super::*;

    fn vault(seeds: &[u8]) -> Vault {
        let key = |seed: &u8| Key::of(&STANDARD.encode([*seed; 32])).unwrap();
        Vault { keys: seeds.iter().map(key).collect() }
    }

    #[test]
    fn what_is_sealed_opens_at_its_place_alone_and_under_its_key_alone() {
        let here = vault(&[1]);
        let stored = here.payload("run-1", 3, "{\"a\":1}").unwrap();
        assert!(!stored.contains('{') && here.is_present(&stored));
        assert_eq!(stored, here.payload("run-1", 3, "{\"a\":1}").unwrap(), "the same is stored as the same");
        assert_eq!(payload(Some(&here), "run-1", 3, stored.clone()).unwrap(), "{\"a\":1}");
        for (run, seq) in [("run-2", 3), ("run-1", 4)] {
            assert!(matches!(payload(Some(&here), run, seq, stored.clone()), Err(StoreError::Corrupt(_))));
        }
        for other in [None, Some(&vault(&[2]))] {
            assert!(matches!(payload(other, "run-1", 3, stored.clone()), Err(StoreError::Locked(_))));
        }
        assert_eq!(payload(Some(&vault(&[2, 1])), "run-1", 3, stored).unwrap(), "{\"a\":1}");
    }

    #[test]
    fn no_letter_of_what_is_stored_can_be_another() {
        let here = vault(&[1]);
        let stored = here.payload("run", 1, "{}").unwrap();
        for at in MARK.len()..stored.len() {
            let mut bytes = stored.clone().into_bytes();
            let letter = bytes.get_mut(at).unwrap();
            *letter = if *letter == b'A' { b'B' } else { b'A' };
            assert!(payload(Some(&here), "run", 1, String::from_utf8(bytes).unwrap()).is_err(), "{at}");
        }
    }

    #[test]
    fn names_of_locks_say_nothing_and_are_found_again() {
        let here = vault(&[1]);
        let row = |value: Option<&str>| WorldRow {
            kind: "lock".into(),
            key: "cluster eu1".into(),
            value: value.map(str::to_owned),
        };
        let (mut taken, mut gone) = ([row(Some("{\"held\":[\"eu1\"]}"))], [row(None)]);
        here.world(&mut taken).unwrap();
        here.world(&mut gone).unwrap();
        assert!(!format!("{taken:?}").contains("eu1"));
        let [taken] = taken;
        let [gone] = gone;
        assert_eq!(gone.key, taken.key);
        assert_eq!(world(Some(&here), taken).unwrap(), row(Some("{\"held\":[\"eu1\"]}")));
    }

    #[test]
    fn a_store_is_opened_with_all_of_its_keys_or_not_at_all() {
        let (one, two) = (vault(&[1]), vault(&[2, 1]));
        assert_eq!(admitted(None, None, true).unwrap(), None);
        let list = admitted(Some(&one), None, false).unwrap().unwrap();
        assert_eq!(list, one.id());
        assert_eq!(admitted(Some(&one), None, true).unwrap().unwrap(), format!("plain {}", one.id()));
        assert_eq!(admitted(Some(&one), Some(&list), true).unwrap(), None);
        assert_eq!(admitted(Some(&two), Some(&list), true).unwrap().unwrap(), format!("{list} {}", two.id()));
        for lost in [None, Some(&vault(&[2]))] {
            assert!(matches!(admitted(lost, Some(&list), true), Err(StoreError::Locked(_))));
        }
    }

    #[test]
    fn a_key_is_32_bytes_in_base64() {
        for no in ["", "password", &STANDARD.encode([1; 31]), &STANDARD.encode([1; 33])] {
            assert!(Key::of(no).is_none(), "{no}");
        }
    }
}
