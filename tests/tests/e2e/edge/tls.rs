//! Encrypted connections, HTTP/2, and certificates that change.

use std::fs;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use nova_host::server::tls::Certificate;
use nova_tests::PATIENCE;
use nova_tests::workspace::binary;
use rcgen::generate_simple_self_signed;
use rustix::process::Signal;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::process::Command;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::ground::{Answer, Ground, Host};

/// A TLS connection to a host that shows `certificate` and no other.
pub(crate) async fn encrypted(
    host: &Host,
    certificate: &str,
    protocols: &[&[u8]],
) -> std::io::Result<TlsStream<TcpStream>> {
    let name = ServerName::try_from("localhost").unwrap();
    connector(certificate, protocols).connect(name, host.connect().await).await
}

/// What connects to who shows `certificate` and no other.
fn connector(certificate: &str, protocols: &[&[u8]]) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()).unwrap();
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    TlsConnector::from(Arc::new(config))
}

pub(crate) const TLS: [&str; 4] = ["--tls-cert", "cert.pem", "--tls-key", "key.pem"];

#[tokio::test(flavor = "multi_thread")]
async fn tls_speaks_both_protocols_and_takes_new_certificates() {
    let ground = Ground::new();
    let first = ground.certificate();
    let mut host = ground.start(&TLS).await;
    assert!(host.url.starts_with("https://"), "{}", host.url);

    let mut stream = encrypted(&host, &first, &[b"http/1.1"]).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await.unwrap();
    let answer = Answer::read(&mut stream).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.header("strict-transport-security"), Some("max-age=31536000"));

    // A health check asks in the same way, and is content with a certificate of our own making.
    let probe = async |arguments: &[&str]| {
        let mut command = Command::new(binary("nova-host").await);
        command.args(arguments).current_dir(ground.path("")).status().await.unwrap().success()
    };
    let port = host.url.rsplit(':').next().unwrap();
    assert!(probe(&[&TLS[..], &["--port", port, "--probe"]].concat()).await);
    assert!(probe(&["--probe", &format!("{}/healthz", host.url)]).await);
    assert!(!probe(&["--probe", &format!("{}/nothing", host.url)]).await);
    assert!(!probe(&["--port", port, "--probe"]).await, "without TLS nobody answers");

    let stream = encrypted(&host, &first, &[b"h2", b"http/1.1"]).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .unwrap();
    tokio::spawn(connection);
    let request = Request::post("https://localhost/length")
        .body(Full::new(Bytes::from_static(b"12345")))
        .unwrap();
    let response: Response<_> = sender.send_request(request).await.unwrap();
    assert_eq!(response.version(), http::Version::HTTP_2);
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "5");

    // A key that is not the certificate's: what was there stays, by signal and by itself.
    let key = fs::read(ground.path("key.pem")).unwrap();
    let other = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    ground.file("key.pem", other.signing_key.serialize_pem().as_bytes());
    host.process.signal(Signal::HUP);
    host.process.line("the certificate stays as it was: ").await;
    assert!(encrypted(&host, &first, &[]).await.is_ok());
    ground.file("key.pem", &key);

    let second = ground.certificate();
    host.process.signal(Signal::HUP);
    host.process.line("a new certificate is in use").await;
    assert!(encrypted(&host, &second, &[]).await.is_ok());
    assert!(encrypted(&host, &first, &[]).await.is_err());

    let third = ground.certificate();
    host.process.line("a new certificate is in use").await;
    assert!(encrypted(&host, &third, &[]).await.is_ok());
    assert!(host.process.stop().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_is_renewed_while_the_host_starts_is_taken_up() {
    let ground = Ground::new();
    ground.certificate();
    let shown = Certificate::read(&ground.path("cert.pem"), &ground.path("key.pem")).unwrap();
    // Apps may start for a minute before anybody looks again.
    let renewed = connector(&ground.certificate(), &[]);
    tokio::spawn(Arc::clone(&shown).follow());
    let acceptor = TlsAcceptor::from(shown.server_config().unwrap());
    let is_shown = async || {
        let (client, server) = tokio::io::duplex(16 * 1024);
        let name = ServerName::try_from("localhost").unwrap();
        let (connected, _) = tokio::join!(renewed.connect(name, client), acceptor.accept(server));
        connected.is_ok()
    };
    let taken_up = async { while !is_shown().await {} };
    tokio::time::timeout(PATIENCE, taken_up).await.expect("it is shown");
}
