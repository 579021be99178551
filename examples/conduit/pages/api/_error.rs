use nova::prelude::*;
use serde_json::{Map, Value, json};

use crate::model::faults::Faults;

/// What is wrong, by field, and in `body` as sentences: the two forms in which clients of RealWorld
/// look for it.
pub fn handler(error: Error) -> Json<Value> {
    let faults = error
        .source()
        .and_then(|source| source.downcast_ref::<Faults>());
    let mut errors = Map::new();
    errors.insert("body".to_owned(), json!([error.message()]));
    for (field, faults) in faults.into_iter().flat_map(Faults::by_field) {
        // What the text of a comment or an article lacks is in `body` as well.
        errors.insert((*field).to_owned(), json!(faults));
    }
    Json(json!({ "errors": errors }))
}
