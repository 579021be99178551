//! The head of a request, checked and brought into one form, whatever the protocol and whatever the
//! client wrote.
//!
//! hyper takes a message apart; what it leaves to a server is here: who is asked for (`Host`,
//! `:authority`, the target in absolute form), how the body is framed, which form the target has.
//! Past [`check`] a request of HTTP/1.1 and later has exactly one `host`, which is the name that
//! the client asked for, and one line of cookies.
//!
//! A good request of HTTP/1.1 costs one look at each of its lines and allocates nothing. HTTP/2
//! names the host outside of the headers: the line that is made of it is one short allocation.

use std::net::Ipv6Addr;

use http::header::{
    ACCEPT_ENCODING, COOKIE, EXPECT, FORWARDED, HOST, IF_MATCH, IF_NONE_MATCH, TRANSFER_ENCODING,
};
use http::request::Parts;
use http::uri::{Authority, Scheme};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version};

/// What makes the head of a request invalid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HeadError {
    /// RFC 9112, section 3.2; RFC 9113, section 8.3.1.
    #[error("the request does not say which host it is for; it needs a `host` header")]
    MissingHost,
    /// RFC 9112, section 3.2.
    #[error("the request has more than one `host` header")]
    SeveralHosts,
    /// RFC 9110, section 7.2; RFC 9112, section 3.2.
    #[error(
        "the host that the request is for is invalid; use a name or an address, and a port after \
         a colon"
    )]
    InvalidHost,
    /// RFC 9112, section 3.2.
    #[error("the target of the request is invalid; use a path or an http URL")]
    InvalidTarget,
    /// RFC 9110, section 9.3.6: a server that is not a proxy has no use for it.
    #[error("CONNECT is not implemented: this server is not a proxy")]
    Connect,
    /// RFC 9112, section 6.3.
    #[error("`transfer-encoding` is invalid; `chunked` has to stand there once, and last")]
    InvalidTransferEncoding,
    /// RFC 9112, section 6.1.
    #[error("`transfer-encoding` names a coding other than `chunked`, which is not implemented")]
    UnknownTransferCoding,
    /// RFC 9110, section 10.1.1.
    #[error("`expect` asks for something other than `100-continue`")]
    UnknownExpectation,
    /// RFC 9113, section 8.2.1.
    #[error("the value of a header begins or ends with a space")]
    PaddedValue,
}

impl HeadError {
    /// The status of the answer.
    #[must_use]
    pub fn status(self) -> StatusCode {
        match self {
            Self::Connect | Self::UnknownTransferCoding => StatusCode::NOT_IMPLEMENTED,
            Self::UnknownExpectation => StatusCode::EXPECTATION_FAILED,
            _ => StatusCode::BAD_REQUEST,
        }
    }
}

/// What the one look at each line has seen besides. Most requests have little of it, and are not searched
/// for it again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// `Accept-Encoding`.
    pub accepted_encodings: bool,
    /// `If-Match` or `If-None-Match`.
    pub entity_tags: bool,
    /// `Forwarded`, or a name that begins with `x-`, as those of proxies do.
    pub from_proxies: bool,
}

impl Seen {
    /// Of a head that was not looked at to its end: all of it may be there.
    pub const UNKNOWN: Self =
        Self { accepted_encodings: true, entity_tags: true, from_proxies: true };
}

