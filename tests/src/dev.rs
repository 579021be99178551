//! `nova dev` on an app.

use crate::process::Process;
use crate::workspace::App;

/// A running `nova dev`.
pub struct Dev {
    /// The process, whose lines say what happens.
    pub process: Process,
    /// Where it serves.
    pub url: String,
}

impl Dev {
    /// Starts `nova dev` on `app` and waits until it listens; the first build goes on.
    ///
    /// # Panics
    /// If it does not start.
    pub async fn start(app: &App) -> Self {
        let mut command = app.command("nova").await;
        command.args(["dev", "--port", "0"]);
        let mut process = Process::spawn(command);
        let url = process.url().await;
        Self { process, url }
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
