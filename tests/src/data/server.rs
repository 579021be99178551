//! A host of an app with data, and all that can happen to it.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use nova_host::operate::admin::{
    AdminClient, AdminError, CanaryRequest, RollbackRequest, Status, SwapRequest, SwapResponse,
};
use nova_host::swap::GenerationState;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::process::Command;
use tokio::time::{interval, timeout};

use super::app::DataApp;
use super::audit::Orders;
use crate::PATIENCE;
use crate::client::{Failure, fresh};
use crate::process::Process;
use crate::workspace::binary;

/// What a host says that has not got its port.
const IN_USE: &str = "the port is in use";

/// What a host of an app is started with.
#[derive(Clone, Copy, Debug, Default)]
pub struct Settings<'a> {
    /// More arguments than it needs to be found again.
    pub args: &'a [&'a str],
    /// More environment.
    pub env: &'a [(&'a str, &'a str)],
}

/// A running host, with the folder where its app has its database.
pub struct Server<'a> {
    /// The process.
    pub process: Process,
    /// Where it listens, also after a restart.
    pub address: SocketAddr,
    /// Its admin socket.
    pub admin: AdminClient,
    app: &'a DataApp,
    settings: Settings<'a>,
    /// The number of the last build that was written.
    builds: u32,
    folder: TempDir,
}

/// What a host and its children take of the machine, together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Footprint {
    /// Processes.
    pub processes: usize,
    /// Threads.
    pub threads: usize,
    /// Mapped regions.
    pub mappings: usize,
    /// Open descriptors.
    pub descriptors: usize,
}

impl<'a> Server<'a> {
    /// Starts a host of the first build of `app`, with default settings but for `settings`.
    ///
    /// # Errors
    /// With all that it said, if it ends instead.
    pub async fn start(app: &'a DataApp, settings: Settings<'a>) -> Result<Self, Failure> {
        let folder = tempfile::tempdir()?;
        app.write(0, &folder.path().join("build-0"));
        // The same after a restart.
        let address = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?;
        let admin = AdminClient::new(Some(folder.path().join("admin.sock")))?;
        let process = spawn(&folder, address, settings).await;
        let server = Self { process, address, admin, app, settings, builds: 0, folder };
        server.answers().await?;
        // A supervisor's workers answer before its own socket is there.
        server.process.said("listening on ").await;
        Ok(server)
    }

    /// A file in the folder of the host, whose name is as long as the host lives.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Waits until it answers.
    async fn answers(&self) -> Result<(), Failure> {
        let mut looks = interval(Duration::from_millis(2));
        let answers = async {
            while fresh(self.address, "/").await.is_err() {
                if self.process.has_ended() {
                    return Err(Failure::from(format!("the host ended\n{}", self.process)));
                }
                looks.tick().await;
            }
            Ok(())
        };
        let silent = |_| Failure::from(format!("the host does not answer\n{}", self.process));
        timeout(PATIENCE, answers).await.map_err(silent)?
    }

    /// The next build of the app, written beside the ones before.
    fn next(&mut self) -> PathBuf {
        self.builds += 1;
        let folder = self.file(&format!("build-{}", self.builds));
        self.app.write(self.builds, &folder);
        // A host keeps copies of what it needs.
        if self.builds > 8 {
            let _ = fs::remove_dir_all(self.file(&format!("build-{}", self.builds - 8)));
        }
        folder
    }

    /// Swaps in the next build.
    ///
    /// # Errors
    /// What the host says.
    pub async fn swap(&mut self) -> Result<SwapResponse, AdminError> {
        let paths = vec![self.next()];
        self.admin.swap(SwapRequest { paths, force: false, no_preflight: false }).await
    }

    /// Lets the next build answer half of the requests for so many seconds, and waits until it
    /// answers all of them.
    ///
    /// # Errors
    /// What the host says.
    pub async fn canary(&mut self, seconds: f64) -> Result<(), AdminError> {
        let path = self.next();
        let request =
            CanaryRequest { path, force: false, no_preflight: false, share: 0.5, seconds };
        self.admin.canary(request).await?;
        let mut looks = interval(Duration::from_millis(20));
        while self.admin.status().await?.canary.is_some() {
            looks.tick().await;
        }
        Ok(())
    }

    /// Goes back to the release before.
    ///
    /// # Errors
    /// What the host says.
    pub async fn rollback(&self) -> Result<(), AdminError> {
        self.admin.rollback(&RollbackRequest::default()).await.map(drop)
    }

    /// Waits until no app stands by: what serves is the only one.
    ///
    /// # Errors
    /// If the host does not answer, or one stands by for ever.
    pub async fn alone(&self) -> Result<(), Failure> {
        let mut looks = interval(Duration::from_millis(20));
        let alone = async {
            loop {
                let generations = self.status().await?.generations;
                let alive = |state| state != GenerationState::Retired;
                if generations.iter().filter(|it| alive(it.state)).count() == 1 {
                    return Ok::<_, Failure>(());
                }
                looks.tick().await;
            }
        };
        timeout(PATIENCE, alone).await.map_err(|_| "an app stands by for ever")?
    }

