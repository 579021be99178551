use nova::prelude::*;
use serde::Deserialize;

use crate::app::Conduit;
use crate::model::users::{self, Login, UserBody};

#[derive(Deserialize)]
pub struct Credentials {
    user: Login,
}

pub async fn post(
    State(app): State<Conduit>,
    Json(sent): Json<Credentials>,
) -> Result<Json<UserBody>> {
    users::login(&app.db, sent.user).await?.into_body(&app)
}
