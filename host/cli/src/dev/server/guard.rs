//! Who may use `/__nova/*`.
//!
//! A site that the developer visits can make its own name resolve to 127.0.0.1 and then read
//! what a local server answers (DNS rebinding). Its requests carry its name in `Host`, so these
//! endpoints answer only to names that no other site can own: addresses, `localhost`, and the name
//! that `--host` was given. An `Origin`, where there is one, must be this server itself.

use std::net::IpAddr;

use http::HeaderMap;
use http::header::{HOST, ORIGIN};
use http::uri::Authority;

/// The names under which the dev host may be asked.
#[derive(Clone, Debug)]
pub(crate) struct Guard {
    bound: String,
}

impl Guard {
    /// `bound` is what `--host` says.
    pub(crate) fn new(bound: &str) -> Self {
        Self { bound: bound.to_owned() }
    }

    /// Whether a request with these headers comes from a page of this server or from a local tool.
    /// `host` is what it is for, whatever the protocol: the server saw to that.
    pub(crate) fn admits(&self, headers: &HeaderMap) -> bool {
        let Some(host) = host(headers) else {
            return false;
        };
        let own_page = match headers.get(ORIGIN) {
            None => true,
            Some(origin) => origin
                .to_str()
                .ok()
                .and_then(|origin| origin.split_once("://"))
                .is_some_and(|(_, authority)| authority.eq_ignore_ascii_case(host.as_str())),
        };
        own_page && self.knows(host.host())
    }

    fn knows(&self, name: &str) -> bool {
        let name = name.trim_start_matches('[').trim_end_matches(']');
        let local = name.to_ascii_lowercase();
        name.parse::<IpAddr>().is_ok()
            || local == "localhost"
            || local.ends_with(".localhost")
            || name.eq_ignore_ascii_case(&self.bound)
    }
}

fn host(headers: &HeaderMap) -> Option<Authority> {
    headers.get(HOST)?.to_str().ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_no_other_site_can_own() {
        let guard = Guard::new("dev.internal");
        for (host, origin, admitted) in [
            ("127.0.0.1:2518", None, true),
            ("localhost:2518", Some("http://localhost:2518"), true),
            ("LOCALHOST:2518", Some("http://localhost:2518"), true),
            ("app.localhost:2518", None, true),
            ("[::1]:2518", Some("http://[::1]:2518"), true),
            ("192.168.1.7:2518", None, true),
            ("dev.internal:2518", None, true),
            ("evil.example:2518", None, false),
            ("localhost.evil.example:2518", None, false),
            ("notlocalhost:2518", None, false),
            ("127.0.0.1.evil.example", None, false),
            ("localhost:2518", Some("http://evil.example"), false),
            ("localhost:2518", Some("http://localhost:9999"), false),
            ("localhost:2518", Some("null"), false),
            ("", None, false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(HOST, host.parse().expect("a header"));
            if let Some(origin) = origin {
                headers.insert(ORIGIN, origin.parse().expect("a header"));
            }
            assert_eq!(guard.admits(&headers), admitted, "{host} {origin:?}");
        }
    }
}
