use nova::prelude::*;
use nova::session::Csrf;

use crate::app::Conduit;
use crate::components::editor::{Draft, editor};
use crate::components::links;
use crate::model::articles::{self, NewArticle};
use crate::model::faults::Faults;
use crate::model::visitor::Visitor;

pub fn get(Extension(visitor): Extension<Visitor>, csrf: Csrf) -> Result<Html> {
    visitor.user()?;
    Ok(editor(
        "New article",
        &csrf,
        &Draft::default(),
        &Faults::default(),
    ))
}

pub async fn post(
    State(app): State<Conduit>,
    Extension(visitor): Extension<Visitor>,
    csrf: Csrf,
    Form(draft): Form<Draft>,
) -> Result<Response> {
    let new = NewArticle {
        title: Some(draft.title.clone()),
        description: Some(draft.description.clone()),
        body: Some(draft.body.clone()),
        tag_list: Some(draft.tag_list()),
    };
    match articles::create(&app.db, visitor.user()?, new).await {
        Ok(article) => Ok(Redirect::to(&links::article(&article)).into_response()),
        Err(error) => {
            let status = error.status();
            let form = editor("New article", &csrf, &draft, &Faults::of(error)?);
            Ok((status, form).into_response())
        }
    }
}
