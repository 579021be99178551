//! Servers to compare: started, asked, and their CPU time read.

use std::net::{SocketAddr, TcpListener};
use std::process::Stdio;
use std::time::{Duration, Instant};

use http::Method;
use nova_tests::client::{Connection, Failure, fresh};
use nova_tests::process::Process;
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::Command;

use crate::cpu::used_ns;

/// What does not answer by then never will.
const PATIENCE: Duration = Duration::from_secs(900);

/// A server that prints its address, and a connection to it.
pub struct Server {
    /// The server.
    pub process: Process,
    /// The connection.
    pub connection: Connection,
}

impl Server {
    /// Starts a server.
    ///
    /// # Errors
    /// If it prints no address, or nobody answers there.
    pub async fn start(command: Command) -> Result<Self, Failure> {
        let mut process = Process::spawn(command);
        let url = process.url().await;
        let connection = Connection::open(url.trim_start_matches("http://").parse()?).await?;
        Ok(Self { process, connection })
    }

    /// Microseconds of CPU per request in one round of so many.
    ///
    /// # Errors
    /// If a request fails, or is not answered with 200.
    pub async fn round(
        &mut self,
        method: &Method,
        path: &str,
        body: &'static [u8],
        requests: u32,
    ) -> Result<f64, Failure> {
        let before = used_ns(self.process.id());
        for _ in 0..requests {
            let answer = self.connection.send(method.clone(), path, body).await?;
            if answer.status() != 200 {
                return Err(format!("{path}: {}", answer.status()).into());
            }
        }
        let used = used_ns(self.process.id()) - before;
        #[allow(clippy::cast_precision_loss)]
        let used = used as f64;
        Ok(used / 1000.0 / f64::from(requests))
    }
}

/// A port that was free a moment ago; the server is told it.
///
/// # Errors
/// If there is none.
pub fn free_address() -> Result<SocketAddr, Failure> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?)
}

/// Milliseconds from the start of `command` until a client that tries again after a `pause` is
/// answered with 200; the server is told to stop then.
///
/// # Errors
/// If it ends, or does not answer.
pub async fn first_answer(
    mut command: Command,
    address: SocketAddr,
    path: &str,
    pause: Duration,
) -> Result<f64, Failure> {
    command.stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    let began = Instant::now();
    let mut child = command.spawn()?;
    while fresh(address, path).await.is_err() {
        if let Some(status) = child.try_wait()? {
            return Err(format!("{command:?} ended: {status}").into());
        }
        if began.elapsed() > PATIENCE {
            return Err(format!("{command:?} does not answer").into());
        }
        match pause {
            Duration::ZERO => tokio::task::yield_now().await,
            // Whoever asks without a pause takes a core from a compiler.
            pause => tokio::time::sleep(pause).await,
        }
    }
    let took = began.elapsed();
    // An end that is asked for: a server that is killed leaves its own children.
    let pid = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
    if let Some(pid) = pid {
        kill_process(pid, Signal::TERM)?;
    }
    child.wait().await?;
    Ok(took.as_secs_f64() * 1000.0)
}
