//! What the tests of the store share: a store with runs in it, and hands that change it from outside as a
//! person with an SQLite shell would.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on fails")]

use std::path::{Path, PathBuf};

use engine_tests::{Said, Workspace};
use ordain_spec::digest::Digest;
use serde_json::Value;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteRow};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Row as _, TypeInfo as _, ValueRef as _};

/// The file of a workspace's store.
pub fn store(space: &Workspace) -> PathBuf {
    space.path().join(".ordain/ordain.db")
}

/// Runs `ordain` as a person.
pub fn by(space: &Workspace, who: &str, arguments: &[&str]) -> Said {
    space.ordain(&[arguments, &["--as", who, "--json"]].concat())
}

/// A workspace in which one run waits for people, one is over and its outcome is remembered under a key, and
/// one was refused. Gives the ids of the first two.
pub fn payments() -> (Workspace, String, String) {
    let space = Workspace::copy_of("engine-tests/fixtures/catalogues/payments");
    let start = |payment: &str, code: i32| -> String {
        let payment = format!("payment={payment}");
        let arguments = [
            "run",
            "refund",
            "--input",
            &payment,
            "--input",
            "amount=5000",
            "--input",
            "note=the canary sang",
        ];
        let said = by(&space, "user:bob", &arguments);
        said.expect_code(code).json()["run"]["id"].as_str().unwrap_or_default().to_owned()
    };
    let over = start("pay_11111111", 4);
    let open = by(&space, "user:dan", &["approvals"]).json()["approvals"][0].clone();
    let (id, digest) = (open["id"].as_str().unwrap(), open["digest"].as_str().unwrap());
    let approve = ["approve", id, "--digest", digest, "--rationale", "the canary may be refunded"];
    by(&space, "user:dan", &approve).expect_code(0);
    by(&space, "user:bob", &["watch", &over]).expect_code(0);
    let waits = start("pay_22222222", 4);
    by(&space, "user:carol", &["run", "refund", "--input", "payment=pay_33333333", "--input", "amount=1"])
        .expect_code(3);
    (space, waits, over)
}

async fn connection(path: &Path) -> SqliteConnection {
    SqliteConnectOptions::new().filename(path).connect().await.unwrap()
}

fn wait<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

/// Changes the store with its triggers out of the way.
pub fn change(path: &Path, statements: &str) {
    wait(async {
        let mut connection = connection(path).await;
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
    });
}

fn line(row: &SqliteRow) -> String {
    let cell = |at: usize| {
        let value = row.try_get_raw(at).unwrap();
        match (value.is_null(), value.type_info().name()) {
            (true, _) => "null".to_owned(),
            (_, "INTEGER") => row.get::<i64, _>(at).to_string(),
            _ => row.get::<String, _>(at),
        }
    };
    (0..row.len()).map(cell).collect::<Vec<_>>().join("|")
}

/// What a query gives, a line a row.
pub fn rows(path: &Path, query: &str) -> Vec<String> {
    wait(async {
        let mut connection = connection(path).await;
        let rows = sqlx::query(AssertSqlSafe(query.to_owned())).fetch_all(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        rows.iter().map(line).collect()
    })
}

/// Every row of every view.
pub fn views(path: &Path) -> Vec<String> {
    let of = |table: &str| rows(path, &format!("select '{table}', * from {table} order by 2, 3"));
    ["runs", "approvals", "decisions", "world"].into_iter().flat_map(of).collect()
}

/// Changes a copy of the store, and makes the digest behind its pages anew, as anybody can.
pub fn change_copy(copy: &Path, statements: &str) {
    let bytes = std::fs::read(copy).unwrap();
    std::fs::write(copy, &bytes[..bytes.len() - bytes.len() % 512]).unwrap();
    change(copy, statements);
    let pages = std::fs::read(copy).unwrap();
    let end = format!("ordain copy {}\n", Digest::of(&pages));
    std::fs::write(copy, [&pages, end.as_bytes()].concat()).unwrap();
}

/// The reason code of a failure.
pub fn code(said: &Said) -> String {
    assert_eq!(said.code, 2, "{said:?}");
    let error = said.json()["error"].clone();
    assert!(error["hint"].is_string(), "a way out: {error}");
    error["code"].as_str().unwrap_or_default().to_owned()
}

/// The first bad record, or none.
pub fn first_bad(space: &Workspace) -> Option<(u64, String)> {
    let said = space.ordain(&["audit", "verify", "--json"]);
    let document: Value = said.json();
    let bad = &document["firstBad"];
    assert_eq!(said.code == 0, document["ok"] == true, "{said:?}");
    Some((bad["seq"].as_u64()?, bad["reason"].as_str()?.to_owned()))
}
