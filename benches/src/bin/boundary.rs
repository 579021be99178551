//! What the boundary costs: CPU time per request for the same pages, inside a loaded library and
//! linked into the host, and axum as the peer.
//!
//! Short rounds alternate between the servers, and each round of one is paired with the round of
//! the other beside it. `cargo run --release -p nova-benches --bin boundary [ROUNDS]`

use std::path::{Path, PathBuf};

use http::Method;
use nova_benches::server::Server;
use nova_benches::stats::{quantile, ratio};
use nova_tests::client::Failure;
use nova_tests::process::Process;
use tokio::process::Command;

/// 64 KiB.
const UPLOAD: &[u8] = &[b'x'; 64 * 1024];

struct Case {
    name: &'static str,
    method: Method,
    path: &'static str,
    body: &'static [u8],
    /// Requests in a round of one server.
    requests: u32,
}

const fn case(
    name: &'static str,
    method: Method,
    path: &'static str,
    body: &'static [u8],
    requests: u32,
) -> Case {
    Case { name, method, path, body, requests }
}

const CASES: [Case; 7] = [
    case("text", Method::GET, "/text", b"", 1000),
    case("json", Method::GET, "/json/42", b"", 1000),
    case("html", Method::GET, "/html?a=1&b=2", b"", 500),
    case("sleep 1 ms", Method::GET, "/sleep", b"", 50),
    case("outgoing request", Method::GET, "/outgoing", b"", 200),
    case("stream 256 KiB", Method::GET, "/stream", b"", 100),
    case("post 64 KiB", Method::POST, "/post", UPLOAD, 200),
];

async fn start(args: &[&Path], upstream: &str) -> Result<Server, Failure> {
    let mut command = Command::new(std::env::current_exe()?.with_file_name("serve"));
    command.args(args).env("NOVA_BENCH_UPSTREAM", upstream);
    Server::start(command).await
}

/// Microseconds of CPU per request in one round.
async fn one(server: &mut Server, case: &Case) -> Result<f64, Failure> {
    server.round(&case.method, case.path, case.body, case.requests).await
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let rounds: usize = std::env::args().nth(1).map_or(Ok(60), |rounds| rounds.parse())?;
    let library: PathBuf = std::env::current_exe()?.with_file_name("libnova_bench_app.so");
    let mut upstream = Process::spawn({
        let mut command = Command::new(std::env::current_exe()?.with_file_name("serve"));
        command.arg("axum");
        command
    });
    let upstream = format!("{}/text", upstream.url().await);
    let path = Path::new;
    let mut loaded = start(&[path("loaded"), &library], &upstream).await?;
    let mut linked = start(&[path("linked")], &upstream).await?;
    let mut axum = start(&[path("axum")], &upstream).await?;

    println!("CPU time per request, {rounds} alternating rounds; medians in microseconds");
    println!(
        "{:<18}{:>9}{:>9}{:>9}   loaded/linked (95 % of the median; middle half)   loaded/axum",
        "", "loaded", "linked", "axum"
    );
    for case in &CASES {
        let (mut a, mut b, mut c) = (Vec::new(), Vec::new(), Vec::new());
        for server in [&mut loaded, &mut linked, &mut axum] {
            one(server, case).await?;
        }
        for round in 0..rounds {
            // The order turns, so that none always follows the same other.
            if round % 2 == 0 {
                a.push(one(&mut loaded, case).await?);
                b.push(one(&mut linked, case).await?);
            } else {
                b.push(one(&mut linked, case).await?);
                a.push(one(&mut loaded, case).await?);
            }
            c.push(one(&mut axum, case).await?);
        }
        let (inner, outer) = (ratio(&a, &b), ratio(&a, &c));
        println!(
            "{:<18}{:>9.2}{:>9.2}{:>9.2}   {:>6.3} ({:.3}-{:.3}; {:.3}-{:.3}){:>24.3}",
            case.name,
            quantile(&mut a, 0.5),
            quantile(&mut b, 0.5),
            quantile(&mut c, 0.5),
            inner.median,
            inner.interval.0,
            inner.interval.1,
            inner.quartiles.0,
            inner.quartiles.1,
            outer.median,
        );
    }
    Ok(())
}
