//! The document around a page's content.

use std::borrow::Cow;
use std::fmt::Write;

use maud::Escaper;

/// A page before it is a document.
#[derive(Clone, Debug)]
pub(crate) struct PageContent {
    pub(super) title: String,
    pub(super) lang: Cow<'static, str>,
    pub(super) head: String,
    pub(super) body: String,
}

/// What the shell links to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Links {
    pub(crate) stylesheet: Option<String>,
    pub(crate) favicon: Option<String>,
}

impl PageContent {
    /// The whole document. The page's own `head` comes last, so that it can override the app's
    /// stylesheet. The attribute is how the development server finds the stylesheet to swap.
    pub(crate) fn into_document(self, links: &Links) -> String {
        let mut out = String::with_capacity(self.body.len() + self.head.len() + 512);
        let mut put = |parts: &[Piece<'_>]| {
            for part in parts {
                match part {
                    Piece::Html(html) => out.push_str(html),
                    // Writing to a string cannot fail.
                    Piece::Text(text) => drop(Escaper::new(&mut out).write_str(text)),
                }
            }
        };
        put(&[Piece::Html("<!DOCTYPE html><html lang=\""), Piece::Text(&self.lang)]);
        put(&[
            Piece::Html(
                "\"><head><meta charset=\"utf-8\">\
                 <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>",
            ),
            Piece::Text(&self.title),
            Piece::Html("</title>"),
        ]);
        if let Some(url) = &links.favicon {
            put(&[Piece::Html("<link rel=\"icon\" href=\""), Piece::Text(url), Piece::Html("\">")]);
        }
        if let Some(url) = &links.stylesheet {
            put(&[
                Piece::Html("<link rel=\"stylesheet\" data-nova-style href=\""),
                Piece::Text(url),
                Piece::Html("\">"),
            ]);
        }
        put(&[
            Piece::Html(&self.head),
            Piece::Html("</head><body>"),
            Piece::Html(&self.body),
            Piece::Html("</body></html>"),
        ]);
        out
    }
}

enum Piece<'a> {
    Html(&'a str),
    Text(&'a str),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shell_escapes_what_is_text() {
        let page = PageContent {
            title: "a < b".to_owned(),
            lang: Cow::Borrowed("es"),
            head: "<meta name=\"x\">".to_owned(),
            body: "<p>hi</p>".to_owned(),
        };
        let links =
            Links { stylesheet: Some("/s.css?a&b".to_owned()), favicon: Some("/f.svg".to_owned()) };
        assert_eq!(
            page.into_document(&links),
            "<!DOCTYPE html><html lang=\"es\"><head><meta charset=\"utf-8\">\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
             <title>a &lt; b</title><link rel=\"icon\" href=\"/f.svg\">\
             <link rel=\"stylesheet\" data-nova-style href=\"/s.css?a&amp;b\"><meta name=\"x\"></head>\
             <body><p>hi</p></body></html>"
        );
    }
}
