//! The SQLite store of one workspace: journal, audit and views, changed together in one transaction.
//!
//! WAL, `synchronous=FULL`. Exactly one writer connection, owned by the writer; a small pool reads
//! beside it. Nothing here decides anything: rows come in, rows go out.

mod copy;
pub mod read;
pub mod rows;
mod write;

use std::path::Path;
use std::time::Duration;

use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions,
    SqliteSynchronous,
};
use sqlx::{ConnectOptions, Connection, Executor, SqlStr};

/// The version of what is written; a store of another version is refused.
pub const FORMAT: u32 = 1;

/// The journal of the workspace itself: what happened to no run.
pub const SYSTEM: &str = "system";

/// Why the store could not do it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The data base refused: full disk, read-only file, damage.
    #[error("the store cannot be used: {0}")]
    Sqlite(#[from] sqlx::Error),
    /// Its tables are not those of this version.
    #[error("the store's tables cannot be brought up to date: {0}")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    /// A row does not say what it must.
    #[error("the store is damaged: {0}")]
    Corrupt(String),
    /// The folder or a file of it.
    #[error("the store cannot be opened: {0}")]
    Io(#[from] std::io::Error),
}

/// The store, opened for writing.
pub struct Store {
    writer: SqliteConnection,
    readers: SqlitePool,
    next_audit: i64,
    next_system: i64,
}

fn options(path: &Path) -> Result<SqliteConnectOptions, StoreError> {
    let name = path.to_str().ok_or_else(|| StoreError::Corrupt("its path is not UTF-8".into()))?;
    // Not from a text such as `sqlite::memory:`: its mark "in memory" would outlive the file name.
    Ok(SqliteConnectOptions::new()
        .filename(name)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(Duration::from_secs(5))
        .foreign_keys(true)
        .pragma("trusted_schema", "off")
        .pragma("cell_size_check", "on")
        .disable_statement_logging())
}

/// The tables, version by version. Each file is applied once and never changed afterwards.
fn migrator() -> Migrator {
    let first = include_str!("../migrations/0001_store.sql");
    Migrator::with_migrations(vec![Migration::new(
        1,
        "store".into(),
        MigrationType::Simple,
        SqlStr::from_static(first),
        false,
    )])
}

impl Store {
    /// Opens the store at `path`, creating it where there is none.
    ///
    /// # Errors
    /// When the file cannot be opened, is damaged, or is of another version.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        let mut writer = options(path)?.create_if_missing(true).connect().await?;
        migrator().run(&mut writer).await?;
        let readers = SqlitePoolOptions::new()
            .max_connections(2)
            .min_connections(0)
            .connect_lazy_with(options(path)?.read_only(true));
        let next_audit: i64 =
            sqlx::query_scalar("select coalesce(max(seq), 0) + 1 from audit").fetch_one(&mut writer).await?;
        let next_system: i64 =
            sqlx::query_scalar("select coalesce(max(seq), 0) + 1 from journal where run = ?")
                .bind(SYSTEM)
                .fetch_one(&mut writer)
                .await?;
        Ok(Self { writer, readers, next_audit, next_system })
    }

    /// A handle for reading beside the writer.
    #[must_use]
    pub fn reader(&self) -> read::Reader {
        read::Reader::new(self.readers.clone())
    }

    /// Says whether the file is sound (`pragma quick_check`).
    ///
    /// # Errors
    /// When it is not, or cannot be read.
    pub async fn check(&mut self) -> Result<(), StoreError> {
        let verdict: String = sqlx::query_scalar("pragma quick_check(1)").fetch_one(&mut self.writer).await?;
        if verdict == "ok" { Ok(()) } else { Err(StoreError::Corrupt(verdict)) }
    }

    /// Writes what is in the WAL back and closes; nothing is lost when this is not called.
    ///
    /// # Errors
    /// When the data base refuses.
    pub async fn close(mut self) -> Result<(), StoreError> {
        self.readers.close().await;
        self.writer.execute("pragma optimize").await?;
        self.writer.close().await?;
        Ok(())
    }
}