    /// Renews the process, or those of the workers, and waits until that is done.
    ///
    /// # Errors
    /// If the host does not answer, or does not do it.
    pub async fn recycle(&mut self) -> Result<(), Failure> {
        let before = self.workers().await?;
        self.process.signal(Signal::USR2);
        if before.is_empty() {
            self.process.line("stands in").await;
            // The stand-in's last word and that of the program that was recycled.
            self.process.line("stopped").await;
            self.process.line("stopped").await;
            return Ok(());
        }
        self.process.line("recycling: ").await;
        let renewed = |now: &[u32]| now.iter().all(|worker| !before.contains(worker));
        self.workers_until(before.len(), renewed).await
    }

    /// Kills a worker with SIGKILL, and waits until there are as many as before.
    ///
    /// # Errors
    /// If there is none, or none comes back.
    pub async fn kill_worker(&self) -> Result<(), Failure> {
        let before = self.workers().await?;
        let &victim = before.first().ok_or("the host has no workers")?;
        kill(victim)?;
        self.workers_until(before.len(), |now| !now.contains(&victim)).await
    }

    /// The process ids of the workers that take requests.
    async fn workers(&self) -> Result<Vec<u32>, Failure> {
        let workers = self.status().await?.workers;
        Ok(workers.iter().filter(|worker| !worker.leaving).map(|worker| worker.pid).collect())
    }

    /// Waits until there are so many workers of which this holds.
    async fn workers_until(
        &self,
        count: usize,
        holds: impl Fn(&[u32]) -> bool,
    ) -> Result<(), Failure> {
        let mut looks = interval(Duration::from_millis(5));
        let until = async {
            loop {
                let now = self.workers().await?;
                if now.len() == count && holds(&now) {
                    return Ok(());
                }
                looks.tick().await;
            }
        };
        timeout(PATIENCE, until).await.map_err(|_| format!("no new worker\n{}", self.process))?
    }

    /// Kills the host with SIGKILL, and starts it again as it was started; as a service manager does,
    /// until it has its port, which workers that finish their requests may hold for a while.
    ///
    /// # Errors
    /// If it does not start.
    pub async fn kill_and_restart(&mut self) -> Result<(), Failure> {
        self.process.signal(Signal::KILL);
        let begun = Instant::now();
        loop {
            self.process.read_to_end().await;
            self.process = spawn(&self.folder, self.address, self.settings).await;
            match self.answers().await {
                Err(_) if begun.elapsed() < PATIENCE && self.process.output().contains(IN_USE) => {}
                started => return started,
            }
        }
    }

    /// What the app holds.
    ///
    /// # Errors
    /// If it does not say.
    pub async fn orders(&self) -> Result<Orders, Failure> {
        Ok(serde_json::from_str(&fresh(self.address, "/orders").await?)?)
    }

    /// What the host says of itself.
    ///
    /// # Errors
    /// If it does not answer.
    pub async fn status(&self) -> Result<Status, AdminError> {
        self.admin.status().await
    }

    /// What the host and its children take.
    #[must_use]
    pub fn footprint(&self) -> Footprint {
        let mut footprint = Footprint::default();
        let mut waiting = vec![self.process.id()];
        while let Some(pid) = waiting.pop() {
            let count =
                |what: &str| fs::read_dir(format!("/proc/{pid}/{what}")).map_or(0, Iterator::count);
            let maps = fs::read_to_string(format!("/proc/{pid}/maps")).unwrap_or_default();
            footprint.processes += 1;
            footprint.threads += count("task");
            footprint.descriptors += count("fd");
            footprint.mappings += maps.lines().count();
            waiting.extend(children(pid));
        }
        footprint
    }
}

async fn spawn(folder: &TempDir, address: SocketAddr, settings: Settings<'_>) -> Process {
    let mut command = Command::new(binary("nova-host").await);
    command.current_dir(folder.path());
    command.args(["--routes", "build-0", "--state", "state", "--no-access-log"]);
    command.args(["--admin", "admin.sock", "--port", &address.port().to_string()]);
    command.args(settings.args).env("SHOP_DATABASE", folder.path().join("shop.db"));
    command.envs(settings.env.iter().copied()).env_remove("RUST_BACKTRACE");
    Process::spawn(command)
}

/// The processes that a process has started, but for those that have ended.
fn children(pid: u32) -> Vec<u32> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task"));
    let tasks = tasks.into_iter().flatten().filter_map(Result::ok);
    let of_task = |task: fs::DirEntry| fs::read_to_string(task.path().join("children")).ok();
    let all = tasks.filter_map(of_task).collect::<Vec<_>>().join(" ");
    let runs =
        |pid: &u32| fs::read_to_string(format!("/proc/{pid}/maps")).is_ok_and(|it| !it.is_empty());
    all.split_whitespace().filter_map(|pid| pid.parse().ok()).filter(runs).collect()
}

fn kill(pid: u32) -> Result<(), Failure> {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).ok_or("a process id")?;
    Ok(kill_process(pid, Signal::KILL)?)
}
