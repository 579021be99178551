//! A thousand swaps under load: failures, times, and what each swap keeps.
//!
//! `cargo run --release -p nova-benches --bin swap_storm [SWAPS [BUILDS]]`: so many builds take turns;
//! without a number each swap is to another one.

use nova_benches::stats::quantile;
use nova_tests::client::{Failure, Sipper};
use nova_tests::fixtures::{library, stamped};
use nova_tests::host::{Host, Options};
use nova_tests::load::{Load, one_build};

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let swaps: u32 = std::env::args().nth(1).map_or(Ok(1000), |swaps| swaps.parse())?;
    let builds: u32 = std::env::args().nth(2).map_or(Ok(swaps), |builds| builds.parse())?;
    let builds = builds.max(2);
    let good = library("good");
    // The slow client takes less than the system's buffers let a host see in a minute.
    let options = Options { args: &["--send-timeout", "1h"], ..Options::default() };
    let host = Host::start_with(&good, options).await;
    let load = Load::start(host.address, 3, 2);
    let before = host.status().await;
    let mut slow = Sipper::ask(host.address, "/long-stream").await?;
    let mut times = Vec::new();
    for swap in 1..=swaps {
        let path = host.file("next.so", &stamped(&good, &(swap % builds).to_string()));
        let report = host.swap(&path).await?;
        #[allow(clippy::cast_precision_loss)]
        times.push(report.swapped[0].total_us as f64 / 1000.0);
        if swap % (swaps / 10).max(1) == 0 {
            slow.sip(4096).await?;
        }
        if swap % 100 == 0 {
            println!("{swap} swaps, {} requests answered", load.requests());
        }
    }
    let slow = slow.finish().await?;
    let build = one_build("/stream", &slow.join("\n"))?;
    let seen = load.end().await;
    let after = host.status().await;

    println!("\nfailed requests and resets   {}", seen.failures.len());
    for failure in seen.failures.iter().take(5) {
        println!("    {failure}");
    }
    println!("requests, kept connections   {}", seen.kept);
    println!("requests, fresh connections  {}", seen.fresh);
    println!("builds that answered         {}", seen.builds.len());
    println!("slow client                  24 MiB of build {} through them all", &build[..8]);
    println!("libraries loaded             {}", after.loads);
    println!(
        "a swap                       p50 {:.1} ms, p95 {:.1} ms",
        quantile(&mut times, 0.5),
        quantile(&mut times, 0.95)
    );
    let (was, is) = (before.process, after.process);
    let rows = [
        ("anonymous memory, KiB", was.anonymous_bytes, is.anonymous_bytes, 1024),
        ("mappings", was.mappings, is.mappings, 1),
        ("threads", was.threads, is.threads, 1),
        ("descriptors", was.descriptors, is.descriptors, 1),
    ];
    println!("\n{:<28}{:>10}{:>10}{:>12}", "kept", "before", "after", "per swap");
    for (name, before, after, unit) in rows {
        let (before, after) = (before.ok_or(name)? / unit, after.ok_or(name)? / unit);
        #[allow(clippy::cast_precision_loss)]
        let each = (after as f64 - before as f64) / f64::from(swaps);
        println!("{name:<28}{before:>10}{after:>10}{each:>12.2}");
    }
    if seen.failures.is_empty() { Ok(()) } else { Err("requests failed".into()) }
}
