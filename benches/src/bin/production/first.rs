//! The first request of each route after a start, against the same route later.

use std::time::Instant;

use http::Method;
use nova_benches::apps::{self, url};
use nova_benches::server::Server;
use nova_benches::stats::quantile;
use nova_tests::client::{Connection, Failure};
use tokio::process::Command;

use super::build::{PAGES, release};

/// How often each route is asked for its steady time.
const LATER: usize = 15;

/// Fresh starts; in each, every route for the first time and then again and again, on a connection
/// that has been used.
pub(crate) async fn first(starts: usize) -> Result<(), Failure> {
    let app = apps::nova(PAGES);
    let build = release(&app, &[]).await?;
    let mut ratios: Vec<Vec<f64>> = vec![Vec::new(); PAGES];
    let (mut firsts, mut later) = (Vec::new(), Vec::new());
    for _ in 0..starts {
        let mut command = Command::new(build.join("nova-host"));
        command.arg("--routes").arg(&build).args(["--no-admin", "--port", "0"]);
        command.arg("--no-access-log");
        let mut server = Server::start(command).await?;
        // Neither the client's first request nor the connection's is to be measured.
        for _ in 0..20 {
            server.connection.get("/healthz").await?;
        }
        let mut first = Vec::new();
        for page in 0..PAGES {
            first.push(timed(&mut server.connection, &url(page)).await?);
        }
        let mut steady = vec![Vec::new(); PAGES];
        for _ in 0..LATER {
            for (page, times) in steady.iter_mut().enumerate() {
                times.push(timed(&mut server.connection, &url(page)).await?);
            }
        }
        for (page, times) in steady.iter_mut().enumerate() {
            let median = quantile(times, 0.5);
            ratios[page].push(first[page] / median);
            later.push(median);
        }
        firsts.append(&mut first);
        server.process.stop().await;
    }
    let mut of_routes: Vec<f64> = ratios.iter().map(|it| quantile(&mut it.clone(), 0.5)).collect();
    let mut all: Vec<f64> = ratios.concat();
    println!("the first request of each of {PAGES} routes, {starts} fresh starts");
    println!("first, median         {:>8.0} µs", quantile(&mut firsts, 0.5));
    println!("later, median         {:>8.0} µs", quantile(&mut later, 0.5));
    println!(
        "first / later, of all {:>8.2} (p95 {:.2})",
        quantile(&mut all, 0.5),
        quantile(&mut all, 0.95)
    );
    let worst = quantile(&mut of_routes, 1.0);
    let verdict = if worst <= 2.0 { "ok" } else { "MISSED" };
    println!("the median of the worst route, at most 2.00: {worst:.2}  {verdict}");
    Ok(())
}

/// Microseconds from the request to the last byte of its answer.
async fn timed(connection: &mut Connection, path: &str) -> Result<f64, Failure> {
    let began = Instant::now();
    let answer = connection.send(Method::GET, path, b"").await?;
    let took = began.elapsed();
    if answer.status() != 200 {
        return Err(format!("{path}: {}", answer.status()).into());
    }
    Ok(took.as_secs_f64() * 1e6)
}
