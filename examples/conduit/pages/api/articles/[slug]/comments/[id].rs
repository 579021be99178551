use nova::prelude::*;

use crate::app::Conduit;
use crate::model::comments;
use crate::model::users::Auth;

pub async fn delete(
    State(app): State<Conduit>,
    Auth(user): Auth,
    Path((slug, id)): Path<(String, i64)>,
) -> Result<StatusCode> {
    comments::remove(&app.db, &slug, id, &user).await?;
    Ok(StatusCode::NO_CONTENT)
}
