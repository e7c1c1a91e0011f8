//! The whole log and all journals, read as few large rows: each row of a query is handed from one thread to another,
//! which costs more than what it holds. Whatever does not come out as it must is no page: then who asked reads row by
//! row, and that says what is wrong.

use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use super::read::Reader;
use super::{SYSTEM, StoreError};
use crate::vault;

/// How many records are read at a time: few enough to stay near the processor.
const RECORDS: i64 = 1_000;

/// How many runs are read at a time.
const RUNS: i64 = 64;

/// Neighbouring records of the log.
pub struct AuditPage {
    first: i64,
    last: i64,
    /// A line each.
    records: String,
    /// A line each: nothing, or `=` and the run.
    runs: String,
}

impl AuditPage {
    /// The place of its last record.
    pub const fn last(&self) -> i64 {
        self.last
    }

    /// Each record with its place and its run.
    pub fn rows(&self) -> impl Iterator<Item = (u64, Option<&str>, &str)> {
        let places = (self.first..=self.last).map(i64::unsigned_abs);
        let runs = self.runs.split('\n').map(|run| run.strip_prefix('='));
        places.zip(runs).zip(self.records.split('\n')).map(|((seq, run), record)| (seq, run, record))
    }

    fn read(row: &SqliteRow) -> Result<Option<Self>, sqlx::Error> {
        let (count, plain): (i64, Option<bool>) = (row.try_get(0)?, row.try_get(1)?);
        if count == 0 || plain != Some(true) {
            return Ok(None);
        }
        let (first, last): (i64, i64) = (row.try_get(2)?, row.try_get(3)?);
        let page = Self { first, last, records: row.try_get(4)?, runs: row.try_get(5)? };
        // No text holds a line feed, or there would be more lines.
        let whole = last.checked_sub(first).and_then(|more| more.checked_add(1)) == Some(count)
            && has_lines(&page.records, count)
            && has_lines(&page.runs, count);
        Ok(whole.then_some(page))
    }
}

/// All that is kept of a run.
pub struct RunPage {
    /// The run.
    pub run: String,
    /// None where it must be read row by row.
    pub kept: Option<Kept>,
}

/// Journal and payloads of a run.
pub struct Kept {
    /// Instants in ms, with a comma between each.
    at: String,
    /// Events, a line each.
    events: String,
    /// Number and body, a line each.
    payloads: String,
}

impl Kept {
    /// Each event with its instant in ms, in order from the first.
    pub fn events(&self) -> impl Iterator<Item = (i64, &str)> {
        // Instants are integers of the table.
        self.at.split(',').filter_map(|at| at.parse().ok()).zip(self.events.split('\n'))
    }

    /// What it carried, as it was before it was stored.
    ///
    /// # Errors
    /// When it cannot be decrypted.
    pub fn payloads(&self, reader: &Reader, run: &str) -> Result<Vec<String>, StoreError> {
        let vault = reader.vault().map(std::sync::Arc::as_ref);
        let pieces = self.payloads.split('\n').filter_map(|line| line.split_once(' '));
        pieces
            .filter_map(|(seq, body)| Some((seq.parse().ok()?, body)))
            .map(|(seq, body)| vault::payload(vault, run, seq, body.to_owned()))
            .collect()
    }

    fn read(row: &SqliteRow) -> Result<Option<Self>, sqlx::Error> {
        let (count, plain): (i64, Option<bool>) = (row.try_get(1)?, row.try_get(2)?);
        let (first, last): (i64, i64) = (row.try_get(3)?, row.try_get(4)?);
        if plain != Some(true) || first != 1 || last != count {
            return Ok(None);
        }
        let (pieces, payloads): (Option<i64>, Option<String>) = (row.try_get(7)?, row.try_get(8)?);
        let kept =
            Self { at: row.try_get(5)?, events: row.try_get(6)?, payloads: payloads.unwrap_or_default() };
        let pieces = pieces.unwrap_or(0);
        let whole = has_lines(&kept.events, count)
            && if pieces == 0 { kept.payloads.is_empty() } else { has_lines(&kept.payloads, pieces) };
        Ok(whole.then_some(kept))
    }
}

fn has_lines(text: &str, count: i64) -> bool {
    let feeds = text.bytes().filter(|byte| *byte == b'\n').count();
    i64::try_from(feeds) == Ok(count - 1)
}

