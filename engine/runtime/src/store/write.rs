//! The one place that writes rows.

use sqlx::sqlite::{SqliteArguments, SqliteConnection};
use sqlx::{Arguments, AssertSqlSafe, Connection};

use super::active::{ActiveRows, Mark};
use super::rows::{PayloadRow, Pinned, Rows};
use super::{SYSTEM, Store, StoreError, VIEWS, tiles};
use crate::fault;
use crate::vault::{self, Vault};

/// Where a piece of payloads stands: its run, and the number of its first event.
pub type Place = (String, i64);

/// How many rows one statement inserts, largest first: few statements, each prepared once.
const CHUNKS: [usize; 3] = [32, 8, 1];

/// A table, its columns, and what happens to a row that is there already.
struct Table {
    name: &'static str,
    columns: &'static [&'static str],
    on_conflict: &'static str,
}

impl Table {
    fn insert(&self, rows: usize) -> String {
        let row = format!("({})", vec!["?"; self.columns.len()].join(","));
        let values = vec![row; rows].join(",");
        format!("insert into {}({}) values {values} {}", self.name, self.columns.join(","), self.on_conflict)
    }
}

const JOURNAL: Table =
    Table { name: "journal", columns: &["run", "seq", "at", "place", "event"], on_conflict: "" };
const PAYLOAD: Table = Table { name: "payload", columns: &["run", "seq", "body"], on_conflict: "" };
const AUDIT: Table = Table { name: "audit", columns: &["seq", "run", "record"], on_conflict: "" };
const RUNS: Table = Table {
    name: "runs",
    columns: &[
        "id",
        "runbook",
        "state",
        "requester",
        "mode",
        "parent",
        "created_at",
        "settled_at",
        "specs",
        "erased_at",
    ],
    on_conflict: "on conflict(id) do update set state = excluded.state, settled_at = excluded.settled_at",
};
const APPROVALS: Table = Table {
    name: "approvals",
    columns: &["id", "run", "state"],
    on_conflict: "on conflict(id) do update set state = excluded.state",
};
const DECISIONS: Table =
    Table { name: "decisions", columns: &["id", "run"], on_conflict: "on conflict(id) do nothing" };
const WORLD: Table = Table {
    name: "world",
    columns: &["kind", "key", "value"],
    on_conflict: "on conflict(kind, key) do update set value = excluded.value",
};
const META: Table = Table {
    name: "meta",
    columns: &["key", "value"],
    on_conflict: "on conflict(key) do update set value = excluded.value",
};

type Encode = Result<(), sqlx::error::BoxDynError>;

/// Inserts all rows, in chunks. `encode` adds the columns of one row.
async fn insert<T>(
    connection: &mut SqliteConnection,
    table: &Table,
    rows: &[T],
    encode: impl Fn(&mut SqliteArguments, &T) -> Encode,
) -> Result<(), sqlx::Error> {
    let mut rest = rows;
    for size in CHUNKS {
        let sql = if rest.len() >= size { table.insert(size) } else { continue };
        while let Some((chunk, after)) = rest.split_at_checked(size) {
            let mut arguments = SqliteArguments::default();
            for row in chunk {
                encode(&mut arguments, row).map_err(sqlx::Error::Encode)?;
            }
            sqlx::query_with(AssertSqlSafe(sql.as_str()), arguments).execute(&mut *connection).await?;
            rest = after;
        }
    }
    Ok(())
}

impl Store {
    /// Writes all rows in one transaction and returns after they are durable. Gives the audit rows, and the
    /// events of the workspace, their numbers, which become visible in `rows`.
    ///
    /// # Errors
    /// When the data base refuses; then nothing is written.
    pub async fn commit(&mut self, rows: &mut Rows) -> Result<(), StoreError> {
        if rows.is_empty() {
            return Ok(());
        }
        let (mut next, mut next_system, mut place) = (self.next_audit, self.next_system, self.next_place);
        for row in &mut rows.audit {
            row.seq = next;
            next += 1;
        }
        for row in &mut rows.journal {
            row.place = place;
            place += 1;
            if row.run == SYSTEM {
                row.seq = next_system;
                next_system += 1;
            }
        }
        if let Some(vault) = &self.vault {
            vault.world(&mut rows.world)?;
        }
        let change = ActiveRows::change(rows);
        let mark = Mark { place, active: self.active.after(&change) };
        let (tree, whole) = tiles::grown(&self.tree, &rows.audit);
        let mut transaction = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        write_rows(&mut transaction, rows, self.vault.as_deref()).await?;
        tiles::write(&mut transaction, &whole).await?;
        erase(&mut transaction, &rows.erased).await?;
        remember(&mut transaction, mark).await?;
        fault::refuse("disk-full")?;
        transaction.commit().await?;
        self.active.apply(change);
        self.tree = tree;
        (self.next_audit, self.next_system, self.next_place) = (next, next_system, place);
        Ok(())
    }

