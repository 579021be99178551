//! The database: a file that `BENCH_DATABASE` names.

use nova::prelude::*;
use sqlx::SqlitePool;
use sqlx::sqlite::SqliteConnectOptions;

#[derive(Clone)]
pub struct Database(pub SqlitePool);

pub async fn init(purpose: Purpose) -> Result<Database> {
    let options = SqliteConnectOptions::new();
    if purpose != Purpose::Serve {
        return Ok(Database(SqlitePool::connect_lazy_with(options.in_memory(true))));
    }
    let options = options.filename(std::env::var("BENCH_DATABASE")?).read_only(true);
    Ok(Database(SqlitePool::connect_with(options).await?))
}

/// A pool closes its connections on threads of their own: after this they are closed.
pub async fn shutdown(database: Database) {
    database.0.close().await;
}
