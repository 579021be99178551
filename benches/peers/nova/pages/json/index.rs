//! JSON that is read, checked and given back.

use nova::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
pub struct Item {
    id: u64,
    name: String,
    price: f64,
    tags: Vec<String>,
}

pub fn post(Json(item): Json<Item>) -> Json<Item> {
    Json(item)
}
