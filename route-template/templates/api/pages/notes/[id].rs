use nova::prelude::*;
use serde::Deserialize;

use crate::app::{Note, Notes};

#[derive(Deserialize)]
pub struct Change {
    text: Option<String>,
    done: Option<bool>,
}

pub fn get(Path(id): Path<u64>, State(notes): State<Notes>) -> Result<Json<Note>> {
    notes.find(id).map(Json).ok_or_else(no_such_note)
}

pub fn patch(
    Path(id): Path<u64>,
    State(notes): State<Notes>,
    Json(change): Json<Change>,
) -> Result<Json<Note>> {
    let changed = notes.change(id, |note| {
        if let Some(text) = change.text {
            note.text = text;
        }
        if let Some(done) = change.done {
            note.done = done;
        }
    });
    changed.map(Json).ok_or_else(no_such_note)
}

pub fn delete(Path(id): Path<u64>, State(notes): State<Notes>) -> Result<StatusCode> {
    notes
        .remove(id)
        .map(|_| StatusCode::NO_CONTENT)
        .ok_or_else(no_such_note)
}

fn no_such_note() -> Error {
    Error::not_found("there is no such note")
}
