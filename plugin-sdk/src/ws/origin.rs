//! Whose page asks for a WebSocket.
//!
//! A browser sends cookies along, and lets pages of every site connect: without a look at `Origin`,
//! any page that a visitor opens could speak in the visitor's name (cross-site WebSocket hijacking).
//! A client that is not a browser sends no `Origin`, and carries nobody's cookies but its own.

use http::HeaderValue;

use crate::request::origin::{Asked, is_same};

/// The `Origin` of a request, and which are let in.
#[derive(Debug)]
pub(super) struct Origin {
    /// `None`: no browser asks.
    asks: Option<String>,
    is_allowed: bool,
}

impl Origin {
    /// From the lines of `Origin`, and the host that the client asks for.
    pub(super) fn new(lines: &[HeaderValue], asked: Asked<'_>) -> Self {
        let asks = match lines {
            [] => return Self { asks: None, is_allowed: true },
            [line] => line.to_str().unwrap_or_default().to_owned(),
            _ => String::new(),
        };
        let is_allowed = asked.is(&asks);
        Self { asks: Some(asks), is_allowed }
    }

    pub(super) fn allow(&mut self, origin: &str) {
        self.is_allowed |= self.asks.as_deref().is_some_and(|it| is_same(it, origin));
    }

    pub(super) fn allow_any(&mut self) {
        self.is_allowed = true;
    }

    /// The origin, if it is not let in.
    pub(super) fn refused(&self) -> Option<&str> {
        match &self.asks {
            Some(_) if self.is_allowed => None,
            Some(origin) if origin.is_empty() => Some("an unknown origin"),
            Some(origin) => Some(origin),
            None => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ASKED: Asked<'static> = Asked { host: "a.example", is_https: true };

    fn origin(origin: &'static str) -> Origin {
        Origin::new(&[HeaderValue::from_static(origin)], ASKED)
    }

    #[test]
    fn only_pages_of_the_host_that_is_asked_are_let_in() {
        for (asks, is_allowed) in [
            ("https://a.example", true),
            ("http://a.example", false),
            ("https://b.example", false),
            ("null", false),
            ("", false),
        ] {
            assert_eq!(origin(asks).refused().is_none(), is_allowed, "{asks}");
        }
        assert!(Origin::new(&[], ASKED).refused().is_none(), "not a browser");
        let twice = HeaderValue::from_static("https://a.example");
        let twice = Origin::new(&[twice.clone(), twice], ASKED);
        assert_eq!(twice.refused(), Some("an unknown origin"));
    }

    #[test]
    fn others_are_let_in_by_name() {
        for (asks, allowed, is_allowed) in [
            ("https://b.example", "https://b.example", true),
            ("https://b.example", "https://B.example:443/", true),
            ("https://b.example", "http://b.example", false),
            ("https://b.example", "b.example", false),
            ("https://b.example:8443", "https://b.example", false),
            ("null", "null", false),
        ] {
            let mut origin = origin(asks);
            origin.allow("https://c.example");
            origin.allow(allowed);
            assert_eq!(origin.refused().is_none(), is_allowed, "{asks} where {allowed} may");
        }
        let mut any = origin("null");
        any.allow_any();
        assert_eq!(any.refused(), None);
    }
}
