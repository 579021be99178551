//! An upgrade on its way through layers of tower: one that wraps the body of the response would wrap
//! it, too.

use std::sync::{Arc, Mutex, PoisonError};

use super::connection::TakeOver;
use crate::body::Body;
use crate::response::Response;

/// What is done with the connection after a 101.
#[derive(Clone)]
struct Upgrading(Arc<Mutex<Option<TakeOver>>>);

/// The same response, with what is done with the connection in its extensions.
pub(crate) fn without_upgrade(mut response: Response) -> Response {
    if let Some(take_over) = response.body_mut().take_upgrade() {
        response.extensions_mut().insert(Upgrading(Arc::new(Mutex::new(Some(take_over)))));
    }
    response
}

/// What [`without_upgrade`] has taken out, back in.
pub(crate) fn with_upgrade(mut response: Response) -> Response {
    let Some(Upgrading(upgrading)) = response.extensions_mut().remove() else { return response };
    if let Some(take_over) = upgrading.lock().unwrap_or_else(PoisonError::into_inner).take() {
        *response.body_mut() = Body::upgrade(take_over);
    }
    response
}
