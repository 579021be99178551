//! What responses hold that clients do not take.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::ground::{Ground, Host};

/// The length of the page `/large`.
const LARGE: u64 = 16 << 20;

#[tokio::test(flavor = "multi_thread")]
async fn slow_readers_do_not_fill_the_memory_and_others_are_answered() {
    let ground = Ground::of("edge");
    let args = ["--max-response-memory", "40m", "--metrics", "127.0.0.1:0", "--no-access-log"];
    let host = ground.start(&args).await;
    let said = host.process.said("metrics are at http://").await;
    let (_, rest) = said.split_once("metrics are at http://").unwrap();
    let address = rest.split('/').next().unwrap().parse().unwrap();
    // One that is taken is sent, and gone.
    assert_eq!(host.get("/large", "").await.body.len() as u64, LARGE);
    let before = anonymous_bytes(host.process.id());

    let mut readers = Vec::new();
    let mut refused = 0;
    for _ in 0..30 {
        let (head, reader) = ask(&host).await;
        if head.starts_with("HTTP/1.1 503") {
            assert!(head.contains("\r\nretry-after: 1\r\n"), "{head}");
            refused += 1;
        } else {
            readers.push(reader);
        }
        assert_eq!(host.get("/client", "").await.status(), 200);
    }
    assert!(refused > 20, "{refused}");
    let grown = anonymous_bytes(host.process.id()).saturating_sub(before);
    // The allocator keeps some of what was refused, for each thread.
    assert!(grown < 10 * LARGE, "{grown} bytes for two of thirty bodies of {LARGE}");

    // Who takes nothing makes room in the end.
    let last = loop {
        let (head, reader) = ask(&host).await;
        if head.starts_with("HTTP/1.1 200") {
            break reader;
        }
        assert_eq!(host.get("/client", "").await.status(), 200);
    };
    let metrics = Host { process: host.process, url: String::new(), address };
    let answer = metrics.get("/metrics", "").await;
    let text = answer.text();
    let number = |name: &str| -> u64 {
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap_or_else(|| panic!("{name}\n{text}")).trim().parse().unwrap()
    };
    assert!(number("nova_responses_ended_for_memory_total ") >= 1);
    assert!(number("nova_response_memory_bytes ") >= LARGE);
    assert!(number("nova_requests_refused_total{reason=\"memory\"} ") >= refused);
    drop((readers, last));
}

/// The head of the answer to `/large`, and what the rest would come from.
async fn ask(host: &Host) -> (String, TcpStream) {
    let mut stream = host.connect().await;
    stream.write_all(b"GET /large HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    (String::from_utf8(head).unwrap(), stream)
}

/// The memory of a process that belongs to no file.
fn anonymous_bytes(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}
