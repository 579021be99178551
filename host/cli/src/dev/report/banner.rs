//! What the terminal says first: what runs, and where it is found.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::Duration;

use crate::terminal::style::{BOLD, DIM, GOOD, took};

/// The facts of the banner.
#[derive(Clone, Debug)]
pub(crate) struct Banner {
    pub(crate) version: &'static str,
    /// Where this machine finds the server.
    pub(crate) url: String,
    /// Where other machines do; `None` if it is bound to this one alone.
    pub(crate) network: Option<String>,
    /// From the start of the process until it listened.
    pub(crate) ready: Duration,
}

impl Banner {
    /// The banner of a server that listens on `addresses`.
    pub(crate) fn new(addresses: &[SocketAddr], ready: Duration) -> Self {
        let port = addresses.first().map_or(0, SocketAddr::port);
        let local = |ip: IpAddr| match ip {
            // The address that stands for all of them cannot be opened.
            IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::from([127, 0, 0, 1]),
            IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1]),
            ip => ip,
        };
        let url = |ip| format!("http://{}", SocketAddr::new(ip, port));
        let first = addresses.first().map_or(IpAddr::from([127, 0, 0, 1]), SocketAddr::ip);
        let beyond = addresses.iter().map(SocketAddr::ip).find(|ip| !ip.is_loopback());
        let network = match beyond {
            Some(ip) if ip.is_unspecified() => own_address(),
            other => other,
        };
        Self {
            version: env!("CARGO_PKG_VERSION"),
            url: url(local(first)),
            network: network.map(url),
            ready,
        }
    }

    /// The lines for people; `keys` says whether keys are read.
    pub(super) fn lines(&self, keys: bool) -> String {
        let Self { version, url, network, ready } = self;
        let mut lines = format!(
            "\n  {GOOD}nova{GOOD:#} {version}  {DIM}ready in {}{DIM:#}\n\n  {BOLD}local{BOLD:#}     {url}\n",
            took(*ready)
        );
        match network {
            Some(network) => lines += &format!("  {BOLD}network{BOLD:#}   {network}\n"),
            None => {
                lines += &format!("  {DIM}network   --host 0.0.0.0 opens it to others{DIM:#}\n");
            }
        }
        lines += &format!("  {DIM}dev page  {url}/__nova{DIM:#}\n");
        if keys {
            lines += &format!("  {DIM}press ? for the keys{DIM:#}\n");
        }
        lines
    }
}

/// The address that this machine has towards others. Asking for a route sends nothing.
fn own_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind(("0.0.0.0", 0)).ok()?;
    // An address of the block that is kept free for documentation.
    socket.connect(("192.0.2.1", 9)).ok()?;
    let ip = socket.local_addr().ok()?.ip();
    (!ip.is_unspecified()).then_some(ip)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn banner(addresses: &[&str]) -> Banner {
        let addresses: Vec<_> =
            addresses.iter().map(|address| address.parse().expect("an address")).collect();
        Banner::new(&addresses, Duration::from_millis(38))
    }

    #[test]
    fn addresses_are_those_that_can_be_opened() {
        let local = banner(&["127.0.0.1:2518"]);
        assert_eq!((local.url.as_str(), local.network), ("http://127.0.0.1:2518", None));
        let named = banner(&["[::1]:80", "127.0.0.1:80"]);
        assert_eq!((named.url.as_str(), named.network), ("http://[::1]:80", None));
        let bound = banner(&["192.168.1.7:2518"]);
        assert_eq!(bound.network.as_deref(), Some("http://192.168.1.7:2518"));
        let all = banner(&["0.0.0.0:2518"]);
        assert_eq!(all.url, "http://127.0.0.1:2518");
        // A machine without a network has no address in it.
        assert!(all.network.is_none_or(|url| url.ends_with(":2518") && !url.contains("0.0.0.0")));
    }

    #[test]
    fn the_banner_is_short() {
        let plain = |text: String| anstream::adapter::strip_str(&text).to_string();
        let lines = plain(banner(&["127.0.0.1:2518"]).lines(true));
        insta::assert_snapshot!(lines.replace(env!("CARGO_PKG_VERSION"), "1.2.3"), @r"

          nova 1.2.3  ready in 38 ms

          local     http://127.0.0.1:2518
          network   --host 0.0.0.0 opens it to others
          dev page  http://127.0.0.1:2518/__nova
          press ? for the keys
        ");
        let lines = plain(banner(&["192.168.1.7:2518"]).lines(false));
        assert!(lines.contains("network   http://192.168.1.7:2518\n"), "{lines}");
        assert!(!lines.contains("keys"), "{lines}");
    }
}
