//! What a look from a checkpoint on asks the store. Indexes answer (`migrations/0002_behind.sql`), so that what it
//! costs follows from what came after the checkpoint, but for counting what came before; without them every answer is
//! the same, and slower. Reads; changes nothing.

use sqlx::Row as _;

use super::read::{Reader, audit_row, journal_row};
use super::rows::{AuditRow, JournalRow};
use super::{SYSTEM, StoreError};

/// The newest checkpoint among the workspace's own events: they are searched from their end.
const CHECKPOINT: &str = "select run, seq, at, place, event from journal where run = 'system' \
    and substr(event, 1, 26) = '{\"type\":\"checkpointSigned\"' order by seq desc limit 1";

/// Where the log's key handed over.
const SUCCESSIONS: &str = "select run, seq, at, place, event from journal \
    where substr(event, 1, 17) = '{\"type\":\"rekeyed\"' order by seq";

const BEFORE: &str = "select seq, run, record from audit indexed by audit_by_run where run is ? and seq <= ? order by seq desc limit 1";
const BEHIND: &str = "select seq, run, record from audit indexed by audit_by_run where run is ? and seq > ? order by seq limit 1";

/// Those that stand under another run than they name. A quote within a text is escaped: what stands between quotes
/// is the field.
const MISPLACED: &str = "select min(seq) from audit where iif(run is null, instr(record, '\"runId\":\"') > 0, \
    instr(record, '\"runId\":\"' || run || '\"') = 0) and seq <= ?";

/// All are counted by the pages of the smallest index; numbers are whole and each stands once.
const COUNT: &str = "select (select count(*) from audit) - (select count(*) from audit where seq > ?) \
    - (select count(*) from audit where seq < 1)";

const RUNS: &str = "select run from journal where place > ?";

const RECORDLESS: &str = "select run from journal where seq = 1 \
    and not exists (select 1 from audit where audit.run = journal.run) order by run";

/// The last record of how strict the store is. Records are canonical: their action stands first. The
/// sign keeps the index of runs out of it.
const STANCE: &str = "select seq, run, record, \
    (select count(*) from audit before where before.run is null and before.seq <= audit.seq) from audit \
    where +run is null and substr(record, 1, 29) = '{\"action\":\"workspace.changed\"' \
    and instr(record, '\"subject\":\"profile:') > 0 order by seq desc limit 1";

impl Reader {
    /// The last record of how strict the store is, and its number among those of the chain `system`.
    ///
    /// # Errors
    /// When the data base refuses.
    pub async fn stance_record(&self) -> Result<Option<(AuditRow, i64)>, StoreError> {
        let row = sqlx::query(STANCE).fetch_optional(self.pool()).await?;
        row.as_ref().map(|row| Ok((audit_row(row)?, row.try_get(3)?))).transpose()
    }

    /// The event of the newest checkpoint that the log records.
    ///
    /// # Errors
    /// When the data base refuses.
    pub async fn checkpoint(&self) -> Result<Option<JournalRow>, StoreError> {
        let row = sqlx::query(CHECKPOINT).fetch_optional(self.pool()).await?;
        row.as_ref().map(journal_row).transpose()
    }

    /// The events by which the log's key handed over, in order.
    ///
    /// # Errors
    /// When the data base refuses.
    pub async fn successions(&self) -> Result<Vec<JournalRow>, StoreError> {
        let rows = sqlx::query(SUCCESSIONS).fetch_all(self.pool()).await?;
        let rows = rows.iter().map(journal_row).collect::<Result<Vec<_>, _>>()?;
        // No event of a run is one.
        Ok(rows.into_iter().filter(|row| row.run == SYSTEM).collect())
    }

