//! What those who run a host see and set: metrics, the stop, settings, and what it refuses.

use nova_tests::process::Process;
use rustix::process::Signal;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::ground::{Ground, Host};

#[tokio::test(flavor = "multi_thread")]
async fn prometheus_reads_what_was_counted() {
    let ground = Ground::new();
    let host = ground.start(&["--metrics", "127.0.0.1:0"]).await;
    let said = host.process.said("metrics are at http://").await;
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
        said.contains("bad.toml, line 2: unknown setting `max_bodi`; did you mean `max_body`?"),
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
