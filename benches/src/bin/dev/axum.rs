//! The peer: a plain axum app, rebuilt by cargo and restarted by a watcher that loses no time.
//!
//! The watcher is ideal: it is told of the write, as no real one is. Everything else is what a
//! developer has: `cargo build` in the dev profile, then the old process away and a new one there.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use nova_tests::client::Failure;
use nova_tests::workspace::App;
use tokio::process::{Child, Command};

use crate::probe::{Answer, Probe};
use crate::session::WARM_UP;
use crate::slot::{Slot, marker};
use nova_benches::apps::{self, HEADING, axum_file};

/// An edit that is not live after this long will never be.
const PATIENCE: Duration = Duration::from_secs(120);

/// A running axum app.
pub(crate) struct Peer {
    app: App,
    target: PathBuf,
    address: SocketAddr,
    server: Child,
    probe: Probe,
    slot: Slot,
    path: String,
    next: usize,
    /// Milliseconds from each write to the first byte of what it changed.
    pub(crate) times: Vec<f64>,
}

impl Peer {
    /// Builds and starts an axum app of so many pages, of which `page` is the one to edit.
    ///
    /// # Errors
    /// If it does not build.
    pub(crate) async fn start(pages: usize, page: usize) -> Result<Self, Failure> {
        let app = apps::axum(pages);
        let slot = Slot::find(&app.path, &axum_file(page), HEADING)?;
        let address = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?;
        // Beside the apps of Nova, so that no lock of cargo is between them.
        let folder = std::env::current_exe()?;
        let target = folder.ancestors().nth(2).ok_or("a program is in target/<profile>")?;
        let target = target.join("peers");
        build(&app, &target).await?;
        let server = serve(&app, &target, address)?;
        let mut probe = Probe::new(address);
        let path = apps::url(page);
        probe.until(&path, PATIENCE, Answer::is_ok).await?;
        Ok(Self { app, target, address, server, probe, slot, path, next: 0, times: Vec::new() })
    }

    /// The next edit: writes a new marker, builds, restarts, and waits for it.
    ///
    /// # Errors
    /// If it does not become live.
    pub(crate) async fn edit(&mut self) -> Result<(), Failure> {
        self.next += 1;
        let marker = marker(self.next);
        let began = Instant::now();
        self.slot.write(&marker)?;
        build(&self.app, &self.target).await?;
        self.server.kill().await?;
        self.server = serve(&self.app, &self.target, self.address)?;
        let is_new = |answer: &Answer| answer.is_ok() && answer.text.contains(&marker);
        let answer = self.probe.until(&self.path, PATIENCE, is_new).await?;
        if self.next > WARM_UP {
            self.times.push((answer.first_byte - began).as_secs_f64() * 1000.0);
        }
        Ok(())
    }

    /// How often a connection was refused or cut.
    pub(crate) fn broken(&self) -> usize {
        self.probe.broken
    }
}

async fn build(app: &App, target: &Path) -> Result<(), Failure> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.arg("build").current_dir(&app.path).env("CARGO_TARGET_DIR", target);
    let output = command.stdin(Stdio::null()).output().await?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("the axum app does not build:\n{said}").into())
}

fn serve(app: &App, target: &Path, address: SocketAddr) -> Result<Child, Failure> {
    let name = app.path.file_name().and_then(|name| name.to_str()).ok_or("an app has a name")?;
    let mut command = Command::new(target.join("debug").join(format!("bench-{name}")));
    command.arg(address.port().to_string()).stdin(Stdio::null()).kill_on_drop(true);
    Ok(command.spawn()?)
}
