//! The app's stylesheet in development: always under one address, compiled in memory.
//!
//! The page shell links the address that a library was given when it started. It must lead to
//! the newest styles although the library knows nothing of them, so it names no content; what is
//! sent to open pages does, and thereby passes every cache.

use std::sync::Arc;

use arc_swap::ArcSwap;
use bytes::Bytes;
use nova_route_template::{Project, Style, StyleError, compile_styles};

/// Where the stylesheet is served.
pub(crate) const URL: &str = "/__nova/style.css";

/// The stylesheet that was compiled last.
#[derive(Debug, Default)]
pub(crate) struct Styles {
    css: ArcSwap<Bytes>,
}

/// A stylesheet that compiled.
#[derive(Debug)]
pub(crate) struct Compiled {
    /// Its address, which is another one for another content.
    pub(crate) href: String,
    /// What the compiler had to say.
    pub(crate) warnings: Vec<String>,
}

impl Styles {
    /// Compiles the styles of the app in `dir`. Without any, or with a mistake in them, a page
    /// keeps what it has.
    ///
    /// # Errors
    /// With what is wrong with them.
    pub(crate) fn compile(&self, project: &Project) -> Result<Compiled, StyleError> {
        let sheet = compile_styles(project, Style::Expanded)?;
        let (css, hash, warnings) = match sheet {
            Some(sheet) => (Bytes::from(sheet.css), sheet.hash, sheet.warnings),
            None => (Bytes::new(), "none".to_owned(), Vec::new()),
        };
        self.css.store(Arc::new(css));
        Ok(Compiled { href: format!("{URL}?{hash}"), warnings })
    }

    /// The CSS.
    pub(crate) fn css(&self) -> Bytes {
        Bytes::clone(&self.css.load())
    }
}
