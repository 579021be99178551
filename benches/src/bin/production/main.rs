//! What a release is like in production: how fast it starts, how fast its first answers are, what
//! a profile gives, and what the edge of the host costs.
//!
//! `cargo run --release -p nova-benches --bin production -- SCENARIO`. Each builds what it
//! compares, in folders of its own; what is compared runs in turns.

mod build;
mod costs;
mod first;
mod start;

use nova_tests::client::Failure;

const USAGE: &str = "usage: production SCENARIO
  start [STARTS]    exec to the first 200 of an app of 50 routes: host and library, one static
                    program, and an axum program with the same routes
  first [STARTS]    the first request of each route against its own median later
  pgo [ROUNDS]      CPU time per request with and without a profile (llvm-profdata is needed)
  edge [ROUNDS]     CPU time per request with what the host adds to an answer, and without";

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let mut args = std::env::args().skip(1);
    let scenario = args.next().ok_or(USAGE)?;
    let count = args.next().map_or(Ok(30), |count| count.parse())?;
    match scenario.as_str() {
        "start" => start::start(count).await,
        "first" => first::first(count).await,
        "pgo" => costs::pgo(count).await,
        "edge" => costs::edge(count).await,
        _ => Err(USAGE.into()),
    }
}
