//! `--probe`: asks a host whether it is well, for a health check in an image that has no curl.

mod certificate;

use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpStream, ToSocketAddrs};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{self, ClientConfig, ClientConnection, StreamOwned};

use self::certificate::AnyCertificate;

/// A host that does not answer within this is not well.
const LIMIT: Duration = Duration::from_secs(2);

/// The flag; see the module.
#[derive(Clone, Debug, Default, PartialEq, Eq, clap::Args)]
pub struct ProbeSettings {
    /// Ask a running host for a URL, and end with 0 if it answers 200 [default URL: /healthz at
    /// --host and --port]
    #[arg(
        long,
        value_name = "URL",
        num_args = 0..=1,
        default_missing_value = "",
        help_heading = "Administration"
    )]
    pub probe: Option<String>,
}

/// Why a host is not well.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// The URL is invalid, or of a scheme that needs more than a socket.
    #[error("invalid URL to probe: `{0}`; give one such as http://127.0.0.1:2518/healthz")]
    Url(String),
    /// No answer.
    #[error("{url} does not answer: {source}; is the host running?")]
    Silent {
        /// What was asked for.
        url: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// Another answer than 200.
    #[error("{url} answers {line:?}")]
    Unwell {
        /// What was asked for.
        url: String,
        /// The first line of the answer.
        line: String,
    },
}

impl ProbeSettings {
    /// The URL to ask for, if this is a probe; `host`, `port` and `scheme` are those of a host that
    /// is started in the same way.
    #[must_use]
    pub fn url(&self, host: &str, port: u16, scheme: &str) -> Option<String> {
        match self.probe.as_deref() {
            None => None,
            Some("") if host.starts_with("unix:") => Some(host.to_owned()),
            Some("") => Some(format!("{scheme}://{}:{port}/healthz", reachable(host))),
            Some(url) => Some(url.to_owned()),
        }
    }
}

/// Where a client finds what listens on `host`: "all addresses" is not one to connect to.
fn reachable(host: &str) -> String {
    let name = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    match name.parse::<IpAddr>() {
        Ok(IpAddr::V4(ip)) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.to_string(),
        Ok(IpAddr::V6(ip)) if ip.is_unspecified() => format!("[{}]", Ipv6Addr::LOCALHOST),
        Ok(IpAddr::V6(ip)) => format!("[{ip}]"),
        _ => name.to_owned(),
    }
}

/// Asks for `url` and waits for the first line of the answer.
///
/// # Errors
/// If it is anything but 200.
pub fn probe(url: &str) -> Result<(), ProbeError> {
    let silent = |source| ProbeError::Silent { url: url.to_owned(), source };
    if let Some(path) = url.strip_prefix("unix:") {
        let line = ask_socket(Path::new(path)).map_err(silent)?;
        return verdict(url, line);
    }
    let refused = || ProbeError::Url(url.to_owned());
    let uri: Uri = url.parse().map_err(|_| refused())?;
    let host = uri.host().ok_or_else(refused)?;
    let (encrypted, usual) = match uri.scheme_str() {
        Some("http") => (false, 80),
        Some("https") => (true, 443),
        _ => return Err(refused()),
    };
    let port = uri.port_u16().unwrap_or(usual);
    let target = uri.path_and_query().map_or("/", |target| target.as_str());
    verdict(url, ask(host, port, target, encrypted).map_err(silent)?)
}

/// What the first line of an answer says.
fn verdict(url: &str, line: String) -> Result<(), ProbeError> {
    match line.split(' ').nth(1) {
        Some("200") => Ok(()),
        _ => Err(ProbeError::Unwell { url: url.to_owned(), line }),
    }
}

fn ask_socket(path: &Path) -> std::io::Result<String> {
    let stream = UnixStream::connect(path)?;
    stream.set_read_timeout(Some(LIMIT))?;
    stream.set_write_timeout(Some(LIMIT))?;
    first_line(stream, "GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
}

fn ask(host: &str, port: u16, target: &str, encrypted: bool) -> std::io::Result<String> {
    let name = host.trim_matches(['[', ']']);
    let mut outcome = Err(std::io::Error::other("the name has no address"));
    for address in (name, port).to_socket_addrs()? {
        outcome = TcpStream::connect_timeout(&address, LIMIT);
        if outcome.is_ok() {
            break;
        }
    }
    let stream = outcome?;
    stream.set_read_timeout(Some(LIMIT))?;
    stream.set_write_timeout(Some(LIMIT))?;
    let request =
        format!("GET {target} HTTP/1.1\r\nhost: {host}:{port}\r\nconnection: close\r\n\r\n");
    if encrypted { first_line(tls(name, stream)?, &request) } else { first_line(stream, &request) }
}

fn first_line(mut stream: impl Read + Write, request: &str) -> std::io::Result<String> {
    stream.write_all(request.as_bytes())?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line)?;
    Ok(line.trim_end().to_owned())
}

/// Whose certificate it is does not matter: whether the host answers does.
fn tls(name: &str, stream: TcpStream) -> std::io::Result<StreamOwned<ClientConnection, TcpStream>> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let any = Arc::new(AnyCertificate(provider.clone()));
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(std::io::Error::other)?
        .dangerous()
        .with_custom_certificate_verifier(any)
        .with_no_client_auth();
    let name = ServerName::try_from(name.to_owned()).map_err(std::io::Error::other)?;
    let connection =
        ClientConnection::new(Arc::new(config), name).map_err(std::io::Error::other)?;
    Ok(StreamOwned::new(connection, stream))
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    fn answered(answer: &'static str) -> Result<(), ProbeError> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/healthz", listener.local_addr().unwrap());
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = String::new();
            let mut lines = BufReader::new(stream.try_clone().unwrap());
            lines.read_line(&mut request).unwrap();
            stream.write_all(answer.as_bytes()).unwrap();
            request
        });
        let result = probe(&url);
        assert_eq!(server.join().unwrap(), "GET /healthz HTTP/1.1\r\n");
        result
    }

    #[test]
    fn two_hundred_is_well_and_all_else_is_not() {
        answered("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").unwrap();
        let error = answered("HTTP/1.1 503 Service Unavailable\r\n\r\n").unwrap_err().to_string();
        assert!(error.contains("answers \"HTTP/1.1 503 Service Unavailable\""), "{error}");
        assert!(answered("").is_err());
    }

    #[test]
    fn a_silent_port_and_an_invalid_url() {
        let port = {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            listener.local_addr().unwrap().port()
        };
        let error = probe(&format!("http://127.0.0.1:{port}/")).unwrap_err().to_string();
        assert!(error.contains("does not answer"), "{error}");
        for url in ["", "/healthz", "ftp://x/", "http://"] {
            let error = probe(url).unwrap_err().to_string();
            assert!(error.contains("invalid URL to probe"), "{url}: {error}");
        }
    }

    #[test]
    fn the_usual_url_is_that_of_the_host() {
        let probe = ProbeSettings { probe: Some(String::new()) };
        for (host, expected) in [
            ("0.0.0.0", "http://127.0.0.1:80/healthz"),
            ("::", "http://[::1]:80/healthz"),
            ("[::1]", "http://[::1]:80/healthz"),
            ("localhost", "http://localhost:80/healthz"),
        ] {
            assert_eq!(probe.url(host, 80, "http").as_deref(), Some(expected));
        }
        assert_eq!(ProbeSettings::default().url("localhost", 80, "https"), None);
    }
}
