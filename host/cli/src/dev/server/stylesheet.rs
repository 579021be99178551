//! The app's stylesheet, as the session compiled it last.

use std::sync::Arc;

use arc_swap::ArcSwap;
use bytes::Bytes;

/// The stylesheet that is served.
#[derive(Debug, Default)]
pub(crate) struct Stylesheet(ArcSwap<Bytes>);

impl Stylesheet {
    /// This is the stylesheet now.
    pub(crate) fn set(&self, css: String) {
        self.0.store(Arc::new(Bytes::from(css)));
    }

    /// The CSS.
    pub(crate) fn css(&self) -> Bytes {
        Bytes::clone(&self.0.load())
    }
}