    /// Keeps the specs and grants that runs will be started under. Does nothing where they are kept.
    ///
    /// # Errors
    /// When the data base refuses; then nothing is written.
    pub async fn pin(&mut self, pinned: &Pinned) -> Result<(), StoreError> {
        let known: Option<i64> = sqlx::query_scalar("select 1 from pinned where digest = ?")
            .bind(&pinned.digest)
            .fetch_optional(&mut self.writer)
            .await?;
        if known.is_some() {
            return Ok(());
        }
        let mut transaction = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        for (path, text) in &pinned.files {
            let digest = ordain_spec::digest::Digest::of(text.as_bytes()).to_string();
            sqlx::query("insert into file(digest, text) values (?, ?) on conflict do nothing")
                .bind(&digest)
                .bind(&**text)
                .execute(&mut *transaction)
                .await?;
            sqlx::query(
                "insert into catalogue_file(catalogue, path, file) values (?, ?, ?) on conflict do nothing",
            )
            .bind(&pinned.catalogue)
            .bind(path)
            .bind(&digest)
            .execute(&mut *transaction)
            .await?;
        }
        sqlx::query("insert into pinned(digest, catalogue, grants) values (?, ?, ?)")
            .bind(&pinned.digest)
            .bind(&pinned.catalogue)
            .bind(&pinned.grants)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Puts payloads after (`run`, `seq`) under the present key, a page of them in one transaction. Gives how many
    /// were changed, and the last that was looked at; none at the end.
    ///
    /// # Errors
    /// When the data base refuses or a key is missing; then nothing is written.
    pub async fn reencrypt(&mut self, after: &Place) -> Result<(u64, Option<Place>), StoreError> {
        let Some(vault) = self.vault.clone() else { return Ok((0, None)) };
        let mut transaction = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        let rows: Vec<(String, i64, String)> = sqlx::query_as(
            "select run, seq, body from payload where (run, seq) > (?, ?) order by run, seq limit 500",
        )
        .bind(&after.0)
        .bind(after.1)
        .fetch_all(&mut *transaction)
        .await?;
        let last = rows.last().map(|(run, seq, _)| (run.clone(), *seq));
        let mut changed = 0;
        for (run, seq, body) in rows.into_iter().filter(|(.., body)| !vault.is_present(body)) {
            let body = vault.payload(&run, seq, &vault::payload(Some(&vault), &run, seq, body)?)?;
            // A payload is never changed: it goes, and comes back under another key.
            sqlx::query("delete from payload where run = ? and seq = ?")
                .bind(&run)
                .bind(seq)
                .execute(&mut *transaction)
                .await?;
            sqlx::query("insert into payload(run, seq, body) values (?, ?, ?)")
                .bind(&run)
                .bind(seq)
                .bind(&body)
                .execute(&mut *transaction)
                .await?;
            changed += 1;
        }
        fault::point("mid-reencrypt");
        transaction.commit().await?;
        Ok((changed, last))
    }

    /// Every payload stands under the present key: no other is asked for any more, and nothing of what stood there
    /// before is left in the file.
    ///
    /// # Errors
    /// When the data base refuses.
    pub async fn reencrypted(&mut self) -> Result<(), StoreError> {
        if let Some(vault) = &self.vault {
            remember_as(&mut self.writer, vault::META, vault.id()).await?;
        }
        sqlx::raw_sql("vacuum").execute(&mut self.writer).await?;
        self.write_back().await
    }

    /// Makes the tables of the views anew and fills them with `rows`; what is true stays.
    ///
    /// # Errors
    /// When the data base refuses; then nothing is written.
    pub async fn replace_views(&mut self, mut rows: Rows) -> Result<(), StoreError> {
        if let Some(vault) = &self.vault {
            vault.world(&mut rows.world)?;
        }
        let active = ActiveRows::of(&rows.runs, &rows.approvals, &rows.world);
        let mut transaction = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        sqlx::raw_sql(VIEWS).execute(&mut *transaction).await?;
        write_rows(&mut transaction, &rows, self.vault.as_deref()).await?;
        let tree = tiles::rebuild(&mut transaction).await?;
        let place: i64 = sqlx::query_scalar("select coalesce(max(place), 0) + 1 from journal")
            .fetch_one(&mut *transaction)
            .await?;
        remember(&mut transaction, Mark { place, active: active.sum() }).await?;
        fault::point("mid-rebuild");
        transaction.commit().await?;
        self.next_place = place;
        (self.active, self.tree) = (active, tree);
        self.views_hold = true;
        Ok(())
    }
}

async fn remember(connection: &mut SqliteConnection, mark: Mark) -> Result<(), sqlx::Error> {
    remember_as(connection, "views", &mark.to_text()).await
}

/// A fact about the store itself.
pub(super) async fn remember_as(
    connection: &mut SqliteConnection,
    key: &str,
    value: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into meta(key, value) values (?, ?) on conflict(key) do update set value = excluded.value",
    )
    .bind(key)
    .bind(value)
    .execute(connection)
    .await?;
    Ok(())
}

