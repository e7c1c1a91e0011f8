//! The SQLite store of one workspace: journal, audit and views, changed together in one transaction.
//!
//! WAL, `synchronous=FULL`. Exactly one writer connection, owned by the writer; a small pool reads
//! beside it. Nothing here decides anything: rows come in, rows go out.

mod active;
pub mod behind;
pub(crate) mod bulk;
mod copy;
pub mod header;
pub mod read;
pub mod rows;
mod schema;
pub mod tiles;
pub mod write;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions,
    SqliteSynchronous,
};
use sqlx::{ConnectOptions, Connection, Executor, SqlStr};

use active::{ActiveRows, Mark};
use ordain_kernel::log::Tree;
use ordain_kernel::log::tree::Hash;

use crate::fault;
use crate::vault::{self, Vault};
use crate::workspace::private_file;

/// The version of what is written; a store of another version is refused.
pub const FORMAT: u32 = 3;

/// The oldest that is read, and brought up to date where it is opened for writing.
pub const OLDEST: u32 = 2;

/// The views: what is dropped and made anew.
const VIEWS: &str = include_str!("store/views.sql");

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
    /// A run cannot be continued by this program, or under the specs that are kept.
    #[error("{0}")]
    LeftOut(String),
    /// The keys of its payloads are not at hand.
    #[error("{0}")]
    Locked(String),
    /// The file is no store.
    #[error("there is no store of this program: {0}")]
    Foreign(String),
    /// The file is a store of another version of this program.
    #[error("the store has format {0}, this program writes {FORMAT}")]
    Format(u32),
    /// The folder or a file of it.
    #[error("the store cannot be opened: {0}")]
    Io(#[from] std::io::Error),
}

/// What kind of trouble it is: what a person can do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// The store is being closed.
    Closing,
    /// Another program holds the file.
    Held,
    /// The disk or its permissions.
    Disk,
    /// What stands in the file is not what was written.
    Damage,
    /// The file is no store.
    Foreign,
    /// Another version of the program wrote it.
    Version,
    /// A key is missing.
    Locked,
}

impl StoreError {
    /// Which kind of trouble it is.
    #[must_use]
    pub fn trouble(&self) -> Trouble {
        match self {
            Self::Corrupt(_) => Trouble::Damage,
            Self::Foreign(_) => Trouble::Foreign,
            Self::Format(_) | Self::LeftOut(_) | Self::Migrate(_) => Trouble::Version,
            Self::Locked(_) => Trouble::Locked,
            Self::Io(_) => Trouble::Disk,
            Self::Sqlite(sqlx::Error::PoolClosed) => Trouble::Closing,
            Self::Sqlite(error) => match primary_code(error) {
                Some(5 | 6) => Trouble::Held,
                // Corrupt, not a data base, no such table or column.
                Some(1 | 11 | 26) => Trouble::Damage,
                Some(_) => Trouble::Disk,
                None if matches!(error, sqlx::Error::Decode(_) | sqlx::Error::ColumnDecode { .. }) => {
                    Trouble::Damage
                }
                None => Trouble::Disk,
            },
        }
    }
}

/// SQLite's own number of an error, without its extension.
fn primary_code(error: &sqlx::Error) -> Option<u32> {
    let code: u32 = error.as_database_error()?.code()?.parse().ok()?;
    Some(code & 0xff)
}

/// The store, opened for writing.
pub struct Store {
    writer: SqliteConnection,
    readers: SqlitePool,
    next_audit: i64,
    next_system: i64,
    next_place: i64,
    active: ActiveRows,
    /// The log as a tree.
    tree: Tree,
    views_hold: bool,
    vault: Option<Arc<Vault>>,
    rekeyed: bool,
}

/// How every connection to a store is made.
pub(crate) fn options(path: &Path) -> Result<SqliteConnectOptions, StoreError> {
    let name = path.to_str().ok_or_else(|| StoreError::Corrupt("its path is not UTF-8".into()))?;
    // Not from a text such as `sqlite::memory:`: its mark "in memory" would outlive the file name.
    Ok(SqliteConnectOptions::new()
        .filename(name)
        .busy_timeout(Duration::from_secs(5))
        .foreign_keys(true)
        .pragma("trusted_schema", "off")
        .pragma("cell_size_check", "on")
        .disable_statement_logging())
}

