//! The first bytes of the store's file, looked at before the data base is: a foreign file, a store of another
//! format or one that was cut short is refused before anything is written to it.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::{FORMAT, OLDEST, StoreError};

/// Marks the file as a store of this program ("ORDN"); `pragma application_id`.
pub(super) const APPLICATION: u32 = 0x4F52_444E;

/// The header of an SQLite file.
const HEADER_BYTES: usize = 100;

/// What the header says.
struct Header {
    page_bytes: u64,
    pages: u64,
    format: u32,
    application: u32,
}

/// The file beside the store that holds what is committed and not yet written back.
pub(super) fn wal_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push("-wal");
    name.into()
}

/// True where that file holds something: the store was not closed.
pub(crate) fn has_wal(path: &Path) -> bool {
    std::fs::metadata(wal_of(path)).is_ok_and(|wal| wal.len() > 0)
}

/// Refuses what is no store of this program, is of another format, or lacks its end.
///
/// # Errors
/// Which of these it is.
pub fn check(path: &Path) -> Result<(), StoreError> {
    let mut file = std::fs::File::open(path)?;
    let bytes = file.metadata()?.len();
    let mut head = [0; HEADER_BYTES];
    let whole = file.read_exact(&mut head).is_ok();
    let foreign = |what: &str| StoreError::Foreign(format!("`{}` {what}", path.display()));
    if bytes == 0 {
        return Err(foreign("is empty: it was cut off, or never was a store"));
    }
    let header = read(&head).filter(|_| whole).ok_or_else(|| foreign("is no data base"))?;
    if header.application != APPLICATION {
        return Err(foreign("is a data base of something else, or a store of the first format"));
    }
    if !(OLDEST..=FORMAT).contains(&header.format) {
        return Err(StoreError::Format(header.format));
    }
    // What is not written back yet may lengthen the file; without it, it is as long as it says.
    let expected = header.pages.saturating_mul(header.page_bytes);
    if bytes < expected && !has_wal(path) {
        return Err(StoreError::Corrupt(format!("its file ends after {bytes} of {expected} bytes")));
    }
    Ok(())
}

fn read(head: &[u8]) -> Option<Header> {
    if head.get(..16)? != b"SQLite format 3\0" {
        return None;
    }
    let number = |at: usize| -> Option<u32> {
        Some(u32::from_be_bytes(head.get(at..at.checked_add(4)?)?.try_into().ok()?))
    };
    let page = u16::from_be_bytes(head.get(16..18)?.try_into().ok()?);
    let page_bytes = if page == 1 { 65_536 } else { u64::from(page) };
    Some(Header { page_bytes, pages: u64::from(number(28)?), format: number(60)?, application: number(68)? })
}
