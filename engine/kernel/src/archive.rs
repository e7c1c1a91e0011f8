//! The one archive format of runpacks, audit exports and bundles: a ZIP file (PKWARE APPNOTE 6.3) of stored entries,
//! sorted, without times, rights, comments or extra fields. The same entries make the same bytes, and a reader takes
//! only bytes that it would have written itself: so nothing can be hidden in one, doubled, linked or appended.

use std::collections::BTreeMap;

/// The most that one archive may hold, in bytes.
pub const BYTES: usize = 256 << 20;

/// The most entries.
pub const ENTRIES: usize = 10_000;

const LOCAL: u32 = 0x0403_4b50;
const CENTRAL: u32 = 0x0201_4b50;
const END: u32 = 0x0605_4b50;
/// 2.0, the least that knows folders.
const VERSION: u16 = 20;
/// The first day that the format knows.
const DATE: u16 = 0x0021;

/// Named pieces of bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Archive {
    entries: BTreeMap<String, Vec<u8>>,
}

/// Why something is no archive, or cannot be put into one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAnArchive {
    /// A name that could mean another place.
    #[error("`{0}` is no name of an entry")]
    Name(String),
    /// Too much.
    #[error("it holds more than an archive may")]
    TooLarge,
    /// Not as this engine writes one.
    #[error("it is no archive as ordain writes them: {0}")]
    Form(&'static str),
}

impl Archive {
    /// Adds an entry; one of that name must not be there.
    ///
    /// # Errors
    /// When the name could mean another place or is taken, or the archive grows too large.
    pub fn add(&mut self, name: &str, bytes: impl Into<Vec<u8>>) -> Result<(), NotAnArchive> {
        let bytes = bytes.into();
        if !is_plain(name) || self.entries.contains_key(name) {
            return Err(NotAnArchive::Name(name.to_owned()));
        }
        if self.entries.len() >= ENTRIES || self.size().saturating_add(bytes.len()) > BYTES {
            return Err(NotAnArchive::TooLarge);
        }
        self.entries.insert(name.to_owned(), bytes);
        Ok(())
    }

    /// The bytes of an entry.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.entries.get(name).map(Vec::as_slice)
    }

    /// All entries, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.entries.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice()))
    }

    fn size(&self) -> usize {
        self.entries.values().map(Vec::len).sum()
    }

    /// The bytes of the file.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut file = Vec::with_capacity(self.size() + self.entries.len() * 160 + 22);
        let mut directory = Vec::new();
        for (name, bytes) in &self.entries {
            let offset = four(file.len());
            let mut facts = Vec::with_capacity(26);
            put(&mut facts, &[VERSION, 0, 0, 0, DATE]);
            for number in [crc32fast::hash(bytes), four(bytes.len()), four(bytes.len())] {
                facts.extend_from_slice(&number.to_le_bytes());
            }
            put(&mut facts, &[two(name.len()), 0]);
            file.extend_from_slice(&LOCAL.to_le_bytes());
            file.extend_from_slice(&facts);
            file.extend_from_slice(name.as_bytes());
            file.extend_from_slice(bytes);
            directory.extend_from_slice(&CENTRAL.to_le_bytes());
            put(&mut directory, &[VERSION]);
            directory.extend_from_slice(&facts);
            // Comment, disk, inner and outer attributes: none.
            put(&mut directory, &[0, 0, 0, 0, 0]);
            directory.extend_from_slice(&offset.to_le_bytes());
            directory.extend_from_slice(name.as_bytes());
        }
        let begin = four(file.len());
        file.extend_from_slice(&directory);
        file.extend_from_slice(&END.to_le_bytes());
        let count = two(self.entries.len());
        put(&mut file, &[0, 0, count, count]);
        for number in [four(directory.len()), begin] {
            file.extend_from_slice(&number.to_le_bytes());
        }
        put(&mut file, &[0]);
        file
    }

    /// Reads a file that [`Archive::to_bytes`] wrote, and no other.
    ///
    /// # Errors
    /// When any byte is not as it would be written.
    pub fn from_bytes(file: &[u8]) -> Result<Self, NotAnArchive> {
        if file.len() > BYTES.saturating_mul(2) {
            return Err(NotAnArchive::TooLarge);
        }
        let mut archive = Self::default();
        let mut rest = file;
        while let Some(after) = rest.strip_prefix(&LOCAL.to_le_bytes()) {
            let (facts, after) = after.split_at_checked(26).ok_or(NotAnArchive::Form("an entry is cut"))?;
            let size = number(facts, 18);
            let (name, after) = after
                .split_at_checked(number(facts, 22) & 0xffff)
                .ok_or(NotAnArchive::Form("a name is cut"))?;
            let (bytes, after) = after.split_at_checked(size).ok_or(NotAnArchive::Form("an entry is cut"))?;
            let name = std::str::from_utf8(name).map_err(|_| NotAnArchive::Form("a name is no text"))?;
            archive.add(name, bytes)?;
            rest = after;
        }
        if archive.to_bytes() == file {
            Ok(archive)
        } else {
            Err(NotAnArchive::Form("it differs from what its entries would be written as"))
        }
    }
}

