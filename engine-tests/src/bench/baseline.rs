//! What the machine gives without us: rows into SQLite and syncs of a file.

use std::io::Write as _;
use std::path::Path;
use std::time::Instant;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _, Executor as _};

/// The raw rates of this machine, now.
#[derive(Debug, Clone, Copy)]
pub struct Raw {
    /// Rows of 300 bytes, 64 a transaction, `synchronous=FULL`, WAL.
    pub rows_per_second: f64,
    /// Processor time of one of them, in ms.
    pub cpu_ms: f64,
    /// 4 KiB appended and `fdatasync`ed.
    pub syncs_per_second: f64,
}

/// Measures both for about a second each.
///
/// # Panics
/// When the folder cannot be written.
#[expect(clippy::expect_used, reason = "without a baseline there is no ratio")]
pub async fn measure(folder: &Path) -> Raw {
    let mut connection = SqliteConnectOptions::new()
        .filename(folder.join("raw.db"))
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .disable_statement_logging()
        .connect()
        .await
        .expect("a data base");
    connection
        .execute("create table log(run text not null, seq integer not null, body text not null, primary key (run, seq)) strict, without rowid")
        .await
        .expect("a table");
    let body = "x".repeat(300);
    let (begun, cpu) = (Instant::now(), super::cpu_time());
    let mut rows = 0_i64;
    while begun.elapsed().as_millis() < 1_000 {
        let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await.expect("a transaction");
        for _ in 0..64 {
            rows += 1;
            sqlx::query("insert into log values (?, ?, ?)")
                .bind("0197a000-0000-7000-8000-000000000000")
                .bind(rows)
                .bind(&body)
                .execute(&mut *transaction)
                .await
                .expect("a row");
        }
        transaction.commit().await.expect("a commit");
    }
    let rows_per_second = rows as f64 / begun.elapsed().as_secs_f64();
    let cpu_ms = (super::cpu_time() - cpu).as_secs_f64() * 1e3 / rows as f64;
    let mut file = std::fs::File::create(folder.join("raw")).expect("a file");
    let begun = Instant::now();
    let mut syncs = 0_u32;
    while begun.elapsed().as_millis() < 1_000 {
        file.write_all(&[0; 4096]).expect("room");
        file.sync_data().expect("a sync");
        syncs += 1;
    }
    Raw { rows_per_second, cpu_ms, syncs_per_second: f64::from(syncs) / begun.elapsed().as_secs_f64() }
}
