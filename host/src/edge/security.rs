//! Headers that make browsers careful with pages. What a page says itself, stands.

use http::header::{
    CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
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

    /// Adds what is missing, if this is HTML.
    pub(crate) fn apply(&self, headers: &mut HeaderMap, https: bool) {
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
        if let Some(transport) = self.transport.as_ref().filter(|_| https) {
            headers.entry(STRICT_TRANSPORT_SECURITY).or_insert_with(|| transport.clone());
        }
    }
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
        Security::new(Some(60)).apply(&mut headers, https);
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
