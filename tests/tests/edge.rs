//! The edge of the production host, from outside: TLS, compression, limits, proxies, metrics.

use std::fs;
use std::io::Read as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use nova_tests::fixtures::library;
use nova_tests::process::Process;
use nova_tests::workspace::binary;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustix::process::Signal;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::Command;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// A library of the fixtures, and files beside it.
struct Ground(TempDir);

impl Ground {
    fn new() -> Self {
        Self::of("good")
    }

    fn of(name: &str) -> Self {
        let ground = Self(tempfile::tempdir().unwrap());
        fs::write(ground.path("lib.so"), library(name)).unwrap();
        ground
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn file(&self, name: &str, content: &[u8]) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let next = path.with_extension("next");
        fs::write(&next, content).unwrap();
        fs::rename(next, path).unwrap();
    }

    /// A certificate of its own for localhost, and the text of it.
    fn certificate(&self) -> String {
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        self.file("key.pem", signing_key.serialize_pem().as_bytes());
        self.file("cert.pem", cert.pem().as_bytes());
        cert.pem()
    }

    async fn command(&self, args: &[&str]) -> Command {
        // A state folder has one host.
        static HOSTS: AtomicUsize = AtomicUsize::new(0);
        let state = format!("state-{}", HOSTS.fetch_add(1, Ordering::Relaxed));
        let mut command = Command::new(binary("nova-host").await);
        command
            .args(["--routes", "lib.so", "--port", "0", "--no-admin", "--state"])
            .arg(self.path(&state))
            .args(args)
            .current_dir(self.0.path())
            .env_clear();
        command
    }

    async fn start(&self, args: &[&str]) -> Host {
        let mut process = Process::spawn(self.command(args).await);
        let url = process.url().await;
        let (_, address) = url.split_once("://").unwrap();
        Host { address: address.parse().unwrap(), url, process }
    }

    /// What a host that does not start says, and its exit code.
    async fn refusal(&self, args: &[&str]) -> (Option<i32>, String) {
        let output = self.command(args).await.output().await.unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    }
}

struct Host {
    process: Process,
    url: String,
    address: SocketAddr,
}

impl Host {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// The whole answer to a GET with further header lines.
    async fn get(&self, path: &str, headers: &str) -> Answer {
        let request =
            format!("GET {path} HTTP/1.1\r\nhost: a\r\n{headers}connection: close\r\n\r\n");
        self.raw(request.as_bytes()).await
    }

    async fn raw(&self, request: &[u8]) -> Answer {
        let mut stream = self.connect().await;
        stream.write_all(request).await.unwrap();
        Answer::read(&mut stream).await
    }
}

/// An answer, read to the end of its connection.
struct Answer {
    head: String,
    body: Vec<u8>,
}

impl Answer {
    async fn read(stream: &mut (impl AsyncReadExt + Unpin)) -> Self {
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await.unwrap();
        let end = bytes.windows(4).position(|end| end == b"\r\n\r\n").expect("a whole head");
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let mut body = bytes[end + 4..].to_vec();
        if head.contains("transfer-encoding: chunked") {
            body = dechunked(&body);
        }
        Self { head, body }
    }

    fn status(&self) -> u16 {
        self.head.split(' ').nth(1).unwrap().parse().unwrap()
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

fn dechunked(mut rest: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(end) = rest.windows(2).position(|end| end == b"\r\n") {
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..end]).unwrap(), 16).unwrap();
        body.extend_from_slice(&rest[end + 2..end + 2 + size]);
        rest = &rest[end + 2 + size + 2..];
    }
    body
}

/// A TLS connection to a host that shows `certificate` and no other.
async fn encrypted(
    host: &Host,
    certificate: &str,
    protocols: &[&[u8]],
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()).unwrap();
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, host.connect().await).await
}

