//! What the tables of the store look like. A store whose tables of truth are others is not continued; views
//! whose tables are others are made anew.

use ordain_spec::digest::Digest;
use sqlx::sqlite::SqliteConnection;

use super::StoreError;

/// Digest of the tables, indexes and triggers of what is true, by format; a test holds them.
const TRUTH: [(u32, &str); 2] = [
    (2, "sha256:fa64bfdf93c2d4cc2b73ca1b8db4c5742157d5238d5a64afec14025252754418"),
    (3, "sha256:c79d2b8d64b4652f46055606c5a5944f67cb9f822506a004a1e134be9fc1d09f"),
];

/// Digest of the tables and indexes of the views; a test holds it.
pub(super) const VIEWS: &str = "sha256:a060229c3f84b4032677548e0d34a9993d55b98b57f0c937c0d6293a2624d380";

const TRIGGERS: [(&str, &str); 5] = [
    (
        "journal_is_append_only_update",
        "before update on journal begin select raise(abort, 'the journal is append-only'); end",
    ),
    (
        "journal_is_append_only_delete",
        "before delete on journal begin select raise(abort, 'the journal is append-only'); end",
    ),
    (
        "audit_is_append_only_update",
        "before update on audit begin select raise(abort, 'the audit log is append-only'); end",
    ),
    (
        "audit_is_append_only_delete",
        "before delete on audit begin select raise(abort, 'the audit log is append-only'); end",
    ),
    (
        "payload_is_never_changed",
        "before update on payload begin select raise(abort, 'a payload is never changed'); end",
    ),
];

/// Makes the triggers that hold what is true, where they are not there: in a new store, and in one from which
/// somebody took them.
///
/// # Errors
/// When the data base refuses.
pub(super) async fn restore_triggers(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    let there: i64 = sqlx::query_scalar("select count(*) from sqlite_schema where type = 'trigger'")
        .fetch_one(&mut *connection)
        .await?;
    if there == TRIGGERS.len() as i64 {
        return Ok(());
    }
    for (name, body) in TRIGGERS {
        let sql = format!("create trigger if not exists {name} {body}");
        sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&mut *connection).await?;
    }
    Ok(())
}

/// Refuses a store whose tables of what is true are not those of its format.
///
/// # Errors
/// When they are not, or the data base refuses.
pub(super) async fn check(connection: &mut SqliteConnection, format: u32) -> Result<(), StoreError> {
    let there = of_truth(connection).await?;
    if TRUTH.iter().any(|(known, digest)| *known == format && *digest == there) {
        return Ok(());
    }
    Err(StoreError::Corrupt("its tables are not as this program made them".into()))
}

/// Digest of what is true as it is.
///
/// # Errors
/// When the data base refuses.
async fn of_truth(connection: &mut SqliteConnection) -> Result<String, StoreError> {
    digest(
        connection,
        "select coalesce(sql, '') from sqlite_schema where tbl_name not in ('runs', 'approvals', 'decisions', 'world', 'tile') \
         and name not like '\\_sqlx%' escape '\\' and name not like 'sqlite\\_%' escape '\\' order by name",
    )
    .await
}

/// Digest of the views' tables as they are.
///
/// # Errors
/// When the data base refuses.
pub(super) async fn of_views(connection: &mut SqliteConnection) -> Result<String, StoreError> {
    digest(
        connection,
        "select coalesce(sql, '') from sqlite_schema where tbl_name in ('runs', 'approvals', 'decisions', 'world', 'tile') \
         and name not like 'sqlite\\_%' escape '\\' order by name",
    )
    .await
}

async fn digest(connection: &mut SqliteConnection, query: &'static str) -> Result<String, StoreError> {
    let statements: Vec<String> = sqlx::query_scalar(query).fetch_all(connection).await?;
    Ok(Digest::of(statements.join("\n").as_bytes()).to_string())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
    use super::super::Store;

    #[tokio::test]
    async fn the_digests_are_those_of_a_new_store() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.db");
        super::super::create(&path).await.unwrap();
        use sqlx::ConnectOptions as _;
        let mut connection = super::super::options(&path).unwrap().connect().await.unwrap();
        super::restore_triggers(&mut connection).await.unwrap();
        assert_eq!(super::of_truth(&mut connection).await.unwrap(), super::TRUTH[1].1);
        assert_eq!(super::of_views(&mut connection).await.unwrap(), super::VIEWS);
        assert!(Store::open(&path, None).await.unwrap().views_hold());
    }
}
