//! Who a request is for, and its cookies: the same for pages and middleware, whatever the protocol.

use nova_tests::http2::{Answer as Http2Answer, END_HEADERS, END_STREAM, ask, fields, frame, kind};
use tokio::io::AsyncWriteExt;

use crate::edge::ground::{Answer, Ground, Host};
use crate::edge::tls::{TLS, encrypted};

#[tokio::test(flavor = "multi_thread")]
async fn http_1_names_it_in_host_or_in_the_target() {
    let ground = Ground::of("edge");
    let host = ground.start(&[]).await;
    for (head, expected) in [
        ("GET /seen HTTP/1.1\r\nhost: shop.example:8080", "GET /seen host=shop.example:8080"),
        ("GET http://shop.example/seen HTTP/1.1\r\nhost: b", "GET /seen host=shop.example"),
        ("GET http://shop.example/seen?q=1 HTTP/1.0", "GET /seen?q=1 host=shop.example"),
    ] {
        let request = format!("{head}\r\nconnection: close\r\n\r\n");
        let answer = host.raw(request.as_bytes()).await;
        assert_eq!(answer.text(), format!("{expected} cookie= body=0"));
        let named = expected.split_once("host=").map(|(_, name)| name);
        assert_eq!(answer.header("x-asked-for"), named, "middleware");
    }
}

/// What a page answers to a GET of HTTP/2 with these pseudo-headers and headers.
async fn asked(host: &Host, path: &str, lines: &[(&str, &str)]) -> Http2Answer {
    let mut all = vec![(":method", "GET"), (":scheme", "http"), (":path", path)];
    all.extend(lines);
    let head = frame(kind::HEADERS, END_STREAM | END_HEADERS, 1, &fields(&all));
    ask(host.connect().await, &head, 1).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn http_2_names_it_in_its_authority() {
    let ground = Ground::of("edge");
    let host = ground.start(&["--trusted-proxy", "127.0.0.1"]).await;
    let authority = (":authority", "shop.example:1");
    for (lines, expected) in [
        (&[authority][..], "host=shop.example:1 cookie= body=0"),
        (&[authority, ("host", "b")], "host=shop.example:1 cookie= body=0"),
        (&[("host", "b")], "host=b cookie= body=0"),
        (
            &[authority, ("x-forwarded-host", "public.example")],
            "host=public.example cookie= body=0",
        ),
        // Not a host: what the proxy says is not believed.
        (&[authority, ("x-forwarded-host", "u@a")], "host=shop.example:1 cookie= body=0"),
        (
            &[authority, ("cookie", "a=1"), ("x", "y"), ("cookie", "b=2"), ("cookie", "c=3; d=4")],
            "host=shop.example:1 cookie=a=1; b=2; c=3; d=4 body=0",
        ),
    ] {
        let expected = format!("GET /seen {expected}");
        assert_eq!(asked(&host, "/seen", lines).await, Http2Answer::Response(200, expected));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn http_2_over_tls_does_so_too() {
    let ground = Ground::of("edge");
    let certificate = ground.certificate();
    let host = ground.start(&TLS).await;
    let stream = encrypted(&host, &certificate, &[b"h2"]).await.unwrap();
    let lines = [
        (":method", "GET"),
        (":scheme", "https"),
        (":path", "/seen"),
        (":authority", "localhost"),
        ("cookie", "a=1"),
        ("cookie", "b=2"),
    ];
    let head = frame(kind::HEADERS, END_STREAM | END_HEADERS, 1, &fields(&lines));
    let expected = "GET /seen host=localhost cookie=a=1; b=2 body=0".to_owned();
    assert_eq!(ask(stream, &head, 1).await.unwrap(), Http2Answer::Response(200, expected));

    // HTTP/1.1 there: a client that says that it sends no more is answered.
    let mut stream = encrypted(&host, &certificate, &[b"http/1.1"]).await.unwrap();
    stream.write_all(b"GET /slow/200 HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    stream.shutdown().await.unwrap();
    assert_eq!(Answer::read(&mut stream).await.text(), "slow");
}
