//! A server that runs: how each is started, on which core, and how it ends.

use std::fs::{self, File};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use nova_benches::cpu::used_ns_of_tree;
use nova_benches::pin::{Cores, stay_on};
use nova_benches::server::free_address;
use nova_tests::client::Failure;
use nova_tests::workspace::root;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::build::{App, Builds};
use crate::server::{Kind, Server};

/// A server that does not listen, or does not end, by then never will.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often that is looked at.
const PAUSE: Duration = Duration::from_millis(5);

/// A server that listens; dropping it ends it.
pub(crate) struct Running {
    pub(crate) server: &'static Server,
    pub(crate) address: SocketAddr,
    child: Child,
    folder: TempDir,
}

/// What a server is started for.
pub(crate) struct Start<'a> {
    pub(crate) builds: &'a Builds,
    pub(crate) cores: Cores,
    pub(crate) app: App,
}

impl Running {
    /// Starts a server on its core; `None` where it is not installed.
    pub(crate) fn start(
        server: &'static Server,
        start: &Start<'_>,
    ) -> Result<Option<Self>, Failure> {
        let address = free_address()?;
        let folder = tempfile::tempdir()?;
        let Some(mut command) = command(server, start, address.port(), folder.path())? else {
            return Ok(None);
        };
        let log = File::options().create(true).append(true).open(log(folder.path()))?;
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        // A child is where the thread was that has started it.
        stay_on(start.cores.server)?;
        let child = command.spawn();
        stay_on(start.cores.load)?;
        let mut running = Self { server, address, child: child?, folder };
        running.listens()?;
        Ok(Some(running))
    }

    fn listens(&mut self) -> Result<(), Failure> {
        let began = Instant::now();
        while TcpStream::connect(self.address).is_err() {
            let ended = self.child.try_wait()?;
            if ended.is_some() || began.elapsed() > PATIENCE {
                let said = fs::read_to_string(log(self.folder.path()))?;
                let name = self.server.name;
                return Err(format!("{name} does not listen ({ended:?}):\n{said}").into());
            }
            sleep(PAUSE);
        }
        Ok(())
    }

    /// Nanoseconds of CPU that it has used so far, with its children.
    pub(crate) fn used_ns(&self) -> u64 {
        used_ns_of_tree(self.child.id())
    }

    /// Empties its log: a round writes megabytes.
    pub(crate) fn empty_log(&self) -> Result<(), Failure> {
        Ok(File::options().write(true).open(log(self.folder.path()))?.set_len(0)?)
    }

    /// The admin socket of a host.
    pub(crate) fn admin(&self) -> PathBuf {
        admin(self.folder.path())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Asked to end, so that one with children ends them.
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        let asked = pid.is_some_and(|pid| kill_process(pid, Signal::TERM).is_ok());
        let began = Instant::now();
        while asked && began.elapsed() < PATIENCE {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            sleep(PAUSE);
        }
        // Nothing more can be done about one that cannot be killed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn log(folder: &Path) -> PathBuf {
    folder.join("log")
}

fn admin(folder: &Path) -> PathBuf {
    folder.join("admin.sock")
}

/// The command that starts a server; what it logs goes to standard error.
fn command(
    server: &Server,
    start: &Start<'_>,
    port: u16,
    folder: &Path,
) -> Result<Option<Command>, Failure> {
    let port = port.to_string();
    Ok(match server.kind {
        Kind::Nova => Some(nova(server, start, &port, folder)),
        Kind::Rust => Some(peer(server, start, &port)),
        Kind::Nginx => nginx(server, start, &port, folder)?,
        Kind::Node => installed("node")
            .map(|program| {
                let mut command = Command::new(program);
                command.arg(others("fastify.js")).arg(&port);
                command.env("NODE_PATH", start.builds.folder.join("node_modules"));
                command.env("NODE_ENV", "production");
                command
            })
            .filter(|_| start.builds.folder.join("node_modules/fastify").exists()),
        Kind::Python => {
            let program = start.builds.folder.join("venv/bin/uvicorn");
            program.exists().then(|| {
                let mut command = Command::new(program);
                command.args(["--app-dir"]).arg(others("")).args(["--port", &port]);
                command.args(["--no-access-log", "--log-level", "warning", "asgi:app"]);
                command
            })
        }
    })
}

/// The shipped host with its defaults: limits, timeouts, headers, compression, admin socket.
fn nova(server: &Server, start: &Start<'_>, port: &str, folder: &Path) -> Command {
    let release = start.builds.built(start.app);
    let host = start.builds.nova_host.clone().unwrap_or_else(|| release.join("nova-host"));
    let mut command = Command::new(host);
    command.arg("--routes").arg(release).args(["--port", port]);
    command.arg("--admin").arg(admin(folder));
    if !server.logs {
        command.arg("--no-access-log");
    }
    command.env("BENCH_DATABASE", start.builds.database());
    command
}

fn peer(server: &Server, start: &Start<'_>, port: &str) -> Command {
    let mut command = Command::new(start.builds.program(server.name));
    command.args(["--port", port]).arg("--public").arg(start.builds.public());
    match start.app {
        App::Pages(routes) => command.args(["--routes", &routes.to_string()]),
        App::Rows => command.arg("--database").arg(start.builds.database()),
    };
    command
}

fn nginx(
    server: &Server,
    start: &Start<'_>,
    port: &str,
    folder: &Path,
) -> Result<Option<Command>, Failure> {
    let Some(program) = installed("nginx") else { return Ok(None) };
    let access = if server.logs { log(folder).display().to_string() } else { "off".to_owned() };
    let settings = fs::read_to_string(others("nginx.conf"))?
        .replace("PORT", port)
        .replace("ACCESS", &access)
        .replace("PUBLIC", &start.builds.public().display().to_string())
        .replace("FOLDER", &folder.display().to_string());
    let file = folder.join("nginx.conf");
    fs::write(&file, settings)?;
    let mut command = Command::new(program);
    command.args(["-e", "stderr", "-c"]).arg(file);
    Ok(Some(command))
}

/// A file for the servers that are not of Rust.
fn others(file: &str) -> PathBuf {
    root().join("benches/peers/others").join(file)
}

/// Where a program is. Debian keeps servers in a folder that `PATH` of a user leaves out.
fn installed(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    folders.map(|folder| folder.join(program)).find(|file| file.is_file())
}
