//! What is a document of its own, and what a piece that a script puts somewhere: by what the request
//! says, and where it says nothing, by how the text begins.

use http::{HeaderValue, Method, Request};

/// What the client sends when it asks for the page that it is on.
const UPDATE: &str = "nova-update";

/// What scripts send that ask for a piece of a page: jQuery and Rails, htmx, Turbo, Unpoly, Inertia.
const PIECES: [&str; 5] =
    ["x-requested-with", "hx-request", "turbo-frame", "x-up-version", "x-inertia"];

/// What the sender of a request does with the HTML that comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Destination {
    /// It is shown as a document of its own.
    Document,
    /// It did not say: a browser on an address without TLS that is not local, or a tool.
    Unknown,
    /// A script takes it, and the client would get in the way of a piece.
    Elsewhere,
}

impl Destination {
    /// That of a request. A browser says it (`Sec-Fetch-Dest`), and so do the libraries that fetch
    /// pieces; the client asks for the page that it is on.
    pub(crate) fn of<B>(request: &Request<B>) -> Self {
        let headers = request.headers();
        let said = headers.get("sec-fetch-dest").map(HeaderValue::as_bytes);
        match said {
            _ if request.method() == Method::HEAD => Self::Elsewhere,
            _ if headers.contains_key(UPDATE) => Self::Document,
            Some(b"document" | b"frame" | b"iframe") => Self::Document,
            None if PIECES.iter().all(|name| !headers.contains_key(*name)) => Self::Unknown,
            _ => Self::Elsewhere,
        }
    }
}

/// So much of a page is looked at for its beginning.
pub(super) const BEGINNING: usize = 4096;

/// Whether a page is a whole one by its text, which begins with one of these; `None`: that is not
/// to be seen yet.
pub(super) fn begins_document(text: &[u8]) -> Option<bool> {
    pub(super) const BEGINNINGS: [&[u8]; 4] = [b"<!doctype", b"<html", b"<head", b"<body"];
    let mut text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    loop {
        text = text.trim_ascii_start();
        let Some(comment) = text.strip_prefix(b"<!--") else { break };
        let end = comment.windows(3).position(|it| it == b"-->")?;
        text = &comment[end + 3..];
    }
    let begins =
        |with: &&[u8]| text.get(..with.len()).is_some_and(|it| it.eq_ignore_ascii_case(with));
    if let Some(with) = BEGINNINGS.iter().find(|with| begins(with)) {
        // `<header>` is no `<head>`.
        return text.get(with.len()).map(|next| !next.is_ascii_alphanumeric() && *next != b'-');
    }
    let may =
        |with: &&[u8]| text.len() < with.len() && with[..text.len()].eq_ignore_ascii_case(text);
    let is_open = BEGINNINGS.iter().any(may) || b"<!--".starts_with(text);
    (!is_open).then_some(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_asks_says_what_it_does_with_the_answer() {
        use Destination::{Document, Elsewhere, Unknown};
        for (method, headers, expected) in [
            ("GET", &[][..], Unknown),
            ("GET", &[("accept", "*/*")], Unknown),
            ("POST", &[("sec-fetch-dest", "document")], Document),
            ("GET", &[("sec-fetch-dest", "iframe")], Document),
            // A browser knows better than a page that adds headers to everything.
            ("GET", &[("sec-fetch-dest", "document"), ("x-requested-with", "app")], Document),
            ("GET", &[("sec-fetch-dest", "empty")], Elsewhere),
            ("GET", &[("sec-fetch-dest", "script")], Elsewhere),
            ("GET", &[("sec-fetch-dest", "empty"), (UPDATE, "1")], Document),
            ("GET", &[("hx-request", "true")], Elsewhere),
            ("GET", &[("hx-request", "true"), (UPDATE, "1")], Document),
            ("POST", &[("x-requested-with", "XMLHttpRequest")], Elsewhere),
            ("GET", &[("turbo-frame", "list")], Elsewhere),
            ("HEAD", &[("sec-fetch-dest", "document")], Elsewhere),
        ] {
            let mut request = Request::builder().method(method);
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            let request = request.body(()).expect("a request");
            assert_eq!(Destination::of(&request), expected, "{method} {headers:?}");
        }
    }

    #[test]
    fn a_whole_page_is_told_from_a_piece() {
        for (text, whole) in [
            ("<!doctype html><p>", Some(true)),
            ("\u{feff} \n<!DOCTYPE html>", Some(true)),
            ("<!-- by hand --> <!----><html lang=\"en\">", Some(true)),
            ("<HEAD>", Some(true)),
            ("<body class=a>", Some(true)),
            ("<header>", Some(false)),
            ("<body-map>", Some(false)),
            ("<li>1</li>", Some(false)),
            ("<!-- a piece --><tr>", Some(false)),
            ("text", Some(false)),
            ("", None),
            (" \n", None),
            ("<", None),
            ("<!-", None),
            ("<!-- no end", None),
            ("<!doc", None),
            ("<html", None),
        ] {
            assert_eq!(begins_document(text.as_bytes()), whole, "{text:?}");
        }
    }
}
