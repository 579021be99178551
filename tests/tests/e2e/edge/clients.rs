//! Who asks: request ids, proxies, and what a page sees of them.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::ground::{Answer, Ground};

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
