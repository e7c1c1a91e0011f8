//! Reading rows beside the writer.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sqlx::sqlite::{SqlitePool, SqlitePoolOptions, SqliteRow};
use sqlx::{AssertSqlSafe, Row};

use super::rows::{ApprovalRow, AuditRow, JournalRow, Pinned, RunRow, WorldRow};
use super::{SYSTEM, StoreError, options};
use crate::vault::{self, Vault};

/// Reads what is committed. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Reader {
    pool: SqlitePool,
    /// Journals of runs that were read.
    journals: Arc<AtomicU64>,
    /// The keys of payloads.
    vault: Option<Arc<Vault>>,
}

/// Which runs are listed.
#[derive(Debug, Clone, Default)]
pub struct RunFilter {
    /// Only in this state.
    pub state: Option<String>,
    /// Only of this runbook.
    pub runbook: Option<String>,
    /// Only older than this run (exclusive): the cursor of the page before.
    pub before: Option<String>,
    /// At most so many.
    pub limit: i64,
}

const RUN_COLUMNS: &str =
    "id, runbook, state, requester, mode, parent, created_at, settled_at, specs, erased_at";

impl Reader {
    /// Reads the store at `path` without a writer beside it.
    ///
    /// # Errors
    /// When the path cannot be one of a store.
    pub fn open(path: &Path, vault: Option<Arc<Vault>>) -> Result<Self, StoreError> {
        let pool =
            SqlitePoolOptions::new().max_connections(1).connect_lazy_with(options(path)?.read_only(true));
        Ok(Self::new(pool, vault))
    }

    /// A reader that sees the store as it is now, whatever is written meanwhile. It keeps a connection of its
    /// own, so it is for one long look and then dropped.
    ///
    /// # Errors
    /// When the data base refuses.
    pub async fn snapshot(&self) -> Result<Self, StoreError> {
        let pool = SqlitePoolOptions::new()
            .max_connections(1)
            .idle_timeout(None)
            .max_lifetime(None)
            .connect_lazy_with((*self.pool.connect_options()).clone());
        // The one connection stays in this transaction until the pool goes; the first read fixes what it sees.
        sqlx::query("begin").execute(&pool).await?;
        Ok(Self::new(pool, self.vault.clone()))
    }

    pub(super) fn new(pool: SqlitePool, vault: Option<Arc<Vault>>) -> Self {
        Self { pool, journals: Arc::default(), vault }
    }

    /// The keys of payloads, where they are encrypted.
    #[must_use]
    pub const fn vault(&self) -> Option<&Arc<Vault>> {
        self.vault.as_ref()
    }

    /// How many journals of runs were read: what a look costs grows with it.
    #[must_use]
    pub fn journals_read(&self) -> u64 {
        self.journals.load(Ordering::Relaxed)
    }

    pub(super) const fn pool(&self) -> &SqlitePool {
        &self.pool
    }

    /// The journal of a run, in order.
    ///
    /// # Errors
    /// When the data base refuses.
    pub async fn journal(&self, run: &str) -> Result<Vec<JournalRow>, StoreError> {
        self.journals.fetch_add(1, Ordering::Relaxed);
        self.journal_from(run, i64::MIN).await
    }

    /// The events of a journal from the one with that number on, in order.
    ///
    /// # Errors
    /// When the data base refuses.
    pub async fn journal_from(&self, run: &str, seq: i64) -> Result<Vec<JournalRow>, StoreError> {
        let rows = sqlx::query(
            "select run, seq, at, place, event from journal where run = ? and seq >= ? order by seq",
        )
        .bind(run)
        .bind(seq)
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(journal_row).collect()
    }

    /// The journals of all runs, in order of runs and numbers, after (`run`, `seq`), at most `limit` rows.
    ///
    /// # Errors
    /// When the data base refuses.
    pub async fn journals(&self, run: &str, seq: i64, limit: i64) -> Result<Vec<JournalRow>, StoreError> {
        let rows = sqlx::query(
            "select run, seq, at, place, event from journal where (run, seq) > (?, ?) order by run, seq limit ?",
        )
        .bind(run)
        .bind(seq)
        .bind(limit)
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(journal_row).collect()
    }

