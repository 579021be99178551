//! The app's stylesheet in development: always under one address, compiled in memory.
//!
//! The page shell links the address that a library was given when it started. It must lead to
//! the newest styles although the library knows nothing of them, so it names no content; what is
//! sent to open pages does, and thereby passes every cache.

use nova_route_template::{
    Browsers, PartialSettings, Project, Settings, Style, StyleError, compile_styles,
};

/// Where the stylesheet is served.
pub(crate) const URL: &str = "/__nova/style.css";

/// A stylesheet that compiled.
#[derive(Debug)]
pub(crate) struct CompiledStyles {
    /// Its address, which is another one for another content.
    pub(crate) href: String,
    /// The CSS.
    pub(crate) css: String,
    /// What the compiler had to say.
    pub(crate) warnings: Vec<String>,
}

/// Compiles the styles of an app; one without any has an empty stylesheet.
///
/// # Errors
/// With what is wrong with them.
pub(crate) fn compile(project: &Project) -> Result<CompiledStyles, StyleError> {
    let (css, hash, warnings) =
        match compile_styles(project, Style::Expanded, browsers(project)).sheet? {
            Some(sheet) => (sheet.css, sheet.hash, sheet.warnings),
            None => (String::new(), "none".to_owned(), Vec::new()),
        };
    Ok(CompiledStyles { href: format!("{URL}?{hash}"), css, warnings })
}

/// The browsers that the settings name. A mistake in them is told elsewhere.
fn browsers(project: &Project) -> Browsers {
    let settings = Settings::load(project.dir(), |_| None, PartialSettings::default());
    settings.map(|settings| settings.build.browsers).unwrap_or_default()
}
