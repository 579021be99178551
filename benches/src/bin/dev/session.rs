//! A `nova dev` under measurement.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use nova_tests::client::Failure;
use nova_tests::process::Process;
use nova_tests::workspace::App;
use tokio::time::sleep;

use crate::phases::{Phase, phases};
use crate::probe::{Answer, Probe};
use crate::proc;
use crate::slot::{Slot, marker};

/// An edit that is not live after this long will never be.
const PATIENCE: Duration = Duration::from_secs(60);

/// A first build compiles all the dependencies.
const FIRST: Duration = Duration::from_secs(900);

/// Nobody saves twice within this.
const BETWEEN: Duration = Duration::from_millis(100);

/// How long work in the background may keep the next edit waiting.
const QUIET: Duration = Duration::from_secs(1);

/// The first edits, which fill the compiler's caches and are not counted.
pub(crate) const WARM_UP: usize = 3;

/// `nova dev`, the page that is edited, and the client that waits for it.
pub(crate) struct Session {
    /// The app, which goes away with the session.
    pub(crate) app: App,
    pub(crate) process: Process,
    pub(crate) address: SocketAddr,
    pub(crate) probe: Probe,
    /// From exec to the ready line.
    pub(crate) listening: Duration,
    /// From exec to the first byte of the first 200.
    pub(crate) first: Duration,
    slot: Slot,
    path: String,
    next: usize,
    /// Milliseconds from each write to the first byte of what it changed.
    pub(crate) times: Vec<f64>,
}

/// What a session edits, and where it shows.
pub(crate) struct Course<'a> {
    pub(crate) file: &'a str,
    /// The text in `file` that the markers replace.
    pub(crate) text: &'a str,
    /// The URL's path.
    pub(crate) path: &'a str,
}

impl Session {
    /// Starts `nova dev` on an app and waits for the first answer.
    ///
    /// # Errors
    /// If there is no 200 in good time.
    pub(crate) async fn start(app: App, course: Course<'_>) -> Result<Self, Failure> {
        let slot = Slot::find(&app.path, course.file, course.text)?;
        let mut command = app.command("nova").await;
        command.args(["dev", "--port", "0", "--log-format", "json"]);
        let began = Instant::now();
        let mut process = Process::spawn(command);
        let url = process.url().await;
        let listening = began.elapsed();
        let address = url.trim_start_matches("http://").parse()?;
        let mut probe = Probe::new(address);
        let answer = probe.until(course.path, FIRST, Answer::is_ok).await;
        let first = answer.map_err(|error| with_tail(&error, &process))?.first_byte - began;
        let path = course.path.to_owned();
        let times = Vec::new();
        Ok(Self { app, process, address, probe, listening, first, slot, path, next: 0, times })
    }

    /// The next edit: writes a new marker and waits for it. The first ones are not counted.
    ///
    /// # Errors
    /// If it does not become live.
    pub(crate) async fn edit(&mut self) -> Result<(), Failure> {
        self.next += 1;
        let marker = marker(self.next);
        let began = Instant::now();
        self.slot.write(&marker)?;
        let answer = self
            .probe
            .until(&self.path, PATIENCE, |answer| answer.is_ok() && answer.text.contains(&marker))
            .await
            .map_err(|error| with_tail(&error, &self.process))?;
        let took = answer.first_byte - began;
        if self.next > WARM_UP {
            self.times.push(took.as_secs_f64() * 1000.0);
        }
        self.rest().await;
        Ok(())
    }

    /// Edits, `count` of them counted.
    ///
    /// # Errors
    /// If one does not become live.
    pub(crate) async fn edits(&mut self, count: usize) -> Result<(), Failure> {
        while self.times.len() < count {
            self.edit().await?;
        }
        Ok(())
    }

    /// Waits until nothing compiles any more.
    ///
    /// # Errors
    /// If that never comes.
    pub(crate) async fn settle(&self) -> Result<(), Failure> {
        let began = Instant::now();
        let mut calm = 0;
        // A pause between two compilers is not the end.
        while calm < 10 {
            calm = if proc::is_compiling(self.process.id()) { 0 } else { calm + 1 };
            if began.elapsed() > FIRST {
                return Err(with_tail(&"nova dev never stops compiling".into(), &self.process));
            }
            sleep(BETWEEN).await;
        }
        Ok(())
    }

    /// Ends `nova dev` and gives the app back.
    pub(crate) async fn stop(mut self) -> App {
        self.process.stop().await;
        self.app
    }

    /// The phases of the edits that were counted, if `nova dev` tells of them.
    pub(crate) fn phases(&self) -> Vec<Phase> {
        phases(&self.process.output(), self.times.len())
    }

    /// The processes that serve: `nova` and its like, without compilers.
    pub(crate) fn servers(&self) -> Vec<u32> {
        let mut servers = proc::tree(self.process.id());
        servers.retain(|&pid| proc::name(pid) == "nova");
        servers
    }

    /// Lets the developer breathe, and work in the background come to a pause.
    async fn rest(&self) {
        let began = Instant::now();
        sleep(BETWEEN).await;
        while proc::is_compiling(self.process.id()) && began.elapsed() < QUIET {
            sleep(BETWEEN / 5).await;
        }
    }
}

/// An error, and the last lines that the server printed.
pub(crate) fn with_tail(error: &Failure, process: &Process) -> Failure {
    let output = process.output();
    let lines: Vec<&str> = output.lines().collect();
    let tail = lines[lines.len().saturating_sub(30)..].join("\n");
    format!("{error}\n---- the end of what nova dev printed\n{tail}").into()
}
