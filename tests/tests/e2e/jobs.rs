//! What an app does besides answering requests, over swaps: in one generation at a time; and what
//! becomes of the event streams of a generation that leaves.

use std::fs;
use std::path::Path;

use nova_host::operate::admin::RollbackRequest;
use nova_tests::client::{Sipper, fresh};
use nova_tests::fixtures::{library, stamped};
use nova_tests::host::{Host, Options};
use tempfile::TempDir;

/// A folder in which the jobs of the fixture note what they do.
struct Log(TempDir);

impl Log {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    async fn host(&self) -> Host {
        let env: &[(&str, &Path)] = &[("NOVA_FIXTURE_FOLDER", self.0.path())];
        Host::start_with(&library("jobs"), Options { env, ..Options::default() }).await
    }

    fn lines(&self) -> Vec<String> {
        let log = fs::read_to_string(self.0.path().join("log")).unwrap_or_default();
        log.lines().map(str::to_owned).collect()
    }

    /// Waits until all jobs have ticked in this build after the first `from` lines.
    async fn ticks(&self, host: &Host, build: &str, from: usize) -> usize {
        loop {
            let lines = self.lines();
            let has = |job: &str| {
                lines[from..].iter().any(|it| it.starts_with(job) && it.ends_with(build))
            };
            if has("dropped") && has("held") && has("scheduled") {
                return lines.len();
            }
            // Time goes by, and the host is alive.
            fresh(host.address, "/build").await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_never_runs_in_two_generations_at_once() {
    let log = Log::new();
    let host = log.host().await;
    let first = fresh(host.address, "/build").await.unwrap();
    let mut seen = log.ticks(&host, &first, 0).await;
    for stamp in ["2", "3", "4", "5"] {
        host.swap(&host.file(&format!("{stamp}.so"), &stamped(&library("jobs"), stamp)))
            .await
            .unwrap();
        let build = fresh(host.address, "/build").await.unwrap();
        seen = log.ticks(&host, &build, seen).await;
        let again = log.ticks(&host, &build, seen).await;
        assert!(
            log.lines()[seen..again].iter().all(|line| line.ends_with(&build)),
            "the generation that stands by does nothing"
        );
    }
    let left = fresh(host.address, "/build").await.unwrap();
    host.admin.rollback(&RollbackRequest::default()).await.unwrap();
    let back = fresh(host.address, "/build").await.unwrap();
    assert_ne!(left, back);
    log.ticks(&host, &back, log.lines().len()).await;
    let lines = log.lines();
    assert!(lines.iter().all(|line| line.contains(" alone ")), "{lines:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_brings_a_subscriber_and_each_release_its_own() {
    let log = Log::new();
    let host = log.host().await;
    let events = || fs::read(log.0.path().join("events")).unwrap_or_default().len();
    assert!(host.process.output().contains("jobs: an app begins"), "{}", host.process);
    assert_eq!(events(), 2, "the layer has what the host's log does not want, too");
    assert!(!host.process.output().contains("does not want"), "{}", host.process);
    host.swap(&host.file("new.so", &stamped(&library("jobs"), "new"))).await.unwrap();
    assert_eq!(events(), 4, "a check has no layer; the new generation has one");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_of_events_ends_between_two_events_when_its_generation_leaves() {
    let log = Log::new();
    let host = log.host().await;
    let mut streams = Vec::new();
    for _ in 0..8 {
        let mut stream = Sipper::ask(host.address, "/events").await.unwrap();
        assert!(stream.sip(512).await.unwrap());
        streams.push(stream);
    }
    let old = fresh(host.address, "/build").await.unwrap();
    host.swap(&host.file("new.so", &stamped(&library("jobs"), "new"))).await.unwrap();
    for stream in streams {
        let lines = stream.finish().await.expect("the body has its end");
        // Each event is a line of data and an empty one.
        assert!(lines.len() % 2 == 0 && lines.len() > 2, "{lines:?}");
        for (number, event) in lines.chunks(2).enumerate() {
            assert_eq!(event, [format!("data: {old} {number}"), String::new()]);
        }
    }
    // The host is not kept from ending what stood behind them.
    let new = fresh(host.address, "/build").await.unwrap();
    let mut stream = Sipper::ask(host.address, "/events").await.unwrap();
    assert!(stream.sip(512).await.unwrap());
    assert!(String::from_utf8_lossy(&stream.received).contains(&new));
}
