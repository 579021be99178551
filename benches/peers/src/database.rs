//! The rows that `/db/{id}` reads.

use std::path::Path;

use serde::Serialize;
use sqlx::SqlitePool;
use sqlx::sqlite::SqliteConnectOptions;

use crate::Failure;

/// How many rows there are, from 1.
const ROWS: i64 = 1000;

/// A row.
#[derive(Debug, Serialize)]
pub struct Person {
    id: i64,
    name: String,
    email: String,
}

/// Writes the database anew.
///
/// # Errors
/// If it cannot be written.
pub async fn seed(file: &Path) -> Result<(), Failure> {
    if file.exists() {
        std::fs::remove_file(file)?;
    }
    let options = SqliteConnectOptions::new().filename(file).create_if_missing(true);
    let pool = SqlitePool::connect_with(options).await?;
    let schema =
        "create table people (id integer primary key, name text not null, email text not null)";
    sqlx::query(schema).execute(&pool).await?;
    let mut all = pool.begin().await?;
    for id in 1..=ROWS {
        sqlx::query("insert into people values (?, ?, ?)")
            .bind(id)
            .bind(format!("user {id}"))
            .bind(format!("user{id}@example.org"))
            .execute(&mut *all)
            .await?;
    }
    all.commit().await?;
    pool.close().await;
    Ok(())
}

/// Opens it.
///
/// # Errors
/// If it is not there.
pub async fn open(file: &Path) -> Result<SqlitePool, Failure> {
    let options = SqliteConnectOptions::new().filename(file).read_only(true);
    Ok(SqlitePool::connect_with(options).await?)
}

/// The row with this number.
///
/// # Errors
/// If there is none, or it cannot be read.
pub async fn person(pool: &SqlitePool, id: i64) -> Result<Person, sqlx::Error> {
    let (id, name, email) = sqlx::query_as("select id, name, email from people where id = ?")
        .bind(id)
        .fetch_one(pool)
        .await?;
    Ok(Person { id, name, email })
}
