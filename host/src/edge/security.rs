//! Headers that make browsers careful with pages. What a page says itself, stands.

use std::net::IpAddr;

use http::header::{
    CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::request::Parts;
use http::uri::Authority;
use http::{HeaderMap, HeaderValue};

/// What is added to HTML.
#[derive(Clone, Debug)]
pub(crate) struct Security {
    /// Said where the client came over TLS.
    transport: Option<HeaderValue>,
}

impl Security {
    /// `transport` is for how many seconds a browser shall come back over TLS alone.
    pub(crate) fn new(transport: Option<u64>) -> Self {
        let value = |seconds| HeaderValue::try_from(format!("max-age={seconds}")).ok();
        Self { transport: transport.and_then(value) }
    }

    /// Adds what is missing, if this is HTML; `https` says whether the client came over TLS to a name
    /// that is not this machine's own.
    pub(crate) fn apply(&self, headers: &mut HeaderMap, https: impl FnOnce() -> bool) {
        if !is_html(headers) {
            return;
        }
        // A page that says who may frame it, says so in the newer header.
        let framed = headers.get_all(CONTENT_SECURITY_POLICY).iter().any(|policy| {
            policy
                .to_str()
                .is_ok_and(|policy| policy.to_ascii_lowercase().contains("frame-ancestors"))
        });
        let mut add = |name, value: &'static str| {
            headers.entry(name).or_insert(HeaderValue::from_static(value));
        };
        add(X_CONTENT_TYPE_OPTIONS, "nosniff");
        add(REFERRER_POLICY, "strict-origin-when-cross-origin");
        if !framed {
            add(X_FRAME_OPTIONS, "SAMEORIGIN");
        }
        if let Some(transport) = &self.transport
            && https()
        {
            headers.entry(STRICT_TRANSPORT_SECURITY).or_insert_with(|| transport.clone());
        }
    }
}

/// Whether a request asks for a name or an address of this machine. A browser that kept to TLS for
/// `localhost` would do so for every other program that is developed there.
pub(crate) fn is_local(request: &Parts) -> bool {
    let named = || request.headers.get(HOST)?.to_str().ok()?.parse::<Authority>().ok();
    match request.uri.authority() {
        Some(authority) => is_local_name(authority.host()),
        None => named().is_some_and(|authority| is_local_name(authority.host())),
    }
}

fn is_local_name(host: &str) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host);
    let last = host.rsplit('.').next().unwrap_or_default();
    let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    last.eq_ignore_ascii_case("localhost")
        || address.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
}

fn is_html(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).is_some_and(|value| {
        value.as_bytes().get(..9).is_some_and(|kind| kind.eq_ignore_ascii_case(b"text/html"))
    })
}

#[cfg(test)]
mod tests {
    use http::HeaderName;

    use super::*;

    fn applied(given: &[(HeaderName, &'static str)], https: bool) -> HeaderMap {
        let mut headers: HeaderMap = given
            .iter()
            .map(|(name, value)| (name.clone(), HeaderValue::from_static(value)))
            .collect();
        Security::new(Some(60)).apply(&mut headers, || https);
        headers
    }

    #[test]
    fn html_is_protected() {
        let headers = applied(&[(CONTENT_TYPE, "text/html; charset=utf-8")], false);
        assert_eq!(headers["x-content-type-options"], "nosniff");
        assert_eq!(headers["referrer-policy"], "strict-origin-when-cross-origin");
        assert_eq!(headers["x-frame-options"], "SAMEORIGIN");
        assert!(!headers.contains_key("strict-transport-security"));
        let headers = applied(&[(CONTENT_TYPE, "Text/HTML")], true);
        assert_eq!(headers["strict-transport-security"], "max-age=60");
    }

    #[test]
    fn this_machine_is_known_by_its_names() {
        for (host, is_one) in [
            ("localhost", true),
            ("LocalHost:8443", true),
            ("localhost.", true),
            ("app.localhost:443", true),
            ("127.0.0.1", true),
            ("127.8.9.10:443", true),
            ("[::1]", true),
            ("[::1]:8443", true),
            ("[::ffff:127.0.0.1]", true),
            ("example.com", false),
            ("localhost.example.com", false),
            ("mylocalhost", false),
            ("128.0.0.1", false),
            ("[::2]:443", false),
        ] {
            let mut request = http::Request::get("/").header(HOST, host).body(()).unwrap();
            assert_eq!(is_local(&request.clone().into_parts().0), is_one, "{host}");
            // As in HTTP/2.
            *request.uri_mut() = format!("https://{host}/").parse().unwrap();
            request.headers_mut().insert(HOST, HeaderValue::from_static("other.example"));
            assert_eq!(is_local(&request.into_parts().0), is_one, "{host}");
        }
        assert!(!is_local(&http::Request::new(()).into_parts().0));
    }

    #[test]
    fn what_the_page_says_stands() {
        let html = (CONTENT_TYPE, "text/html");
        let headers = applied(
            &[html.clone(), (X_FRAME_OPTIONS, "DENY"), (REFERRER_POLICY, "no-referrer")],
            true,
        );
        assert_eq!(headers["x-frame-options"], "DENY");
        assert_eq!(headers["referrer-policy"], "no-referrer");
        assert_eq!(headers.get_all(X_FRAME_OPTIONS).iter().count(), 1);
        let policy = (CONTENT_SECURITY_POLICY, "default-src 'self'; frame-ancestors *");
        assert!(!applied(&[html, policy], true).contains_key(X_FRAME_OPTIONS));
    }

    #[test]
    fn nothing_else_is_touched() {
        for kind in ["application/json", "text/plain", "text/htm", "image/png"] {
            assert_eq!(applied(&[(CONTENT_TYPE, kind)], true).len(), 1, "{kind}");
        }
        assert!(applied(&[], true).is_empty());
    }
}
