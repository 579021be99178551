//! A row.

use nova::prelude::*;
use serde::Serialize;

use crate::app::Database;

#[derive(Serialize)]
pub struct Person {
    id: i64,
    name: String,
    email: String,
}

/// The build has no database.
pub const PRECOMPILE: bool = false;

pub async fn get(Path(id): Path<i64>, State(database): State<Database>) -> Result<Json<Person>> {
    let (id, name, email) = sqlx::query_as("select id, name, email from people where id = ?")
        .bind(id)
        .fetch_one(&database.0)
        .await?;
    Ok(Json(Person { id, name, email }))
}
