//! The manifest of an evidence file: what it is, and the digest of every other entry.

use std::collections::BTreeMap;

use ordain_spec::digest::{Digest, canonical};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::NotVerified;
use crate::archive::Archive;

/// The entry's name.
pub const NAME: &str = "manifest.json";

/// What an evidence file says about itself. In the file it is canonical JSON (RFC 8785).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Manifest {
    /// What the file is, with the version of its format.
    pub format: String,
    /// Every other entry and SHA-256 over its bytes.
    pub entries: BTreeMap<String, Digest>,
    /// What this kind of file says besides.
    pub about: Map<String, Value>,
}

impl Manifest {
    /// The manifest over what an archive holds so far.
    #[must_use]
    pub fn of(archive: &Archive, format: &str, about: Map<String, Value>) -> Self {
        let entries = archive.iter().map(|(name, bytes)| (name.to_owned(), Digest::of(bytes))).collect();
        Self { format: format.to_owned(), entries, about }
    }

    /// Its bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        canonical(&serde_json::to_value(self).unwrap_or_default())
    }

    /// The manifest of an archive: of that format, in its one form, and about exactly what is there.
    /// Entries whose names are in `beside` are about the manifest itself and not in it.
    ///
    /// # Errors
    /// When an entry is missing, undeclared or other than declared.
    pub fn read(archive: &Archive, format: &str, beside: &[&str]) -> Result<Self, NotVerified> {
        let wrong = |text: String| NotVerified::Manifest(text);
        let bytes = archive.get(NAME).ok_or_else(|| wrong(format!("it holds no `{NAME}`")))?;
        let manifest: Self = serde_json::from_slice(bytes)
            .map_err(|error| wrong(format!("`{NAME}` cannot be read: {error}")))?;
        if manifest.format != format {
            return Err(wrong(format!("it is a `{}`, not a `{format}`", manifest.format)));
        }
        if manifest.to_bytes() != bytes {
            return Err(wrong(format!("`{NAME}` is not in canonical form")));
        }
        for (name, bytes) in archive.iter().filter(|(name, _)| *name != NAME && !beside.contains(name)) {
            let declared = manifest.entries.get(name);
            if declared.is_none() {
                return Err(wrong(format!("`{name}` is not declared")));
            }
            if declared != Some(&Digest::of(bytes)) {
                return Err(wrong(format!("`{name}` is not what the manifest says")));
            }
        }
        match manifest.entries.keys().find(|name| archive.get(name).is_none()) {
            Some(missing) => Err(wrong(format!("`{missing}` is missing"))),
            None => Ok(manifest),
        }
    }
}

/// What an archive says it is, as far as that can be told without trusting it.
#[must_use]
pub fn format_of(archive: &Archive) -> Option<String> {
    let manifest: Value = serde_json::from_slice(archive.get(NAME)?).ok()?;
    manifest.get("format")?.as_str().map(str::to_owned)
}