/// For writing: a transaction is durable when it is committed.
fn writing(path: &Path) -> Result<SqliteConnectOptions, StoreError> {
    Ok(options(path)?.journal_mode(SqliteJournalMode::Wal).synchronous(SqliteSynchronous::Full))
}

/// The tables, version by version. Each file is applied once and never changed afterwards.
fn migrator() -> Migrator {
    let files = [
        ("store", include_str!("../migrations/0001_store.sql")),
        ("behind", include_str!("../migrations/0002_behind.sql")),
    ];
    let migrations = files.into_iter().zip(1..).map(|((name, text), number)| {
        let text = SqlStr::from_static(text);
        Migration::new(number, name.into(), MigrationType::Simple, text, false)
    });
    Migrator::with_migrations(migrations.collect())
}

/// Brings the tables of an older store up to date, in one transaction, once they are those of its format.
async fn upgrade(writer: &mut SqliteConnection) -> Result<(), StoreError> {
    let format: u32 = sqlx::query_scalar("pragma user_version").fetch_one(&mut *writer).await?;
    if format != FORMAT {
        schema::check(writer, format).await?;
        fault::point("upgrading-store");
        migrator().run(&mut *writer).await?;
        fault::point("upgrading-store");
    }
    schema::check(writer, FORMAT).await
}

/// Makes an empty store. It appears at `path` whole or not at all.
async fn create(path: &Path) -> Result<(), StoreError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    let new = PathBuf::from(name);
    match std::fs::remove_file(&new) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    // Its owner's alone, as whatever lies beside it will be.
    private_file(&new)?;
    let plain = options(&new)?.create_if_missing(true).journal_mode(SqliteJournalMode::Delete);
    let mut connection = plain.connect().await?;
    fault::point("making-store");
    migrator().run(&mut connection).await?;
    sqlx::raw_sql(VIEWS).execute(&mut connection).await?;
    schema::restore_triggers(&mut connection).await?;
    let marks = format!("pragma application_id = {}; pragma user_version = {FORMAT}", header::APPLICATION);
    sqlx::raw_sql(sqlx::AssertSqlSafe(marks)).execute(&mut connection).await?;
    connection.close().await?;
    std::fs::File::open(&new)?.sync_all()?;
    fault::point("making-store");
    std::fs::rename(&new, path)?;
    sync_folder(path)
}

/// Compares the keys at hand with those that the payloads stand under, and remembers a new one; true says that there
/// is one. Views hold names of locks: those made under another key are not believed.
async fn admit(writer: &mut SqliteConnection, vault: Option<&Vault>) -> Result<bool, StoreError> {
    let list: Option<String> = sqlx::query_scalar("select value from meta where key = ?")
        .bind(vault::META)
        .fetch_optional(&mut *writer)
        .await?;
    let filled: Option<i64> =
        sqlx::query_scalar("select 1 from payload limit 1").fetch_optional(&mut *writer).await?;
    let Some(list) = vault::admitted(vault, list.as_deref(), filled.is_some())? else { return Ok(false) };
    let mut transaction = writer.begin_with("BEGIN IMMEDIATE").await?;
    write::remember_as(&mut transaction, vault::META, &list).await?;
    sqlx::raw_sql("delete from meta where key = 'views'").execute(&mut *transaction).await?;
    transaction.commit().await?;
    Ok(true)
}

/// Makes what was renamed in a file's folder durable.
pub(crate) fn sync_folder(path: &Path) -> Result<(), StoreError> {
    if let Some(folder) = path.parent() {
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        std::fs::File::open(folder)?.sync_all()?;
    }
    Ok(())
}

