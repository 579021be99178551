//! Who may use `/__nova/*`.
//!
//! A site that the developer visits can make its own name resolve to 127.0.0.1 and then read
//! what a local server answers (DNS rebinding). Its requests carry its name in `Host`, so these
//! endpoints answer only to names that no other site can own: addresses, `localhost`, the name that
//! `--host` was given, and those that the developer allows. An `Origin`, where there is one, must be
//! this server itself.

use std::collections::BTreeSet;
use std::net::IpAddr;

use http::HeaderMap;
use http::header::{HOST, ORIGIN};
use http::uri::Authority;
use parking_lot::Mutex;

/// So many names are told of: a page can have any number of them asked for.
const TOLD: usize = 16;

/// The names under which the dev host may be asked.
#[derive(Debug)]
pub(crate) struct Guard {
    bound: String,
    allowed: Vec<String>,
    told: Mutex<BTreeSet<String>>,
}

impl Guard {
    /// `bound` is what `--host` says; of `allowed`, a name that begins with a dot stands for all
    /// that end so.
    pub(crate) fn new(bound: String, allowed: Vec<String>) -> Self {
        Self { bound, allowed, told: Mutex::default() }
    }

    /// The name in a request that was not admitted, if it is the name that is in the way and it was
    /// not told of before.
    pub(crate) fn news(&self, headers: &HeaderMap) -> Option<String> {
        let name = host(headers)?.host().to_ascii_lowercase();
        let mut told = self.told.lock();
        let is_news = !self.knows(&name) && told.len() < TOLD && told.insert(name.clone());
        is_news.then_some(name)
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
            || self.allowed.iter().any(|allowed| allows(&allowed.to_ascii_lowercase(), &local))
    }
}

/// Whether an allowed name stands for this one.
fn allows(allowed: &str, name: &str) -> bool {
    match allowed.strip_prefix('.') {
        Some(domain) => {
            name.strip_suffix(domain).is_some_and(|it| it.is_empty() || it.ends_with('.'))
        }
        None => name == allowed,
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
        let allowed = ["App.test", ".tunnel.app"].map(str::to_owned);
        let guard = Guard::new("dev.internal".into(), allowed.into());
        for (host, origin, admitted) in [
            ("127.0.0.1:2518", None, true),
            ("localhost:2518", Some("http://localhost:2518"), true),
            ("LOCALHOST:2518", Some("http://localhost:2518"), true),
            ("app.localhost:2518", None, true),
            ("[::1]:2518", Some("http://[::1]:2518"), true),
            ("192.168.1.7:2518", None, true),
            ("dev.internal:2518", None, true),
            ("app.test:2518", Some("https://app.test:2518"), true),
            ("app.test", Some("http://evil.example"), false),
            ("sub.app.test", None, false),
            ("a.b.Tunnel.app", None, true),
            ("tunnel.app", None, true),
            ("nottunnel.app", None, false),
            ("tunnel.app.evil.example", None, false),
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

    #[test]
    fn a_name_is_told_of_once() {
        let guard = Guard::new("127.0.0.1".into(), Vec::new());
        let news = |host: &str| {
            let host = (HOST, host.parse().expect("a header"));
            guard.news(&HeaderMap::from_iter([host]))
        };
        assert_eq!(news("App.test").as_deref(), Some("app.test"));
        assert_eq!(news("app.test:80"), None);
        // It was refused because of its origin.
        assert_eq!(news("localhost"), None);
        assert_eq!(guard.news(&HeaderMap::new()), None);
        let many = (0..100).filter_map(|number| news(&format!("{number}.test")));
        assert_eq!(many.count(), TOLD - 1);
    }
}
