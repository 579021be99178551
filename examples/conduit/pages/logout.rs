use nova::prelude::*;
use nova::session::Session;

pub fn post(session: Session) -> Result<Redirect> {
    session.clear()?;
    Ok(Redirect::to("/"))
}
