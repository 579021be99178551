//! The type behind [`Html`](tyalias@super::Html).

use std::borrow::Cow;

use maud::{Markup, PreEscaped, Render, html};

use super::into_markup::IntoMarkup;
use super::shell::PageContent;

/// A page or a fragment; made by [`page`](super::page) and [`Html()`](super::Html()).
///
/// As an argument of a layout it is the page so far:
///
/// ```
/// use nova::prelude::*;
///
/// pub fn layout(page: Html) -> Html {
///     let title = page.title().unwrap_or_default().to_owned();
///     page.map(|body| html! { h1 { (title) } (body) })
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Html {
    parts: Parts,
}

#[derive(Clone, Debug)]
pub(crate) enum Parts {
    Fragment(Cow<'static, str>),
    Page(Box<PageContent>),
}

impl Html {
    pub(super) fn fragment(text: Cow<'static, str>) -> Self {
        Html { parts: Parts::Fragment(text) }
    }

    pub(super) fn page(title: String, body: String) -> Self {
        Html::from(Box::new(PageContent {
            title,
            lang: Cow::Borrowed("en"),
            head: String::new(),
            body,
        }))
    }

    pub(crate) fn into_parts(self) -> Parts {
        self.parts
    }

    /// The page's title; `None` for a fragment.
    #[must_use]
    pub fn title(&self) -> Option<&str> {
        match &self.parts {
            Parts::Fragment(_) => None,
            Parts::Page(page) => Some(&page.title),
        }
    }

    /// The content so far, without the shell.
    #[must_use]
    pub fn content(&self) -> &str {
        match &self.parts {
            Parts::Fragment(text) => text,
            Parts::Page(page) => &page.body,
        }
    }

    /// The same with another title. A fragment has none and stays as it is.
    #[must_use]
    pub fn with_title(mut self, title: impl Into<String>) -> Self {
        if let Parts::Page(page) = &mut self.parts {
            page.title = title.into();
        }
        self
    }

    /// The same in another language than `en`: the `lang` of the `html` element. A fragment has
    /// none and stays as it is.
    #[must_use]
    pub fn lang(mut self, lang: impl Into<Cow<'static, str>>) -> Self {
        if let Parts::Page(page) = &mut self.parts {
            page.lang = lang.into();
        }
        self
    }

    /// The same with more elements in the page's `head`, after those that are there. A fragment
    /// has none and stays as it is.
    #[must_use]
    pub fn head(mut self, elements: impl IntoMarkup) -> Self {
        if let Parts::Page(page) = &mut self.parts {
            page.head.push_str(&elements.into_markup().into_string());
        }
        self
    }

    /// The same with a `meta` element in the page's `head`, unless the page has one of this name: a
    /// page is made before its layouts see it, so what it says of itself counts, and what a layout
    /// says is for the other pages. A fragment stays as it is.
    ///
    /// ```
    /// use nova::prelude::*;
    ///
    /// // pages/about.rs
    /// pub fn get() -> Html {
    ///     page("About", html! { p { "…" } })
    ///         .meta("description", "Who we are")
    ///         .meta("og:image", "https://example.org/team.jpg")
    /// }
    ///
    /// // pages/_layout.rs
    /// pub fn layout(page: Html) -> Html {
    ///     let title = format!("{} · Example", page.title().unwrap_or_default());
    ///     page.with_title(title).meta("description", "What this site is about")
    /// }
    /// ```
    #[must_use]
    pub fn meta(mut self, name: &str, content: impl AsRef<str>) -> Self {
        if let Parts::Page(page) = &mut self.parts {
            // Open Graph is RDFa, whose names are in an attribute of their own.
            let is_property = name.contains(':') && !name.starts_with("twitter:");
            let attribute = if is_property { "property" } else { "name" };
            let escaped = |text: &str| html! { (text) }.into_string();
            let name = format!("{attribute}=\"{}\"", escaped(name));
            if !page.head.contains(&name) {
                let content = escaped(content.as_ref());
                page.head.push_str(&format!("<meta {name} content=\"{content}\">"));
            }
        }
        self
    }

    /// The same with its content changed, which is what a layout does.
    #[must_use]
    pub fn map<M: IntoMarkup>(self, change: impl FnOnce(Markup) -> M) -> Self {
        let apply = |text: String| change(PreEscaped(text)).into_markup().into_string();
        match self.parts {
            Parts::Fragment(text) => Html::fragment(Cow::Owned(apply(text.into_owned()))),
            Parts::Page(mut page) => {
                page.body = apply(page.body);
                Html::from(page)
            }
        }
    }
}

impl From<Box<PageContent>> for Html {
    fn from(page: Box<PageContent>) -> Self {
        Html { parts: Parts::Page(page) }
    }
}

/// In `html!` its content is spliced as it is.
impl Render for Html {
    fn render_to(&self, buffer: &mut String) {
        buffer.push_str(self.content());
    }
}

impl IntoMarkup for Html {
    fn into_markup(self) -> Markup {
        self.render()
    }
}