/// Checks the head of a request, and makes `host` and `cookie` one line each.
///
/// # Errors
///
/// When HTTP says that it is not to be answered. Where one request ends and the next begins is then
/// uncertain: the connection of an HTTP/1.1 client should end with the answer.
pub fn check(head: &mut Parts) -> Result<Seen, HeadError> {
    check_target(head)?;
    let is_http2 = head.version >= Version::HTTP_2;
    let mut seen = Seen::default();
    let (mut hosts, mut cookies, mut codings, mut is_chunked) = (0, 0, 0, true);
    // No hash of any name: most of them are told apart by a number.
    for (name, value) in &head.headers {
        let value = value.as_bytes();
        if *name == HOST {
            hosts += 1;
            if !is_host(value) {
                return Err(HeadError::InvalidHost);
            }
        } else if *name == COOKIE {
            cookies += 1;
        } else if *name == TRANSFER_ENCODING {
            codings += 1;
            is_chunked &= value.eq_ignore_ascii_case(b"chunked");
        } else if *name == EXPECT
            && head.version >= Version::HTTP_11
            && !(value.is_empty() || value.eq_ignore_ascii_case(b"100-continue"))
        {
            return Err(HeadError::UnknownExpectation);
        } else {
            seen.name(name);
        }
        // hyper takes them off in HTTP/1.1.
        if is_http2 && is_padded(value) {
            return Err(HeadError::PaddedValue);
        }
    }
    if codings > 1 || !is_chunked {
        return Err(transfer_encoding_error(&head.headers));
    }
    match (hosts, head.uri.authority()) {
        (2.., _) => return Err(HeadError::SeveralHosts),
        (0, None) if head.version >= Version::HTTP_11 => return Err(HeadError::MissingHost),
        (0, Some(_)) if head.version == Version::HTTP_11 => return Err(HeadError::MissingHost),
        (_, Some(authority)) => name_host(&mut head.headers, authority)?,
        (_, None) => {}
    }
    if cookies > 1 {
        join_cookies(&mut head.headers);
    }
    Ok(seen)
}

impl Seen {
    fn name(&mut self, name: &HeaderName) {
        if *name == ACCEPT_ENCODING {
            self.accepted_encodings = true;
        } else if *name == IF_MATCH || *name == IF_NONE_MATCH {
            self.entity_tags = true;
        } else if *name == FORWARDED || name.as_str().starts_with("x-") {
            self.from_proxies = true;
        }
    }
}

/// A path, a URL of ours, or `*`, which the site answers. Whether a path begins with a slash is the
/// router's to say.
fn check_target(head: &Parts) -> Result<(), HeadError> {
    let uri = &head.uri;
    if head.method == Method::CONNECT {
        let is_authority = uri.path_and_query().is_none() && uri.port_u16().is_some();
        let is_valid = is_authority || head.version >= Version::HTTP_2;
        return Err(if is_valid { HeadError::Connect } else { HeadError::InvalidTarget });
    }
    let is_ours = uri.scheme().is_none_or(|it| *it == Scheme::HTTP || *it == Scheme::HTTPS);
    if is_ours && uri.path_and_query().is_some() { Ok(()) } else { Err(HeadError::InvalidTarget) }
}

/// Lets `host` say what the target says, which counts (RFC 9112, section 3.2.2; RFC 9113,
/// section 8.3.1).
fn name_host(headers: &mut HeaderMap, authority: &Authority) -> Result<(), HeadError> {
    let name = authority.as_str();
    if !is_host(name.as_bytes()) {
        return Err(HeadError::InvalidHost);
    }
    if headers.get(HOST).is_none_or(|host| host != name) {
        let host = HeaderValue::from_str(name).map_err(|_| HeadError::InvalidHost)?;
        headers.insert(HOST, host);
    }
    Ok(())
}

/// A client of HTTP/2 may send each cookie in a line of its own (RFC 9113, section 8.2.3).
fn join_cookies(headers: &mut HeaderMap) {
    let mut joined = Vec::new();
    for line in headers.get_all(COOKIE) {
        if !joined.is_empty() {
            joined.extend_from_slice(b"; ");
        }
        joined.extend_from_slice(line.as_bytes());
    }
    // They were values each.
    if let Ok(joined) = HeaderValue::from_maybe_shared(bytes::Bytes::from(joined)) {
        headers.insert(COOKIE, joined);
    }
}

/// What is wrong with codings that are not `chunked` alone.
fn transfer_encoding_error(headers: &HeaderMap) -> HeadError {
    let lines = headers.get_all(TRANSFER_ENCODING).iter();
    let mut codings = lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b','));
    let (mut chunked, mut empty) = (0, 0);
    codings.by_ref().map(<[u8]>::trim_ascii).for_each(|coding| {
        chunked += usize::from(coding.eq_ignore_ascii_case(b"chunked"));
        empty += usize::from(coding.is_empty());
    });
    if chunked == 1 && empty == 0 {
        HeadError::UnknownTransferCoding
    } else {
        HeadError::InvalidTransferEncoding
    }
}

