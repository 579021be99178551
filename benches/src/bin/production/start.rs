//! From exec to the first 200.

use std::path::Path;
use std::time::Duration;

use nova_benches::apps::{self, url};
use nova_benches::server::{first_answer, free_address};
use nova_benches::stats::{quantile, ratio};
use nova_tests::client::Failure;
use tokio::process::Command;

use super::build::{PAGES, axum, release};

/// Fresh starts in turns: a release with its host, the same as one static program, axum.
pub(crate) async fn start(starts: usize) -> Result<(), Failure> {
    let app = apps::nova(PAGES);
    let build = release(&app, &["--static"]).await?;
    let peer = apps::axum(PAGES);
    let peer = axum(&peer, &format!("bench-axum-{PAGES}")).await?;
    let path = url(PAGES - 1);
    let linked = build.join(format!("bench-nova-{PAGES}"));

    let nova = |program: &Path, routes: bool, port: u16| {
        let mut command = Command::new(program);
        if routes {
            command.arg("--routes").arg(&build);
        }
        command.args(["--no-admin", "--port", &port.to_string()]);
        command
    };
    let host = build.join("nova-host");
    let names = ["nova-host and library", "static program", "axum"];
    let mut times = [const { Vec::new() }; 3];
    for _ in 0..starts {
        for (which, times) in times.iter_mut().enumerate() {
            let address = free_address()?;
            let command = match which {
                0 => nova(&host, true, address.port()),
                1 => nova(&linked, false, address.port()),
                _ => {
                    let mut command = Command::new(&peer);
                    command.arg(address.port().to_string());
                    command
                }
            };
            times.push(first_answer(command, address, &path, Duration::ZERO).await?);
        }
    }
    println!("exec to the first 200 of {PAGES} routes, {starts} fresh starts of each, in ms");
    let axum = times[2].clone();
    for (name, times) in names.iter().zip(&mut times) {
        let compared = ratio(times, &axum);
        let (low, high) = compared.interval;
        let (p50, p95) = (quantile(times, 0.5), quantile(times, 0.95));
        println!(
            "{name:<24} p50 {p50:>6.1}   p95 {p95:>6.1}   by axum {:.2} ({low:.2}-{high:.2})",
            compared.median
        );
    }
    Ok(())
}
