use nova::prelude::*;

use crate::app::Conduit;
use crate::model::profiles::{self, ProfileBody};
use crate::model::users::Auth;

pub async fn post(
    State(app): State<Conduit>,
    Auth(user): Auth,
    Path(username): Path<String>,
) -> Result<Json<ProfileBody>> {
    Ok(profiles::follow(&app.db, &username, user.id)
        .await?
        .into_body())
}

pub async fn delete(
    State(app): State<Conduit>,
    Auth(user): Auth,
    Path(username): Path<String>,
) -> Result<Json<ProfileBody>> {
    Ok(profiles::unfollow(&app.db, &username, user.id)
        .await?
        .into_body())
}
