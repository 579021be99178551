//! What pages do to the process that they run in, and what others see of it.

use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::ExitStatus;
use std::time::Duration;

use nova_tests::PATIENCE;
use nova_tests::client::{Sipper, fresh};
use nova_tests::fixtures::library;
use nova_tests::host::{Host, Options};
use nova_tests::process::Process;
use nova_tests::workspace::binary;
use rustix::process::Signal;
use tokio::process::Command;
use tokio::time::timeout;

/// A page that holds its thread for longer than a test may take, also on a machine under load.
const LONG: &str = "/block/900000";
const LIMIT: Duration = Duration::from_secs(60);

/// A host with the library `rogue`, whose `init` does what `behaviour` says.
async fn host(behaviour: &str, args: &[&str]) -> Host {
    let env = [("NOVA_FIXTURE_ROGUE", Path::new(behaviour))];
    Host::start_with(&library("rogue"), Options { args, env: &env, ..Options::default() }).await
}

/// A request that is sent, and whose answer is not waited for.
async fn ask(host: &Host, path: &str) -> Sipper {
    Sipper::ask(host.address, path).await.unwrap()
}

/// The others are answered.
async fn is_fine(host: &Host) {
    let answer = timeout(LIMIT, fresh(host.address, "/fine")).await;
    assert_eq!(answer.expect("nobody is answered").unwrap(), "fine");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_takes_no_signal_away() {
    for behaviour in ["handler", "ignore"] {
        let mut host = host(behaviour, &[]).await;
        host.process.said("`init` of app.rs took over ").await;
        host.process.signal(Signal::HUP);
        host.process.line("unchanged, generation 1 serves on").await;
        host.process.signal(Signal::USR2);
        host.process.line("recycling: as told by a signal").await;
        host.process.line("stands in").await;
        // The second is that of the stand-in.
        host.process.line("generation 3 is live").await;
        host.process.signal(Signal::TERM);
        let status = host.process.read_to_end().await;
        assert!(status.success(), "{behaviour}: {status}\n{}", host.process);
        assert!(!host.process.output().contains("the app got a signal"), "{}", host.process);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_children_of_an_app_take_signals_as_ever() {
    let host = host("", &[]).await;
    let status = fresh(host.address, "/child").await.unwrap();
    let blocked = status.lines().find_map(|line| line.strip_prefix("SigBlk:")).unwrap();
    assert_eq!(u64::from_str_radix(blocked.trim(), 16).unwrap(), 0, "{status}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_holds_its_thread_holds_up_no_other() {
    for threads in [2, 4, 8] {
        let mut host = host("", &["--threads", &threads.to_string(), "--no-access-log"]).await;
        let mut held = Vec::new();
        // Right after each: the thread that polled for the others is the one that is held, or not.
        for _ in 1..threads {
            held.push(ask(&host, LONG).await);
            is_fine(&host).await;
        }
        let said = host.process.line("holds its thread for 1 s").await;
        assert!(said.contains(&format!("GET {LONG} (pages/block/[ms].rs)")), "{said}");
        is_fine(&host).await;
        assert!(!host.process.output().contains("more accept"), "{}", host.process);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_that_hold_all_threads_get_others_beside_them() {
    let mut host = host("", &["--threads", "2", "--grace", "1s", "--metrics", "127.0.0.1:0"]).await;
    // One after the other: of requests that arrive together, two of any are held.
    let _loop = ask(&host, "/loop").await;
    host.process.line("GET /loop (pages/loop.rs): holds its thread for 1 s, in generation 1").await;
    let _long = [ask(&host, LONG).await, ask(&host, LONG).await];
    host.process.line("all 2 threads that answer requests are held; 2 more").await;
    is_fine(&host).await;
    assert!(fresh(host.address, "/healthz").await.is_ok());

    // What is said of them, by all who say something.
    let status = host.status().await;
    let names: Vec<&str> = status.held.iter().map(|held| held.activity.as_str()).collect();
    assert!(names.contains(&"GET /loop (pages/loop.rs)"), "{names:?}");
    assert!(status.held.iter().all(|held| held.seconds >= 1.0 && held.generation == 1));
    assert!(status.holds >= 2);
    let said = host.process.said("metrics are at http://").await;
    let (_, address) = said.split_once("metrics are at http://").unwrap();
    let (address, _) = address.split_once('/').unwrap();
    let address = address.parse().unwrap();
    let are_counted = async {
        loop {
            let metrics = fresh(address, "/metrics").await.unwrap();
            let value = |name: &str| {
                let line = metrics.lines().find_map(|line| line.strip_prefix(name));
                let value = line.unwrap_or_default().trim().parse::<u64>();
                value.unwrap_or_else(|_| panic!("{name} in {metrics}"))
            };
            if value("nova_threads_held ") >= 2 && value("nova_thread_holds_total ") >= 2 {
                return;
            }
        }
    };
    timeout(LIMIT, are_counted).await.expect("they are counted");

    // A stop is heard, and ends in its time.
    host.process.signal(Signal::TERM);
    host.process.line("stopping").await;
    assert!(host.process.ended().await.success(), "{}", host.process);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_ends_a_host_whose_threads_are_held() {
    let mut host = host("handler", &["--threads", "1"]).await;
    let _held = ask(&host, "/loop").await;
    host.process.line("GET /loop (pages/loop.rs): holds its thread").await;
    host.process.signal(Signal::TERM);
    host.process.line("stopping").await;
    host.process.signal(Signal::TERM);
    assert_eq!(host.process.ended().await.code(), Some(128 + 15), "{}", host.process);
}

/// How a host ends by a page, and what it says then.
struct End {
    path: &'static str,
    ended: fn(ExitStatus) -> bool,
    at_once: &'static str,
    /// What the next one says.
    afterwards: &'static str,
}

const ENDS: [End; 6] = [
    End {
        path: "/abort",
        ended: |status| status.signal() == Some(6),
        at_once: "",
        afterwards: "GET /abort (pages/abort.rs) ran at that moment, in generation 1",
    },
    End {
        path: "/abort-later",
        ended: |status| status.signal() == Some(6),
        at_once: "",
        afterwards: "GET /abort-later (pages/abort-later.rs) ran at that moment",
    },
    End {
        path: "/segv",
        ended: |status| status.signal() == Some(11),
        at_once: "",
        afterwards: "GET /segv (pages/segv.rs) ran at that moment",
    },
    End {
        path: "/overflow",
        ended: |status| status.signal() == Some(6),
        at_once: "has overflowed its stack",
        afterwards: "GET /overflow (pages/overflow.rs) ran at that moment",
    },
    // Its own code would say that all is well.
    End {
        path: "/exit/0",
        ended: |status| !status.success(),
        at_once: "GET /exit/0 (pages/exit/[code].rs) ends the process with `exit`, in generation 1",
        afterwards: "GET /exit/0 (pages/exit/[code].rs) ran at that moment",
    },
    End {
        path: "/hoard",
        ended: |status| status.signal() == Some(6),
        at_once: "memory allocation of 67108864 bytes failed",
        afterwards: "GET /hoard (pages/hoard.rs) ran at that moment",
    },
];

#[tokio::test(flavor = "multi_thread")]
async fn the_page_that_ended_a_host_is_named() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("lib.so"), library("rogue")).unwrap();
    let start = async || {
        // What a page may take is limited, as in a container.
        let mut command = Command::new("prlimit");
        command.args(["--as=4000000000", "--core=0"]).arg(binary("nova-host").await);
        command.args(["--routes", "lib.so", "--state", "state", "--port", "0", "--no-admin"]);
        command.args(["--threads", "2"]).current_dir(folder.path()).env_remove("RUST_BACKTRACE");
        let mut process = Process::spawn(command);
        let url = process.url().await;
        (process, url.trim_start_matches("http://").parse().unwrap())
    };
    let (mut process, mut address) = start().await;
    assert!(!process.output().contains("did not end in order"), "{process}");
    for End { path, ended, at_once, afterwards } in ENDS {
        let answer = fresh(address, path).await;
        assert!(answer.is_err(), "{path} answers {answer:?}");
        let status = process.read_to_end().await;
        assert!(ended(status), "{path}: {status}\n{process}");
        assert!(process.output().contains(at_once), "{path}\n{process}");
        (process, address) = start().await;
        let said = process.said("did not end in order").await;
        assert!(said.contains(afterwards), "{path}: {said}");
    }
    // What ends in order leaves nothing, and what ends by itself, no page to blame.
    process.signal(Signal::TERM);
    process.ended().await;
    (process, _) = start().await;
    assert!(!process.output().contains("did not end in order"), "{process}");
    process.signal(Signal::KILL);
    process.ended().await;
    (process, _) = start().await;
    process.said("did not end in order, and no page was running").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_fails_is_an_error() {
    let host = host("", &["--metrics", "127.0.0.1:0"]).await;
    for (path, said) in [
        (
            "/stream/panic",
            "GET /stream/panic (pages/stream/[end].rs) panicked while its body was sent: in the middle of",
        ),
        (
            "/stream/error",
            "GET /stream/error (pages/stream/[end].rs): its body ended with an error: no more of it",
        ),
    ] {
        assert!(fresh(host.address, path).await.is_err(), "{path} has an end");
        host.process.said(said).await;
    }
    let said = host.process.said("panicked while its body was sent").await;
    assert!(said.contains("libraries/rogue/src/lib.rs:"), "the place: {said}");
    let generation = &host.status().await.generations[0];
    assert_eq!((generation.panics, generation.server_errors), (1, 2));
    let said = host.process.said("metrics are at http://").await;
    let (_, address) = said.split_once("metrics are at http://").unwrap();
    let (address, _) = address.split_once('/').unwrap();
    let metrics = fresh(address.parse().unwrap(), "/metrics").await.unwrap();
    for line in ["nova_panics_total 1", "nova_bodies_failed_total 2"] {
        assert!(metrics.lines().any(|it| it == line), "{line}\n{metrics}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_whose_bodies_panic_is_left() {
    let good = library("good");
    let host = Host::start_with(&good, Options { args: &["--threads", "2"], ..Options::default() });
    let host = host.await;
    let rogue = host.file("rogue.so", &library("rogue"));
    host.swap(&rogue).await.unwrap();
    let left = async {
        while !host.process.output().contains("is left and refused") {
            // It is not there any more when the host has gone back.
            let _ = fresh(host.address, "/stream/panic").await;
        }
    };
    timeout(PATIENCE, left).await.expect("the host goes back");
    let said = host.process.said("is left and refused").await;
    assert!(said.contains("panics"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_place_of_a_panic_is_known_whatever_hook_an_app_installs() {
    let host = host("hook", &[]).await;
    assert!(fresh(host.address, "/panics").await.is_err());
    let said = host.process.said("GET /panics panicked: a page panics at ").await;
    assert!(said.contains("libraries/rogue/src/lib.rs:"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_fails_says_where_in_one_line() {
    let host = host("", &[]).await;
    for (path, said, message) in [
        (
            "/fails",
            "GET /fails (libraries/rogue/src/lib.rs:",
            "): Internal Server Error: invalid digit",
        ),
        (
            "/panics",
            "GET /panics panicked: a page panics at libraries/rogue/src/lib.rs:",
            "lib.rs:",
        ),
    ] {
        assert!(fresh(host.address, path).await.is_err(), "{path} answers 500");
        let line = host.process.said(said).await;
        let line = line.lines().find(|line| line.contains(said)).unwrap();
        assert!(line.contains(message) && line.contains(" request_id="), "{line}");
    }
    let said = host.process.output();
    assert_eq!(said.matches("Internal Server Error").count(), 1, "{said}");
    assert!(!said.contains("plugin-sdk"), "{said}");
    assert_eq!(host.status().await.generations[0].server_errors, 2);
}
