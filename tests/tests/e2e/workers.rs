//! A host of several processes: what ends one of them, and how they are renewed.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nova_host::operate::admin::{
    AdminError, CanaryRequest, GenerationStatus, Reason, RollbackRequest, WorkerStatus,
};
use nova_host::swap::GenerationState;
use nova_tests::client::{Connection, fresh};
use nova_tests::fixtures::{library, stamped};
use nova_tests::host::{Host, Options};
use nova_tests::load::Load;
use nova_tests::process::run;
use nova_tests::workspace::binary;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::net::TcpStream;

async fn host(library: &[u8], args: &[&str]) -> Host {
    Host::start_with(library, Options { args, ..Options::default() }).await
}

/// A host of two libraries; the folder has the second one, `second.so`.
async fn host_of_two(first: &[u8], second: &[u8], args: &[&str]) -> (Host, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("second.so");
    std::fs::write(&path, second).unwrap();
    let args: Vec<&str> =
        ["--routes", path.to_str().unwrap()].iter().chain(args).copied().collect();
    (host(first, &args).await, folder)
}

/// Asks for a page so often, whatever is answered.
async fn ask(address: SocketAddr, path: &str, times: u32) {
    for _ in 0..times {
        Connection::open(address).await.unwrap().get(path).await.unwrap();
    }
}

/// Asks for something as soon as nothing else is under way: who goes back by itself is not done when
/// the log says so.
async fn when_free<T>(ask: impl AsyncFn() -> Result<T, AdminError>) -> T {
    loop {
        match ask().await {
            Err(AdminError::Swap(failure)) if failure.reason == Reason::Busy => {
                tokio::task::yield_now().await;
            }
            done => return done.unwrap_or_else(|error| panic!("{error}")),
        }
    }
}

fn canary(path: PathBuf, seconds: f64) -> CanaryRequest {
    CanaryRequest { path, force: false, no_preflight: false, share: 0.5, seconds }
}

fn kill(pid: u32) {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).expect("a process id");
    kill_process(pid, Signal::KILL).expect("it is there");
}