    /// The workspace's own events that were decided after an event of a run and before another, by their places.
    ///
    /// # Errors
    /// When the data base refuses.
    pub async fn system_between(&self, after: i64, before: i64) -> Result<Vec<JournalRow>, StoreError> {
        let rows = sqlx::query(
            "select run, seq, at, place, event from journal where run = ? and place > ? and place < ? order by seq",
        )
        .bind(SYSTEM)
        .bind(after)
        .bind(before)
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(journal_row).collect()
    }

    /// The payloads of a run, in order: JSON objects.
    ///
    /// # Errors
    /// When the data base refuses, or they cannot be decrypted.
    pub async fn payloads(&self, run: &str) -> Result<Vec<String>, StoreError> {
        let rows = sqlx::query("select seq, body from payload where run = ? order by seq")
            .bind(run)
            .fetch_all(&self.pool)
            .await?;
        let opened =
            |row: &SqliteRow| vault::payload(self.vault.as_deref(), run, row.try_get(0)?, row.try_get(1)?);
        rows.iter().map(opened).collect()
    }

    /// The records of a run, in order.
    ///
    /// # Errors
    /// When the data base refuses.
    pub async fn audit_of(&self, run: &str) -> Result<Vec<AuditRow>, StoreError> {
        let rows = sqlx::query("select seq, run, record from audit where run = ? order by seq")
            .bind(run)
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(audit_row).collect()
    }

    /// How many records the chain `system` has, and how many events there are for them.
    ///
    /// # Errors
    /// When the data base refuses.
    pub async fn system_counts(&self) -> Result<(i64, i64), StoreError> {
        let row = sqlx::query(
            "select (select count(*) from audit where run is null), (select count(*) from journal where run = ?)",
        )
        .bind(SYSTEM)
        .fetch_one(&self.pool)
        .await?;
        Ok((row.try_get(0)?, row.try_get(1)?))
    }

    /// Settled runs that no run started, whose payloads are there and that ended before `before`, oldest
    /// first, after `after`.
    ///
    /// # Errors
    /// When the data base refuses.
    pub async fn old_runs(&self, before: i64, after: &str, limit: i64) -> Result<Vec<RunRow>, StoreError> {
        let sql = format!(
            "select {RUN_COLUMNS} from runs where settled_at < ? and erased_at is null and parent is null \
             and id > ? order by id limit ?"
        );
        let rows = sqlx::query(AssertSqlSafe(sql))
            .bind(before)
            .bind(after)
            .bind(limit)
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(run_row).collect()
    }

    /// Bytes of a run's payloads.
    ///
    /// # Errors
    /// When the data base refuses.
    pub async fn payload_bytes(&self, run: &str) -> Result<i64, StoreError> {
        Ok(sqlx::query_scalar(
            "select coalesce(sum(length(cast(body as blob))), 0) from payload where run = ?",
        )
        .bind(run)
        .fetch_one(&self.pool)
        .await?)
    }

    /// The audit log after `seq`, in order, at most `limit` records.
    ///
    /// # Errors
    /// When the data base refuses.
    pub async fn audit(&self, after: i64, limit: i64) -> Result<Vec<AuditRow>, StoreError> {
        let rows = sqlx::query("select seq, run, record from audit where seq > ? order by seq limit ?")
            .bind(after)
            .bind(limit)
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(audit_row).collect()
    }

    /// The last `limit` records of the audit log, in order; of one run where one is named.
    ///
    /// # Errors
    /// When the data base refuses.
    pub async fn audit_tail(&self, run: Option<&str>, limit: i64) -> Result<Vec<AuditRow>, StoreError> {
        let mut rows = sqlx::query(
            "select seq, run, record from audit where ?1 is null or run = ?1 order by seq desc limit ?2",
        )
        .bind(run)
        .bind(limit)
        .fetch_all(&self.pool)
        .await?;
        rows.reverse();
        rows.iter().map(audit_row).collect()
    }

    /// The last record of a chain, `None` being the chain `system`.
    ///
    /// # Errors
    /// When the data base refuses.
    pub async fn audit_head(&self, run: Option<&str>) -> Result<Option<AuditRow>, StoreError> {
        let row = sqlx::query("select seq, run, record from audit where run is ? order by seq desc limit 1")
            .bind(run)
            .fetch_optional(&self.pool)
            .await?;
        row.as_ref().map(audit_row).transpose()
    }

