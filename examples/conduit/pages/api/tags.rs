use nova::prelude::*;
use serde::Serialize;

use crate::app::Conduit;
use crate::model::articles;

#[derive(Serialize)]
pub struct Tags {
    tags: Vec<String>,
}

pub async fn get(State(app): State<Conduit>) -> Result<Json<Tags>> {
    Ok(Json(Tags {
        tags: articles::tags(&app.db).await?,
    }))
}