impl Reader {
    /// The records after a place; none where there are no more, or they must be read row by row.
    pub async fn audit_page(&self, after: i64) -> Option<AuditPage> {
        let row = sqlx::query(
            "select count(*), min(typeof(record) = 'text' and typeof(run) in ('text', 'null')), min(seq), max(seq), \
             group_concat(record, char(10)), group_concat(iif(run is null, '', '=' || run), char(10)) \
             from (select seq, run, record from audit where seq > ? order by seq limit ?)",
        )
        .bind(after)
        .bind(RECORDS)
        .fetch_one(self.pool())
        .await
        .ok()?;
        AuditPage::read(&row).ok().flatten()
    }

    /// Journals and payloads of the runs from a name on, in their order; no runs where there are no more. None where
    /// they must be read row by row.
    pub async fn run_pages(&self, from: &str) -> Option<Vec<RunPage>> {
        let rows = sqlx::query(
            "select run, count(*), min(typeof(run) = 'text' and typeof(event) = 'text'), min(seq), max(seq), \
             group_concat(at), group_concat(event, char(10)), \
             (select sum(typeof(body) = 'text') from payload where payload.run = journal.run), \
             (select group_concat(seq || ' ' || body, char(10)) from payload where payload.run = journal.run) \
             from journal where run >= ? and run <> ? group by run order by run limit ?",
        )
        .bind(from)
        .bind(SYSTEM)
        .bind(RUNS)
        .fetch_all(self.pool())
        .await
        .ok()?;
        let page = |row: &SqliteRow| {
            let kept = Kept::read(row).ok().flatten();
            Ok(RunPage { run: row.try_get(0)?, kept })
        };
        rows.iter().map(page).collect::<Result<_, sqlx::Error>>().ok()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on fails")]

    use super::super::Store;
    use super::super::rows::{AuditRow, JournalRow, PayloadRow, Rows};

    /// A store with two runs, one of which has a payload.
    fn rows(record: &str, event: &str) -> Rows {
        let mut rows = Rows::default();
        for run in [None, Some("one"), Some("two")] {
            rows.audit.push(AuditRow { seq: 0, run: run.map(str::to_owned), record: record.into() });
        }
        for (run, seq, at) in [("one", 1, -7), ("one", 2, 8), ("two", 1, 9)] {
            rows.journal.push(JournalRow { run: run.into(), seq, at, place: 0, event: event.into() });
        }
        let payloads = [("salted:x".to_owned(), "\"a b\"".to_owned())].into_iter().collect();
        rows.payloads.insert("one".into(), PayloadRow { seq: 1, payloads });
        rows
    }

    async fn store(mut rows: Rows) -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(&folder.path().join("store.db"), None).await.unwrap();
        store.commit(&mut rows).await.unwrap();
        (folder, store)
    }

    #[tokio::test]
    async fn pages_hold_what_the_rows_hold() {
        let (_folder, store) = store(rows("{}", "{\"a\":1}")).await;
        let reader = store.reader();
        let page = reader.audit_page(1).await.unwrap();
        assert_eq!(page.rows().collect::<Vec<_>>(), [(2, Some("one"), "{}"), (3, Some("two"), "{}")]);
        assert_eq!(page.last(), 3);
        assert_eq!(reader.audit_page(0).await.unwrap().rows().next(), Some((1, None, "{}")));
        assert!(reader.audit_page(3).await.is_none());
        let runs = reader.run_pages("").await.unwrap();
        assert_eq!(runs.iter().map(|page| page.run.as_str()).collect::<Vec<_>>(), ["one", "two"]);
        let one = runs[0].kept.as_ref().unwrap();
        assert_eq!(one.events().collect::<Vec<_>>(), [(-7, "{\"a\":1}"), (8, "{\"a\":1}")]);
        assert_eq!(one.payloads(&reader, "one").unwrap(), reader.payloads("one").await.unwrap());
        assert!(runs[1].kept.as_ref().unwrap().payloads(&reader, "two").unwrap().is_empty());
        assert_eq!(reader.run_pages("one\0").await.unwrap().len(), 1);
        assert!(reader.run_pages("two\0").await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn texts_that_could_be_taken_for_two_are_no_page() {
        let (_folder, store) = store(rows("{\n}", "{\n}")).await;
        let reader = store.reader();
        assert!(reader.audit_page(0).await.is_none());
        assert!(reader.run_pages("").await.unwrap().iter().all(|page| page.kept.is_none()));
        assert_eq!(reader.audit(0, 9).await.unwrap().len(), 3);
    }
}
