use nova::prelude::*;
use serde::Deserialize;

use crate::app::{Store, User};

#[derive(Deserialize)]
pub struct NewUser {
    name: String,
    #[serde(default)]
    known_for: String,
}

pub fn get(State(store): State<Store>) -> Json<Vec<User>> {
    Json(store.users())
}

pub fn post(State(store): State<Store>, Json(new): Json<NewUser>) -> Result<impl IntoResponse> {
    let name = new.name.trim();
    if name.is_empty() || name.chars().count() > 80 {
        return Err(Error::unprocessable("`name` must have 1 to 80 characters"));
    }
    let user = store
        .add_user(name.to_owned(), new.known_for.trim().to_owned())
        .ok_or_else(|| Error::conflict("there is a user of this name already"))?;
    Ok((
        StatusCode::CREATED,
        [("location", format!("/users/{}", user.id))],
        Json(user),
    ))
}
