//! A running `nova-host`, and the library that it serves.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use nova_host::operate::admin::{AdminClient, AdminError, Status, SwapRequest, SwapResponse};
use tempfile::TempDir;
use tokio::process::Command;

use crate::process::Process;
use crate::workspace::binary;

/// A `nova-host` with a folder of its own.
pub struct Host {
    /// The process.
    pub process: Process,
    /// Where it listens.
    pub address: SocketAddr,
    /// Its admin socket.
    pub admin: AdminClient,
    /// The library that it was started with.
    pub library: PathBuf,
    folder: TempDir,
}

/// What a host is started with besides a library.
#[derive(Default)]
pub struct Options<'a> {
    /// More arguments.
    pub args: &'a [&'a str],
    /// More environment.
    pub env: &'a [(&'a str, &'a Path)],
    /// The binary; `nova-host` of the workspace if it is not named.
    pub program: Option<PathBuf>,
}

impl Host {
    /// Starts a host on a free port and waits until it listens.
    ///
    /// # Panics
    /// If it does not start.
    pub async fn start(library: &[u8]) -> Self {
        Self::start_with(library, Options::default()).await
    }

    /// The same with more arguments.
    ///
    /// # Panics
    /// If it does not start.
    pub async fn start_with(library: &[u8], options: Options<'_>) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("libnova_routes.so");
        write(&path, library);
        let socket = folder.path().join("admin.sock");
        let program = match options.program {
            Some(program) => program,
            None => binary("nova-host").await,
        };
        let mut command = Command::new(program);
        command.arg("--routes").arg(&path).args(["--port", "0"]);
        command.arg("--admin").arg(&socket).arg("--state").arg(folder.path().join("state"));
        command.args(options.args).envs(options.env.iter().copied()).env_remove("RUST_BACKTRACE");
        let mut process = Process::spawn(command);
        let url = process.url().await;
        let address = url.trim_start_matches("http://").parse().expect("an address");
        let admin = AdminClient::new(Some(socket)).expect("a named socket");
        Self { process, address, admin, library: path, folder }
    }

    /// Writes a library into the host's folder, under a name of its own.
    ///
    /// # Panics
    /// If it cannot be written.
    #[must_use]
    pub fn file(&self, name: &str, library: &[u8]) -> PathBuf {
        let path = self.folder.path().join(name);
        write(&path, library);
        path
    }

    /// Swaps in the library at `path`.
    ///
    /// # Errors
    /// What the host says.
    pub async fn swap(&self, path: &Path) -> Result<SwapResponse, AdminError> {
        self.admin
            .swap(SwapRequest { paths: vec![path.to_owned()], force: false, no_preflight: false })
            .await
    }

    /// What the host says of itself.
    ///
    /// # Panics
    /// If it does not answer.
    pub async fn status(&self) -> Status {
        self.admin.status().await.expect("a status")
    }

    /// A text of the host's, without the folder that differs on each run.
    #[must_use]
    pub fn redacted(&self, text: &str) -> String {
        text.replace(&self.folder.path().display().to_string(), "")
    }
}

/// Written beside and renamed, as a deploy does it.
fn write(path: &Path, bytes: &[u8]) {
    let beside = path.with_extension("part");
    fs::write(&beside, bytes).expect("written");
    fs::rename(beside, path).expect("renamed");
}
