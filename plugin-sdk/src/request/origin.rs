//! Whose page makes a request: the header `Origin` (RFC 6454), beside the host that is asked.

use http::header::HOST;
use http::uri::{Authority, Uri};

use super::RequestContext;

/// The host that a client asks for: proxies that are trusted have said it, or the client.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) host: &'a str,
    /// Whether it was asked over TLS, as far as the host knows: TLS may have ended at a proxy that it
    /// does not trust.
    pub(crate) is_https: bool,
}

impl<'a> Asked<'a> {
    pub(crate) fn of(head: &'a RequestContext<'_>) -> Self {
        Asked {
            host: head.header(HOST.as_str()).unwrap_or_default(),
            is_https: head.header("x-forwarded-proto") == Some("https"),
        }
    }

    /// Whether this is an origin of the host. What came over TLS is of a page that did, too: one that
    /// came without may be of whoever is on the network.
    pub(crate) fn is(self, origin: &str) -> bool {
        let Ok(uri) = origin.parse::<Uri>() else { return false };
        let (Some(scheme), Some(from)) = (uri.scheme_str(), uri.authority()) else { return false };
        let Ok(asked) = self.host.parse::<Authority>() else { return false };
        let Some(default) = default_port(scheme) else { return false };
        (scheme == "https" || !self.is_https)
            && from.host().eq_ignore_ascii_case(asked.host())
            && from.port_u16().unwrap_or(default) == asked.port_u16().unwrap_or(default)
    }
}

/// Whether two origins are one: `https://a.example` and `https://A.example:443`.
pub(crate) fn is_same(one: &str, other: &str) -> bool {
    let parts = |origin: &str| {
        let uri: Uri = origin.parse().ok()?;
        let (scheme, authority) = (uri.scheme_str()?.to_ascii_lowercase(), uri.authority()?);
        let port = authority.port_u16().or(default_port(&scheme));
        Some((authority.host().to_ascii_lowercase(), port, scheme))
    };
    parts(one).is_some_and(|it| Some(it) == parts(other))
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

    #[test]
    fn an_origin_is_of_a_host_by_name_and_port_and_over_tls_by_scheme() {
        for (origin, host, plain, https) in [
            ("https://a.example", "a.example", true, true),
            ("https://A.example", "a.Example", true, true),
            ("https://a.example:443", "a.example", true, true),
            ("HTTPS://a.example", "a.example:443", true, true),
            ("http://a.example", "a.example", true, false),
            ("http://localhost:3000", "localhost:3000", true, false),
            ("http://[::1]:3000", "[::1]:3000", true, false),
            ("http://a.example:443", "a.example", false, false),
            ("http://localhost:3001", "localhost:3000", false, false),
            ("http://localhost", "localhost:3000", false, false),
            ("https://b.example", "a.example", false, false),
            ("https://a.example.evil.example", "a.example", false, false),
            ("https://evil.example/a.example", "a.example", false, false),
            ("null", "null", false, false),
            ("", "a.example", false, false),
            ("file://a.example", "a.example", false, false),
            ("https://a.example", "", false, false),
        ] {
            let is = |is_https| Asked { host, is_https }.is(origin);
            assert_eq!((is(false), is(true)), (plain, https), "{origin} at {host}");
        }
    }
}