    /// The last record of a chain up to a place, and its first behind it.
    ///
    /// # Errors
    /// When the data base refuses.
    pub async fn audit_around(
        &self,
        run: Option<&str>,
        place: u64,
    ) -> Result<(Option<AuditRow>, Option<AuditRow>), StoreError> {
        let one = async |sql: &'static str| -> Result<Option<AuditRow>, StoreError> {
            let row = sqlx::query(sql).bind(run).bind(number(place)).fetch_optional(self.pool()).await?;
            row.as_ref().map(audit_row).transpose()
        };
        Ok((one(BEFORE).await?, one(BEHIND).await?))
    }

    /// The first of the records up to a place that stands under another run than it names, and true; where none does
    /// and some are missing, the place and false. Makes no hash.
    ///
    /// # Errors
    /// When the data base refuses.
    pub async fn audit_misplaced(&self, place: u64) -> Result<Option<(u64, bool)>, StoreError> {
        let last = number(place);
        let misplaced: Option<i64> = sqlx::query_scalar(MISPLACED).bind(last).fetch_one(self.pool()).await?;
        if let Some(seq) = misplaced {
            return Ok(Some((seq.unsigned_abs(), true)));
        }
        let count: i64 = sqlx::query_scalar(COUNT).bind(last).fetch_one(self.pool()).await?;
        Ok((count != last).then_some((place, false)))
    }

    /// The runs that have an event behind a place of the journal, or a journal and no record.
    ///
    /// # Errors
    /// When the data base refuses.
    pub async fn runs_behind(&self, place: i64) -> Result<Vec<String>, StoreError> {
        let mut runs: Vec<String> = sqlx::query_scalar(RUNS).bind(place).fetch_all(self.pool()).await?;
        runs.extend(sqlx::query_scalar::<_, String>(RECORDLESS).fetch_all(self.pool()).await?);
        runs.retain(|run| run != SYSTEM);
        runs.sort_unstable();
        runs.dedup();
        Ok(runs)
    }
}

