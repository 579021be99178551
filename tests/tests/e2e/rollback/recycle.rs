//! A host that starts anew as the same process.

use std::fs;

use nova_tests::client::{Connection, Sipper};
use nova_tests::fixtures::{library, stamped};
use rustix::process::Signal;

use super::ground::{Ground, Host, Load, locked};

/// Waits until the process has been renewed and no stand-in is left.
pub(crate) async fn renewed(host: &mut Host) {
    host.process.line("recycling: ").await;
    host.process.line("stands in").await;
    // The stand-in's first line is that it serves; the last one of its life is that it stopped.
    host.process.line("stopped").await;
    host.process.line("stopped").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_is_recycled_under_load_and_nobody_notices() {
    let ground = Ground::new();
    let good = library("good");
    ground.release(&good, "1");
    let mut host = ground.start(&["--routes", "build"]).await;
    host.kept().await;
    let build = ground.release(&stamped(&good, "2"), "2");
    host.swap(&build, false).await.unwrap();
    let flaky = ground.library("flaky.so", &library("flaky"));
    let refused = "rolled back by `nova rollback`";
    host.swap(&flaky, false).await.unwrap();
    host.back().await.unwrap();
    let serves = host.text("/build").await;
    let pid = host.process.id();

    let load = Load::start(host.address, 4);
    load.more(100).await;
    host.process.signal(Signal::USR2);
    renewed(&mut host).await;
    load.more(100).await;
    let answers = load.answers();
    let seen = load.end().await;
    println!("{answers} requests, none of them failed");
    assert_eq!(*locked(&seen.broken), Vec::<String>::new());
    assert!(locked(&seen.failed).is_empty());

    // The same process, the same sockets, other memory.
    let status = host.status().await;
    assert_eq!(status.pid, pid);
    assert_eq!(host.process.id(), pid);
    assert_eq!(status.loads, 1);
    assert!(status.generations.last().unwrap().id > 3, "{status:?}");
    assert_eq!(host.text("/build").await, serves);
    let error = host.swap(&flaky, false).await.unwrap_err().to_string();
    assert!(error.contains(refused), "{error}");
    for (path, text) in [("/_nova/style-1.css", "/* 1 */"), ("/file-1.txt", "1")] {
        assert_eq!(host.text(path).await, text);
    }
    assert!(host.process.stop().await.success());
    assert!(!ground.path("admin.sock").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_budget_that_is_passed_recycles_the_host() {
    let ground = Ground::new();
    let stateful = library("stateful");
    ground.library("lib.so", &stateful);
    // A host has more mappings than that from the start, and recycles when it has loaded more.
    let args = ["--routes", "lib.so", "--mapping-budget", "20", "--no-rollback"];
    let mut host = ground.start(&args).await;
    assert_eq!(host.text("/").await, "1");
    host.swap(&ground.library("next.so", &stamped(&stateful, "2")), false).await.unwrap();
    assert_eq!(host.text("/").await, "2");
    let line = host.process.line("recycling: ").await;
    assert!(line.contains("more than the budget of 20"), "{line}");
    host.process.line("stopped").await;
    host.process.line("stopped").await;
    assert_eq!(host.status().await.loads, 1);
    assert_eq!(host.text("/").await, "3", "the state went over");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recycling_that_fails_changes_nothing() {
    let ground = Ground::new();
    let library = ground.library("lib.so", &library("good"));
    let mut host = ground.start(&["--routes", "lib.so"]).await;
    let kept = host.kept().await;
    let build = host.text("/build").await;
    // Nothing of the release is left that a new process could load.
    fs::remove_file(&library).unwrap();
    fs::remove_dir_all(kept.copy.unwrap().parent().unwrap()).unwrap();
    fs::remove_dir_all(ground.path("state/libraries")).unwrap();
    host.process.signal(Signal::USR2);
    host.process.line("the host is not recycled").await;
    assert_eq!(host.text("/build").await, build);
    let next = ground.library("next.so", &stamped(&nova_tests::fixtures::library("good"), "2"));
    fs::create_dir_all(ground.path("state/libraries")).unwrap();
    assert_eq!(host.swap(&next, false).await.unwrap(), 2);
    assert!(host.process.stop().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_while_another_stands_in_ends_both() {
    // Before the stand-in serves, and after that.
    for moment in ["recycling: ", "stands in"] {
        let ground = Ground::new();
        ground.library("lib.so", &library("good"));
        let args = ["--routes", "lib.so", "--grace", "1h", "--stream-grace", "1h"];
        let mut host = ground.start(&args).await;
        // A stream that does not end keeps the first process from being renewed.
        let mut stream = Sipper::ask(host.address, "/forever").await.unwrap();
        assert!(stream.sip(1).await.unwrap());
        host.process.signal(Signal::USR2);
        host.process.line(moment).await;
        host.process.signal(Signal::TERM);
        let decided = async {
            let is_decided = |said: &str| {
                said.contains("the host is not recycled") || said.contains("stands in")
            };
            while !is_decided(&host.process.output()) {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(nova_tests::PATIENCE, decided).await.unwrap();
        drop(stream);
        assert!(host.process.read_to_end().await.success(), "{moment}\n{}", host.process);
        assert!(!ground.path("admin.sock").exists(), "{moment}\n{}", host.process);
        assert!(Connection::open(host.address).await.is_err());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_canary_of_the_stand_in_comes_to_its_end_before_the_place_is_given_back() {
    let ground = Ground::new();
    let good = library("good");
    ground.library("lib.so", &good);
    let mut host = ground.start(&["--routes", "lib.so"]).await;
    let (pid, build) = (host.status().await.pid, host.text("/build").await);
    let mut stream = Sipper::ask(host.address, "/forever").await.unwrap();
    assert!(stream.sip(1).await.unwrap());
    host.process.signal(Signal::USR2);
    host.process.line("stands in").await;
    let next = ground.library("next.so", &stamped(&good, "2"));
    host.canary(&next, 0.5, 600.0).await.unwrap();
    drop(stream);
    // Of another process than the line before: which of them is written first is open.
    host.process.said("the place is given back later: a canary is under way").await;
    host.process.line("stopped").await;
    host.back().await.unwrap();
    host.process.line("stopped").await;
    assert_eq!(host.status().await.pid, pid);
    assert_eq!(host.text("/build").await, build);
    assert!(host.process.stop().await.success());
}