/// The workers that serve.
async fn workers(host: &Host) -> Vec<WorkerStatus> {
    let workers = host.status().await.workers;
    workers.into_iter().filter(|worker| !worker.leaving).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_ends_a_worker_costs_its_own_requests_alone() {
    let mut host = host(&library("rogue"), &["--workers", "2", "--no-rollback"]).await;
    for (path, how, page) in [
        ("/abort", "SIGABRT", "GET /abort (pages/abort.rs)"),
        ("/segv", "SIGSEGV", "GET /segv (pages/segv.rs)"),
        ("/overflow", "SIGABRT", "GET /overflow (pages/overflow.rs)"),
        ("/abort-later", "SIGABRT", "GET /abort-later (pages/abort-later.rs)"),
        ("/exit/0", "SIGABRT", "GET /exit/0 (pages/exit/[code].rs)"),
    ] {
        let mut kept = Vec::new();
        for _ in 0..8 {
            let mut connection = Connection::open(host.address).await.unwrap();
            connection.text("/fine").await.unwrap();
            kept.push(connection);
        }
        let before = workers(&host).await;
        assert_eq!(before.len(), 2);
        fresh(host.address, path).await.unwrap_err();
        let line = host.process.line(" ended: ").await;
        assert!(line.contains(how) && line.contains(page), "{line}");
        host.process.line("is back as process").await;
        let (gone, other) = match line.contains(&format!("(process {})", before[0].pid)) {
            true => (&before[0], &before[1]),
            false => (&before[1], &before[0]),
        };
        let mut whole = 0;
        for mut connection in kept {
            whole += u64::from(connection.text("/fine").await.is_ok());
        }
        assert_eq!(whole, other.connections, "those of the other worker: {gone:?} {other:?}");
        let after = workers(&host).await;
        let find = |number| after.iter().find(|worker| worker.number == number).unwrap();
        assert_eq!(find(other.number).pid, other.pid);
        assert_ne!(find(gone.number).pid, gone.pid);
        assert_eq!(find(gone.number).restarts, gone.restarts + 1);
    }
    kill(workers(&host).await[0].pid);
    let line = host.process.line(" ended: ").await;
    assert!(line.contains("SIGKILL") && line.contains("no page was running"), "{line}");
    host.process.line("is back as process").await;
    assert_eq!(fresh(host.address, "/fine").await.unwrap(), "fine");
}

#[tokio::test(flavor = "multi_thread")]
async fn swaps_rollbacks_and_recycles_renew_the_workers_and_fail_no_request() {
    let good = library("good");
    let mut host = host(&stamped(&good, "1"), &["--workers", "2"]).await;
    let load = Load::start_reconnecting(host.address, 4, 2);
    let mut seen = BTreeSet::new();
    for stamp in ["2", "3", "4"] {
        let path = host.file(&format!("{stamp}.so"), &stamped(&good, stamp));
        let swap = host.swap(&path).await.unwrap().swapped.remove(0);
        let pids: BTreeSet<u32> = workers(&host).await.iter().map(|worker| worker.pid).collect();
        assert!(pids.len() == 2 && pids.is_disjoint(&seen), "{pids:?} {seen:?}");
        seen.extend(pids);
        // From here on nothing but the new generation answers, on whatever connection.
        assert_eq!(fresh(host.address, "/build").await.unwrap(), swap.build_id);
    }
    let back = host.admin.rollback(&RollbackRequest::default()).await.unwrap();
    assert_eq!(fresh(host.address, "/build").await.unwrap(), back.serving.build_id);
    host.process.signal(Signal::USR2);
    host.process.line("recycling: as told by a signal").await;
    let line = host.process.line(" is live").await;
    assert!(line.contains("2 workers"), "{line}");
    assert_eq!(fresh(host.address, "/build").await.unwrap(), back.serving.build_id);
    let seen = load.end().await;
    assert!(seen.failures.is_empty(), "{:?}", seen.failures);
    assert!(seen.kept > 0 && seen.fresh > 0 && seen.builds.len() == 4, "{seen:?}");
    let status = host.status().await;
    assert_eq!((status.published, status.rollbacks), (3, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kept_connection_is_answered_by_the_new_workers() {
    let good = library("good");
    let host = host(&stamped(&good, "1"), &["--workers", "2"]).await;
    let mut kept = Connection::open(host.address).await.unwrap();
    let first = kept.text("/build").await.unwrap();
    let path = host.file("2.so", &stamped(&good, "2"));
    let second = host.swap(&path).await.unwrap().swapped.remove(0).build_id;
    assert_ne!(first, second);
    let answer = kept.get("/build").await.unwrap();
    assert_eq!(answer.headers()["connection"], "close");
    assert_eq!(answer.body(), second.as_bytes());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_that_does_not_start_changes_nothing() {
    let host = host(&library("good"), &["--workers", "2", "--no-preflight"]).await;
    let before = workers(&host).await;
    let path = host.file("bad.so", &library("init-error"));
    let AdminError::Swap(failure) = host.swap(&path).await.unwrap_err() else { panic!() };
    assert!(failure.message.contains("`init` of app.rs returned an error"), "{failure}");
    let after = workers(&host).await;
    let pids = |workers: &[WorkerStatus]| workers.iter().map(|it| it.pid).collect::<Vec<_>>();
    assert_eq!(pids(&before), pids(&after));
    assert_eq!(fresh(host.address, "/text").await.unwrap(), "hello");
    assert_eq!(host.status().await.refused, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_generation_that_keeps_ending_workers_is_left() {
    let mut host = host(&library("good"), &["--workers", "2"]).await;
    let good = fresh(host.address, "/build").await.unwrap();
    let path = host.file("rogue.so", &library("rogue"));
    host.swap(&path).await.unwrap();
    for _ in 0..3 {
        fresh(host.address, "/abort").await.unwrap_err();
        host.process.line("(pages/abort.rs)").await;
    }
    let line = host.process.line("is left and refused").await;
    assert!(line.contains("3 workers ended in its first"), "{line}");
    assert_eq!(fresh(host.address, "/build").await.unwrap(), good);
    let rollback = host.status().await.last_rollback.unwrap();
    assert!(rollback.automatic, "{rollback:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_canary_gets_a_share_and_then_all() {
    let good = library("good");
    let mut host = host(&stamped(&good, "1"), &["--workers", "2"]).await;
    let first = fresh(host.address, "/build").await.unwrap();
    let library = |stamp: &str| host.file(&format!("{stamp}.so"), &stamped(&good, stamp));
    let [second, third, fourth] = ["2", "3", "4"].map(library);
    let report = host.admin.canary(canary(second, 600.0)).await.unwrap().swapped.remove(0);
    assert_eq!(host.status().await.canary.unwrap().build_id, report.build_id);
    let mut kept = Connection::open(host.address).await.unwrap();
    let mut of_canary = 0;
    for _ in 0..20 {
        let build = kept.text("/build").await.unwrap();
        assert!(build == first || build == report.build_id, "{build}");
        of_canary += u32::from(build == report.build_id);
    }
    assert!((9..=11).contains(&of_canary), "{of_canary} of 20");
    host.admin.rollback(&RollbackRequest::default()).await.unwrap();
    assert_eq!(fresh(host.address, "/build").await.unwrap(), first);
    assert_eq!(kept.text("/build").await.unwrap(), first);

    let load = Load::start_reconnecting(host.address, 2, 2);
    let report = host.admin.canary(canary(third, 0.5)).await.unwrap().swapped.remove(0);
    host.process.line("while it was a canary").await;
    assert_eq!(fresh(host.address, "/build").await.unwrap(), report.build_id);
    let seen = load.end().await;
    assert!(seen.failures.is_empty(), "{:?}", seen.failures);

    when_free(async || host.admin.canary(canary(fourth.clone(), 600.0)).await).await;
    host.process.signal(Signal::TERM);
    let status = host.process.read_to_end().await;
    assert!(status.success(), "{status}\n{}", host.process);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollback_ends_the_canary_beside_what_is_left() {
    let good = library("good");
    let mut host = host(&good, &["--workers", "2"]).await;
    let first = fresh(host.address, "/build").await.unwrap();
    host.swap(&host.file("flaky.so", &library("flaky"))).await.unwrap();
    let next = host.file("next.so", &stamped(&good, "2"));
    host.admin.canary(canary(next.clone(), 600.0)).await.unwrap();
    ask(host.address, "/build", 60).await;
    let line = host.process.line("is ended: what it runs beside is rolled back").await;
    assert!(line.contains("its build is not refused"), "{line}");
    host.process.line("is left and refused").await;
    let status = host.status().await;
    assert_eq!((status.canary, status.rollbacks), (None, 1));
    for _ in 0..4 {
        assert_eq!(fresh(host.address, "/build").await.unwrap(), first);
    }
    // It may be tried again.
    when_free(async || host.admin.canary(canary(next.clone(), 600.0)).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_canary_is_no_second_app_of_another_library() {
    let (host, _folder) =
        host_of_two(&library("once"), &library("stateful"), &["--workers", "1"]).await;
    let next = host.file("next.so", &stamped(&library("once"), "2"));
    let refused = host.admin.canary(canary(next, 60.0)).await.unwrap_err().to_string();
    for part in ["next.so: no canary", "another app of ", "second.so, beside generation 2"] {
        assert!(refused.contains(part), "{part}: {refused}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_library_answers_for_its_own_failures_alone() {
    let rogue = library("rogue");
    let args = ["--workers", "2", "--no-preflight"];
    let (mut host, _folder) = host_of_two(&library("flaky"), &rogue, &args).await;
    let first = fresh(host.address, "/").await.unwrap();

    // On trial is the second one, and it is the first that fails.
    host.swap(&host.file("rogue-2.so", &stamped(&rogue, "2"))).await.unwrap();
    ask(host.address, "/build", 40).await;
    ask(host.address, "/fails", 12).await;
    let line = host.process.line("is left and refused").await;
    let (counts, _) = line.split_once(" requests failed").expect(&line);
    let counts = counts.rsplit(": ").next().unwrap().split_once(" of ").unwrap();
    assert_eq!(counts.0, counts.1, "all of its own: {line}");
    assert_eq!(fresh(host.address, "/").await.unwrap(), first);

    // On trial is the first one, and it is the second that ends workers.
    let once = host.file("libnova_routes.so", &library("once"));
    when_free(async || host.swap(&once).await).await;
    for _ in 0..3 {
        fresh(host.address, "/abort").await.unwrap_err();
        host.process.line("(pages/abort.rs)").await;
        host.process.line("is back as process").await;
    }
    let third = host.file("rogue-3.so", &stamped(&rogue, "3"));
    when_free(async || host.swap(&third).await).await;
    fresh(host.address, "/logged").await.unwrap();
    assert_eq!(host.status().await.rollbacks, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trial_goes_on_in_other_workers() {
    let mut host = host(&library("good"), &["--workers", "2"]).await;
    let good = fresh(host.address, "/build").await.unwrap();
    host.swap(&host.file("flaky.so", &library("flaky"))).await.unwrap();
    host.process.signal(Signal::USR2);
    host.process.line("recycling: as told by a signal").await;
    host.process.line(" is live").await;
    ask(host.address, "/build", 40).await;
    host.process.line("is left and refused").await;
    assert_eq!(fresh(host.address, "/build").await.unwrap(), good);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_deployed_is_swapped_in() {
    let good = library("good");
    for watch in [false, true] {
        let more: &[&str] = if watch { &["--watch"] } else { &[] };
        let args: Vec<&str> = ["--workers", "2"].iter().chain(more).copied().collect();
        let mut host = host(&good, &args).await;
        let first = fresh(host.address, "/build").await.unwrap();
        if !watch {
            host.process.signal(Signal::HUP);
            host.process.line("unchanged, generation 1 serves on").await;
        }
        let _ = host.file("libnova_routes.so", &stamped(&good, "2"));
        if !watch {
            host.process.signal(Signal::HUP);
        }
        host.process.line("generation 2 is live").await;
        assert_ne!(fresh(host.address, "/build").await.unwrap(), first);
    }
}

/// The numbers at this address, by name and labels.
async fn numbers(address: SocketAddr) -> BTreeMap<String, f64> {
    let text = fresh(address, "/metrics").await.unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let number = |line: &str| {
        let (name, value) = line.rsplit_once(' ').unwrap();
        (name.to_owned(), value.parse().unwrap())
    };
    lines.map(number).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_there_once_is_said_once_and_no_count_falls() {
    let good = library("good");
    let mut host = host(&good, &["--workers", "2", "--metrics", "127.0.0.1:0"]).await;
    let said = host.process.said("metrics are at http://").await;
    let (_, rest) = said.split_once("metrics are at http://").unwrap();
    let address = rest.split('/').next().unwrap().parse().unwrap();
    ask(host.address, "/text", 6).await;
    let before = numbers(address).await;
    let is = |numbers: &BTreeMap<String, f64>, name: &str, value: f64| {
        assert_eq!(numbers.get(name), Some(&value), "{name}: {numbers:?}");
    };
    let texts = "nova_requests_total{route=\"/text\",method=\"GET\",status=\"2xx\"}";
    for (name, value) in [
        ("nova_ready", 1.0),
        ("nova_generations{state=\"live\"}", 1.0),
        ("nova_swaps_total", 0.0),
        ("nova_libraries_loaded", 2.0),
        (texts, 6.0),
    ] {
        is(&before, name, value);
    }
    let infos: Vec<_> = before.iter().filter(|(name, _)| name.contains("info")).collect();
    assert!(matches!(infos[..], [(_, 1.0)]), "{infos:?}");
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let began = Duration::from_secs_f64(before["process_start_time_seconds"]);
    assert!(began <= now && now - began < nova_tests::PATIENCE, "{began:?} {now:?}");

    kill(workers(&host).await[0].pid);
    host.process.line("is back as process").await;
    host.swap(&host.file("2.so", &stamped(&good, "2"))).await.unwrap();
    while host.status().await.workers.len() > 2 {
        tokio::task::yield_now().await;
    }
    let after = numbers(address).await;
    let is_count =
        |name: &str| ["_total", "_bucket", "_sum", "_count"].iter().any(|it| name.contains(it));
    for (name, value) in before.iter().filter(|(name, _)| is_count(name)) {
        assert!(after.get(name) >= Some(value), "{name} was {value}: {after:?}");
    }
    for (name, value) in [
        ("nova_ready", 1.0),
        ("nova_generations{state=\"live\"}", 1.0),
        ("nova_swaps_total", 1.0),
        (texts, 6.0),
    ] {
        is(&after, name, value);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_canary_was_passed_has_the_time_of_a_request() {
    let good = library("good");
    let host = host(&stamped(&good, "1"), &["--workers", "1"]).await;
    let canary = CanaryRequest {
        path: host.file("2.so", &stamped(&good, "2")),
        force: false,
        no_preflight: false,
        share: 0.5,
        seconds: 600.0,
    };
    let before = fresh(host.address, "/build").await.unwrap();
    host.admin.canary(canary).await.unwrap();
    // The worker has heard of it.
    while fresh(host.address, "/build").await.unwrap() == before {}
    // One of each two is passed on, and takes longer than an app may take to end.
    let slow = || tokio::spawn(fresh(host.address, "/sleep/6000"));
    let slow = [slow(), slow()];
    let inside = |it: &GenerationStatus| it.state == GenerationState::Canary && it.in_flight > 0;
    while !host.status().await.generations.iter().any(inside) {
        tokio::task::yield_now().await;
    }
    host.admin.rollback(&RollbackRequest::default()).await.unwrap();
    for slow in slow {
        assert_eq!(slow.await.unwrap().unwrap(), "slept");
    }
    while host.status().await.workers.len() > 1 {
        tokio::task::yield_now().await;
    }
    let said = host.process.output();
    assert!(!said.contains(" ended: "), "it was told to\n{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn all_of_it_ends_together() {
    let mut stopped = host(&library("good"), &["--workers", "3"]).await;
    stopped.process.signal(Signal::TERM);
    let status = stopped.process.read_to_end().await;
    assert!(status.success(), "{status}\n{}", stopped.process);
    TcpStream::connect(stopped.address).await.unwrap_err();

    // Without their supervisor the workers stop by themselves.
    let mut killed = host(&library("good"), &["--workers", "3"]).await;
    killed.process.signal(Signal::KILL);
    // Standard error is open until the last of them is gone.
    killed.process.read_to_end().await;
    TcpStream::connect(killed.address).await.unwrap_err();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_of_its_own_goes_from_process_to_process() {
    let stateful = library("stateful");
    let host = host(&stamped(&stateful, "0"), &["--workers", "1", "--no-preflight"]).await;
    let stop = Arc::new(AtomicBool::new(false));
    let counting: Vec<_> = (0..4)
        .map(|client| {
            let (stop, address) = (Arc::clone(&stop), host.address);
            tokio::spawn(async move {
                let (mut kept, mut counts) = (None, Vec::new());
                while !stop.load(Ordering::Relaxed) {
                    let mut connection = match kept.take() {
                        Some(connection) => connection,
                        None => Connection::open(address).await.expect("a connection"),
                    };
                    let answer = connection.get("/").await.expect("an answer");
                    assert_eq!(answer.status(), 200, "client {client}");
                    let text = String::from_utf8_lossy(answer.body()).into_owned();
                    counts.push(text.parse::<u64>().expect("a number"));
                    if !answer.headers().contains_key("connection") {
                        kept = Some(connection);
                    }
                }
                counts
            })
        })
        .collect();
    for swap in 1..=10 {
        let path = host.file(&format!("{swap}.so"), &stamped(&stateful, &swap.to_string()));
        let report = host.swap(&path).await.unwrap().swapped.remove(0);
        assert_eq!(report.mode.as_str(), "process+handover");
        assert!(report.held.is_some() && report.state_lost.is_none(), "{report:?}");
        if swap % 5 == 0 {
            host.admin.rollback(&RollbackRequest::default()).await.unwrap();
        }
    }
    stop.store(true, Ordering::Relaxed);
    let mut counts = Vec::new();
    for counting in counting {
        counts.extend(counting.await.expect("no client fails"));
    }
    // Each write has its own number, and none is missing.
    counts.sort_unstable();
    let expected: Vec<u64> = (1..=counts.len() as u64).collect();
    assert_eq!(counts, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_serves_goes_on_from_its_state_if_the_next_one_does_not_start() {
    let host = host(&library("stateful"), &["--workers", "1", "--no-preflight"]).await;
    assert_eq!(fresh(host.address, "/").await.unwrap(), "1");
    let path = host.file("bad.so", &library("init-error"));
    let AdminError::Swap(failure) = host.swap(&path).await.unwrap_err() else { panic!() };
    assert!(failure.message.contains("its `import` cannot read the state"), "{failure}");
    assert_eq!(fresh(host.address, "/").await.unwrap(), "2");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_of_its_own_has_one_worker() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lib.so");
    std::fs::write(&path, library("stateful")).unwrap();
    let program = binary("nova-host").await;
    let path = path.to_str().unwrap();
    let arguments = ["--routes", path, "--port", "0", "--no-admin", "--workers", "2"];
    let (status, output) = run(program, arguments).await;
    assert_eq!(status.code(), Some(78), "{output}");
    assert!(output.contains("start the host with --workers 1"), "{output}");
}
