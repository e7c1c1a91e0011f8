//! Bundles as files: built of a workspace's catalogue, signed with a key that lies beside, verified against keys that
//! the operator's file trusts.

use std::path::Path;

use jiff::Timestamp;
use ordain_kernel::evidence::bundle::{self, Bundle, Unsealed};
use ordain_kernel::log::envelope::TrustedKey;
use ordain_spec::digest::Digest;
use serde_json::{Value, json};

use super::{bytes_of, write_file};
use crate::api::{Answer, ApiError};
use crate::keys::Key;
use crate::log_key::note_key;
use crate::seal;
use crate::workspace::Opened;

/// Writes the bundle of a workspace's catalogue. A bundle that is there is replaced, nothing else.
///
/// # Errors
/// When the catalogue does not load, something else lies there, or the disk refuses.
pub fn build(workspace: &Opened, file: &Path, shown: &Path) -> Answer {
    let refused = || {
        ApiError::new("catalogue_refused", "the catalogue does not load")
            .hint("`ordain lint` shows every broken law and its place")
    };
    let active = workspace.active.as_ref().ok_or_else(refused)?;
    if file.symlink_metadata().is_ok() && bundle_at(file).is_err() {
        return Err(ApiError::new("usage", format!("`{}` is there and is no bundle", file.display()))
            .hint("name another file: `-o FILE`"));
    }
    let bytes =
        bundle::build(&active.catalogue).map_err(|error| ApiError::new("usage", error.to_string()))?;
    write_file(file, &bytes)?;
    let (files, catalogue) = (active.catalogue.sources.len(), active.catalogue.digest());
    Ok(json!({
        "ok": true,
        "created": [shown],
        "detail": format!("{files} files of catalogue {catalogue}, not signed"),
        "catalogue": catalogue,
        "digest": Digest::of(&bytes),
    }))
}

/// Signs a bundle. The key's id is the one that the operator's file has for it, where none is given.
///
/// # Errors
/// When the file is no bundle, the key is none, or nobody knows its id.
pub fn sign(
    workspace: &Opened,
    file: &Path,
    key: &Path,
    id: Option<&str>,
    issued: Timestamp,
    expires: Timestamp,
) -> Answer {
    let found = bundle_at(file)?;
    let key = Key::read(key).map_err(|error| {
        ApiError::new("usage", format!("`{}` cannot be used as a key: {error}", key.display()))
    })?;
    let spec = workspace.spec();
    let known = spec.trust.iter().find(|trusted| *trusted.key.value == *key.public());
    let id = id.map(str::to_owned).or_else(|| known.map(|trusted| trusted.id.value.to_string()));
    if id.as_deref().is_some_and(is_blank) {
        return Err(ApiError::new("usage", "the key's id says nothing")
            .hint("`--id` is the name that `trust` of ordain.yaml has for the key"));
    }
    if expires <= issued {
        return Err(ApiError::new("usage", "a signature that expires when it is made never counts")
            .hint("such as `--valid 90d`"));
    }
    let id = id.ok_or_else(|| {
        let hint = format!("write it there: `trust: [{{id: …, key: '{}'}}]`, or say `--id ID`", key.public());
        ApiError::new("usage", "`trust` of ordain.yaml does not have this key").hint(hint)
    })?;
    // Who signs what is signed already signs the same: its times stay.
    let joins = |claimed: &bundle::Statement| {
        *claimed == found.statement(claimed.issued, claimed.expires)
            && (claimed.issued..claimed.expires).contains(&issued)
            && !found.signers().any(|signer| signer == id)
    };
    let statement = found.claimed().filter(joins).unwrap_or_else(|| found.statement(issued, expires));
    let bytes = found
        .sign(&statement, &id, |bytes| key.sign(bytes))
        .map_err(|error| ApiError::new("usage", error.to_string()))?;
    write_file(file, &bytes)?;
    Ok(json!({
        "ok": true,
        "created": [],
        "detail": format!("signed by `{id}`, counts from {} until {}", statement.issued, statement.expires),
        "id": id,
        "catalogue": statement.catalogue,
        "issued": statement.issued.to_string(),
        "expires": statement.expires.to_string(),
    }))
}

/// True of a name that is empty, or holds what nobody sees.
fn is_blank(id: &str) -> bool {
    id.is_empty() || id.chars().any(|one| one.is_whitespace() || one.is_control())
}

/// Says whether a bundle is signed by a key that is trusted and counts at that instant; `keys` (`ed25519:` and
/// base64) stand in the place of those that the operator's file trusts.
///
/// # Errors
/// When the file cannot be read, or a key is none.
pub async fn verify(workspace: &Opened, file: &Path, keys: &[String], now: Timestamp) -> Answer {
    let bytes = bytes_of(file)?;
    let newest = seal::newest(workspace).await;
    Ok(match seal::read(&bytes) {
        Ok(bundle) => verified(&bundle, workspace, keys, (now, newest))?,
        Err(why) => refused(&why),
    })
}

fn verified(
    bundle: &Bundle,
    workspace: &Opened,
    keys: &[String],
    (now, newest): (Timestamp, Result<Option<Timestamp>, ApiError>),
) -> Answer {
    let mut trusted = seal::trusted(&workspace.spec());
    if !keys.is_empty() {
        trusted.clear();
        for key in keys {
            let no_key = || ApiError::new("usage", format!("`{key}` is no key"));
            let public = note_key(key).ok_or_else(no_key)?.public;
            let signers = bundle.signers().map(|id| TrustedKey { id: id.to_owned(), public });
            // Of several keys under one id the one counts that signed.
            trusted.extend(signers.filter(|key| bundle.signed(std::slice::from_ref(key)).is_ok()));
        }
    }
    let sealed = bundle.signed(&trusted).and_then(|sealed| sealed.counts(now, None).map(|()| sealed));
    Ok(match sealed {
        Ok(sealed) => {
            let holds = |newest| is_of(bundle, workspace).and_then(|()| sealed.counts(now, newest));
            let inactive = match newest {
                Ok(newest) => holds(newest).err().map(|why| why.to_string()),
                Err(unreadable) => Some(unreadable.message),
            };
            let mut document = json!({
            "ok": true,
            "format": bundle::FORMAT,
            "records": 0,
            "files": bundle.files.len(),
            "head": bundle.catalogue,
            "catalogue": bundle.catalogue,
            "signers": sealed.signers,
            "issued": sealed.statement.issued.to_string(),
            "expires": sealed.statement.expires.to_string(),
            "active": inactive.is_none(),
            });
            if let (Some(why), Some(fields)) = (inactive, document.as_object_mut()) {
                fields.insert("inactive".into(), why.into());
            }
            document
        }
        Err(why) => refused(&why.to_string()),
    })
}

/// That the workspace's catalogue is the one of the bundle.
fn is_of(bundle: &Bundle, workspace: &Opened) -> Result<(), Unsealed> {
    let catalogue = workspace.read.checked.catalogue.as_ref();
    let files = catalogue.iter().flat_map(|catalogue| catalogue.sources.iter());
    bundle.holds(files.map(|(_, file)| (file.path.as_str(), &*file.text)))
}

fn refused(why: &str) -> Value {
    json!({"ok": false, "records": 0, "head": Digest([0; 32]), "firstBad": {"seq": 0, "reason": why}})
}

fn bundle_at(file: &Path) -> Result<Bundle, ApiError> {
    seal::read(&bytes_of(file)?)
        .map_err(|why| ApiError::new("usage", format!("`{}` is no bundle: {why}", file.display())))
}
