//! Going back: by itself when a release fails, by command, and for good; what is kept for it.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use nova_host::admin::{
    AdminClient, AdminError, CanaryRequest, ReleaseStatus, RollbackRequest, Status, SwapRequest,
};
use nova_host::loader::BuildId;
use nova_host::swap::State;
use nova_tests::client::{Connection, fresh};
use nova_tests::fixtures::{library, stamped};
use nova_tests::process::{Process, run};
use nova_tests::workspace::binary;
use rustix::process::Signal;
use tempfile::TempDir;
use tokio::process::Command;
use tokio::task::JoinSet;

/// A folder with a release in it, which is overwritten as deployments do, and a host's state.
struct Ground(TempDir);

impl Ground {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a library.
    fn library(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path(name);
        fs::write(self.path("next"), bytes).unwrap();
        fs::rename(self.path("next"), &path).unwrap();
        path
    }

    /// Writes a release with a stylesheet and a public file over the one that is in `build`.
    fn release(&self, bytes: &[u8], mark: &str) -> PathBuf {
        let folder = self.path("build");
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(folder.join("public")).unwrap();
        fs::write(folder.join("libnova_routes.so"), bytes).unwrap();
        let sheet = format!("style-{mark}.css");
        let manifest = serde_json::json!({
            "build_id": BuildId::of(bytes).as_str(),
            "stylesheet": { "file": sheet },
        });
        fs::write(folder.join("manifest.json"), manifest.to_string()).unwrap();
        fs::write(folder.join(sheet), format!("/* {mark} */")).unwrap();
        fs::write(folder.join(format!("public/file-{mark}.txt")), mark).unwrap();
        folder
    }

    async fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(binary("nova-host").await);
        command.args(["--port", "0", "--no-access-log", "--admin"]).arg(self.path("admin.sock"));
        command.arg("--state").arg(self.path("state")).args(args);
        command.current_dir(self.0.path()).env_clear();
        command
    }

    async fn start(&self, args: &[&str]) -> Host {
        let mut process = Process::spawn(self.command(args).await);
        let url = process.url().await;
        let address = url.strip_prefix("http://").unwrap().parse().unwrap();
        let admin = AdminClient::new(Some(self.path("admin.sock"))).unwrap();
        Host { process, address, admin }
    }
}

struct Host {
    process: Process,
    address: SocketAddr,
    admin: AdminClient,
}

impl Host {
    async fn text(&self, path: &str) -> String {
        fresh(self.address, path).await.unwrap()
    }

    async fn status(&self) -> Status {
        self.admin.status().await.unwrap()
    }

    async fn swap(&self, path: &Path, force: bool) -> Result<u64, AdminError> {
        let request = SwapRequest { paths: vec![path.to_owned()], force };
        Ok(self.admin.swap(request).await?.swapped[0].generation)
    }

    async fn canary(&self, path: &Path, share: f64, seconds: f64) -> Result<u64, AdminError> {
        let request = CanaryRequest { path: path.to_owned(), force: false, share, seconds };
        Ok(self.admin.canary(request).await?.swapped[0].generation)
    }

    async fn back(&self) -> Result<u64, AdminError> {
        let report = self.admin.rollback(&RollbackRequest::default()).await?;
        Ok(report.serving.generation)
    }

    /// Waits until it has printed a line that contains `text`, in whichever order.
    async fn said(&self, text: &str) -> String {
        let said = async {
            loop {
                let output = self.process.output();
                if let Some(line) = output.lines().find(|line| line.contains(text)) {
                    return line.to_owned();
                }
                tokio::task::yield_now().await;
            }
        };
        let said = tokio::time::timeout(nova_tests::PATIENCE, said).await;
        said.unwrap_or_else(|_| panic!("never said {text:?}\n{}", self.process))
    }