fn number(place: u64) -> i64 {
    i64::try_from(place).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

    use std::path::Path;

    use sqlx::migrate::Migrator;
    use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _};

    use super::super::rows::{JournalRow, Rows};
    use super::super::{FORMAT, OLDEST, Store, VIEWS, header, migrator, options, schema};
    use super::*;

    /// A store as the oldest version made it that is still read.
    async fn oldest(path: &Path) {
        let mut connection = options(path).unwrap().create_if_missing(true).connect().await.unwrap();
        let first = migrator().iter().take(1).cloned().collect();
        Migrator::with_migrations(first).run(&mut connection).await.unwrap();
        schema::restore_triggers(&mut connection).await.unwrap();
        let marks = format!(
            "{VIEWS}; pragma application_id = {}; pragma user_version = {OLDEST}",
            header::APPLICATION
        );
        sqlx::raw_sql(AssertSqlSafe(marks)).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    }

    /// So many records, of three runs and of no run by turns, every one with its event.
    fn rows(many: usize) -> Rows {
        let mut rows = Rows::default();
        let runs = (0..many)
            .map(|number| [None, Some("a"), Some("b"), Some("c")].get(number % 4).copied().flatten());
        for (run, number) in runs.zip(1..) {
            let record = run.map_or_else(|| "{}".to_owned(), |run| format!("{{\"runId\":\"{run}\"}}"));
            rows.audit.push(AuditRow { seq: 0, run: run.map(str::to_owned), record });
            let run = run.unwrap_or(SYSTEM).to_owned();
            rows.journal.push(JournalRow { run, seq: (number + 3) / 4, at: 0, place: 0, event: "{}".into() });
        }
        rows
    }

    async fn change(path: &Path, statements: &str) {
        let mut connection = options(path).unwrap().connect().await.unwrap();
        let triggers: Vec<String> =
            sqlx::query_scalar("select name from sqlite_schema where type = 'trigger'")
                .fetch_all(&mut connection)
                .await
                .unwrap();
        for trigger in triggers {
            let drop = format!("drop trigger {trigger}");
            sqlx::raw_sql(AssertSqlSafe(drop)).execute(&mut connection).await.unwrap();
        }
        sqlx::raw_sql(AssertSqlSafe(statements.to_owned())).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    }

    /// What is asked of a store of twelve records, of which the last four are behind.
    async fn answers(path: &Path) -> (Option<(u64, bool)>, Vec<String>) {
        let reader = Reader::open(path, None).unwrap();
        (reader.audit_misplaced(8).await.unwrap(), reader.runs_behind(8).await.unwrap())
    }

    /// What is done to a store, what of its records is not in place then, and which runs are to be looked at.
    type Tampered = (&'static str, Option<(u64, bool)>, &'static [&'static str]);

    const TAMPERED: [Tampered; 9] = [
        ("select 1", None, &["a", "b", "c"]),
        ("delete from journal where place > 10", None, &["a"]),
        ("update audit set run = 'b' where seq = 2", Some((2, true)), &["a", "b", "c"]),
        ("update audit set run = null where seq = 7", Some((7, true)), &["a", "b", "c"]),
        ("update audit set run = 'b' where seq = 10", None, &["a", "b", "c"]),
        ("delete from audit where seq = 1", Some((8, false)), &["a", "b", "c"]),
        ("delete from audit where seq = 12", None, &["a", "b", "c"]),
        ("update audit set seq = -1 where seq = 3", Some((8, false)), &["a", "b", "c"]),
        ("delete from journal where place > 8; update journal set run = 'z' where run = 'a'", None, &["z"]),
    ];

    #[tokio::test]
    async fn what_is_missing_or_moved_is_found_with_indexes_and_without() {
        for (statements, misplaced, runs) in TAMPERED {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("store.db");
            let mut store = Store::open(&path, None).await.unwrap();
            store.commit(&mut rows(12)).await.unwrap();
            store.close().await.unwrap();
            change(&path, statements).await;
            assert_eq!(
                answers(&path).await,
                (misplaced, runs.iter().map(|run| (*run).into()).collect()),
                "{statements}"
            );
            let with = answers(&path).await;
            change(
                &path,
                "drop index journal_by_place; drop index journal_begins; drop index audit_misplaced",
            )
            .await;
            assert_eq!(answers(&path).await, with, "{statements}");
        }
    }

    /// Before a checkpoint nothing is read but pages that are counted, and the first event of each run.
    #[tokio::test]
    async fn no_question_reads_the_rows_before_a_checkpoint() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.db");
        let mut store = Store::open(&path, None).await.unwrap();
        store.commit(&mut rows(4_000)).await.unwrap();
        store.close().await.unwrap();
        for statistics in ["select 1", "analyze"] {
            change(&path, statistics).await;
            let mut connection = options(&path).unwrap().connect().await.unwrap();
            for (sql, expected) in [
                (CHECKPOINT, "SEARCH journal USING PRIMARY KEY (run=?)"),
                (SUCCESSIONS, "SCAN journal USING INDEX journal_successions"),
                (BEFORE, "SEARCH audit USING INDEX audit_by_run (run=? AND seq<?)"),
                (BEHIND, "SEARCH audit USING INDEX audit_by_run (run=? AND seq>?)"),
                (MISPLACED, "SEARCH audit USING INDEX audit_misplaced (seq<?)"),
                (RUNS, "SEARCH journal USING COVERING INDEX journal_by_place (place>?)"),
                (STANCE, "SCAN audit USING INDEX audit_stance"),
                (RECORDLESS, "SCAN journal USING COVERING INDEX journal_begins"),
            ] {
                let explain = AssertSqlSafe(format!("explain query plan {sql}"));
                let plan = sqlx::query(explain).fetch_all(&mut connection).await.unwrap();
                let plan: Vec<String> = plan.iter().map(|row| row.try_get("detail").unwrap()).collect();
                assert_eq!(plan.first().unwrap(), expected, "{statistics}: {sql}: {plan:?}");
            }
        }
    }

    #[tokio::test]
    async fn an_older_store_is_read_as_it_is_and_brought_up_to_date_where_it_is_opened() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.db");
        oldest(&path).await;
        header::check(&path).unwrap();
        assert_eq!(answers(&path).await, (Some((8, false)), Vec::new()), "it has no records");
        let mut store = Store::open(&path, None).await.unwrap();
        store.commit(&mut rows(12)).await.unwrap();
        store.close().await.unwrap();
        let format = async || -> u32 {
            let mut connection = options(&path).unwrap().connect().await.unwrap();
            sqlx::query_scalar("pragma user_version").fetch_one(&mut connection).await.unwrap()
        };
        assert_eq!(format().await, FORMAT);
        assert_eq!(answers(&path).await.0, None);
        // Brought up to date once, and a store like any other from then on.
        Store::open(&path, None).await.unwrap().close().await.unwrap();
    }

    #[tokio::test]
    async fn an_older_store_that_somebody_changed_is_refused_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.db");
        oldest(&path).await;
        change(&path, "create index mine on audit (record)").await;
        let refused = Store::open(&path, None).await.err().unwrap();
        assert_eq!(refused.to_string(), "the store is damaged: its tables are not as this program made them");
        let mut connection = options(&path).unwrap().connect().await.unwrap();
        let format: u32 = sqlx::query_scalar("pragma user_version").fetch_one(&mut connection).await.unwrap();
        assert_eq!(format, OLDEST);
    }
}
