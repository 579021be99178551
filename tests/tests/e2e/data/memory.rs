//! A store in memory, which each version of the code hands to the next: what is written between
//! `export` and `import` has nobody to go to, so the door is held.

use nova_tests::data::scenario::{Event, Scenario};
use nova_tests::data::server::Settings;
use nova_tests::data::writers::Load;

use super::{compiled, is_whole};

/// How long an import takes in milliseconds, where it takes time.
const SLOW: f64 = 300.0;

async fn keeps_orders(event: Event, times: u32, import: f64) -> f64 {
    let store = compiled("store").await;
    assert_eq!(store.mode(), "handover", "{}", store.said);
    let import = import.to_string();
    let scenario = Scenario {
        settings: Settings { args: &[], env: &[("STORE_IMPORT_MS", &import)] },
        load: Load { writers: 20, rate: Some(200), page: "/add" },
        event,
        times,
        between: 20,
    };
    is_whole(&scenario, &store).await.audit.waits.max
}

#[tokio::test(flavor = "multi_thread")]
async fn swaps_keep_orders() {
    keeps_orders(Event::Swap, 20, 0.0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rollbacks_keep_orders() {
    keeps_orders(Event::Rollback, 5, 0.0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn recyclings_keep_orders() {
    keeps_orders(Event::Recycle, 2, 0.0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_wait_while_a_store_is_read() {
    let longest = keeps_orders(Event::Swap, 2, SLOW).await;
    assert!(longest >= SLOW * 0.9, "nobody has waited: {longest} ms");
}
