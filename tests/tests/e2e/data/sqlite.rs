//! A shop whose library brings SQLite: two copies of it in one process would take each other's
//! locks for free, so its releases are not swapped by an overlap.

use nova_tests::data::scenario::{Event, Scenario};
use nova_tests::data::server::Settings;
use nova_tests::data::writers::Load;

use super::{compiled, is_whole};

const JOURNALS: [&str; 2] = ["delete", "wal"];

/// 20 writers, in both journal modes: as `nova compile` has chosen, or as `app.rs` says.
async fn keeps_orders(event: Event, declared: Option<&str>, args: &[&str]) {
    let shop = compiled("shop").await;
    assert_eq!(shop.mode(), "process", "{}", shop.said);
    let shop = match declared {
        Some(mode) => shop.declaring(mode),
        None => shop,
    };
    for journal in JOURNALS {
        let scenario = Scenario {
            settings: Settings { args, env: &[("SHOP_JOURNAL", journal)] },
            load: Load { writers: 20, rate: None, page: "/add" },
            event,
            times: 2,
            between: 40,
        };
        is_whole(&scenario, &shop).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_swap_keeps_orders() {
    keeps_orders(Event::Swap, None, &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_swap_with_the_door_held_keeps_orders() {
    keeps_orders(Event::Swap, Some("handover"), &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollback_keeps_orders() {
    keeps_orders(Event::Rollback, None, &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollback_with_the_door_held_keeps_orders() {
    keeps_orders(Event::Rollback, Some("handover"), &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recycling_keeps_orders() {
    keeps_orders(Event::Recycle, None, &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_keep_orders_when_one_is_killed() {
    keeps_orders(Event::WorkerKilled, None, &["--workers", "2"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_is_killed_has_lost_no_order() {
    keeps_orders(Event::HostKilled, None, &[]).await;
}
