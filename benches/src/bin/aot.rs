//! The table of the ahead-of-time document, made anew: how long the starter takes to answer without
//! an image and with one, and what the image costs.
//!
//! `cargo run --release -p nova-benches --bin aot [STARTS]`. Everything begins cold, in folders of
//! its own: no cache of sys images, no target folder. What crates.io gives is downloaded already,
//! because the workspace has it. The times are from exec to the first 200 of `/`.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use nova_benches::stats::quantile;
use nova_tests::client::{Failure, fresh};
use nova_tests::workspace::{App, binary};
use tokio::process::Command;

/// What does not answer by then never will.
const PATIENCE: Duration = Duration::from_secs(900);

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let starts: usize = std::env::args().nth(1).map_or(Ok(30), |starts| starts.parse())?;
    let app = App::example("starter", "aot");
    let nova = binary("nova").await;

    let without = dev(&app, &nova, None).await?;
    let (built, size) = build(&app, &nova).await?;
    let library = app.path.join("build/libnova_routes.so");
    let with = dev(&app, &nova, Some(&library)).await?;
    let mut production = Vec::new();
    for _ in 0..starts {
        let address = free_address()?;
        let mut command = Command::new(app.path.join("build/start"));
        command.args(["--no-admin", "--port", &address.port().to_string()]);
        production.push(milliseconds(first_answer(command, address, Duration::ZERO).await?));
    }
    let (p50, p95) = (quantile(&mut production, 0.5), quantile(&mut production, 0.95));

    println!("| what | time or size |");
    println!("|---|---|");
    println!("| `nova dev`, cold: exec to the first 200 | {:.1} s |", without.as_secs_f64());
    println!(
        "| `nova dev --routes build/libnova_routes.so`, as cold | {:.0} ms |",
        milliseconds(with)
    );
    println!("| `build/start`: p50 of {starts} starts (p95) | {p50:.1} ms ({p95:.1} ms) |");
    println!("| `nova build --aot`, dependencies included | {:.0} s |", built.as_secs_f64());
    println!("| `build/libnova_routes.so` | {:.2} MB |", size as f64 / 1e6);
    Ok(())
}

/// `nova dev` with nothing that an earlier one has left.
async fn dev(app: &App, nova: &Path, library: Option<&Path>) -> Result<Duration, Failure> {
    let folder = tempfile::tempdir()?;
    let left = app.path.join(".nova");
    if left.exists() {
        std::fs::remove_dir_all(left)?;
    }
    let address = free_address()?;
    let mut command = Command::new(nova);
    command.args(["dev", "--quiet", "--port", &address.port().to_string()]);
    command.current_dir(&app.path).env("NOVA_CACHE_DIR", folder.path().join("cache"));
    command.env("CARGO_TARGET_DIR", folder.path().join("target"));
    if let Some(library) = library {
        command.arg("--routes").arg(library);
    }
    // Whoever asks without a pause takes a core from the compiler.
    first_answer(command, address, Duration::from_millis(2)).await
}

/// A build with an empty target folder: its time, and the bytes of the library.
async fn build(app: &App, nova: &Path) -> Result<(Duration, u64), Failure> {
    let folder = tempfile::tempdir()?;
    let mut command = Command::new(nova);
    command.args(["build", "--aot"]).current_dir(&app.path).stdout(Stdio::null());
    command.env("CARGO_TARGET_DIR", folder.path());
    let began = Instant::now();
    let status = command.status().await?;
    let took = began.elapsed();
    if !status.success() {
        return Err("`nova build --aot` failed".into());
    }
    Ok((took, std::fs::metadata(app.path.join("build/libnova_routes.so"))?.len()))
}

/// A port that was free a moment ago; the server is told it.
fn free_address() -> Result<SocketAddr, Failure> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?)
}

/// The time until a client that tries again after a `pause` is answered with 200.
async fn first_answer(
    mut command: Command,
    address: SocketAddr,
    pause: Duration,
) -> Result<Duration, Failure> {
    command.stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    let began = Instant::now();
    let mut child = command.spawn()?;
    while fresh(address, "/").await.is_err() {
        if let Some(status) = child.try_wait()? {
            return Err(format!("{command:?} ended: {status}").into());
        }
        if began.elapsed() > PATIENCE {
            return Err(format!("{command:?} does not answer").into());
        }
        tokio::time::sleep(pause).await;
    }
    let took = began.elapsed();
    // An end that is asked for: a server that is killed leaves its own children.
    let pid = child.id().and_then(|id| rustix::process::Pid::from_raw(i32::try_from(id).ok()?));
    if let Some(pid) = pid {
        rustix::process::kill_process(pid, rustix::process::Signal::TERM)?;
    }
    child.wait().await?;
    Ok(took)
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}