    /// One event of a journal.
    ///
    /// # Errors
    /// When the data base refuses.
    pub async fn journal_row(&self, run: &str, seq: i64) -> Result<Option<JournalRow>, StoreError> {
        let row = sqlx::query("select run, seq, at, place, event from journal where run = ? and seq = ?")
            .bind(run)
            .bind(seq)
            .fetch_optional(&self.pool)
            .await?;
        row.as_ref().map(journal_row).transpose()
    }

    /// Runs, newest first.
    ///
    /// # Errors
    /// When the data base refuses.
    pub async fn runs(&self, filter: &RunFilter) -> Result<Vec<RunRow>, StoreError> {
        let sql = format!(
            "select {RUN_COLUMNS} from runs where (?1 is null or state = ?1) and (?2 is null or runbook = ?2) \
             and (?3 is null or id < ?3) order by id desc limit ?4"
        );
        let rows = sqlx::query(AssertSqlSafe(sql))
            .bind(&filter.state)
            .bind(&filter.runbook)
            .bind(&filter.before)
            .bind(filter.limit)
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(run_row).collect()
    }

    /// All runs that are not settled, oldest first.
    ///
    /// # Errors
    /// When the data base refuses.
    pub async fn unsettled(&self) -> Result<Vec<RunRow>, StoreError> {
        let sql = format!("select {RUN_COLUMNS} from runs where settled_at is null order by id");
        let rows = sqlx::query(AssertSqlSafe(sql)).fetch_all(&self.pool).await?;
        rows.iter().map(run_row).collect()
    }

    /// The sub-runs of a run, oldest first.
    ///
    /// # Errors
    /// When the data base refuses.
    pub async fn children(&self, parent: &str) -> Result<Vec<RunRow>, StoreError> {
        let sql = format!("select {RUN_COLUMNS} from runs where parent = ? order by id");
        let rows = sqlx::query(AssertSqlSafe(sql)).bind(parent).fetch_all(&self.pool).await?;
        rows.iter().map(run_row).collect()
    }

    /// Runs whose id begins with `prefix`, at most two.
    ///
    /// # Errors
    /// When the data base refuses.
    pub async fn runs_with_prefix(&self, prefix: &str) -> Result<Vec<RunRow>, StoreError> {
        let sql =
            format!("select {RUN_COLUMNS} from runs where id >= ?1 and id < ?1 || '~' order by id limit 2");
        let rows = sqlx::query(AssertSqlSafe(sql)).bind(prefix).fetch_all(&self.pool).await?;
        rows.iter().map(run_row).collect()
    }

    /// Approvals whose id begins with `prefix`, at most two.
    ///
    /// # Errors
    /// When the data base refuses.
    pub async fn approvals_with_prefix(&self, prefix: &str) -> Result<Vec<ApprovalRow>, StoreError> {
        let rows = sqlx::query(
            "select id, run, state from approvals where id >= ?1 and id < ?1 || '~' order by id limit 2",
        )
        .bind(prefix)
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(approval_row).collect()
    }

    /// Approvals, newest first; only those in `state` where one is given.
    ///
    /// # Errors
    /// When the data base refuses.
    pub async fn approvals(&self, state: Option<&str>, limit: i64) -> Result<Vec<ApprovalRow>, StoreError> {
        let rows = sqlx::query(
            "select id, run, state from approvals where ?1 is null or state = ?1 order by run desc, id limit ?2",
        )
        .bind(state)
        .bind(limit)
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(approval_row).collect()
    }

    /// The runs of decisions whose id begins with `prefix`, at most two: (decision, run).
    ///
    /// # Errors
    /// When the data base refuses.
    pub async fn decisions_with_prefix(&self, prefix: &str) -> Result<Vec<(String, String)>, StoreError> {
        let rows = sqlx::query(
            "select id, run from decisions where id >= ?1 and id < ?1 || '~' order by id limit 2",
        )
        .bind(prefix)
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
    }

