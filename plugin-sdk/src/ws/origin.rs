//! Whose page asks for a WebSocket.
//!
//! A browser sends cookies along, and lets pages of every site connect: without a look at `Origin`,
//! any page that a visitor opens could speak in the visitor's name (cross-site WebSocket hijacking).
//! A client that is not a browser sends no `Origin`, and carries nobody's cookies but its own.

use http::HeaderValue;
use http::uri::{Authority, Uri};

/// The `Origin` of a request, and which are let in.
#[derive(Debug)]
pub(super) struct Origin {
    /// `None`: no browser asks.
    asks: Option<String>,
    is_allowed: bool,
}

impl Origin {
    /// From the lines of `Origin`, and the host that the client asks for: proxies that are trusted
    /// have said it, or the client.
    pub(super) fn new(lines: Vec<HeaderValue>, host: Option<&str>) -> Self {
        let asks = match &*lines {
            [] => return Self { asks: None, is_allowed: true },
            [line] => line.to_str().unwrap_or_default().to_owned(),
            _ => String::new(),
        };
        let is_allowed = is_same_host(&asks, host.unwrap_or_default());
        Self { asks: Some(asks), is_allowed }
    }

    pub(super) fn allow(&mut self, origin: &str) {
        let origin = origin.trim_end_matches('/');
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

/// Whether two origins are one: `https://a.example` and `https://A.example:443`.
fn is_same(one: &str, other: &str) -> bool {
    let parts = |origin: &str| {
        let uri: Uri = origin.parse().ok()?;
        let (scheme, authority) = (uri.scheme_str()?.to_ascii_lowercase(), uri.authority()?);
        let port = authority.port_u16().or(default_port(&scheme));
        Some((authority.host().to_ascii_lowercase(), port, scheme))
    };
    parts(one).is_some_and(|it| Some(it) == parts(other))
}

/// Whether an origin is of this host. The scheme is not compared: TLS may end at a proxy.
fn is_same_host(origin: &str, host: &str) -> bool {
    let Ok(uri) = origin.parse::<Uri>() else { return false };
    let (Some(scheme), Some(from)) = (uri.scheme_str(), uri.authority()) else { return false };
    let Ok(asked) = host.parse::<Authority>() else { return false };
    let Some(default) = default_port(scheme) else { return false };
    from.host().eq_ignore_ascii_case(asked.host())
        && from.port_u16().unwrap_or(default) == asked.port_u16().unwrap_or(default)
}

fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" => Some(80),
        "https" => Some(443),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(origin: &'static str, host: &'static str) -> Origin {
        Origin::new(vec![HeaderValue::from_static(origin)], Some(host))
    }

    #[test]
    fn only_pages_of_the_host_that_is_asked_are_let_in() {
        for (asks, host, is_allowed) in [
            ("https://a.example", "a.example", true),
            ("https://A.example", "a.Example", true),
            ("https://a.example:443", "a.example", true),
            ("https://a.example", "a.example:443", true),
            ("http://localhost:3000", "localhost:3000", true),
            ("http://[::1]:3000", "[::1]:3000", true),
            ("http://localhost:3001", "localhost:3000", false),
            ("http://localhost", "localhost:3000", false),
            ("https://b.example", "a.example", false),
            ("https://a.example.evil.example", "a.example", false),
            ("https://evil.example/a.example", "a.example", false),
            ("null", "a.example", false),
            ("null", "null", false),
            ("", "a.example", false),
            ("file://a.example", "a.example", false),
            ("https://a.example", "", false),
        ] {
            let origin = origin(asks, host);
            assert_eq!(origin.refused().is_none(), is_allowed, "{asks} at {host}");
        }
        assert!(Origin::new(Vec::new(), Some("a.example")).refused().is_none(), "not a browser");
        let twice = HeaderValue::from_static("https://a.example");
        let twice = Origin::new(vec![twice.clone(), twice], Some("a.example"));
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
            let mut origin = origin(asks, "a.example");
            origin.allow("https://c.example");
            origin.allow(allowed);
            assert_eq!(origin.refused().is_none(), is_allowed, "{asks} where {allowed} may");
        }
        let mut any = origin("null", "a.example");
        any.allow_any();
        assert_eq!(any.refused(), None);
    }
}
