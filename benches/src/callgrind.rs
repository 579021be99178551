//! Instructions of user space, as valgrind's `callgrind` counts them: they hardly depend on what else
//! the machine does.
//!
//! A server runs under it without being counted, until [`Counted::count`] wants the instructions
//! of a few hundred requests.

mod profile;

use std::path::{Path, PathBuf};
use std::process::Stdio;

use http::Method;
use nova_tests::client::Failure;
use tokio::process::Command;

pub use self::profile::{Profile, Stages};
use crate::server::Server;

/// Requests before those that are counted.
const WARM_UP: u32 = 100;

/// A request to count.
#[derive(Debug, Clone, Copy)]
pub struct Workload {
    /// What the budget calls it.
    pub name: &'static str,
    /// `GET`, or `POST` where there is a body.
    pub body: &'static [u8],
    /// The path.
    pub path: &'static str,
    /// The status of the answer.
    pub status: u16,
}

/// A server under callgrind.
pub struct Counted {
    server: Server,
    /// Where callgrind writes; it numbers its dumps.
    dumps: PathBuf,
    dumped: u32,
}

impl Counted {
    /// Starts a program under callgrind, which writes its dumps to `dumps` and a number.
    ///
    /// # Errors
    /// If it prints no address, or no one answers there.
    pub async fn start(
        program: &Path,
        args: &[&str],
        environment: &[(&str, &Path)],
        dumps: PathBuf,
    ) -> Result<Self, Failure> {
        let mut command = Command::new("valgrind");
        command
            .args(["--quiet", "--tool=callgrind", "--instr-atstart=no", "--compress-strings=yes"])
            .arg(format!("--callgrind-out-file={}", dumps.display()))
            .arg(program)
            .args(args)
            .envs(environment.iter().copied());
        Ok(Self { server: Server::start(command).await?, dumps, dumped: 0 })
    }

    /// What so many of these requests cost, over one connection.
    ///
    /// # Errors
    /// If one is answered otherwise than expected, or callgrind does not obey.
    pub async fn count(&mut self, workload: &Workload, requests: u32) -> Result<Profile, Failure> {
        self.tell(&["instrumentation", "on"]).await?;
        self.send(workload, WARM_UP).await?;
        self.tell(&["zero"]).await?;
        self.send(workload, requests).await?;
        let dump = self.dump().await?;
        self.tell(&["instrumentation", "off"]).await?;
        Profile::read(&std::fs::read_to_string(dump)?, requests)
    }

    async fn send(&mut self, workload: &Workload, requests: u32) -> Result<(), Failure> {
        let Workload { body, path, status, .. } = *workload;
        let method = if body.is_empty() { Method::GET } else { Method::POST };
        for _ in 0..requests {
            let answer = self.server.connection.send(method.clone(), path, body).await?;
            if answer.status() != status {
                return Err(format!("{method} {path}: {}", answer.status()).into());
            }
        }
        Ok(())
    }

    /// Writes what was counted since `zero`.
    async fn dump(&mut self) -> Result<PathBuf, Failure> {
        self.tell(&["dump"]).await?;
        self.dumped += 1;
        Ok(self.dumps.with_extension(self.dumped.to_string()))
    }

    /// Sends a command to callgrind inside of the process.
    async fn tell(&self, command: &[&str]) -> Result<(), Failure> {
        let status = Command::new("vgdb")
            .arg(format!("--pid={}", self.server.process.id()))
            .args(command)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .await?;
        if status.success() { Ok(()) } else { Err(format!("vgdb {command:?}: {status}").into()) }
    }
}
