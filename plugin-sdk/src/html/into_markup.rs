//! What counts as the content of a page.

use maud::{Markup, PreEscaped, Render};

/// Content of a page: what `html!` gives, or text, which is escaped.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not page content",
    label = "expected `html! {{ .. }}` or text",
    note = "text is escaped; HTML in a string needs `Html(..)` around it"
)]
pub trait IntoMarkup {
    /// The content with everything escaped that has to be.
    fn into_markup(self) -> Markup;
}

impl IntoMarkup for Markup {
    fn into_markup(self) -> Markup {
        self
    }
}

impl IntoMarkup for PreEscaped<&str> {
    fn into_markup(self) -> Markup {
        PreEscaped(self.0.to_owned())
    }
}

impl IntoMarkup for &str {
    fn into_markup(self) -> Markup {
        self.render()
    }
}

impl IntoMarkup for String {
    fn into_markup(self) -> Markup {
        self.render()
    }
}
