use nova::prelude::*;

use crate::app::Conduit;
use crate::model::articles::{self, ArticlesBody, Page, Wanted};
use crate::model::users::Auth;

pub async fn get(
    State(app): State<Conduit>,
    Auth(user): Auth,
    Query(page): Query<Page>,
) -> Result<Json<ArticlesBody>> {
    let wanted = Wanted {
        feed_of: Some(user.id),
        ..Wanted::default()
    };
    Ok(ArticlesBody::new(
        articles::list(&app.db, &wanted, page, Some(user.id)).await?,
    ))
}