/// Whether a request can be for this: a name of the DNS, an address of IPv4 or one of IPv6 in
/// brackets, with a port or without. What else a URI allows (user, escapes, commas) no client
/// sends, and a page that shows it, or a list that was made of two lines, would be believed.
#[must_use]
pub fn is_host(bytes: &[u8]) -> bool {
    let rest = if let Some(literal) = bytes.strip_prefix(b"[") {
        let Some(end) = literal.iter().position(|byte| *byte == b']') else { return false };
        let address = str::from_utf8(&literal[..end]).unwrap_or_default();
        if address.parse::<Ipv6Addr>().is_err() {
            return false;
        }
        &literal[end + 1..]
    } else {
        let end = bytes.iter().position(|byte| !OF_NAMES[usize::from(*byte)]);
        let (name, rest) = bytes.split_at(end.unwrap_or(bytes.len()));
        if name.is_empty() {
            return false;
        }
        rest
    };
    match rest {
        // A port may be empty (RFC 3986, section 3.2.3).
        [] | [b':'] => true,
        [b':', port @ ..] => is_port(port),
        _ => false,
    }
}

/// Whether these are digits of a number of 16 bits.
fn is_port(bytes: &[u8]) -> bool {
    let number = bytes.iter().try_fold(0_u16, |number, byte| {
        let digit = byte.is_ascii_digit().then(|| u16::from(byte - b'0'))?;
        number.checked_mul(10)?.checked_add(digit)
    });
    number.is_some()
}

/// Which bytes a name may have.
const OF_NAMES: [bool; 256] = {
    let mut of_names = [false; 256];
    let mut byte = 0;
    while byte < 128 {
        let letter = byte as u8;
        of_names[byte] =
            letter.is_ascii_alphanumeric() || matches!(letter, b'-' | b'.' | b'_' | b'~');
        byte += 1;
    }
    of_names
};

