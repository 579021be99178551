//! Requests that no page is asked about: in the counts, and in the log.

use nova_tests::PATIENCE;
use nova_tests::client::fresh;
use nova_tests::http2::{ask, frame, kind};
use tokio::time::timeout;

use crate::edge::ground::Ground;

#[tokio::test(flavor = "multi_thread")]
async fn what_http_refuses_is_counted_and_logged() {
    let ground = Ground::of("edge");
    let mut host = ground.start(&["--metrics", "127.0.0.1:0"]).await;
    let line = host.process.said("metrics are at ").await;
    let metrics = line.split_once("http://").unwrap().1.trim().trim_end_matches("/metrics");
    let metrics = metrics.parse().unwrap();

    // What the host itself refuses has a line of the request log, and an id.
    let refused = host.raw(b"GET /seen HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n").await;
    assert_eq!((refused.status(), refused.header("connection")), (400, Some("close")));
    assert_eq!(refused.text(), "the request has more than one `host` header\n");
    assert!(refused.header("x-request-id").is_some());
    host.process.line("400 GET /seen").await;

    // What is no request has one line, however often it comes.
    for _ in 0..5 {
        assert_eq!(host.raw(b"garbage\r\n\r\n").await.status(), 400);
    }
    let line = host.process.line("was refused").await;
    assert!(line.contains("127.0.0.1 was refused: its request is not HTTP ("), "{line}");
    let long = format!("x: {}\r\n", "a".repeat(100_000));
    assert_eq!(host.get("/seen", &long).await.status(), 431);
    for _ in 0..5 {
        ask(host.connect().await, &frame(kind::DATA, 0, 0, b"x"), 1).await.unwrap();
    }

    // A connection is counted when its task has ended, which its client does not see.
    let counted = async {
        loop {
            let text = fresh(metrics, "/metrics").await.unwrap();
            let all = [
                "nova_requests_refused_total{reason=\"malformed\"} 6",
                "nova_requests_refused_total{reason=\"head\"} 1",
                "nova_http2_errors_total 5",
                "nova_requests_total{route=\"refused\",method=\"GET\",status=\"4xx\"} 1",
            ];
            if all.iter().all(|line| text.lines().any(|it| it == *line)) {
                return;
            }
        }
    };
    timeout(PATIENCE, counted).await.expect("all of them are counted");
    // Eleven of them; a busy machine takes longer than the pause between two lines.
    assert!(host.process.output().matches("was refused").count() < 6);
}
