//! Who the client is, behind proxies that are trusted.
//!
//! Each proxy appends the address that it was called from, so a list of addresses is true from
//! its right end as long as its writers are trusted: the client is the first address from the right
//! that is not a trusted proxy's. What is left of it may be forged. From a peer that is not trusted,
//! nothing of this is believed, and the app does not see it.

use std::net::{IpAddr, SocketAddr};

use http::header::{FORWARDED, HOST};
use http::request::Parts;
use http::uri::{Authority, Scheme};
use http::{HeaderMap, HeaderName, HeaderValue, Uri};

use crate::server::Peer;
use crate::server::head::is_host;
use crate::server::networks::Networks;

const FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// Everything that only a trusted proxy may say.
const ALL: [HeaderName; 6] = [
    FORWARDED,
    FOR,
    PROTO,
    FORWARDED_HOST,
    HeaderName::from_static("x-forwarded-port"),
    HeaderName::from_static("x-real-ip"),
];

/// In which headers the trusted proxies speak. It has to be known: what they do not write, they
/// pass on as the client sent it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ProxyHeaders {
    /// `X-Forwarded-For`, `-Proto` and `-Host`.
    #[default]
    XForwarded,
    /// `Forwarded` (RFC 7239).
    Forwarded,
    /// In none; they may speak the PROXY protocol.
    Neither,
}

impl std::str::FromStr for ProxyHeaders {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "x-forwarded" => Ok(Self::XForwarded),
            "forwarded" => Ok(Self::Forwarded),
            "none" => Ok(Self::Neither),
            _ => Err("use x-forwarded, forwarded or none"),
        }
    }
}

/// The proxies that are believed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Proxies {
    pub(crate) trusted: Networks,
    pub(crate) headers: ProxyHeaders,
}

/// Who sent a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Client {
    /// Its address; port 0 where no proxy says which, and none behind a Unix socket whose clients are
    /// not believed.
    pub(crate) address: Option<SocketAddr>,
    /// Whether it came over TLS, here or at a proxy.
    pub(crate) https: bool,
    /// Whether a trusted proxy stands in between.
    pub(crate) proxied: bool,
}

/// What one proxy says of the request that it passed on.
#[derive(Debug, Default)]
struct Hop<'a> {
    client: Option<SocketAddr>,
    proto: Option<&'a str>,
    host: Option<&'a str>,
}

impl Proxies {
    /// Who sent the request; its head is made to say so, and nothing else about it. `is_named`: one of
    /// the headers of proxies may be there.
    pub(crate) fn client(&self, request: &mut Parts, peer: Peer, is_named: bool) -> Client {
        let direct = Client { address: peer.addr, https: peer.tls, proxied: false };
        let trusted = !self.trusted.is_empty() && self.trusted.contains_peer(peer.addr);
        let client = if trusted { self.forwarded_client(request, direct) } else { direct };
        if is_named {
            strip(&mut request.headers);
        }
        if client.address != direct.address
            && let Some(address) = client.address
            && let Ok(address) = HeaderValue::try_from(address.ip().to_string())
        {
            request.headers.insert(FOR, address);
        }
        if client.https {
            request.headers.insert(PROTO, HeaderValue::from_static("https"));
        }
        client
    }

    fn forwarded_client(&self, request: &mut Parts, direct: Client) -> Client {
        let mut client = Client { proxied: true, ..direct };
        let mut host = None;
        let hops = match self.headers {
            ProxyHeaders::XForwarded => x_forwarded(&request.headers),
            ProxyHeaders::Forwarded => forwarded(&request.headers),
            ProxyHeaders::Neither => Vec::new(),
        };
        // From the right: each was written by the one before, which is trusted.
        for hop in hops.iter().rev() {
            if !self.trusted.contains_peer(client.address) {
                break;
            }
            if let Some(proto) = hop.proto {
                client.https = ["https", "wss"].iter().any(|it| proto.eq_ignore_ascii_case(it));
            }
            host = hop.host.or(host);
            // A proxy that hides its client ends what can be known.
            let Some(address) = hop.client else { break };
            client.address = Some(address);
        }
        let host = host.filter(|host| is_host(host.as_bytes()));
        if let Some(host) = host.and_then(|host| host.parse().ok()) {
            rename(request, &host);
        }
        client
    }
}

/// Removes what was not said by a trusted proxy.
fn strip(headers: &mut HeaderMap) {
    for name in &ALL {
        headers.remove(name);
    }
}