    /// Everything that crosses runs.
    ///
    /// # Errors
    /// When the data base refuses.
    pub async fn world(&self) -> Result<Vec<WorldRow>, StoreError> {
        let rows = self.world_as_stored().await?;
        rows.into_iter().map(|row| vault::world(self.vault.as_deref(), row)).collect()
    }

    /// The same as it is stored.
    pub(super) async fn world_as_stored(&self) -> Result<Vec<WorldRow>, StoreError> {
        let rows = sqlx::query("select kind, key, value from world order by kind, key")
            .fetch_all(&self.pool)
            .await?;
        rows.iter()
            .map(|row| {
                Ok(WorldRow { kind: row.try_get(0)?, key: row.try_get(1)?, value: Some(row.try_get(2)?) })
            })
            .collect()
    }

    /// A fact about the store itself.
    ///
    /// # Errors
    /// When the data base refuses.
    pub async fn meta(&self, key: &str) -> Result<Option<String>, StoreError> {
        Ok(sqlx::query_scalar("select value from meta where key = ?")
            .bind(key)
            .fetch_optional(&self.pool)
            .await?)
    }

    /// The specs and grants of that digest.
    ///
    /// # Errors
    /// When the data base refuses, or does not have them.
    pub async fn pinned(&self, digest: &str) -> Result<Pinned, StoreError> {
        let row = sqlx::query("select catalogue, grants from pinned where digest = ?")
            .bind(digest)
            .fetch_optional(&self.pool)
            .await?
            .ok_or_else(|| StoreError::Corrupt(format!("the specs {digest} of a run are gone")))?;
        let catalogue: String = row.try_get(0)?;
        let files = sqlx::query(
            "select path, text from catalogue_file join file on file.digest = catalogue_file.file \
             where catalogue = ? order by path",
        )
        .bind(&catalogue)
        .fetch_all(&self.pool)
        .await?
        .iter()
        .map(|row| Ok((row.try_get(0)?, Arc::from(row.try_get::<&str, _>(1)?))))
        .collect::<Result<_, sqlx::Error>>()?;
        Ok(Pinned { digest: digest.to_owned(), catalogue, grants: row.try_get(1)?, files })
    }

    /// Digests of the specs and grants that are kept of a catalogue.
    ///
    /// # Errors
    /// When the data base refuses.
    pub async fn pinned_of(&self, catalogue: &str) -> Result<Vec<String>, StoreError> {
        Ok(sqlx::query_scalar("select digest from pinned where catalogue = ? order by digest")
            .bind(catalogue)
            .fetch_all(&self.pool)
            .await?)
    }

    /// The ids of all runs, oldest first.
    ///
    /// # Errors
    /// When the data base refuses.
    pub async fn run_ids(&self) -> Result<Vec<String>, StoreError> {
        Ok(sqlx::query_scalar("select distinct run from journal where run <> ? order by run")
            .bind(SYSTEM)
            .fetch_all(&self.pool)
            .await?)
    }
}

pub(super) fn journal_row(row: &SqliteRow) -> Result<JournalRow, StoreError> {
    Ok(JournalRow {
        run: row.try_get(0)?,
        seq: row.try_get(1)?,
        at: row.try_get(2)?,
        place: row.try_get(3)?,
        event: row.try_get(4)?,
    })
}

pub(super) fn audit_row(row: &SqliteRow) -> Result<AuditRow, StoreError> {
    Ok(AuditRow { seq: row.try_get(0)?, run: row.try_get(1)?, record: row.try_get(2)? })
}

fn run_row(row: &SqliteRow) -> Result<RunRow, StoreError> {
    Ok(RunRow {
        id: row.try_get(0)?,
        runbook: row.try_get(1)?,
        state: row.try_get(2)?,
        requester: row.try_get(3)?,
        mode: row.try_get(4)?,
        parent: row.try_get(5)?,
        created_at: row.try_get(6)?,
        settled_at: row.try_get(7)?,
        specs: row.try_get(8)?,
        erased_at: row.try_get(9)?,
    })
}

fn approval_row(row: &SqliteRow) -> Result<ApprovalRow, StoreError> {
    Ok(ApprovalRow { id: row.try_get(0)?, run: row.try_get(1)?, state: row.try_get(2)? })
}
