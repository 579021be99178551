use nova::prelude::*;
use nova::session::Csrf;

use crate::app::Conduit;
use crate::components::editor::{Draft, editor};
use crate::components::links;
use crate::model::articles::{self, ArticleUpdate};
use crate::model::faults::{Faults, forbidden};
use crate::model::visitor::Visitor;

pub async fn get(
    State(app): State<Conduit>,
    Extension(visitor): Extension<Visitor>,
    Path(slug): Path<String>,
    csrf: Csrf,
) -> Result<Html> {
    let user = visitor.user()?;
    let article = articles::find(&app.db, &slug, Some(user.id)).await?;
    if !visitor.is(&article.author.username) {
        return Err(forbidden("article"));
    }
    let draft = Draft {
        title: article.title,
        description: article.description,
        body: article.body.unwrap_or_default(),
        tags: article.tag_list.join(" "),
    };
    Ok(editor(
        "Edit the article",
        &csrf,
        &draft,
        &Faults::default(),
    ))
}

pub async fn post(
    State(app): State<Conduit>,
    Extension(visitor): Extension<Visitor>,
    Path(slug): Path<String>,
    csrf: Csrf,
    Form(draft): Form<Draft>,
) -> Result<Response> {
    let update = ArticleUpdate {
        title: Some(Some(draft.title.clone())),
        description: Some(Some(draft.description.clone())),
        body: Some(Some(draft.body.clone())),
        tag_list: Some(Some(draft.tag_list())),
    };
    match articles::update(&app.db, &slug, visitor.user()?, update).await {
        Ok(article) => Ok(Redirect::to(&links::article(&article)).into_response()),
        Err(error) => {
            let status = error.status();
            let form = editor("Edit the article", &csrf, &draft, &Faults::of(error)?);
            Ok((status, form).into_response())
        }
    }
}