impl Store {
    /// Opens the store at `path`, creating it where there is none. The views may say something else than the
    /// journal afterwards: ask [`Store::views_hold`].
    ///
    /// # Errors
    /// When the file cannot be opened, is damaged, is of another version, or a key of its payloads is missing.
    pub async fn open(path: &Path, vault: Option<Arc<Vault>>) -> Result<Self, StoreError> {
        if !path.exists() {
            create(path).await?;
        }
        header::check(path)?;
        let interrupted = header::has_wal(path);
        let mut writer = writing(path)?.connect().await?;
        if interrupted {
            // What is committed is written back, so that the file is as long as it says.
            sqlx::raw_sql("pragma wal_checkpoint(passive)").execute(&mut writer).await?;
        }
        let readers = SqlitePoolOptions::new()
            .max_connections(2)
            .min_connections(0)
            .connect_lazy_with(options(path)?.read_only(true));
        schema::restore_triggers(&mut writer).await?;
        upgrade(&mut writer).await?;
        let rekeyed = admit(&mut writer, vault.as_deref()).await?;
        let next_audit: i64 =
            sqlx::query_scalar("select coalesce(max(seq), 0) + 1 from audit").fetch_one(&mut writer).await?;
        let next_system: i64 =
            sqlx::query_scalar("select coalesce(max(seq), 0) + 1 from journal where run = ?")
                .bind(SYSTEM)
                .fetch_one(&mut writer)
                .await?;
        if schema::of_views(&mut writer).await? != schema::VIEWS {
            // Whatever stands in them is made anew: without the mark nothing of them is believed.
            sqlx::raw_sql(VIEWS).execute(&mut writer).await?;
            sqlx::raw_sql("delete from meta where key = 'views'").execute(&mut writer).await?;
        }
        let (active, tree) = (ActiveRows::default(), Tree::default());
        let (next_place, views_hold) = (1, false);
        let mut store = Self {
            writer,
            readers,
            next_audit,
            next_system,
            next_place,
            active,
            tree,
            views_hold,
            vault,
            rekeyed,
        };
        store.look_at_views().await?;
        Ok(store)
    }

    /// Compares what is not over with what was stored of it.
    async fn look_at_views(&mut self) -> Result<(), StoreError> {
        let reader = self.reader();
        let mark = reader.meta("views").await?;
        let empty = mark.is_none() && self.next_audit == 1;
        let mark = mark.as_deref().and_then(Mark::of_text);
        let (runs, approvals) = (reader.unsettled().await?, reader.approvals(Some("open"), -1).await?);
        self.active = ActiveRows::of(&runs, &approvals, &reader.world_as_stored().await?);
        self.next_place = mark.map_or(1, |mark| mark.place);
        let records = (self.next_audit - 1).unsigned_abs();
        // Where a row is no record, the views are not what is wrong: that is said by who verifies.
        let tree = reader.tree(records).await.unwrap_or_default();
        self.views_hold =
            tree.is_some() && (empty || mark.is_some_and(|mark| mark.active == self.active.sum()));
        self.tree = tree.unwrap_or_default();
        Ok(())
    }

    /// True when the views of what is not over say what was stored of them. Otherwise they are made anew
    /// from the journal before anything else is done.
    #[must_use]
    pub const fn views_hold(&self) -> bool {
        self.views_hold
    }

    /// True when the store was opened with another key than before: its views are made anew under that.
    #[must_use]
    pub const fn rekeyed(&self) -> bool {
        self.rekeyed
    }

    /// Records of the log.
    #[must_use]
    pub const fn records(&self) -> u64 {
        self.tree.size()
    }

    /// The root over them.
    #[must_use]
    pub fn root(&self) -> Hash {
        self.tree.root()
    }

    /// A handle for reading beside the writer.
    #[must_use]
    pub fn reader(&self) -> read::Reader {
        read::Reader::new(self.readers.clone(), self.vault.clone())
    }

    /// Says whether the file is sound (`pragma quick_check`).
    ///
    /// # Errors
    /// When it is not, or cannot be read.
    pub async fn check(&mut self) -> Result<(), StoreError> {
        let verdict: String = sqlx::query_scalar("pragma quick_check(1)").fetch_one(&mut self.writer).await?;
        if verdict == "ok" { Ok(()) } else { Err(StoreError::Corrupt(verdict)) }
    }

    /// While payloads are erased, what is deleted is overwritten.
    ///
    /// # Errors
    /// When the data base refuses.
    pub async fn overwrite_deleted(&mut self, on: bool) -> Result<(), StoreError> {
        let pragma = if on { "pragma secure_delete = on" } else { "pragma secure_delete = off" };
        sqlx::raw_sql(pragma).execute(&mut self.writer).await?;
        Ok(())
    }

    /// Writes what is in the WAL back into the file, and empties it where nobody reads it.
    ///
    /// # Errors
    /// When the data base refuses.
    pub async fn write_back(&mut self) -> Result<(), StoreError> {
        sqlx::raw_sql("pragma wal_checkpoint(truncate)").execute(&mut self.writer).await?;
        Ok(())
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
