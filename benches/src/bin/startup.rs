//! From exec to the first 200: `nova-host` with a library, beside a minimal axum binary.
//!
//! `cargo run --release -p nova-benches --bin startup LIBRARY [STARTS]`. Fresh processes in turns;
//! the library is the starter's, `examples/starter/build/libnova_routes.so`.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use nova_benches::stats::{quantile, ratio};
use nova_tests::client::{Failure, fresh};
use tokio::process::Command;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let mut args = std::env::args().skip(1);
    let library: PathBuf = args.next().ok_or("usage: startup LIBRARY [STARTS]")?.into();
    let starts: usize = args.next().map_or(Ok(40), |starts| starts.parse())?;
    let folder = std::env::current_exe()?;
    let (mut nova, mut axum) = (Vec::new(), Vec::new());
    for _ in 0..starts {
        let address = free_address()?;
        let mut host = Command::new(folder.with_file_name("nova-host"));
        host.arg("--routes").arg(&library).args(["--no-admin", "--port"]);
        host.arg(address.port().to_string());
        nova.push(first_answer(host, address, Path::new("/")).await?);
        let address = free_address()?;
        let mut peer = Command::new(folder.with_file_name("serve"));
        peer.args(["axum", &address.port().to_string()]);
        axum.push(first_answer(peer, address, Path::new("/text")).await?);
    }
    let compared = ratio(&nova, &axum);
    println!("exec to the first 200, {starts} fresh starts of each, in milliseconds");
    for (name, times) in [("nova-host, starter", &mut nova), ("axum, minimal", &mut axum)] {
        let (p50, p95) = (quantile(times, 0.5), quantile(times, 0.95));
        println!("{name:<20} p50 {p50:>6.1}   p95 {p95:>6.1}");
    }
    let (low, high) = compared.interval;
    println!("ratio {:.2} ({low:.2}-{high:.2})", compared.median);
    Ok(())
}

/// A port that was free a moment ago; both servers are told theirs.
fn free_address() -> Result<SocketAddr, Failure> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?)
}

/// Milliseconds until a client that tries again at once is answered with 200.
async fn first_answer(
    mut command: Command,
    address: SocketAddr,
    path: &Path,
) -> Result<f64, Failure> {
    let path = path.to_str().ok_or("a path of text")?;
    command.stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    let began = Instant::now();
    let mut child = command.spawn()?;
    while fresh(address, path).await.is_err() {
        if began.elapsed() > Duration::from_secs(10) {
            return Err(format!("{command:?} does not answer").into());
        }
        tokio::task::yield_now().await;
    }
    let took = began.elapsed();
    child.kill().await?;
    Ok(took.as_secs_f64() * 1000.0)
}