/// A relative path of printable ASCII whose parts are names: it means one place on every machine.
pub(crate) fn is_plain(name: &str) -> bool {
    let part = |part: &str| !part.is_empty() && part != "." && part != ".." && !part.ends_with([' ', '.']);
    let letter = |byte: u8| (byte.is_ascii_graphic() || byte == b' ') && !br#"\:*?"<>|"#.contains(&byte);
    name.len() <= 1024 && name.bytes().all(letter) && name.split('/').all(part)
}

fn put(into: &mut Vec<u8>, numbers: &[u16]) {
    numbers.iter().for_each(|number| into.extend_from_slice(&number.to_le_bytes()));
}

/// What the limits keep within four bytes.
fn four(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// What the limits keep within two bytes.
fn two(number: usize) -> u16 {
    u16::try_from(number).unwrap_or(u16::MAX)
}

fn number(facts: &[u8], at: usize) -> usize {
    let bytes = facts.get(at..at + 4).and_then(|bytes| bytes.try_into().ok()).unwrap_or([0; 4]);
    usize::try_from(u32::from_le_bytes(bytes)).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
    use super::*;

    fn small() -> Archive {
        let mut archive = Archive::default();
        archive.add("plan.json", *b"{}").unwrap();
        archive.add("manifest.json", *b"{\"format\":1}").unwrap();
        archive.add("specs/policies/calls.yaml", *b"").unwrap();
        archive
    }

    #[test]
    fn what_was_written_is_read_and_order_does_not_matter() {
        let bytes = small().to_bytes();
        assert_eq!(Archive::from_bytes(&bytes), Ok(small()));
        let mut other = Archive::default();
        for (name, bytes) in small().iter().collect::<Vec<_>>().into_iter().rev() {
            other.add(name, bytes).unwrap();
        }
        assert_eq!(other.to_bytes(), bytes);
        assert_eq!(Archive::from_bytes(&Archive::default().to_bytes()), Ok(Archive::default()));
    }

    #[test]
    fn no_byte_but_of_an_entry_can_be_other_than_it_is() {
        let bytes = small().to_bytes();
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut changed = bytes.clone();
                changed[at] ^= 1 << bit;
                assert!(Archive::from_bytes(&changed).is_err(), "byte {at}, bit {bit}");
            }
            assert!(Archive::from_bytes(&bytes[..at]).is_err(), "cut at {at}");
        }
        assert!(Archive::from_bytes(&[bytes.as_slice(), b"more"].concat()).is_err());
        assert!(Archive::from_bytes(&[b"more", bytes.as_slice()].concat()).is_err());
    }

    #[test]
    fn a_name_means_one_place() {
        let mut archive = small();
        for name in ["", "/a", "a/", "a//b", "../a", "a/../b", "a\\b", "c:a", "a\nb", "ä", "plan.json", "a."]
        {
            assert!(archive.add(name, *b"").is_err(), "{name:?}");
        }
    }
}
