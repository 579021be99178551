use nova::prelude::*;
use serde::Deserialize;

use crate::app::{Note, Notes};

#[derive(Deserialize)]
pub struct Filter {
    done: Option<bool>,
}

#[derive(Deserialize)]
pub struct NewNote {
    text: String,
}

/// `/notes`, `/notes?done=true`
pub fn get(Query(filter): Query<Filter>, State(notes): State<Notes>) -> Json<Vec<Note>> {
    let is_wanted = |note: &Note| filter.done.is_none_or(|done| note.done == done);
    Json(notes.all().into_iter().filter(is_wanted).collect())
}

pub fn post(State(notes): State<Notes>, Json(new): Json<NewNote>) -> Result<impl IntoResponse> {
    let text = new.text.trim();
    if text.is_empty() {
        return Err(Error::unprocessable("`text` must not be empty"));
    }
    let note = notes.add(text.to_owned());
    Ok((
        StatusCode::CREATED,
        [("location", format!("/notes/{}", note.id))],
        Json(note),
    ))
}
