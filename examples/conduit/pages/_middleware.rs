use nova::prelude::*;
use nova::session::Session;

use crate::app::Conduit;
use crate::model::visitor::Visitor;

/// Finds out who looks at the site, for the pages and their layout.
pub async fn middleware(
    State(app): State<Conduit>,
    session: Session,
    request: Request,
    next: Next<Visitor>,
) -> Result<Response> {
    let visitor = Visitor::of(&session, &app.db).await?;
    Ok(next.run_with(request, visitor).await)
}
