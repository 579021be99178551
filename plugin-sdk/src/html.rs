//! HTML answers: whole pages in a shell, and fragments as they are.
//!
//! [`page`] makes a page out of a title and its content. On the way out it goes through the
//! `_layout.rs` of its folder and of the folders above it, the innermost first, and then into the
//! shell: doctype, charset, viewport, title, the links to the app's stylesheet and favicon.
//! [`Html()`] makes a fragment, which is sent as it is.
//!
//! ```
//! use nova::prelude::*;
//!
//! // pages/index.rs
//! pub fn get() -> Html {
//!     page("Home", html! { h1 { "Welcome" } })
//! }
//!
//! // pages/_layout.rs
//! pub fn layout(page: Html) -> Html {
//!     page.head(html! { meta name="theme-color" content="teal"; })
//!         .map(|body| html! { header { "My site" } main { (body) } })
//! }
//! ```

pub mod document;
mod into_markup;
mod shell;

use std::borrow::Cow;

use maud::{Markup, PreEscaped};

pub use self::into_markup::IntoMarkup;
pub(crate) use self::shell::{Links, PageContent};

/// HTML, whatever it was made of: the type [`document::Html`].
///
/// `Html`, `Html<String>` and `Html<&'static str>` are one type, so a signature may say what it
/// likes.
pub type Html<T = String> = <T as HtmlContent>::Html;

/// HTML that is sent as it is: no shell, no layouts. Nothing in it is escaped.
///
/// ```
/// use nova::prelude::*;
///
/// pub fn get() -> Html {
///     Html("<p>Hello</p>")
/// }
/// ```
#[expect(non_snake_case, reason = "it reads like the constructor of the type of this name")]
pub fn Html<T: HtmlContent>(content: T) -> document::Html {
    document::Html::fragment(content.into_text())
}

/// A page: `content` with a title, in the app's layouts and in the shell that links its
/// stylesheet and favicon.
///
/// Content is what `html!` gives, or text, which is escaped.
///
/// ```
/// use nova::prelude::*;
///
/// pub fn get(Query(name): Query<String>) -> Html {
///     page("Hello", html! { h1 { "Hello " (name) } })
/// }
/// ```
pub fn page(title: impl Into<String>, content: impl IntoMarkup) -> document::Html {
    document::Html::page(title.into(), content.into_markup().into_string())
}

/// What [`Html()`] takes: text that is HTML already.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not HTML",
    label = "expected `html! {{ .. }}`, a `String` or a `&'static str`"
)]
pub trait HtmlContent {
    /// Always [`document::Html`].
    type Html;

    /// The HTML text.
    fn into_text(self) -> Cow<'static, str>;
}

macro_rules! html_content {
    ($($content:ty: $self:ident => $text:expr,)*) => {$(
        impl HtmlContent for $content {
            type Html = document::Html;

            fn into_text($self) -> Cow<'static, str> {
                Cow::from($text)
            }
        }
    )*};
}

html_content! {
    &'static str: self => self,
    String: self => self,
    Cow<'static, str>: self => self,
    PreEscaped<&'static str>: self => self.0,
    Markup: self => self.0,
}
