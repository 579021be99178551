//! Which errors a page may owe to being compiled by itself.
//!
//! A page of its own is another crate than the app: what is `pub(crate)` is out of its reach, an
//! `impl` for a type of the app breaks the orphan rule, a `macro_rules!` of the crate root is not in
//! scope, an enum that is `#[non_exhaustive]` is one from elsewhere. Whether such an error is the
//! user's or comes from that is told by compiling the page as a part of the crate.

use nova_route_template::{Diagnostic, Level};

/// The error codes, and what to say of a page that only had such errors.
const CODES: [(&[&str], &str); 5] = [
    (
        &["E0603", "E0616", "E0624", "E0451", "E0446", "E0365", "E0364"],
        "it uses what is private to the crate; `pub` instead of `pub(crate)` makes it quicker",
    ),
    (
        &["E0116", "E0117", "E0118", "E0119", "E0210", "E0390", "E0120", "E0321"],
        "it implements something for types of the app; next to those types that is quicker",
    ),
    (
        &["E0432", "E0433", "E0425", "E0412", "E0405", "E0423", "E0531", "E0422", "E0404", "E0574"],
        "it names something that only the crate itself can see; a `pub mod` or `pub use` in the crate \
         root makes it quicker",
    ),
    (&["E0004", "E0638", "E0639"], "it takes apart a type that is #[non_exhaustive]"),
    (&["E0152", "E0463", "E0468", "E0469", "E0658"], "it needs what only the crate root has"),
];

/// Why a page with these errors may have to stay in the crate; none if all of them are the
/// user's for certain.
pub(crate) fn of(diagnostics: &[Diagnostic]) -> Option<&'static str> {
    let errors = diagnostics.iter().filter(|diagnostic| diagnostic.level == Level::Error);
    errors.into_iter().find_map(reason)
}

fn reason(error: &Diagnostic) -> Option<&'static str> {
    match error.code.as_deref() {
        Some(code) => {
            CODES.iter().find(|(codes, _)| codes.contains(&code)).map(|(_, reason)| *reason)
        }
        None => ["cannot find macro", "cannot find attribute", "cannot find derive macro"]
            .iter()
            .any(|start| error.message.starts_with(start))
            .then_some("it uses a macro of the crate root; #[macro_export] makes it quicker"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(code: Option<&str>, message: &str) -> Diagnostic {
        Diagnostic {
            level: Level::Error,
            code: code.map(str::to_owned),
            message: message.to_owned(),
            place: None,
            rendered: String::new(),
        }
    }

    #[test]
    fn an_error_that_any_crate_would_have_is_no_hazard() {
        assert_eq!(of(&[error(Some("E0308"), "mismatched types")]), None);
        assert_eq!(of(&[error(None, "expected one of `;` or `}`")]), None);
        assert!(of(&[error(Some("E0308"), ""), error(Some("E0603"), "")]).is_some());
        assert!(of(&[error(Some("E0116"), "")]).unwrap().contains("implements"));
        assert!(of(&[error(None, "cannot find macro `row` in this scope")]).is_some());
    }
}
