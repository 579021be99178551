//! An app in memory that exports and imports: many swaps at a steady load, and imports that take
//! their time.

use nova_tests::client::Failure;
use nova_tests::data::app::DataApp;
use nova_tests::data::scenario::{Event, Scenario};
use nova_tests::data::server::Settings;
use nova_tests::data::writers::Load;

use crate::compiled;

/// Orders a second, of all writers.
const RATE: u32 = 200;

/// How much longer than without swaps 99 of 100 may take where an import takes no time.
const MARGIN_MS: f64 = 15.0;

/// Runs the table with so many swaps, and a sixth as many rollbacks and recycles.
pub(crate) async fn run(args: &[String]) -> Result<bool, Failure> {
    let swaps: u32 = args.first().map_or(Ok(300), |swaps| swaps.parse())?;
    let store = compiled("store").await?;
    let few = swaps.div_ceil(6);
    println!("{RATE} orders a second, 20 writers, half of them on kept connections");
    println!(
        "\n{:<10}{:>6}{:>11}{:>9}{:>6}{:>8}{:>8}{:>7}{:>8}{:>8}",
        "event", "times", "import, ms", "acked", "lost", "doubled", "failed", "p50", "p99", "max"
    );
    let (calm, mut sound) = row(&store, Event::Nothing, 1, 0, u64::from(RATE) * 20).await?;
    for (event, times, import, between) in [
        (Event::Swap, swaps, 0, 40),
        (Event::Rollback, few, 0, 40),
        (Event::Recycle, few, 0, 40),
        (Event::Swap, few, 10, 40),
        (Event::Swap, few.div_ceil(3), 500, 400),
    ] {
        let (p99, whole) = row(&store, event, times, import, between).await?;
        sound &= whole;
        if import == 0 {
            let more = p99 - calm;
            println!("{:<10}p99 is {more:.1} ms above that without; {MARGIN_MS} are allowed", "");
            sound &= more <= MARGIN_MS;
        }
    }
    Ok(sound)
}

async fn row(
    store: &DataApp,
    event: Event,
    times: u32,
    import: u32,
    between: u64,
) -> Result<(f64, bool), Failure> {
    let pause = import.to_string();
    let scenario = Scenario {
        settings: Settings { args: &[], env: &[("STORE_IMPORT_MS", &pause)] },
        load: Load { writers: 20, rate: Some(RATE), page: "/add" },
        event,
        times,
        between,
    };
    let outcome = scenario.play(store).await?;
    let audit = &outcome.audit;
    println!("{event:<10}{times:>6}{import:>11} {audit}");
    for failure in audit.failures.iter().chain(&outcome.refused).take(3) {
        println!("{:<10}{failure}", "");
    }
    let sound = audit.is_whole() && audit.failures.is_empty() && outcome.refused.is_empty();
    Ok((audit.waits.p99, sound))
}
