//! Swaps of a running `nova-host`: what is refused leaves no trace, what is accepted cuts nobody.

use std::fmt::Write;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nova_host::operate::admin::{AdminError, Reason, SwapRequest};
use nova_host::swap::GenerationState;
use nova_tests::client::{Connection, Sipper, fresh};
use nova_tests::fixtures::{library, stamped};
use nova_tests::host::{Host, Options};
use nova_tests::load::{Load, one_build};
use nova_tests::workspace::binary;
use rustix::process::Signal;
use tokio::process::Command;

fn reason(error: &AdminError) -> Option<Reason> {
    match error {
        AdminError::Swap(failure) => Some(failure.reason),
        _ => None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_bad_candidate_is_refused_and_the_old_one_serves_on() {
    let good = library("good");
    let host =
        Host::start_with(&good, Options { args: &["--init-timeout", "1"], ..Options::default() })
            .await;
    let mut connection = Connection::open(host.address).await.unwrap();
    let before = connection.text("/build").await.unwrap();
    let mut said = String::new();
    for name in [
        "init-error",
        "init-panic",
        "init-hang",
        "init-exit",
        "route-segv",
        "route-overflow",
        "route-panic",
        "route-hang",
        "plain",
    ] {
        let refused = host.swap(&host.file(&format!("{name}.so"), &library(name))).await;
        let refused = refused.expect_err(name);
        assert_eq!(reason(&refused), Some(Reason::Refused), "{name}: {refused}");
        // What the runtime prints of a thread's number differs on each run.
        let text = host.redacted(&refused.to_string());
        let text = text.split("; it last said").next().unwrap();
        writeln!(said, "{name}\n    {text}").unwrap();
        assert_eq!(connection.text("/build").await.unwrap(), before, "{name}");
    }
    let status = host.status().await;
    assert_eq!((status.published, status.refused, status.loads), (0, 9, 1));
    insta::assert_snapshot!(said);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_does_not_start_with_a_library_that_fails() {
    let folder = tempfile::tempdir().unwrap();
    let mut said = String::new();
    for name in ["init-error", "init-panic", "init-hang"] {
        let path = folder.path().join(format!("{name}.so"));
        fs::write(&path, library(name)).unwrap();
        let output = Command::new(binary("nova-host").await)
            .args(["--port", "0", "--no-admin", "--init-timeout", "1", "--routes"])
            .arg(&path)
            .arg("--state")
            .arg(folder.path().join("state"))
            .output()
            .await
            .unwrap();
        let text = String::from_utf8_lossy(&output.stderr);
        let text = text.replace(&folder.path().display().to_string(), "");
        writeln!(said, "{name}: exit code {:?}\n{text}", output.status.code()).unwrap();
    }
    insta::assert_snapshot!(said);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_libraries_that_claim_one_route_are_both_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(format!("{name}.so"));
    for name in ["good", "twin"] {
        fs::write(path(name), library(name)).unwrap();
    }
    let output = Command::new(binary("nova-host").await)
        .args(["--port", "0", "--no-admin", "--routes"])
        .arg(path("good"))
        .arg("--routes")
        .arg(path("twin"))
        .arg("--state")
        .arg(folder.path().join("state"))
        .output()
        .await
        .unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{text}");
    for part in ["good.so", "pages/index.rs", "twin.so", "pages/twin.rs"] {
        assert!(text.contains(part), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kept_connection_goes_on_with_the_new_generation() {
    let good = library("good");
    let host = Host::start(&good).await;
    let mut connection = Connection::open(host.address).await.unwrap();
    let old = connection.text("/build").await.unwrap();
    let report = host.swap(&host.file("new.so", &stamped(&good, "new"))).await.unwrap();
    let new = connection.text("/build").await.unwrap();
    assert_ne!(old, new);
    assert_eq!(report.swapped[0].build_id, new);
    assert_eq!(report.swapped[0].replaced, Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_build_is_swapped_in_again_only_by_force() {
    let host = Host::start(&library("good")).await;
    let again = host.swap(&host.library).await.expect_err("the same build");
    assert_eq!(reason(&again), Some(Reason::AlreadyLive), "{again}");
    let forced =
        SwapRequest { paths: vec![host.library.clone()], force: true, no_preflight: false };
    let report = host.admin.swap(forced).await.unwrap();
    assert_eq!(report.swapped[0].generation, 2);
    assert_eq!(host.status().await.loads, 2, "its statics begin anew");
    assert_eq!(fresh(host.address, "/text").await.unwrap(), "hello");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_swaps_at_once_one_is_turned_away() {
    let host = Host::start_with(
        &library("good"),
        Options { args: &["--init-timeout", "2"], ..Options::default() },
    )
    .await;
    let path = host.file("hang.so", &library("init-hang"));
    let (one, two) = tokio::join!(host.swap(&path), host.swap(&path));
    let mut reasons = [one, two].map(|result| reason(&result.expect_err("neither is swapped in")));
    reasons.sort_by_key(|reason| *reason != Some(Reason::Busy));
    assert_eq!(reasons, [Some(Reason::Busy), Some(Reason::Refused)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_library_overwritten_in_place_goes_on_serving() {
    let good = library("good");
    let mut host = Host::start(&good).await;
    let before = fresh(host.address, "/build").await.unwrap();

    let inode = fs::metadata(&host.library).unwrap().ino();
    fs::write(&host.library, vec![0xcc; good.len()]).unwrap();
    assert_eq!(fs::metadata(&host.library).unwrap().ino(), inode, "the same file");
    for page in ["/", "/json", "/stream", "/text"] {
        fresh(host.address, page).await.unwrap();
    }
    host.process.signal(Signal::HUP);
    host.process.line("not an ELF file").await;
    assert_eq!(fresh(host.address, "/build").await.unwrap(), before);

    fs::write(&host.library, stamped(&good, "new")).unwrap();
    host.process.signal(Signal::HUP);
    host.process.line("generation 2").await;
    assert_ne!(fresh(host.address, "/build").await.unwrap(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watched_library_is_swapped_when_it_is_replaced() {
    let good = library("good");
    let mut host =
        Host::start_with(&good, Options { args: &["--watch"], ..Options::default() }).await;
    let before = fresh(host.address, "/build").await.unwrap();
    let _ = host.file("libnova_routes.so", &stamped(&good, "new"));
    host.process.line("generation 2").await;
    assert_ne!(fresh(host.address, "/build").await.unwrap(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_candidate_changes_nothing_outside() {
    let written = tempfile::tempdir().unwrap();
    let written = written.path().join("written.txt");
    let env: &[(&str, &Path)] = &[("NOVA_FIXTURE_FILE", &written)];
    let host = Host::start_with(&library("good"), Options { env, ..Options::default() }).await;
    let writes = library("writes");

    let broken = host.swap(&host.file("broken.so", &stamped(&writes, "broken"))).await;
    let broken = broken.expect_err("a page panics").to_string();
    assert!(broken.contains("pages/broken.rs"), "{broken}");
    assert!(!written.exists(), "the preflight wrote");

    host.swap(&host.file("writes.so", &writes)).await.unwrap();
    let mut connection = Connection::open(host.address).await.unwrap();
    assert_eq!(connection.text("/").await.unwrap(), "nothing written");
    assert_eq!(fs::read_to_string(&written).unwrap(), "init\n", "only the one that serves wrote");
    connection.send(http::Method::POST, "/", b"").await.unwrap();
    assert_eq!(fs::read_to_string(&written).unwrap(), "init\npost\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn state_goes_over_to_the_next_generation() {
    let stateful = library("stateful");
    let host = Host::start(&stateful).await;
    let mut connection = Connection::open(host.address).await.unwrap();
    assert_eq!(connection.text("/").await.unwrap(), "1");
    assert_eq!(connection.text("/").await.unwrap(), "2");
    host.swap(&host.file("new.so", &stamped(&stateful, "new"))).await.unwrap();
    assert_eq!(connection.text("/").await.unwrap(), "3");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_that_panics_keeps_the_old_code_only_until_it_is_forced() {
    let library = library("export-panic");
    let mut host =
        Host::start_with(&library, Options { args: &["--watch"], ..Options::default() }).await;
    let before = fresh(host.address, "/build").await.unwrap();
    let path = host.file("new.so", &stamped(&library, "new"));
    let refused = host.swap(&path).await.expect_err("the state would be lost").to_string();
    assert!(refused.contains("`export` of app.rs in generation 1 panicked"), "{refused}");
    assert!(refused.contains("the state cannot be told at"), "{refused}");
    assert_eq!(fresh(host.address, "/build").await.unwrap(), before);
    let force = SwapRequest { paths: vec![path], force: true, no_preflight: false };
    host.admin.swap(force).await.unwrap();
    host.process.line("the state of generation 1").await;
    assert_ne!(fresh(host.address, "/build").await.unwrap(), before);
    // What follows the file goes on, too.
    let _ = host.file("libnova_routes.so", &stamped(&library, "watched"));
    host.process.line("`export` of app.rs in generation 2 panicked").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_panics_is_one_answer_and_its_log_is_the_hosts() {
    let mut host = Host::start(&library("good")).await;
    let mut connection = Connection::open(host.address).await.unwrap();
    let panicked = connection.get("/panics").await.unwrap();
    assert_eq!(panicked.status(), 500);
    let body = String::from_utf8_lossy(panicked.body());
    assert!(!body.contains("this page panics"), "nothing internal: {body}");
    host.process.line("this page panics").await;
    assert_eq!(connection.text("/log").await.unwrap(), "logged");
    let line = host.process.line("a page logs").await;
    assert!(line.contains("answer=42"), "{line}");
    assert_eq!(host.status().await.generations[0].panics, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_client_gets_one_generation_to_its_last_byte() {
    let good = library("good");
    let host = Host::start(&good).await;
    let build = fresh(host.address, "/build").await.unwrap();
    let mut slow = Sipper::ask(host.address, "/long-stream").await.unwrap();
    assert!(slow.sip(1).await.unwrap());
    for swap in 1..=4 {
        host.swap(&host.file("next.so", &stamped(&good, &swap.to_string()))).await.unwrap();
        let first = &host.status().await.generations[0];
        assert_eq!((first.state, first.in_flight), (GenerationState::Draining, 1), "swap {swap}");
        assert!(slow.sip(16 * 1024).await.unwrap());
    }
    let lines = slow.finish().await.unwrap();
    assert_eq!(one_build("/stream", &lines.join("\n")).unwrap(), build);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endless_stream_ends_at_the_drain_limit() {
    let good = library("good");
    let args: &[&str] = &["--drain", "1"];
    let host = Host::start_with(&good, Options { args, ..Options::default() }).await;
    let mut stream = Sipper::ask(host.address, "/forever").await.unwrap();
    assert!(stream.sip(1).await.unwrap());
    host.swap(&host.file("next.so", &stamped(&good, "next"))).await.unwrap();
    assert!(stream.finish().await.is_err(), "cut, so that the client notices");
}

#[tokio::test(flavor = "multi_thread")]
async fn swaps_under_load_fail_nobody() {
    let good = library("good");
    let host = Host::start(&good).await;
    let load = Load::start(host.address, 2, 1);
    for swap in 1..=40 {
        host.swap(&host.file("next.so", &stamped(&good, &swap.to_string()))).await.unwrap();
    }
    let seen = load.end().await;
    assert_eq!(seen.failures, Vec::<String>::new());
    assert!(seen.kept > 40 && seen.fresh > 10, "{seen:?}");
    assert!(seen.builds.len() > 5, "{seen:?}");
    assert_eq!(host.status().await.loads, 41);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_slow_pages_and_endless_streams_are_asked_in_time() {
    let args = ["--preflight-timeout", "8"];
    let host =
        Host::start_with(&library("good"), Options { args: &args, ..Options::default() }).await;
    // One after the other they would take 16 s.
    let swapped = host.swap(&host.file("crowd.so", &library("crowd"))).await.unwrap();
    assert_eq!(swapped.swapped[0].unwell, [""; 0]);
    assert_eq!(fresh(host.address, "/slow/7").await.unwrap(), "slow");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_failed_before_is_named_and_not_held_against_a_candidate() {
    let panics = library("route-panic");
    // What a host begins with has had no preflight.
    let host = Host::start(&panics).await;
    let again = SwapRequest { paths: vec![host.library.clone()], force: true, no_preflight: false };
    let swapped = host.admin.swap(again).await.unwrap();
    let unwell = swapped.swapped[0].unwell.join("\n");
    assert!(unwell.starts_with("GET /bad (pages/bad.rs) panicked: "), "{unwell}");
    assert!(unwell.ends_with("; it fails in the release that serves as well"), "{unwell}");

    let host = Host::start(&library("good")).await;
    let path = host.file("panics.so", &panics);
    let refused = host.swap(&path).await.expect_err("the page is new");
    assert_eq!(reason(&refused), Some(Reason::Refused), "{refused}");
    let unseen = SwapRequest { paths: vec![path], force: false, no_preflight: true };
    let swapped = host.admin.swap(unseen).await.unwrap();
    assert_eq!(swapped.swapped[0].generation, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_kept_is_said() {
    let good = library("good");
    let host = Host::start(&good).await;
    let releases = host.library.with_file_name("state").join("releases");
    fs::rename(&releases, releases.with_extension("aside")).unwrap();
    fs::write(&releases, "not a folder").unwrap();
    let swapped = host.swap(&host.file("new.so", &stamped(&good, "new"))).await.unwrap();
    let warnings = swapped.swapped[0].warnings.join("\n");
    assert!(warnings.contains("new.so: the release cannot be kept in "), "{warnings}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_that_does_not_end_keeps_no_other_from_its_end() {
    let written = tempfile::tempdir().unwrap();
    let written = written.path().join("written.txt");
    let env: &[(&str, &Path)] = &[("NOVA_FIXTURE_FILE", &written)];
    let writes = library("writes");
    let endless = stamped(&writes, "endless");
    let mut host = Host::start_with(&endless, Options { env, ..Options::default() }).await;
    // The first one stands by.
    host.swap(&host.file("next.so", &writes)).await.unwrap();
    host.process.signal(Signal::TERM);
    assert!(host.process.read_to_end().await.success(), "{}", host.process);
    assert_eq!(fs::read_to_string(&written).unwrap(), "init\ninit\nshutdown\n");
    let said = host.process.output();
    assert!(said.contains("`shutdown` of app.rs in generation 1 did not finish"), "{said}");
}