/// Takes the payloads of runs away, and overwrites where they stood.
async fn erase(connection: &mut SqliteConnection, runs: &[(String, i64)]) -> Result<(), sqlx::Error> {
    for (run, at) in runs {
        sqlx::query("delete from payload where run = ?").bind(run).execute(&mut *connection).await?;
        sqlx::query("update runs set erased_at = ? where id = ?")
            .bind(at)
            .bind(run)
            .execute(&mut *connection)
            .await?;
        fault::point("mid-prune");
    }
    Ok(())
}

async fn write_rows(
    connection: &mut SqliteConnection,
    rows: &Rows,
    vault: Option<&Vault>,
) -> Result<(), StoreError> {
    insert(connection, &JOURNAL, &rows.journal, |arguments, row| {
        arguments.add(row.run.as_str())?;
        arguments.add(row.seq)?;
        arguments.add(row.at)?;
        arguments.add(row.place)?;
        arguments.add(row.event.as_str())
    })
    .await?;
    let stored = |(run, row): (&String, &PayloadRow)| {
        let body = row.body();
        let body = vault.map_or(Ok(body.clone()), |vault| vault.payload(run, row.seq, &body))?;
        Ok((run.clone(), row.seq, body))
    };
    let payloads = rows.payloads.iter().map(stored).collect::<Result<Vec<_>, StoreError>>()?;
    insert(connection, &PAYLOAD, &payloads, |arguments, (run, seq, body)| {
        arguments.add(run.as_str())?;
        arguments.add(*seq)?;
        arguments.add(body.as_str())
    })
    .await?;
    fault::point("mid-transaction");
    insert(connection, &AUDIT, &rows.audit, |arguments, row| {
        arguments.add(row.seq)?;
        arguments.add(row.run.as_deref())?;
        arguments.add(row.record.as_str())
    })
    .await?;
    insert(connection, &RUNS, &rows.runs, |arguments, row| {
        for text in [&row.id, &row.runbook, &row.state, &row.requester, &row.mode] {
            arguments.add(text.as_str())?;
        }
        arguments.add(row.parent.as_deref())?;
        arguments.add(row.created_at)?;
        arguments.add(row.settled_at)?;
        arguments.add(row.specs.as_str())?;
        arguments.add(row.erased_at)
    })
    .await?;
    insert(connection, &APPROVALS, &rows.approvals, |arguments, row| {
        arguments.add(row.id.as_str())?;
        arguments.add(row.run.as_str())?;
        arguments.add(row.state.as_str())
    })
    .await?;
    insert(connection, &DECISIONS, &rows.decisions, |arguments, (id, run)| {
        arguments.add(id.as_str())?;
        arguments.add(run.as_str())
    })
    .await?;
    let (kept, gone): (Vec<_>, Vec<_>) = rows.world.iter().partition(|row| row.value.is_some());
    insert(connection, &WORLD, &kept, |arguments, row| {
        arguments.add(row.kind.as_str())?;
        arguments.add(row.key.as_str())?;
        arguments.add(row.value.as_deref().unwrap_or("null"))
    })
    .await?;
    for row in gone {
        sqlx::query("delete from world where kind = ? and key = ?")
            .bind(&row.kind)
            .bind(&row.key)
            .execute(&mut *connection)
            .await?;
    }
    insert(connection, &META, &rows.meta, |arguments, (key, value)| {
        arguments.add(key.as_str())?;
        arguments.add(value.as_str())
    })
    .await?;
    Ok(())
}
