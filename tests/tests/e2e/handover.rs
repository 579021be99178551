//! Swaps for which the door is held: never two apps alive, nothing acknowledged is lost, and hooks
//! that do what they like.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use http::Method;
use nova_host::operate::admin::{
    AdminError, GenerationStatus, RollbackRequest, SwapRequest, SwapResponse,
};
use nova_host::swap::GenerationState;
use nova_tests::client::{Connection, Failure, Sipper, fresh};
use nova_tests::fixtures::{library, stamped};
use nova_tests::host::{Host, Options};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// So many answers of a host, and what it was asked before has begun.
const LOOKS: u32 = 50;

/// The stamp of a library that was not stamped.
pub(crate) const FIRST: &str = "0000000000000";

/// A host that serves `holder`, and the folder whose files its hooks obey.
pub(crate) struct Holder {
    pub(crate) host: Host,
    pub(crate) folder: TempDir,
    library: Vec<u8>,
}

impl Holder {
    pub(crate) async fn start(args: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("lock"), "").expect("written");
        let library = library("holder");
        let env: &[(&str, &Path)] = &[("NOVA_FIXTURE_FILE", folder.path())];
        let host = Host::start_with(&library, Options { args, env, program: None }).await;
        Self { host, folder, library }
    }

    /// What a hook of the build with this stamp is to do.
    pub(crate) fn say(&self, hook: &str, what: &str, stamp: &str) {
        fs::write(self.folder.path().join(hook), format!("{what} {stamp}")).expect("written");
    }

    async fn swap(&self, stamp: &str, force: bool) -> Result<SwapResponse, AdminError> {
        let path = self.host.file(&format!("{stamp}.so"), &stamped(&self.library, stamp));
        self.host.admin.swap(SwapRequest { paths: vec![path], force, no_preflight: false }).await
    }

    pub(crate) async fn add(&self) -> u64 {
        let mut connection = Connection::open(self.host.address).await.expect("a connection");
        number(connection.send(Method::POST, "/", b"").await).expect("it is added")
    }

    pub(crate) async fn count(&self) -> u64 {
        fresh(self.host.address, "/").await.expect("a count").parse().expect("a number")
    }
}

fn number(answer: Result<http::Response<bytes::Bytes>, Failure>) -> Result<u64, Failure> {
    let answer = answer?;
    let text = std::str::from_utf8(answer.body())?;
    if answer.status() != 200 {
        return Err(format!("{}: {text}", answer.status()).into());
    }
    Ok(text.parse()?)
}

