use nova::prelude::*;
use serde::Deserialize;

use crate::app::Conduit;
use crate::model::users::{self, NewUser};

#[derive(Deserialize)]
pub struct Registration {
    user: NewUser,
}

pub async fn post(
    State(app): State<Conduit>,
    Json(new): Json<Registration>,
) -> Result<impl IntoResponse> {
    let user = users::register(&app.db, new.user).await?;
    Ok((StatusCode::CREATED, user.into_body(&app)?))
}
