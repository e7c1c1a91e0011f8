//! Writing files whole: a reader sees the old text or the new one, never half of it. Never follows a
//! link to somewhere else, never changes a file's mode.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// Names tried for the file that is written first.
const ATTEMPTS: u32 = 64;

/// Puts `bytes` in the place of what the file held: written beside it, made durable, renamed.
///
/// # Errors
///
/// When it is a link or a folder, or cannot be written; then the old text still stands.
pub fn whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let before = match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_symlink() => {
            return Err(io::Error::other("it is a link, and links are not followed"));
        }
        Ok(metadata) if metadata.is_file() => Some(metadata),
        // A device or a pipe holds no text that could be lost.
        Ok(metadata) if !metadata.is_dir() => {
            return OpenOptions::new().write(true).open(path)?.write_all(bytes);
        }
        Ok(_) => return Err(io::Error::from(io::ErrorKind::IsADirectory)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    let (mut file, beside) = beside(path)?;
    let done = (|| {
        if let Some(metadata) = before {
            // A file that its owner protected stays protected.
            OpenOptions::new().write(true).open(path)?;
            file.set_permissions(metadata.permissions())?;
        }
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&beside, path)
    })();
    if done.is_err() {
        let _leftover = fs::remove_file(&beside);
    }
    done
}

/// A new file in the same folder, so that renaming it is one step.
fn beside(path: &Path) -> io::Result<(File, PathBuf)> {
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_string_lossy();
    let process = std::process::id();
    let mut last = io::Error::from(io::ErrorKind::AlreadyExists);
    for attempt in 0..ATTEMPTS {
        let beside = path.with_file_name(format!(".{name}.{process}-{attempt}.tmp"));
        match OpenOptions::new().write(true).create_new(true).open(&beside) {
            Ok(file) => return Ok((file, beside)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => last = error,
            Err(error) => return Err(error),
        }
    }
    Err(last)
}

/// Adds `bytes` at the end of a file.
///
/// # Errors
///
/// When it cannot be written.
pub fn appended(path: &Path, bytes: &[u8]) -> io::Result<()> {
    OpenOptions::new().append(true).create(true).open(path)?.write_all(bytes)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_file_keeps_its_mode_and_nothing_is_left_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.yaml");
        fs::write(&path, "old").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        whole(&path, b"new").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_link_is_not_followed_and_a_folder_is_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let outside = folder.path().join("outside");
        fs::write(&outside, "kept").unwrap();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&outside, &link).unwrap();
        assert!(whole(&link, b"new").is_err());
        assert_eq!(fs::read_to_string(&outside).unwrap(), "kept");
        assert!(whole(folder.path(), b"new").is_err());
        assert!(whole(&folder.path().join("no/such/folder"), b"new").is_err());
    }
}
