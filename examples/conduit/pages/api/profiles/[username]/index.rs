use nova::prelude::*;

use crate::app::Conduit;
use crate::model::profiles::{self, ProfileBody};
use crate::model::users::Auth;

pub async fn get(
    State(app): State<Conduit>,
    viewer: Option<Auth>,
    Path(username): Path<String>,
) -> Result<Json<ProfileBody>> {
    let viewer = viewer.map(|Auth(user)| user.id);
    Ok(profiles::find(&app.db, &username, viewer)
        .await?
        .into_body())
}
