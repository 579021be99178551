//! `nova dev` on an app.

use std::ffi::OsStr;
use std::net::SocketAddr;
use std::os::unix::ffi::OsStrExt as _;
use std::process::Stdio;

use crate::process::Process;
use crate::workspace::App;

/// A running `nova dev`.
pub struct Dev {
    /// The process, whose lines say what happens.
    pub process: Process,
    /// Where it serves.
    pub url: String,
    /// The same for a socket.
    pub address: SocketAddr,
}

impl Dev {
    /// Starts `nova dev` on `app` and waits until it listens; the first build goes on.
    ///
    /// # Panics
    /// If it does not start.
    pub async fn start(app: &App) -> Self {
        Self::start_with(app, &["--port", "0"]).await
    }

    /// The same with these arguments.
    ///
    /// # Panics
    /// If it does not start.
    pub async fn start_with(app: &App, args: &[&str]) -> Self {
        Self::start_at(app, args, Stdio::null()).await
    }

    /// The same with a standard input, such as a terminal.
    ///
    /// # Panics
    /// If it does not start.
    pub async fn start_at(app: &App, args: &[&str], stdin: impl Into<Stdio>) -> Self {
        let mut command = app.command("nova").await;
        command.arg("dev").args(args).env("BROWSER", "./browser.sh");
        // A variable may have any bytes as its value.
        command.env("NOVA_TEST_BYTES", OsStr::from_bytes(b"\xff"));
        let mut process = Process::spawn_with(command, stdin);
        let url = process.url().await;
        let address = url.strip_prefix("http://").and_then(|address| address.parse().ok());
        Self { process, address: address.expect("an address in the ready line"), url }
    }

    /// As [`start`](Self::start), and waits until the first build serves.
    ///
    /// # Panics
    /// If it does not start.
    pub async fn built(app: &App) -> Self {
        let mut dev = Self::start(app).await;
        dev.process.line("build ").await;
        dev
    }

    /// The address of a page.
    #[must_use]
    pub fn at(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }
}
