//! The response that an error carries: see [`Error::from_response`](super::Error::from_response).

use std::sync::{Arc, Mutex, PoisonError};

use crate::response::Response;

/// A response that is taken once. Shared, because an error behind other errors can only be looked at,
/// and behind a lock, because what a response streams need not be `Sync`.
#[derive(Clone)]
pub(super) struct CarriedResponse(Arc<Mutex<Option<Response>>>);

impl CarriedResponse {
    pub(super) fn new(response: Response) -> Self {
        CarriedResponse(Arc::new(Mutex::new(Some(response))))
    }

    pub(super) fn take(&self) -> Option<Response> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}