/// Lets the request ask for the host that the client asked for.
fn rename(request: &mut Parts, host: &Authority) {
    let Ok(value) = HeaderValue::from_str(host.as_str()) else { return };
    request.headers.insert(HOST, value);
    if request.uri.authority().is_some() {
        let mut parts = std::mem::take(&mut request.uri).into_parts();
        let scheme = parts.scheme.take();
        parts.scheme = Some(scheme.unwrap_or(Scheme::HTTP));
        parts.authority = Some(host.clone());
        // Scheme and authority are there; a path always was.
        request.uri = Uri::from_parts(parts).unwrap_or_default();
    }
}

/// The addresses, and on the last hop the protocol and the host, which are not lists.
fn x_forwarded(headers: &HeaderMap) -> Vec<Hop<'_>> {
    let mut hops: Vec<Hop<'_>> =
        items(headers, &FOR).map(|item| Hop { client: address(item), ..Hop::default() }).collect();
    let (proto, host) = (items(headers, &PROTO).last(), items(headers, &FORWARDED_HOST).last());
    match hops.last_mut() {
        Some(last) => (last.proto, last.host) = (proto, host),
        None => hops.push(Hop { client: None, proto, host }),
    }
    hops
}

/// The members of a header that is a list, over all of its lines.
fn items<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    let lines = headers.get_all(name).iter();
    lines.flat_map(|line| line.to_str().unwrap_or("?").split(',')).map(str::trim)
}

fn forwarded(headers: &HeaderMap) -> Vec<Hop<'_>> {
    let lines = headers.get_all(FORWARDED).iter();
    lines.flat_map(|line| unquoted(line.to_str().unwrap_or("?"), ',')).map(hop).collect()
}

/// `for=192.0.2.60;proto=http;by=203.0.113.43`
fn hop(element: &str) -> Hop<'_> {
    let mut hop = Hop::default();
    for pair in unquoted(element, ';') {
        let Some((name, value)) = pair.split_once('=') else { continue };
        // An escape inside of quotes has no place in an address or a host.
        let value = value.trim();
        let value = value.strip_prefix('"').and_then(|it| it.strip_suffix('"')).unwrap_or(value);
        match name.trim() {
            name if name.eq_ignore_ascii_case("for") => hop.client = address(value),
            name if name.eq_ignore_ascii_case("proto") => hop.proto = Some(value),
            name if name.eq_ignore_ascii_case("host") => hop.host = Some(value),
            _ => {}
        }
    }
    hop
}

/// The pieces between separators that are not in quotes.
fn unquoted(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped) = (false, false);
    text.split(move |character| {
        match character {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ => {}
        }
        character == separator && !quoted
    })
}