const TLS: [&str; 4] = ["--tls-cert", "cert.pem", "--tls-key", "key.pem"];

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
        command.args(arguments).current_dir(ground.0.path()).status().await.unwrap().success()
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
async fn answers_are_compressed_as_the_client_takes_them() {
    let ground = Ground::of("edge");
    let host = ground.start(&[]).await;
    let plain = host.get("/text", "").await;
    assert_eq!(
        (plain.header("content-encoding"), plain.header("vary")),
        (None, Some("accept-encoding"))
    );
    for (accept, coding) in [("gzip", "gzip"), ("br;q=0.9", "br"), ("gzip, br, zstd", "zstd")] {
        let accept = format!("accept-encoding: {accept}, identity;q=0.1\r\n");
        for path in ["/text", "/pieces"] {
            let answer = host.get(path, &accept).await;
            assert_eq!(answer.header("content-encoding"), Some(coding));
            let mut decoded = Vec::new();
            let bytes = &answer.body[..];
            match coding {
                "gzip" => flate2::read::GzDecoder::new(bytes).read_to_end(&mut decoded),
                "br" => brotli::Decompressor::new(bytes, 4096).read_to_end(&mut decoded),
                _ => zstd::stream::read::Decoder::new(bytes).unwrap().read_to_end(&mut decoded),
            }
            .unwrap();
            assert!(decoded == plain.body, "{path} {coding}: {} bytes", decoded.len());
            assert!(answer.body.len() < plain.body.len() / 20, "{coding}: {}", answer.body.len());
        }
    }
    // A text too short for it.
    let short = host.get("/client", "accept-encoding: gzip\r\n").await;
    assert_eq!(short.header("content-encoding"), None);

    // What a page has said before it pauses can be read before it goes on.
    let mut stream = host.connect().await;
    let request = b"GET /pause HTTP/1.1\r\nhost: a\r\naccept-encoding: gzip\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let mut received = Vec::new();
    let line = loop {
        let read = stream.read_buf(&mut received).await.unwrap();
        assert_ne!(read, 0, "{}", String::from_utf8_lossy(&received));
        if let Some(line) = first_line(&received) {
            break line;
        }
    };
    assert_eq!(line, "the same line, again and again");

    let host = ground.start(&["--no-compression"]).await;
    let answer = host.get("/text", "accept-encoding: gzip\r\n").await;
    assert_eq!((answer.header("content-encoding"), answer.header("vary")), (None, None));
}

/// The first line of a gzipped and chunked answer, once it has arrived.
fn first_line(received: &[u8]) -> Option<String> {
    let head = received.windows(4).position(|end| end == b"\r\n\r\n")?;
    let mut rest = &received[head + 4..];
    let mut gzip = Vec::new();
    while let Some(end) = rest.windows(2).position(|end| end == b"\r\n") {
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..end]).ok()?, 16).ok()?;
        gzip.extend_from_slice(rest.get(end + 2..end + 2 + size)?);
        rest = rest.get(end + 2 + size + 2..)?;
    }
    let (mut decoder, mut line) = (flate2::read::GzDecoder::new(&gzip[..]), Vec::new());
    let mut byte = [0];
    while decoder.read_exact(&mut byte).is_ok() {
        if byte[0] == b'\n' {
            return String::from_utf8(line).ok();
        }
        line.push(byte[0]);
    }
    None
}

