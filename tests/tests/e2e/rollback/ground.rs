//! A folder with releases, a host that serves them, and clients that ask it without a pause.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use nova_host::library::loader::BuildId;
use nova_host::operate::admin::{
    AdminClient, AdminError, CanaryRequest, ReleaseStatus, RollbackRequest, Status, SwapRequest,
};
use nova_host::swap::GenerationState;
use nova_tests::client::{Connection, fresh};
use nova_tests::process::Process;
use nova_tests::workspace::binary;
use rustix::process::Signal;
use tempfile::TempDir;

use tokio::process::Command;
use tokio::task::JoinSet;

/// A folder with a release in it, which is overwritten as deployments do, and a host's state.
pub(crate) struct Ground(pub(crate) TempDir);

impl Ground {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a library.
    pub(crate) fn library(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path(name);
        fs::write(self.path("next"), bytes).unwrap();
        fs::rename(self.path("next"), &path).unwrap();
        path
    }

    /// Writes a release with a stylesheet and a public file over the one that is in `build`.
    pub(crate) fn release(&self, bytes: &[u8], mark: &str) -> PathBuf {
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

    pub(crate) async fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(binary("nova-host").await);
        command.args(["--port", "0", "--no-access-log", "--admin"]).arg(self.path("admin.sock"));
        command.arg("--state").arg(self.path("state")).args(args);
        command.current_dir(self.0.path()).env_clear();
        command
    }

    /// A host that is told of no state folder; what it keeps goes below `tmp`.
    pub(crate) async fn command_without_state(&self, args: &[&str]) -> Command {
        fs::create_dir_all(self.path("tmp")).unwrap();
        let mut command = Command::new(binary("nova-host").await);
        command.args(["--port", "0", "--no-access-log", "--admin"]).arg(self.path("admin.sock"));
        command.args(args).current_dir(self.0.path()).env_clear().env("TMPDIR", self.path("tmp"));
        command
    }

    pub(crate) async fn start(&self, args: &[&str]) -> Host {
        self.start_as(self.command(args).await).await
    }

    pub(crate) async fn start_without_state(&self, args: &[&str]) -> Host {
        self.start_as(self.command_without_state(args).await).await
    }

    async fn start_as(&self, command: Command) -> Host {
        let mut process = Process::spawn(command);
        let url = process.url().await;
        let address = url.strip_prefix("http://").unwrap().parse().unwrap();
        let admin = AdminClient::new(Some(self.path("admin.sock"))).unwrap();
        Host { process, address, admin }
    }
}

pub(crate) struct Host {
    pub(crate) process: Process,
    pub(crate) address: SocketAddr,
    pub(crate) admin: AdminClient,
}

impl Host {
    pub(crate) async fn text(&self, path: &str) -> String {
        fresh(self.address, path).await.unwrap()
    }

    pub(crate) async fn status(&self) -> Status {
        self.admin.status().await.unwrap()
    }

    pub(crate) async fn swap(&self, path: &Path, force: bool) -> Result<u64, AdminError> {
        let request = SwapRequest { paths: vec![path.to_owned()], force, no_preflight: false };
        Ok(self.admin.swap(request).await?.swapped[0].generation)
    }

    pub(crate) async fn canary(
        &self,
        path: &Path,
        share: f64,
        seconds: f64,
    ) -> Result<u64, AdminError> {
        let request = CanaryRequest {
            path: path.to_owned(),
            force: false,
            no_preflight: false,
            share,
            seconds,
        };
        Ok(self.admin.canary(request).await?.swapped[0].generation)
    }

    pub(crate) async fn back(&self) -> Result<u64, AdminError> {
        let report = self.admin.rollback(&RollbackRequest::default()).await?;
        Ok(report.serving.generation)
    }

    /// Waits until a generation has been shut down.
    pub(crate) async fn retired(&self, generation: u64) {
        let retired = async {
            loop {
                let status = self.status().await;
                let state = status.generations.iter().find(|it| it.id == generation);
                if state.is_some_and(|it| it.state == GenerationState::Retired) {
                    return;
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(nova_tests::PATIENCE, retired).await.unwrap();
    }

    /// Ends it as a crash or a lack of memory does.
    pub(crate) async fn kill(mut self) {
        self.process.signal(Signal::KILL);
        self.process.ended().await;
    }

    /// Waits until the release that serves has been copied.
    pub(crate) async fn kept(&self) -> ReleaseStatus {
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
pub(crate) struct Load {
    pub(crate) seen: Arc<Seen>,
    pub(crate) clients: JoinSet<()>,
}

#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) stop: AtomicBool,
    pub(crate) answers: AtomicU64,
    /// Of answers with a status of 500 and above.
    pub(crate) failed: Mutex<Vec<Instant>>,
    pub(crate) broken: Mutex<Vec<String>>,
}

pub(crate) fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Load {
    pub(crate) fn start(address: SocketAddr, clients: usize) -> Self {
        let seen = Arc::new(Seen::default());
        let mut set = JoinSet::new();
        for _ in 0..clients {
            set.spawn(client(address, seen.clone()));
        }
        Self { seen, clients: set }
    }

    pub(crate) fn answers(&self) -> u64 {
        self.seen.answers.load(Ordering::Relaxed)
    }

    pub(crate) fn failed(&self) -> usize {
        locked(&self.seen.failed).len()
    }

    /// Waits for so many answers more.
    pub(crate) async fn more(&self, answers: u64) {
        let wanted = self.answers() + answers;
        let more = async {
            while self.answers() < wanted {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(nova_tests::PATIENCE, more).await.expect("answers come");
    }

    pub(crate) async fn end(mut self) -> Arc<Seen> {
        self.seen.stop.store(true, Ordering::Relaxed);
        while let Some(client) = self.clients.join_next().await {
            client.unwrap();
        }
        self.seen
    }
}

pub(crate) async fn client(address: SocketAddr, seen: Arc<Seen>) {
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
