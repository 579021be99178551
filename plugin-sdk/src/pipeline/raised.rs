//! The errors of a request on their way to the host, which logs them with what it knows of the
//! request.
//!
//! They are in the extensions of the response, where middleware leaves them alone. Middleware that
//! drops a response and answers with another drops them too; then they are logged here.

use std::mem;
use std::sync::{Arc, Mutex, PoisonError};

use http::Extensions;
use nova_abi::PageError;

use crate::error::Error;
use crate::request::RequestContext;

/// See the [module](self). Empty, it has allocated nothing.
#[derive(Clone, Default)]
pub(crate) struct RaisedErrors(Option<Arc<Unheard>>);

/// Errors that the host has not heard of. Behind a lock because extensions are shared.
struct Unheard {
    /// The request that they belong to, such as `GET /users`.
    request: String,
    errors: Mutex<Vec<PageError>>,
}

impl RaisedErrors {
    /// Adds an error, if it is the app's own and one that its operators should hear of.
    pub(crate) fn add(&mut self, cx: &RequestContext<'_>, error: &mut Error) {
        if error.is_known() {
            return;
        }
        if !error.status().is_server_error() {
            let request = format_args!("{} {}", cx.method_name(), cx.path());
            tracing::debug!("{request}: {} {error}", error.status().as_u16());
            return;
        }
        let unheard = self.0.get_or_insert_with(|| {
            let request = format!("{} {}", cx.method_name(), cx.path());
            Arc::new(Unheard { request, errors: Mutex::default() })
        });
        unheard.errors().push(PageError {
            message: error.message().into(),
            causes: error.chain().map(|cause| cause.to_string().into()).collect(),
            location: error.location().map(ToString::to_string).unwrap_or_default().into(),
        });
        error.mark_known();
    }

    /// Puts them where [`take`](Self::take) finds them.
    pub(crate) fn leave_in(self, extensions: &mut Extensions) {
        if self.0.is_some() {
            extensions.insert(self);
        }
    }

    /// Those that a response has brought, for the host.
    pub(crate) fn take(extensions: &mut Extensions) -> Vec<PageError> {
        let Some(Self(Some(unheard))) = extensions.remove::<Self>() else { return Vec::new() };
        mem::take(&mut *unheard.errors())
    }
}

impl Unheard {
    fn errors(&self) -> std::sync::MutexGuard<'_, Vec<PageError>> {
        self.errors.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Unheard {
    fn drop(&mut self) {
        for error in mem::take(&mut *self.errors()) {
            tracing::error!("{}{error}", self.request);
        }
    }
}
