//! A user.

use nova::prelude::*;
use serde::Serialize;

#[derive(Serialize)]
pub struct User {
    id: u64,
    name: String,
    email: &'static str,
    roles: [&'static str; 3],
}

pub fn get(Path(id): Path<u64>) -> Json<User> {
    Json(User {
        id,
        name: format!("user {id}"),
        email: "user@example.org",
        roles: ["reader", "writer", "admin"],
    })
}