/// `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:80`.
fn address(text: &str) -> Option<SocketAddr> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let ip = bare.parse::<IpAddr>().map(|ip| SocketAddr::new(ip, 0));
    ip.or_else(|_| text.parse()).ok()
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;
    use crate::server::networks::Network;

    fn proxies(headers: ProxyHeaders) -> Proxies {
        let trusted =
            ["10.0.0.0/8", "fd00::/8"].iter().map(|text| text.parse::<Network>().unwrap());
        Proxies { trusted: trusted.collect(), headers }
    }

    fn asked(proxies: &Proxies, peer: &str, lines: &[(&str, &str)]) -> (Client, Parts) {
        let mut request = Request::get("/");
        for (name, value) in lines {
            request = request.header(*name, *value);
        }
        let mut parts = request.body(()).unwrap().into_parts().0;
        let peer = Peer { addr: peer.parse().ok(), tls: false };
        (proxies.client(&mut parts, peer, true), parts)
    }

    #[test]
    fn the_client_is_the_rightmost_that_is_not_trusted() {
        let proxies = proxies(ProxyHeaders::XForwarded);
        for (lines, client) in [
            (&["192.0.2.1"][..], "192.0.2.1:0"),
            (&["6.6.6.6, 192.0.2.1"], "192.0.2.1:0"),
            (&["192.0.2.1, 10.9.9.9"], "192.0.2.1:0"),
            (&["6.6.6.6", "192.0.2.1", "10.9.9.9,10.8.8.8"], "192.0.2.1:0"),
            (&["192.0.2.1:4711"], "192.0.2.1:4711"),
            (&["[2001:db8::1]:80"], "[2001:db8::1]:80"),
            (&["2001:db8::1"], "[2001:db8::1]:0"),
            // All of them are ours: the first of them asked.
            (&["10.1.1.1, 10.2.2.2"], "10.1.1.1:0"),
            // What cannot be read ends what can be known.
            (&["192.0.2.1, unknown, 10.2.2.2"], "10.2.2.2:0"),
            (&["unknown"], "10.0.0.1:99"),
            (&[], "10.0.0.1:99"),
        ] {
            let lines: Vec<_> = lines.iter().map(|line| ("x-forwarded-for", *line)).collect();
            let (found, _) = asked(&proxies, "10.0.0.1:99", &lines);
            assert_eq!(found.address, client.parse().ok(), "{lines:?}");
            assert!(found.proxied);
        }
    }

    #[test]
    fn a_stranger_is_not_believed_and_not_repeated() {
        let lines = [
            ("x-forwarded-for", "1.2.3.4"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-host", "bank.example"),
            ("x-real-ip", "1.2.3.4"),
            ("forwarded", "for=1.2.3.4;proto=https"),
            ("x-frame", "kept"),
        ];
        for proxies in [Proxies::default(), proxies(ProxyHeaders::Forwarded)] {
            let (client, parts) = asked(&proxies, "192.0.2.9:5", &lines);
            let address = "192.0.2.9:5".parse().ok();
            assert_eq!(client, Client { address, https: false, proxied: false });
            assert_eq!(parts.headers.keys().collect::<Vec<_>>(), ["x-frame"]);
        }
    }

    #[test]
    fn protocol_and_host_are_taken_over() {
        let (client, parts) = asked(
            &proxies(ProxyHeaders::XForwarded),
            "10.0.0.1:99",
            &[
                ("host", "backend:2518"),
                ("x-forwarded-for", "6.6.6.6, 192.0.2.1"),
                ("x-forwarded-proto", "HTTPS"),
                ("x-forwarded-host", "example.com"),
                ("forwarded", "for=6.6.6.6"),
            ],
        );
        assert!(client.https);
        assert_eq!(parts.headers["host"], "example.com");
        assert_eq!(parts.headers["x-forwarded-proto"], "https");
        assert_eq!(parts.headers["x-forwarded-for"], "192.0.2.1");
        assert!(!parts.headers.contains_key("forwarded"));
    }

    #[test]
    fn the_host_of_http_2_is_in_its_target() {
        let request =
            Request::get("http://backend/path?q=1").header("x-forwarded-host", "a.example");
        let mut parts = request.body(()).unwrap().into_parts().0;
        let peer = Peer { addr: "10.0.0.1:9".parse().ok(), tls: false };
        proxies(ProxyHeaders::XForwarded).client(&mut parts, peer, true);
        assert_eq!(parts.uri, "http://a.example/path?q=1");
        assert_eq!(parts.headers["host"], "a.example");
    }

    #[test]
    fn the_standard_header() {
        let proxies = proxies(ProxyHeaders::Forwarded);
        for (lines, address, https, host) in [
            (
                &["for=192.0.2.43;proto=https;host=a.example"][..],
                "192.0.2.43:0",
                true,
                Some("a.example"),
            ),
            (&["For=\"[2001:db8:cafe::17]:4711\""], "[2001:db8:cafe::17]:4711", false, None),
            (
                &["for=6.6.6.6;host=evil, for=192.0.2.1;host=b.example"],
                "192.0.2.1:0",
                false,
                Some("b.example"),
            ),
            (&["for=192.0.2.1;proto=https", "for=10.3.3.3;proto=http"], "192.0.2.1:0", true, None),
            (&["for=\"a,b;c\", for=192.0.2.7"], "192.0.2.7:0", false, None),
            (&["for=192.0.2.1, for=_hidden"], "10.0.0.1:99", false, None),
            (&["by=10.0.0.1"], "10.0.0.1:99", false, None),
        ] {
            let mut lines: Vec<_> = lines.iter().map(|line| ("forwarded", *line)).collect();
            lines.push(("x-forwarded-for", "6.6.6.6"));
            let (client, parts) = asked(&proxies, "10.0.0.1:99", &lines);
            assert_eq!((client.address, client.https), (address.parse().ok(), https), "{lines:?}");
            assert_eq!(parts.headers.get("host").map(|host| host.to_str().unwrap()), host);
        }
    }
}