/// What comes of a swap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expected {
    /// The new build serves, with the state.
    Swapped,
    /// The old one serves, with the state.
    Refused(&'static str),
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hook_may_do_what_it_likes() {
    use Expected::{Refused, Swapped};
    let args = &["--hook-timeout", "3", "--init-timeout", "3", "--no-preflight"];
    let holder = Holder::start(args).await;
    // Where `shutdown` never ends what the app holds is never free: that is another test.
    fs::remove_file(holder.folder.path().join("lock")).unwrap();
    let mut serving = FIRST.to_owned();
    let mut count = 0;
    for (at, (hook, what, expected)) in [
        ("export", "panic", Refused("`export` of app.rs in generation")),
        ("export", "error", Refused("returned an error: export fails")),
        ("export", "hang", Refused("did not finish within 3s")),
        ("export", "block", Refused("did not finish within 3s")),
        ("export", "shape", Refused("its `import` cannot read the state")),
        ("import", "panic", Refused("`init` of app.rs panicked: import panics")),
        ("import", "error", Refused("`init` of app.rs returned an error: import fails")),
        ("import", "hang", Refused("did not finish within 3s")),
        ("import", "block", Refused("did not finish within 3s")),
        ("shutdown", "panic", Swapped),
        ("shutdown", "error", Swapped),
        ("shutdown", "hang", Swapped),
        ("shutdown", "block", Swapped),
    ]
    .into_iter()
    .enumerate()
    {
        let case = format!("{hook} {what}");
        count = holder.add().await.max(count + 1);
        let next = format!("{:0>13}", at + 1);
        let acts = if hook == "import" { &next } else { &serving };
        holder.say(hook, what, acts);
        match (holder.swap(&next, false).await, expected) {
            (Ok(_), Swapped) => {}
            (Err(error), Refused(reason)) => {
                assert!(
                    error.to_string().contains(reason),
                    "{case}: {error}\n{}",
                    holder.host.process
                );
            }
            (swapped, _) => panic!("{case}: {swapped:?}"),
        }
        assert_eq!(holder.count().await, count, "{case}");
        fs::remove_file(holder.folder.path().join(hook)).unwrap();
        // And later swaps are as if nothing had been.
        let mended = format!("{:0>13}", 100 + at);
        holder.swap(&mended, false).await.unwrap_or_else(|error| panic!("{case}: {error}"));
        serving = mended;
        assert_eq!(holder.count().await, count, "{case}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_may_be_large() {
    let limit = "60";
    let args = &["--hook-timeout", limit, "--init-timeout", limit, "--no-preflight"];
    let holder = Holder::start(args).await;
    holder.add().await;
    holder.say("export", "large", FIRST);
    holder.swap("1", false).await.unwrap();
    assert_eq!(holder.count().await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn by_force_a_state_is_lost_and_that_is_said() {
    for (what, said) in [("panic", "panicked: export panics"), ("shape", "invalid type: string")] {
        let mut holder = Holder::start(&["--no-preflight"]).await;
        holder.add().await;
        holder.say("export", what, FIRST);
        let refused = holder.swap("1", false).await.expect_err(what).to_string();
        assert!(refused.contains("nova swap --force"), "{refused}");
        let swapped = holder.swap("1", true).await.unwrap().swapped;
        let lost = swapped[0].state_lost.as_deref().unwrap_or_default();
        assert!(lost.contains("the state of generation") && lost.contains(said), "{lost}");
        assert_eq!(holder.count().await, 0, "{what}");
        holder.host.process.line("is lost").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn never_two_are_alive_and_what_one_holds_is_free_for_the_next() {
    let holder = Holder::start(&["--no-preflight"]).await;
    holder.add().await;
    let mut stream = Sipper::ask(holder.host.address, "/stream").await.unwrap();
    assert!(stream.sip(1).await.unwrap());
    for stamp in ["1", "2", "3"] {
        let swapped = holder.swap(stamp, false).await.unwrap().swapped;
        assert_eq!(swapped[0].mode.as_str(), "handover");
        assert!(swapped[0].held.is_some());
    }
    // Back to the build before, with what was written meanwhile.
    assert_eq!(holder.add().await, 2);
    let back = holder.host.admin.rollback(&RollbackRequest { to: None }).await.unwrap();
    assert_eq!(back.serving.state_lost, None);
    assert_eq!(holder.count().await, 2);
    assert!(stream.finish().await.is_err(), "an endless stream is cut");
    let states = holder.host.status().await.generations;
    let alive = states.iter().filter(|it| it.state != GenerationState::Retired);
    assert_eq!(alive.count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_that_cannot_start_gives_way_to_the_one_before() {
    let holder = Holder::start(&["--no-preflight"]).await;
    holder.add().await;
    let stamp = format!("{:0>13}", "1");
    holder.say("import", "error", &stamp);
    holder.swap("1", false).await.expect_err("its import fails");
    assert_eq!(holder.count().await, 1);
    assert_eq!(holder.add().await, 2);
}

/// In one process, and with a worker.
const PLACES: [&[&str]; 2] = [&["--no-preflight"], &["--no-preflight", "--workers", "1"]];

#[tokio::test(flavor = "multi_thread")]
async fn an_app_whose_shutdown_never_ends_goes_on() {
    for args in PLACES {
        let args = [args, &["--hook-timeout", "1"]].concat();
        let mut holder = Holder::start(&args).await;
        assert_eq!(holder.add().await, 1);
        holder.say("shutdown", "hang", FIRST);
        let refused = holder.swap("1", false).await.expect_err("what it holds is not free");
        assert!(refused.to_string().contains("the file is locked"), "{refused}");
        holder.host.process.line("whose `shutdown` has begun and does not end").await;
        assert_eq!(holder.count().await, 1, "{args:?}");
        assert_eq!(holder.add().await, 2, "{args:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_neither_app_starts_the_state_waits() {
    for args in PLACES {
        let mut holder = Holder::start(args).await;
        assert_eq!(holder.add().await, 1);
        // The stamps of both of them end so.
        holder.say("import", "error", "0");
        let refused = holder.swap("10", false).await.expect_err("neither starts").to_string();
        assert!(refused.contains("import fails"), "{refused}");
        for path in ["/", "/readyz"] {
            let refused = fresh(holder.host.address, path).await.expect_err(path).to_string();
            assert!(refused.contains("503"), "{args:?}: {refused}");
        }
        fs::remove_file(holder.folder.path().join("import")).unwrap();
        if args.contains(&"--workers") {
            // Whether it starts again by itself before that or not.
            holder.swap("11", false).await.unwrap();
        } else {
            holder.host.process.line("is live: what generation 1 was").await;
        }
        assert_eq!(holder.count().await, 1, "{args:?}");
        assert_eq!(holder.add().await, 2, "{args:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn more_requests_than_may_wait_are_turned_away() {
    let args = &["--no-preflight", "--hold-queue", "1", "--hold-timeout", "60"];
    let holder = Holder::start(args).await;
    holder.add().await;
    let address = holder.host.address;
    let inside = tokio::spawn(async move { fresh(address, "/wait").await });
    while holder.host.status().await.generations[0].in_flight == 0 {
        tokio::task::yield_now().await;
    }
    // As soon as one of them is turned away, the other one waits.
    let is_full = Arc::new(AtomicBool::new(false));
    let mut clients = Vec::new();
    for _ in 0..2 {
        let (is_full, release) = (is_full.clone(), holder.folder.path().join("release"));
        clients.push(tokio::spawn(async move {
            let mut connection = Connection::open(address).await?;
            while !is_full.load(Ordering::Relaxed) {
                let answer = connection.get("/").await?;
                if answer.status() == 503 {
                    assert_eq!(answer.headers()["retry-after"], "1");
                    is_full.store(true, Ordering::Relaxed);
                    fs::write(&release, "")?;
                } else {
                    assert_eq!((answer.status().as_u16(), &answer.body()[..]), (200, &b"1"[..]));
                }
            }
            Ok::<_, Failure>(())
        }));
    }
    let swapped = holder.swap("1", false).await.unwrap().swapped.remove(0);
    for client in clients {
        client.await.unwrap().unwrap();
    }
    assert_eq!(inside.await.unwrap().unwrap(), "released");
    let held = swapped.held.expect("the door was held");
    assert!(held.waited == 1 && held.turned_away >= 1, "{held:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_does_not_answer_calls_the_swap_off() {
    let holder = Holder::start(&["--no-preflight", "--hold-timeout", "0.5"]).await;
    holder.add().await;
    let mut waiting = Connection::open(holder.host.address).await.unwrap();
    let waits = tokio::spawn(async move { waiting.text("/wait").await });
    while holder.host.status().await.generations[0].in_flight == 0 {
        tokio::task::yield_now().await;
    }
    let refused = holder.swap("1", false).await.expect_err("a page is inside").to_string();
    assert!(refused.contains("/wait (pages/wait.rs)"), "{refused}");
    assert_eq!(holder.count().await, 1);
    fs::write(holder.folder.path().join("release"), "").unwrap();
    assert_eq!(waits.await.unwrap().unwrap(), "released");
    holder.swap("1", false).await.unwrap();
    assert_eq!(holder.count().await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_canary_of_an_app_with_a_state_is_refused() {
    let holder = Holder::start(&["--no-preflight"]).await;
    let path = holder.host.file("canary.so", &stamped(&holder.library, "canary"));
    let request = nova_host::operate::admin::CanaryRequest {
        path,
        force: false,
        no_preflight: false,
        share: 0.5,
        seconds: 60.0,
    };
    let refused = holder.host.admin.canary(request).await.expect_err("it has a state").to_string();
    assert!(refused.contains("Swap::Overlap"), "{refused}");
    assert_eq!(holder.count().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollback_does_not_come_between_an_app_that_ends_and_the_next() {
    let host = Host::start(&library("good")).await;
    let stateful = library("stateful");
    // What served before stands by: to go back to it takes no time.
    let first = host.swap(&host.file("1.so", &stamped(&stateful, "1"))).await.unwrap();
    assert_eq!(first.swapped[0].mode.as_str(), "overlap");
    let mut upload = TcpStream::connect(host.address).await.unwrap();
    let head = "POST /length HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: 4\r\n\r\n";
    upload.write_all(head.as_bytes()).await.unwrap();
    while host.status().await.generations.iter().all(|it| it.in_flight == 0) {
        tokio::task::yield_now().await;
    }
    // The door is held until that page has answered.
    let next = host.file("2.so", &stamped(&stateful, "2"));
    let request = RollbackRequest { to: None };
    let asked = async {
        for _ in 0..LOOKS {
            host.status().await;
        }
        let back = host.admin.rollback(&request);
        let released = async {
            for _ in 0..LOOKS {
                host.status().await;
            }
            upload.write_all(b"body").await.unwrap();
            let mut answer = String::new();
            upload.read_to_string(&mut answer).await.unwrap();
            answer
        };
        tokio::join!(back, released)
    };
    let (swapped, (back, answer)) = tokio::join!(host.swap(&next), asked);
    assert!(answer.ends_with("\r\n\r\n4"), "{answer}");
    // Whichever came first, the other one has found what it left.
    let said = host.process.output();
    assert!(!said.contains("does not start again"), "{swapped:?} {back:?}\n{said}");
    let generations = host.status().await.generations;
    let is_live = |it: &&GenerationStatus| it.state == GenerationState::Live;
    let live = generations.iter().find(is_live).expect("one serves");
    assert_eq!(fresh(host.address, "/build-id").await.unwrap(), live.build_id);
}

#[tokio::test(flavor = "multi_thread")]
async fn swaps_and_rollbacks_lose_no_write_and_fail_no_request() {
    let holder = Holder::start(&["--no-preflight"]).await;
    let (stop, acknowledged) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let mut writers = Vec::new();
    for keeps in [true, true, false, false] {
        let (address, stop) = (holder.host.address, stop.clone());
        let acknowledged = acknowledged.clone();
        writers.push(tokio::spawn(async move {
            let mut connection = Connection::open(address).await?;
            while !stop.load(Ordering::Relaxed) {
                number(connection.send(Method::POST, "/", b"").await)?;
                acknowledged.fetch_add(1, Ordering::Relaxed);
                if !keeps {
                    connection = Connection::open(address).await?;
                }
            }
            Ok::<_, Failure>(())
        }));
    }
    let mut longest = 0;
    for at in 0..50 {
        let swap = if at % 5 == 4 {
            holder.host.admin.rollback(&RollbackRequest { to: None }).await.unwrap().serving
        } else {
            holder.swap(&format!("{}", at + 1), false).await.unwrap().swapped.remove(0)
        };
        assert_eq!(swap.state_lost, None);
        longest = longest.max(swap.held.expect("the door was held").longest_us);
    }
    stop.store(true, Ordering::Relaxed);
    for writer in writers {
        writer.await.unwrap().unwrap();
    }
    let acknowledged = acknowledged.load(Ordering::Relaxed);
    assert_eq!(holder.count().await, acknowledged);
    assert!(acknowledged > 100, "{acknowledged}");
    let waits = holder.host.status().await.waits;
    assert_eq!((waits.holds, waits.turned_away), (50, 0));
    println!("{acknowledged} writes; at most {:?} at the door", Duration::from_micros(longest));
}
