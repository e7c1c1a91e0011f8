//! A copy of the store as it is at one instant, made beside the writer. Never replaces a file.

use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use sqlx::{ConnectOptions as _, Connection as _};

use super::StoreError;
use super::read::Reader;

impl Reader {
    /// Copies what is committed into a new file at `path`, which must not be there; gives its size in bytes.
    /// The copy is compact, has no WAL beside it, and is a store like any other.
    ///
    /// # Errors
    /// When there is such a file, or the disk refuses.
    pub async fn copy_to(&self, path: &Path) -> Result<u64, StoreError> {
        let name = path.to_str().ok_or_else(|| StoreError::Corrupt("the path is not UTF-8".into()))?;
        // Its owner's alone, as the store is; `vacuum into` takes an empty file.
        std::fs::File::options().write(true).create_new(true).mode(0o600).open(path)?;
        // A connection of its own: `vacuum into` makes no file on one that only reads.
        let options = (*self.pool().connect_options()).clone().read_only(false);
        let mut connection = options.connect().await?;
        sqlx::query("vacuum into ?").bind(name).execute(&mut connection).await?;
        connection.close().await?;
        let file = std::fs::File::open(path)?;
        file.sync_all()?;
        Ok(file.metadata()?.len())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

    use super::super::Store;
    use super::super::rows::{AuditRow, Rows};

    #[tokio::test]
    async fn a_copy_holds_what_was_committed_and_never_replaces_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(&folder.path().join("store.db"), None).await.unwrap();
        let mut rows = Rows::default();
        rows.audit.push(AuditRow { seq: 0, run: None, record: "{}".into() });
        store.commit(&mut rows).await.unwrap();
        assert!(folder.path().join("store.db").is_file(), "the store itself is a file");
        let to = folder.path().join("copy.db");
        assert!(store.reader().copy_to(&to).await.unwrap() > 0);
        let copy = Store::open(&to, None).await.unwrap();
        assert_eq!(copy.reader().audit(0, 10).await.unwrap().len(), 1);
        let before = std::fs::read(&to).unwrap();
        assert!(store.reader().copy_to(&to).await.is_err());
        assert_eq!(std::fs::read(&to).unwrap(), before);
    }
}
