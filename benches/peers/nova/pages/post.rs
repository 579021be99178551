//! The length of a body.

use nova::prelude::*;

pub async fn post(body: Bytes) -> String {
    body.len().to_string()
}