#[tokio::test(flavor = "multi_thread")]
async fn public_files_have_tags_ranges_and_variants() {
    let ground = Ground::new();
    let text = "0123456789".repeat(500);
    ground.file("public/a.txt", text.as_bytes());
    ground.file("public/b.txt", text.as_bytes());
    ground.file("public/b.txt.br", b"brotli, if you believe it");
    let host = ground.start(&["--public", "public"]).await;

    // As it is, so that its ranges are those of the file.
    let whole = host.get("/a.txt", "accept-encoding: gzip, br\r\n").await;
    assert_eq!((whole.status(), whole.header("content-encoding")), (200, None));
    assert_eq!((whole.text(), whole.header("accept-ranges")), (&text[..], Some("bytes")));
    let part = host.get("/a.txt", "accept-encoding: gzip\r\nrange: bytes=5-9\r\n").await;
    assert_eq!((part.status(), part.text()), (206, "56789"));
    assert_eq!(part.header("content-range"), Some("bytes 5-9/5000"));

    let modified = whole.header("last-modified").expect("a date");
    let again = host.get("/a.txt", &format!("if-modified-since: {modified}\r\n")).await;
    assert_eq!((again.status(), &again.body[..]), (304, &b""[..]));
    let tag = whole.header("etag").expect("a tag");
    let again = host.get("/a.txt", &format!("if-none-match: {tag}\r\n")).await;
    assert_eq!((again.status(), &again.body[..]), (304, &b""[..]));

    let variant = host.get("/b.txt", "accept-encoding: gzip, br\r\n").await;
    assert_eq!(variant.header("content-encoding"), Some("br"));
    assert_eq!(variant.text(), "brotli, if you believe it");
    assert_eq!(variant.header("vary"), Some("accept-encoding"));
    assert_eq!(host.get("/b.txt", "").await.text(), text);
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_are_kept() {
    let ground = Ground::new();
    let args = ["--max-body", "1000", "--handler-timeout", "1s", "--header-timeout", "500ms"];
    let mut args = args.to_vec();
    args.extend(["--max-header", "8k"]);
    let host = ground.start(&args).await;

    // A body that says how long it is, and one that does not.
    let answer = host
        .raw(b"POST /length HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: 1001\r\n\r\n")
        .await;
    assert_eq!(answer.status(), 413);
    let mut chunked = b"POST /length HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\
        transfer-encoding: chunked\r\n\r\n3e9\r\n"
        .to_vec();
    chunked.resize(chunked.len() + 1001, b'x');
    chunked.extend(b"\r\n0\r\n\r\n");
    assert_eq!(host.raw(&chunked).await.status(), 413);
    let fits =
        b"POST /length HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: 4\r\n\r\nbody";
    assert_eq!(host.raw(fits).await.text(), "4");

    let long = format!("x-long: {}\r\n", "x".repeat(9000));
    assert_eq!(host.get("/text", &long).await.status(), 431);

    // A page that takes too long, and a stream that may.
    assert_eq!(host.get("/sleep/60000", "").await.status(), 504);
    assert_eq!(host.get("/sleep/1", "").await.text(), "slept");
    let mut stream = host.connect().await;
    stream.write_all(b"GET /forever HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    let mut piece = Vec::new();
    while !piece.ends_with(b"\n\r\n") || piece.ends_with(b"\r\n\r\n") {
        assert_ne!(stream.read_buf(&mut piece).await.unwrap(), 0);
    }
    assert_eq!(host.get("/sleep/60000", "").await.status(), 504);
    let later = stream.try_read(&mut [0; 64]).map_err(|error| error.kind());
    assert_eq!(later, Err(std::io::ErrorKind::WouldBlock), "the stream goes on");

    // A head that never ends.
    let mut slow = host.connect().await;
    slow.write_all(b"GET / HT").await.unwrap();
    assert_eq!(slow.read(&mut [0; 16]).await.unwrap_or(0), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_host_says_so() {
    let ground = Ground::new();
    let mut host = ground.start(&["--max-requests", "2"]).await;
    // The third request at once; those that ask how the host is are answered.
    let mut waiting = [host.connect().await, host.connect().await];
    for upload in &mut waiting {
        let head = "POST /length HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\n";
        upload.write_all(format!("{head}content-length: 4\r\n\r\n").as_bytes()).await.unwrap();
        upload.read_exact(&mut [0; 25]).await.unwrap();
    }
    let busy = host.get("/text", "").await;
    assert_eq!((busy.status(), busy.header("retry-after")), (503, Some("1")));
    assert_eq!(host.get("/healthz", "").await.status(), 200);
    host.process.line("503 GET /text").await;
    drop(waiting);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_rests_makes_room() {
    let ground = Ground::new();
    let host = ground.start(&["--max-connections", "2"]).await;
    let mut kept = Vec::new();
    for _ in 0..2 {
        let mut stream = host.connect().await;
        stream.write_all(b"GET /text HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"hello") {
            assert_ne!(stream.read_buf(&mut answer).await.unwrap(), 0);
        }
        kept.push(stream);
    }
    assert_eq!(host.get("/text", "").await.text(), "hello");
    assert_eq!(kept[0].read(&mut [0; 1]).await.unwrap(), 0, "the first has rested longest");
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_have_ids_and_clients() {
    let ground = Ground::new();
    let mut host = ground.start(&["--log-format", "json", "--trusted-proxy", "127.0.0.0/8"]).await;
    let made = host.get("/text", "").await;
    let id = made.header("x-request-id").expect("an id").to_owned();
    assert_eq!(id.len(), 32);
    let line = host.process.line("\"access\"").await;
    assert!(line.contains(&format!("\"request_id\":\"{id}\"")), "{line}");
    assert!(line.contains("\"client\":\"127.0.0.1\""), "{line}");

    let headers = "x-request-id: from-the-proxy\r\nx-forwarded-for: 6.6.6.6, 192.0.2.7\r\n\
        x-forwarded-proto: https\r\n";
    let told = host.get("/", headers).await;
    assert_eq!(told.header("x-request-id"), Some("from-the-proxy"));
    assert!(told.header("strict-transport-security").is_some());
    let line = host.process.line("from-the-proxy").await;
    assert!(line.contains("\"client\":\"192.0.2.7\""), "{line}");

    // A panic is found by the same id.
    host.get("/panics", "x-request-id: the-panic\r\n").await;
    let line = host.process.line("panicked").await;
    assert!(line.contains("the-panic"), "{line}");

    let mut host = ground.start(&["--log-format", "json"]).await;
    let stranger = host.get("/", headers).await;
    assert_ne!(stranger.header("x-request-id"), Some("from-the-proxy"));
    assert_eq!(stranger.header("strict-transport-security"), None);
    assert_eq!(stranger.header("x-frame-options"), Some("SAMEORIGIN"));
    assert_eq!(stranger.header("x-content-type-options"), Some("nosniff"));
    assert!(host.process.line("\"access\"").await.contains("\"client\":\"127.0.0.1\""));

    let host = ground.start(&["--no-request-ids", "--no-security-headers"]).await;
    let bare = host.get("/", "").await;
    assert_eq!((bare.header("x-request-id"), bare.header("x-frame-options")), (None, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_sees_the_client() {
    let ground = Ground::of("edge");
    let headers = "x-request-id: r\r\nx-forwarded-for: 6.6.6.6, 192.0.2.7, 127.0.0.9\r\n\
        x-forwarded-proto: https\r\nx-forwarded-host: example.com\r\nforwarded: for=1.2.3.4\r\n";
    let host = ground.start(&["--trusted-proxy", "127.0.0.0/8"]).await;
    let seen = host.get("/client", headers).await;
    assert_eq!(seen.text(), "192.0.2.7 example.com r 192.0.2.7 https -");
    let args = ["--trusted-proxy", "127.0.0.0/8", "--proxy-headers", "forwarded"];
    let host = ground.start(&args).await;
    assert_eq!(host.get("/client", headers).await.text(), "1.2.3.4 a r 1.2.3.4 - -");
    let host = ground.start(&["--no-request-ids"]).await;
    // Ids that nobody makes are nobody's business either way.
    let seen = host.get("/client", headers.split_once("\r\n").unwrap().1).await;
    assert_eq!(seen.text(), "127.0.0.1 a - - - -");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_proxy_protocol_names_the_client() {
    let ground = Ground::new();
    let args = ["--log-format", "json", "--proxy-protocol", "--trusted-proxy", "127.0.0.1"];
    let mut host = ground.start(&args).await;
    let request = b"GET /text HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";

    let mut text = b"PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\n".to_vec();
    text.extend(request);
    assert_eq!(host.raw(&text).await.text(), "hello");
    assert!(host.process.line("\"access\"").await.contains("\"client\":\"192.0.2.1\""));

    let mut binary = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c".to_vec();
    binary.extend([192, 0, 2, 2, 198, 51, 100, 1, 0xdc, 4, 1, 0xbb]);
    // In two pieces: the first is waited for.
    let mut stream = host.connect().await;
    stream.write_all(&binary[..20]).await.unwrap();
    stream.write_all(&binary[20..]).await.unwrap();
    stream.write_all(request).await.unwrap();
    assert_eq!(Answer::read(&mut stream).await.text(), "hello");
    assert!(host.process.line("\"access\"").await.contains("\"client\":\"192.0.2.2\""));

    let mut stream = host.connect().await;
    stream.write_all(request).await.unwrap();
    assert_eq!(stream.read(&mut [0; 1]).await.unwrap_or(0), 0, "no header, no answer");
    host.process.line("did not begin with a header of the PROXY protocol").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn prometheus_reads_what_was_counted() {
    let ground = Ground::new();
    let host = ground.start(&["--metrics", "127.0.0.1:0"]).await;
    let said = host.process.output();
    let (_, rest) = said.split_once("metrics are at http://").unwrap();
    let address = rest.split('/').next().unwrap().to_owned();
    for path in ["/text", "/text", "/sleep/1", "/sleep/2", "/nowhere", "/healthz", "/panics"] {
        host.get(path, "").await;
    }
    let mut stream = host.connect().await;
    stream.write_all(b"GET /forever HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    stream.read_exact(&mut [0; 64]).await.unwrap();

    let metrics =
        Host { process: host.process, url: String::new(), address: address.parse().unwrap() };
    let answer = metrics.get("/metrics", "").await;
    assert_eq!(answer.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    let text = answer.text();
    for line in [
        "nova_requests_total{route=\"/text\",method=\"GET\",status=\"2xx\"} 2",
        "nova_requests_total{route=\"/sleep/{ms}\",method=\"GET\",status=\"2xx\"} 2",
        "nova_requests_total{route=\"/panics\",method=\"GET\",status=\"5xx\"} 1",
        "nova_requests_total{route=\"unmatched\",method=\"GET\",status=\"4xx\"} 1",
        "nova_requests_total{route=\"host\",method=\"GET\",status=\"2xx\"} 1",
        "nova_request_duration_seconds_count{route=\"/sleep/{ms}\"} 2",
        "nova_request_duration_seconds_bucket{route=\"/text\",le=\"+Inf\"} 2",
        "nova_requests_in_flight 1",
        "nova_panics_total 1",
        "nova_generations{state=\"live\"} 1",
        "nova_libraries_loaded 1",
        "nova_ready 1",
        "nova_connections_total 8",
    ] {
        assert!(text.lines().any(|it| it == line), "{line}\n{text}");
    }
    let sleeps =
        text.lines().find(|line| line.contains("le=\"0.0005\"") && line.contains("/sleep"));
    assert!(sleeps.unwrap().ends_with(" 0"), "no sleep is that short: {sleeps:?}");
    assert!(text.contains("\nnova_mappings ") && text.contains("\nprocess_resident_memory_bytes "));
    assert!(!text.contains("/nowhere"), "what clients send is no label");
    assert_eq!(metrics.get("/", "").await.status(), 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_is_announced_before_it_begins() {
    let ground = Ground::new();
    let mut host = ground.start(&["--stop-delay", "1s", "--grace", "10s"]).await;
    assert_eq!(host.get("/readyz", "").await.status(), 200);
    host.process.signal(Signal::TERM);
    host.process.line("stopping in 1s").await;
    assert_eq!(host.get("/readyz", "").await.status(), 503);
    assert_eq!(host.get("/text", "").await.text(), "hello", "it still accepts");
    host.process.line("requests that are under way finish").await;
    assert!(host.process.ended().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_settings_file_comes_before_variables_and_flags() {
    let ground = Ground::new();
    ground.file(
        "etc/host.toml",
        b"no_request_ids = true\nlog_format = \"json\"\npublic = \"files\"\n",
    );
    ground.file("etc/files/a.txt", b"from the folder of the file");
    let mut command = ground.command(&["--config", "etc/host.toml"]).await;
    command.env("NOVA_LOG_FORMAT", "human");
    let mut process = Process::spawn(command);
    let url = process.url().await;
    let mut host =
        Host { address: url.trim_start_matches("http://").parse().unwrap(), url, process };
    let answer = host.get("/a.txt", "").await;
    assert_eq!(answer.text(), "from the folder of the file");
    assert_eq!(answer.header("x-request-id"), None);
    host.process.line("200 GET /a.txt").await;

    ground.file("bad.toml", b"# none\nmax_bodi = \"10m\"\n");
    let (code, said) = ground.refusal(&["--config", "bad.toml"]).await;
    assert_eq!(code, Some(2));
    assert!(
        said.contains("bad.toml, line 2: `max_bodi` is no setting; did you mean `max_body`?"),
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_edge_cannot_start_with() {
    let ground = Ground::new();
    ground.certificate();
    ground.file("empty.pem", b"nothing");
    for (args, expected) in [
        (&["--tls-cert", "cert.pem"][..], "--tls-key is missing"),
        (
            &["--tls-cert", "none.pem", "--tls-key", "key.pem"],
            "none.pem: the TLS certificate cannot be read",
        ),
        (&["--tls-cert", "cert.pem", "--tls-key", "empty.pem"], "empty.pem: holds no private key"),
        (&["--tls-cert", "empty.pem", "--tls-key", "key.pem"], "empty.pem: holds no certificate"),
        (&["--proxy-protocol"], "named with --trusted-proxy"),
        (&["--stop-delay", "40"], "--stop-delay is a part of --grace"),
        (&["--metrics", "nowhere"], "cannot listen on nowhere for --metrics"),
    ] {
        let (code, said) = ground.refusal(args).await;
        assert_eq!(code, Some(1), "{args:?}: {said}");
        assert!(said.contains(expected), "{args:?}: {said}");
    }
}
