//! What was acknowledged is there afterwards, whatever was done to the host meanwhile: apps with
//! data, compiled and served as their users do it, with no setting by hand.
//!
//! `cargo run --release -p nova-benches --bin data` does the same for longer, and prints tables.

mod holders;
mod memory;
mod sqlite;

use nova_tests::data::app::DataApp;
use nova_tests::data::scenario::{Event, Outcome, Scenario};

/// The profile that the other apps of the tests are compiled in.
const PROFILE: &str = "dev";

async fn compiled(name: &str) -> DataApp {
    DataApp::compile(name, PROFILE).await.unwrap_or_else(|said| panic!("{name}: {said}"))
}

/// Plays a scenario, in which nothing may be lost, refused or answered with an error.
async fn is_whole(scenario: &Scenario<'_>, app: &DataApp) -> Outcome {
    let Scenario { event, settings, .. } = scenario;
    let what = format!("{event}, {}, {settings:?}", app.mode());
    let outcome = scenario.play(app).await.unwrap_or_else(|error| panic!("{what}: {error}"));
    let Outcome { audit, refused, log } = &outcome;
    println!("{what}: {audit}");
    assert!(audit.is_whole(), "{what}: {audit:?}\n{log}");
    assert_eq!(*refused, Vec::<String>::new(), "{what}\n{log}");
    // Who is killed does not answer what is under way: a request on each connection at most.
    let most = match event {
        Event::WorkerKilled => u64::from(scenario.load.writers * scenario.times),
        Event::HostKilled => u64::MAX,
        _ => 0,
    };
    assert!(audit.failures.len() as u64 <= most, "{what}: {:?}\n{log}", audit.failures);
    outcome
}