    /// Waits until the release that serves has been copied.
    async fn kept(&self) -> ReleaseStatus {
        let kept = async {
            loop {
                let status = self.status().await;
                let current = status.releases.into_iter().find(|release| release.current);
                if let Some(release) = current.filter(|release| release.copy.is_some()) {
                    return release;
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(nova_tests::PATIENCE, kept).await.unwrap()
    }
}

/// Clients that ask for `/build` without a pause, as browsers and proxies do: a connection that
/// the host closes in order is opened again.
struct Load {
    seen: Arc<Seen>,
    clients: JoinSet<()>,
}

#[derive(Default)]
struct Seen {
    stop: AtomicBool,
    answers: AtomicU64,
    /// Of answers with a status of 500 and above.
    failed: Mutex<Vec<Instant>>,
    broken: Mutex<Vec<String>>,
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Load {
    fn start(address: SocketAddr, clients: usize) -> Self {
        let seen = Arc::new(Seen::default());
        let mut set = JoinSet::new();
        for _ in 0..clients {
            set.spawn(client(address, seen.clone()));
        }
        Self { seen, clients: set }
    }

    fn answers(&self) -> u64 {
        self.seen.answers.load(Ordering::Relaxed)
    }

    fn failed(&self) -> usize {
        locked(&self.seen.failed).len()
    }

    /// Waits for so many answers more.
    async fn more(&self, answers: u64) {
        let wanted = self.answers() + answers;
        let more = async {
            while self.answers() < wanted {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(nova_tests::PATIENCE, more).await.expect("answers come");
    }

    async fn end(mut self) -> Arc<Seen> {
        self.seen.stop.store(true, Ordering::Relaxed);
        while let Some(client) = self.clients.join_next().await {
            client.unwrap();
        }
        self.seen
    }
}

async fn client(address: SocketAddr, seen: Arc<Seen>) {
    let mut connection: Option<Connection> = None;
    while !seen.stop.load(Ordering::Relaxed) {
        let mut open = match connection.take() {
            Some(open) => open,
            None => match Connection::open(address).await {
                Ok(open) => open,
                Err(error) => {
                    locked(&seen.broken).push(format!("connect: {error}"));
                    continue;
                }
            },
        };
        match open.get("/build").await {
            Ok(response) => {
                seen.answers.fetch_add(1, Ordering::Relaxed);
                if response.status().is_server_error() {
                    locked(&seen.failed).push(Instant::now());
                }
                let closes = response.headers().get("connection").is_some_and(|it| it == "close");
                connection = (!closes).then_some(open);
            }
            Err(error) => locked(&seen.broken).push(error.to_string()),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_that_panics_is_gone_within_a_second_and_stays_gone() {
    let ground = Ground::new();
    let good = library("good");
    let flaky = library("flaky");
    ground.library("lib.so", &good);
    let mut host = ground.start(&["--routes", "lib.so"]).await;
    let build = host.text("/build").await;

    let load = Load::start(host.address, 4);
    load.more(100).await;
    ground.library("lib.so", &flaky);
    assert_eq!(host.swap(&ground.path("lib.so"), false).await.unwrap(), 2);
    let line = host.process.line("is left and refused").await;
    assert!(line.contains("requests failed") && line.contains("panics"), "{line}");
    assert!(line.contains("serves again as generation 1"), "it still stood by: {line}");
    // Requests that were inside have been answered; from here on none fails.
    load.more(50).await;
    let failed = load.failed();
    load.more(1_000).await;
    let answers = load.answers();
    let seen = load.end().await;
    let times = locked(&seen.failed).clone();
    let took = times[times.len() - 1] - times[0];
    println!("{failed} of {answers} requests failed, all of them within {took:?}: {line}");
    assert_eq!(times.len(), failed, "a request failed after the rollback");
    assert!(took < Duration::from_secs(1), "{took:?}");
    assert_eq!(*locked(&seen.broken), Vec::<String>::new());
    assert_eq!(host.text("/build").await, build);

    let status = host.status().await;
    let back = status.last_rollback.unwrap();
    assert!(back.automatic && back.reason.contains("panics"), "{back:?}");
    assert_eq!(back.to, build);
    assert_eq!(status.rollbacks, 1);
    let refused = status.releases.iter().find(|release| release.refused.is_some()).unwrap();
    assert_eq!(refused.build_id, BuildId::of(&flaky).as_str());

    // It stays refused, by command and by signal…
    let error = host.swap(&ground.path("lib.so"), false).await.unwrap_err().to_string();
    assert!(error.contains("was refused") && error.contains("--force"), "{error}");
    host.process.signal(Signal::HUP);
    host.process.line("was refused").await;
    assert_eq!(host.text("/build").await, build);
    assert!(host.process.stop().await.success());

    // …and in the next process, which finds it at the path that it is told.
    let host = ground.start(&["--routes", "lib.so"]).await;
    let line = host.said("was refused").await;
    assert!(line.contains("requests failed"), "{line}");
    assert_eq!(host.text("/build").await, build);

    // Somebody insists.
    host.swap(&ground.path("lib.so"), true).await.unwrap();
    let status = host.status().await;
    assert!(status.releases.iter().all(|release| release.refused.is_none()), "{status:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_rollback_a_failing_release_serves_on() {
    let ground = Ground::new();
    ground.library("lib.so", &library("good"));
    let host = ground.start(&["--routes", "lib.so", "--no-rollback"]).await;
    let flaky = ground.library("flaky.so", &library("flaky"));
    host.swap(&flaky, false).await.unwrap();
    let load = Load::start(host.address, 2);
    load.more(300).await;
    let seen = load.end().await;
    assert!(locked(&seen.failed).len() >= 90);
    let status = host.status().await;
    assert_eq!(status.rollbacks, 0);
    // By command it goes back all the same, to a generation that is started anew.
    assert_eq!(host.back().await.unwrap(), 3);
    assert_eq!(host.text("/build").await, BuildId::of(&library("good")).as_str());
}

#[tokio::test(flavor = "multi_thread")]
async fn assets_outlive_a_swap_a_rollback_and_a_restart() {
    let ground = Ground::new();
    let good = library("good");
    let args = ["--routes", "build"];
    ground.release(&good, "1");
    let mut host = ground.start(&args).await;
    host.kept().await;
    let page = host.text("/").await;
    assert!(page.contains("/_nova/style-1.css"), "{page}");

    // The folder is overwritten: nothing of the first release is left in it.
    let build = ground.release(&stamped(&good, "2"), "2");
    host.swap(&build, false).await.unwrap();
    let all = [
        ("/_nova/style-1.css", "/* 1 */"),
        ("/_nova/style-2.css", "/* 2 */"),
        ("/file-1.txt", "1"),
        ("/file-2.txt", "2"),
    ];
    let assert_all = async |host: &Host, when: &str| {
        for (path, text) in all {
            let answer = fresh(host.address, path).await;
            assert_eq!(answer.unwrap_or_else(|error| panic!("{when}: {error}")), text, "{path}");
        }
    };
    assert!(host.text("/").await.contains("/_nova/style-2.css"));
    assert_all(&host, "after the swap").await;

    assert_eq!(host.back().await.unwrap(), 1);
    assert_eq!(host.text("/").await, page);
    assert_all(&host, "after the rollback").await;
    assert!(host.process.stop().await.success());

    // The second release lies at the path, and is refused; the first one exists as a copy only.
    let host = ground.start(&args).await;
    host.said("was refused: rolled back by `nova rollback`").await;
    assert_eq!(host.text("/").await, page);
    host.kept().await;
    let wait = async {
        // The folders of other releases are read after the start.
        while fresh(host.address, "/file-2.txt").await.is_err() {}
    };
    tokio::time::timeout(nova_tests::PATIENCE, wait).await.unwrap();
    assert_all(&host, "after the restart").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn back_by_command() {
    let ground = Ground::new();
    let good = library("good");
    ground.library("lib.so", &good);
    let host = ground.start(&["--routes", "lib.so"]).await;
    let nova = binary("nova").await;
    let admin = ground.path("admin.sock").display().to_string();
    let rollback = async |args: &[&str]| {
        let args = ["rollback", "--admin", &admin].into_iter().chain(args.iter().copied());
        let (status, said) = run(&nova, args).await;
        (status.success(), said)
    };
    let (done, said) = rollback(&[]).await;
    assert!(!done && said.contains("none but the one that serves is kept"), "{said}");

    let first = host.text("/build").await;
    for stamp in ["2", "3"] {
        let next = ground.library("next.so", &stamped(&good, stamp));
        host.swap(&next, false).await.unwrap();
    }
    let third = host.text("/build").await;
    let (done, said) = rollback(&["--to", "no-such-build"]).await;
    assert!(!done && said.contains("begins with `no-such-build`"), "{said}");

    // Not the one before, but the one that is named.
    let (done, said) = rollback(&["--to", &first[..10]]).await;
    assert!(done && said.contains(&first[..12]), "{said}");
    assert_eq!(host.text("/build").await, first);
    let (done, said) = rollback(&["--to", &third]).await;
    assert!(!done && said.contains("was refused: rolled back by `nova rollback`"), "{said}");
    let (done, said) = rollback(&["--to", &first]).await;
    assert!(!done && said.contains("serves already"), "{said}");

    let (_, said) = run(&nova, ["status", "--admin", &admin]).await;
    assert!(
        said.contains("1 rollbacks") && said.contains("rolled back by `nova rollback`"),
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_one_that_stands_by_has_its_state() {
    let ground = Ground::new();
    let stateful = library("stateful");
    ground.library("lib.so", &stateful);
    let host = ground.start(&["--routes", "lib.so"]).await;
    assert_eq!(host.text("/").await, "1");
    host.swap(&ground.library("next.so", &stamped(&stateful, "2")), false).await.unwrap();
    assert_eq!(host.text("/").await, "2");
    assert_eq!(host.status().await.generations[0].state, State::Standby);
    assert_eq!(host.back().await.unwrap(), 1);
    assert_eq!(host.text("/").await, "2", "it went on from where it stood");
    let states: Vec<_> =
        host.status().await.generations.iter().map(|generation| generation.state).collect();
    assert_eq!(states[0], State::Live);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_state_file_is_put_aside() {
    let ground = Ground::new();
    ground.library("lib.so", &library("good"));
    fs::create_dir(ground.path("state")).unwrap();
    fs::write(ground.path("state/releases.json"), "{\"version\": 1, \"releases\": [").unwrap();
    let host = ground.start(&["--routes", "lib.so"]).await;
    let line = host.said("the memory of releases is damaged").await;
    assert!(line.contains("releases.json.bad-"), "{line}");
    host.kept().await;
    let names = fs::read_dir(ground.path("state")).unwrap().flatten();
    let names: Vec<_> = names.map(|entry| entry.file_name().into_string().unwrap()).collect();
    assert!(names.iter().any(|name| name.starts_with("releases.json.bad-")), "{names:?}");
    assert!(names.iter().any(|name| name == "releases.json"), "{names:?}");
}

/// Waits until the process has been renewed and no stand-in is left.
async fn renewed(host: &mut Host) {
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
    let ground = Ground::new();
    ground.library("lib.so", &library("good"));
    let mut host = ground.start(&["--routes", "lib.so"]).await;
    // A stream that does not end keeps the first process from being renewed.
    let mut stream = nova_tests::client::Sipper::ask(host.address, "/forever").await.unwrap();
    assert!(stream.sip(1).await.unwrap());
    host.process.signal(Signal::USR2);
    host.process.line("stands in").await;
    let build = host.text("/build").await;
    assert_eq!(build.len(), 32);
    host.process.signal(Signal::TERM);
    drop(stream);
    assert!(host.process.read_to_end().await.success());
    assert!(!ground.path("admin.sock").exists(), "{}", host.process);
    assert!(Connection::open(host.address).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_library_has_an_exit_code_of_its_own() {
    let ground = Ground::new();
    ground.library("lib.so", b"no library");
    ground.library("init.so", &library("init-error"));
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    for (args, code) in [
        (&["--routes", "lib.so"][..], 78),
        (&["--routes", "nowhere.so"], 78),
        // The next start may meet a database that is there.
        (&["--routes", "init.so"], 1),
        (&["--routes", "init.so", "--port", &port], 1),
        (&["--routes"], 2),
    ] {
        let output = ground.command(args).await.output().await.unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{args:?}: {said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_canary_that_is_well_is_promoted() {
    let ground = Ground::new();
    let good = library("good");
    ground.library("lib.so", &good);
    let mut host = ground.start(&["--routes", "lib.so"]).await;
    let old = host.text("/build").await;
    let next = ground.library("next.so", &stamped(&good, "2"));
    let load = Load::start(host.address, 2);
    assert_eq!(host.canary(&next, 0.25, 3.0).await.unwrap(), 2);

    // It has its share, exactly, from the first requests on.
    let status = host.status().await;
    let canary = status.canary.unwrap();
    assert!(canary.left_seconds <= 3.0 && canary.generation == 2, "{canary:?}");
    let requests = |status: &Status| {
        let of = |id| status.generations.iter().find(|it| it.id == id).unwrap().requests;
        (of(1), of(2))
    };
    let (old_before, new_before) = requests(&host.status().await);
    load.more(1_000).await;
    let (old_after, new_after) = requests(&host.status().await);
    let (to_old, to_new) = (old_after - old_before, new_after - new_before);
    assert!(to_new.abs_diff(to_old / 3) <= 20, "{to_new} and {to_old}");

    // Another swap has to wait.
    let error = host.swap(&next, true).await.unwrap_err().to_string();
    assert!(error.contains("a canary is under way") && error.contains("25%"), "{error}");
    host.process.signal(Signal::USR2);
    host.process.line("the host is not recycled: a canary is under way").await;

    host.process.line("generation 2 is live").await;
    load.more(100).await;
    let seen = load.end().await;
    assert_eq!(*locked(&seen.broken), Vec::<String>::new());
    assert!(locked(&seen.failed).is_empty());
    let status = host.status().await;
    assert!(status.canary.is_none());
    assert_eq!(status.generations[0].state, State::Standby);
    let new = host.text("/build").await;
    assert_ne!(new, old);
    assert_eq!(host.back().await.unwrap(), 1);
    assert_eq!(host.text("/build").await, old);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_canary_that_fails_or_is_ended_leaves_nothing() {
    let ground = Ground::new();
    let good = library("good");
    ground.library("lib.so", &good);
    let mut host = ground.start(&["--routes", "lib.so"]).await;
    let build = host.text("/build").await;
    let load = Load::start(host.address, 2);
    let flaky = ground.library("flaky.so", &library("flaky"));
    host.canary(&flaky, 0.2, 600.0).await.unwrap();
    let line = host.process.line("is a canary no longer").await;
    assert!(line.contains("requests failed"), "{line}");
    load.more(50).await;
    let failed = load.failed();
    load.more(500).await;
    let seen = load.end().await;
    println!("{failed} requests failed before the canary was ended");
    assert_eq!(locked(&seen.failed).len(), failed);
    assert_eq!(*locked(&seen.broken), Vec::<String>::new());
    let error = host.canary(&flaky, 0.2, 600.0).await.unwrap_err().to_string();
    assert!(error.contains("was refused"), "{error}");

    let next = ground.library("next.so", &stamped(&good, "2"));
    host.canary(&next, 0.5, 600.0).await.unwrap();
    assert_eq!(host.back().await.unwrap(), 1);
    for _ in 0..10 {
        assert_eq!(host.text("/build").await, build);
    }
    let status = host.status().await;
    assert_eq!((status.rollbacks, status.canary), (2, None));
    assert!(!status.last_rollback.unwrap().automatic);
}

/// A service manager's end: what the host tells it.
struct Manager(std::os::unix::net::UnixDatagram);

impl Manager {
    fn hears(&self) -> String {
        let mut bytes = [0; 512];
        let length = self.0.recv(&mut bytes).expect("it is told within the limit");
        String::from_utf8(bytes[..length].to_vec()).unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_manager_is_told_and_its_state_folder_is_used() {
    let ground = Ground::new();
    ground.library("lib.so", &library("good"));
    let socket = std::os::unix::net::UnixDatagram::bind(ground.path("notify")).unwrap();
    socket.set_read_timeout(Some(nova_tests::PATIENCE)).unwrap();
    let manager = Manager(socket);
    let mut command = Command::new(binary("nova-host").await);
    command.args(["--port", "0", "--no-admin", "--routes", "lib.so"]);
    command.current_dir(ground.0.path()).env_clear();
    command.env("NOTIFY_SOCKET", ground.path("notify"));
    command.env("STATE_DIRECTORY", ground.path("var"));
    let mut process = Process::spawn(command);
    process.url().await;
    assert!(manager.hears().starts_with("READY=1"));
    process.signal(Signal::HUP);
    assert!(manager.hears().starts_with("RELOADING=1\nMONOTONIC_USEC="));
    assert!(manager.hears().starts_with("READY=1"));
    process.signal(Signal::USR2);
    // The stand-in is not the service; the renewed process is.
    assert!(manager.hears().starts_with("READY=1"));
    process.signal(Signal::TERM);
    assert!(manager.hears().starts_with("STOPPING=1"));
    assert!(process.read_to_end().await.success());
    assert!(ground.path("var/releases.json").is_file());
}

/// Starts its arguments with the socket that is its standard input as the one that a service
/// manager passes: descriptor 3, and the process id in `LISTEN_PID`.
const ACTIVATE: &str = "exec 3<&0 </dev/null; LISTEN_FDS=1 LISTEN_PID=$$ exec \"$@\"";

#[tokio::test(flavor = "multi_thread")]
async fn the_socket_of_a_service_manager_is_used() {
    let ground = Ground::new();
    ground.library("lib.so", &library("good"));
    let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    // Before there is a host: the manager accepts for it.
    let early = std::net::TcpStream::connect(address).unwrap();
    let mut command = Command::new("/bin/sh");
    command.args(["-c", ACTIVATE, "sh"]).arg(binary("nova-host").await);
    command.args(["--no-admin", "--routes", "lib.so", "--state", "state"]);
    command.current_dir(ground.0.path()).env_clear();
    let mut process = Process::spawn_with(command, std::os::fd::OwnedFd::from(socket));
    assert_eq!(process.url().await, format!("http://{address}"));
    assert_eq!(fresh(address, "/text").await.unwrap(), "hello");
    process.signal(Signal::USR2);
    process.line("stands in").await;
    process.line("stopped").await;
    process.line("stopped").await;
    assert_eq!(fresh(address, "/text").await.unwrap(), "hello");
    drop(early);
    assert!(process.stop().await.success());
}
