use nova::prelude::*;
use serde::Deserialize;

use crate::app::Conduit;
use crate::model::users::{self, Auth, UserBody, UserUpdate};

#[derive(Deserialize)]
pub struct Update {
    user: UserUpdate,
}

pub async fn get(State(app): State<Conduit>, Auth(user): Auth) -> Result<Json<UserBody>> {
    user.into_body(&app)
}

pub async fn put(
    State(app): State<Conduit>,
    Auth(user): Auth,
    Json(sent): Json<Update>,
) -> Result<Json<UserBody>> {
    users::update(&app.db, &user, sent.user)
        .await?
        .into_body(&app)
}
