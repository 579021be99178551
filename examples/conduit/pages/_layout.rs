use nova::prelude::*;
use nova::session::Session;

use crate::components::header::header;
use crate::model::visitor::Visitor;

/// What surrounds every page.
pub fn layout(
    page: Html,
    uri: Uri,
    visitor: Option<Extension<Visitor>>,
    session: Session,
) -> Result<Html> {
    let messages = session.take_flash()?;
    let visitor = visitor.and_then(|Extension(visitor)| visitor.0);
    Ok(page
        .lang("en")
        .meta("description", "Conduit: a place to write and to read.")
        .map(|content| {
            html! {
                a.skip href="#content" { "Skip to the content" }
                (header(uri.path(), visitor.as_ref()))
                main id="content" {
                    @for message in &messages {
                        p.flash role="status" { (message.text) }
                    }
                    (content)
                }
                footer { p { "Conduit is the RealWorld application, on Nova." } }
            }
        }))
}
