//! The state that all pages share: the database, and the key of tokens.

use std::str::FromStr;
use std::time::Duration;

use nova::prelude::*;
use sqlx::SqlitePool;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

use crate::model::tokens::Tokens;

/// The state. Clones share it.
#[derive(Clone)]
pub struct Conduit {
    pub db: SqlitePool,
    pub tokens: Tokens,
}

/// Opens the database and brings it up to date.
///
/// Where the app is only tried (before a swap, in a build, in tests) it has a database of its own in
/// memory, so that nothing outside changes.
pub async fn init(purpose: Purpose) -> Result<Conduit> {
    let serves = purpose == Purpose::Serve;
    let (db, tokens) = if serves {
        (open().await?, Tokens::from_env()?)
    } else {
        (memory().await?, Tokens::random()?)
    };
    sqlx::migrate!().run(&db).await?;
    Ok(Conduit { db, tokens })
}

/// Writes what the log of SQLite holds into the database file, and closes it.
pub async fn shutdown(app: Conduit) {
    app.db.close().await;
}

async fn open() -> Result<SqlitePool> {
    let url = std::env::var("DATABASE_URL").unwrap_or_else(|_| "sqlite://conduit.db".to_owned());
    let options = SqliteConnectOptions::from_str(&url)?
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        // With WAL a power cut may lose the last commits; an acknowledged write may not be lost.
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(Duration::from_secs(5))
        .foreign_keys(true);
    Ok(SqlitePoolOptions::new()
        .max_connections(8)
        .connect_with(options)
        .await?)
}

async fn memory() -> Result<SqlitePool> {
    let options = SqliteConnectOptions::from_str("sqlite::memory:")?.foreign_keys(true);
    // Each connection to `:memory:` is another database: there is one, which never ends.
    let pool = SqlitePoolOptions::new()
        .max_connections(1)
        .idle_timeout(None)
        .max_lifetime(None);
    Ok(pool.connect_with(options).await?)
}
