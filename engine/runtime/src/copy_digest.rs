//! The digest that a copy of the store carries behind its last page: no byte of a copy can be other than it was
//! written, also where no record speaks of it. A digest is no signature: who changes a copy on purpose can make it
//! anew, and is found by the records, their checkpoints and the keys of the log. Never writes into a store.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use ordain_spec::digest::Digest;
use sha2::Digest as _;

use crate::api::ApiError;
use crate::backup::disk;
use crate::store::read::Reader;

/// What a copy says of itself in its `meta`: it ends with its digest.
pub const META: &str = "copied";

/// How the end begins.
const MARK: &str = "ordain copy ";

/// As many bytes as `ordain copy sha256:<64>\n` has: fewer than any page, so no whole number of pages ends with it.
const BYTES: u64 = MARK.len() as u64 + 7 + 64 + 1;

/// The least page of a data base; every other is a multiple.
const PAGE: u64 = 512;

/// Writes the digest behind a copy.
///
/// # Errors
/// When the disk refuses.
pub fn seal(copy: &Path) -> std::io::Result<()> {
    let mut file = File::options().read(true).append(true).open(copy)?;
    let length = file.metadata()?.len();
    let digest = digest_of(&mut file, length)?;
    file.write_all(end(digest).as_bytes())?;
    file.sync_all()
}

/// Takes the digest off a copy of a copy, once it is the one of its bytes. A store that was closed, such as `restore`
/// keeps beside, has none.
///
/// # Errors
/// When the copy is not what was written, or its digest is gone.
pub async fn unseal(copy: &Path) -> Result<(), ApiError> {
    let changed = |what: &str| {
        ApiError::new("audit_unavailable", format!("the copy does not verify: {what}"))
            .hint("nothing was replaced; take another copy")
    };
    let mut file = File::options().read(true).write(true).open(copy).map_err(disk)?;
    let length = file.metadata().map_err(disk)?.len();
    if length % PAGE == 0 {
        return match Reader::open(copy, None)?.meta(META).await? {
            Some(_) => Err(changed("its end, with its digest, is gone")),
            None => Ok(()),
        };
    }
    let pages = length.saturating_sub(BYTES);
    let digest = digest_of(&mut file, pages).map_err(disk)?;
    let mut said = String::new();
    let read = file.read_to_string(&mut said);
    if read.is_err() || said != end(digest) {
        return Err(changed("its bytes are not those that its digest was made over"));
    }
    file.set_len(pages).and_then(|()| file.sync_all()).map_err(disk)
}

fn end(digest: Digest) -> String {
    format!("{MARK}{digest}\n")
}

/// Over the first `length` bytes; the file stands behind them then.
fn digest_of(file: &mut File, length: u64) -> std::io::Result<Digest> {
    file.seek(SeekFrom::Start(0))?;
    let (mut hash, mut left, mut buffer) = (sha2::Sha256::new(), length, vec![0; 1 << 16]);
    while left > 0 {
        let most = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
        let piece = buffer.get_mut(..most).unwrap_or_default();
        file.read_exact(piece)?;
        hash.update(&*piece);
        left -= most as u64;
    }
    Ok(Digest(hash.finalize().into()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on fails")]

    use super::*;

    #[tokio::test]
    async fn every_flipped_byte_of_a_copy_is_refused_and_nothing_else_is() {
        let folder = tempfile::tempdir().unwrap();
        let copy = folder.path().join("copy");
        let pages: Vec<u8> = (0..2 * PAGE).map(|at| at.to_le_bytes()[0]).collect();
        std::fs::write(&copy, &pages).unwrap();
        seal(&copy).unwrap();
        let sealed = std::fs::read(&copy).unwrap();
        assert_eq!(sealed.len() as u64, 2 * PAGE + BYTES);
        for at in 0..sealed.len() {
            let mut flipped = sealed.clone();
            flipped[at] ^= 1 << (at % 8);
            std::fs::write(&copy, &flipped).unwrap();
            assert!(unseal(&copy).await.is_err(), "byte {at}");
            assert_eq!(std::fs::read(&copy).unwrap(), flipped, "it is left as it is");
        }
        for cut in [1, 40, sealed.len() - 1] {
            std::fs::write(&copy, &sealed[..sealed.len() - cut]).unwrap();
            assert!(unseal(&copy).await.is_err(), "without the last {cut}");
        }
        std::fs::write(&copy, &sealed).unwrap();
        unseal(&copy).await.unwrap();
        assert_eq!(std::fs::read(&copy).unwrap(), pages);
    }
}