fn is_padded(value: &[u8]) -> bool {
    let is_space = |byte: Option<&u8>| matches!(byte, Some(b' ' | b'\t'));
    is_space(value.first()) || is_space(value.last())
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::HeadError::*;
    use super::*;

    const HTTP_10: Version = Version::HTTP_10;
    const HTTP_11: Version = Version::HTTP_11;
    const HTTP_2: Version = Version::HTTP_2;

    fn head(version: Version, line: &str, lines: &[(&str, &str)]) -> Parts {
        let (method, target) = line.split_once(' ').unwrap();
        let mut request = Request::builder().version(version).method(method).uri(target);
        for (name, value) in lines {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    fn checked(mut head: Parts) -> Result<Parts, HeadError> {
        check(&mut head).map(|_| head)
    }

    #[test]
    fn a_host_is_a_name_or_an_address_with_a_port() {
        for (host, valid) in [
            ("a", true),
            ("shop.example", true),
            ("shop.example.", true),
            ("SHOP.example:8080", true),
            ("my_service-1:80", true),
            ("127.0.0.1:3000", true),
            ("[::1]", true),
            ("[2001:db8::1]:443", true),
            ("a:", true),
            ("a:65535", true),
            ("", false),
            (":80", false),
            ("a b", false),
            ("a,b", false),
            ("a/x", false),
            ("a?x", false),
            ("a#x", false),
            ("a\\b", false),
            ("u@a", false),
            ("a:b", false),
            ("a:+8", false),
            ("a:65536", false),
            ("a:80:90", false),
            ("[::1", false),
            ("[::1]x", false),
            ("[::1]:", true),
            ("[::g]", false),
            ("[fe80::1%25eth0]", false),
            ("::1", false),
            ("é", false),
            ("%61", false),
            ("<script>", false),
            ("a;b", false),
        ] {
            assert_eq!(is_host(host.as_bytes()), valid, "{host:?}");
        }
    }

    #[test]
    fn who_is_asked_for() {
        for (version, line, hosts, expected) in [
            (HTTP_11, "GET /", &["a:80"][..], Ok("a:80")),
            (HTTP_11, "GET /", &[], Err(MissingHost)),
            (HTTP_11, "GET /", &["a", "a"], Err(SeveralHosts)),
            (HTTP_11, "GET /", &["u@a"], Err(InvalidHost)),
            (HTTP_11, "GET http://a/", &["b"], Ok("a")),
            (HTTP_11, "GET http://a/", &[], Err(MissingHost)),
            (HTTP_11, "GET http://u@a/", &["a"], Err(InvalidHost)),
            (HTTP_11, "GET http://a/", &["b c"], Err(InvalidHost)),
            (HTTP_10, "GET /", &[], Ok("")),
            (HTTP_10, "GET http://a/", &[], Ok("a")),
            (HTTP_10, "GET /", &["a", "b"], Err(SeveralHosts)),
            (HTTP_2, "GET http://a/", &[], Ok("a")),
            (HTTP_2, "GET https://a:8443/", &["b"], Ok("a:8443")),
            (HTTP_2, "GET http://a/", &["a", "a"], Err(SeveralHosts)),
            (HTTP_2, "GET /", &["b"], Ok("b")),
            (HTTP_2, "GET /", &[], Err(MissingHost)),
            (HTTP_2, "GET http://u@a/", &[], Err(InvalidHost)),
        ] {
            let lines: Vec<_> = hosts.iter().map(|host| ("host", *host)).collect();
            let checked = checked(head(version, line, &lines));
            let named = checked.as_ref().map(|head| {
                let hosts: Vec<_> = head.headers.get_all(HOST).iter().collect();
                assert!(hosts.len() <= 1, "{hosts:?}");
                hosts.first().map_or("", |host| host.to_str().unwrap())
            });
            assert_eq!(named, expected.as_ref().copied(), "{version:?} {line} {hosts:?}");
        }
    }

    #[test]
    fn the_form_of_the_target() {
        for (version, line, expected) in [
            (HTTP_11, "GET /a?b", None),
            (HTTP_11, "GET https://a", None),
            (HTTP_11, "OPTIONS *", None),
            (HTTP_11, "GET ftp://a/", Some(InvalidTarget)),
            (HTTP_11, "GET a:80", Some(InvalidTarget)),
            (HTTP_11, "CONNECT a:80", Some(Connect)),
            (HTTP_11, "CONNECT a", Some(InvalidTarget)),
            (HTTP_11, "CONNECT /", Some(InvalidTarget)),
            (HTTP_11, "CONNECT http://a:80/", Some(InvalidTarget)),
            (HTTP_2, "CONNECT a:80", Some(Connect)),
        ] {
            let checked = checked(head(version, line, &[("host", "a")]));
            assert_eq!(checked.err(), expected, "{version:?} {line}");
        }
    }

    #[test]
    fn what_a_header_may_say() {
        for (version, lines, expected) in [
            (HTTP_11, &[("transfer-encoding", "Chunked")][..], None),
            (HTTP_11, &[("transfer-encoding", "chunked, chunked")], Some(InvalidTransferEncoding)),
            (HTTP_11, &[("transfer-encoding", ", chunked")], Some(InvalidTransferEncoding)),
            (
                HTTP_11,
                &[("transfer-encoding", "chunked"), ("transfer-encoding", "chunked")],
                Some(InvalidTransferEncoding),
            ),
            (HTTP_11, &[("transfer-encoding", "gzip, chunked")], Some(UnknownTransferCoding)),
            (
                HTTP_11,
                &[("transfer-encoding", "x"), ("transfer-encoding", "chunked")],
                Some(UnknownTransferCoding),
            ),
            (HTTP_11, &[("expect", "100-Continue")], None),
            (HTTP_11, &[("expect", "")], None),
            (HTTP_11, &[("expect", "magic")], Some(UnknownExpectation)),
            (HTTP_10, &[("expect", "magic")], None),
            (HTTP_2, &[("expect", "magic")], Some(UnknownExpectation)),
            (HTTP_2, &[("x", " a")], Some(PaddedValue)),
            (HTTP_2, &[("x", "a\t")], Some(PaddedValue)),
            (HTTP_2, &[("x", "a b"), ("y", "")], None),
        ] {
            let lines: Vec<_> = lines.iter().copied().chain([("host", "a")]).collect();
            let checked = checked(head(version, "GET /", &lines));
            assert_eq!(checked.err(), expected, "{version:?} {lines:?}");
        }
    }

    #[test]
    fn cookies_are_one_line() {
        let lines = [("cookie", "a=1"), ("x", "y"), ("cookie", "b=2; c=3"), ("cookie", "d=4")];
        let head = checked(head(HTTP_2, "GET http://a/", &lines)).unwrap();
        let cookies: Vec<_> = head.headers.get_all(COOKIE).iter().collect();
        assert_eq!(cookies, ["a=1; b=2; c=3; d=4"]);
    }
}
