//! A release that answers a share of the requests.

use nova_host::operate::admin::Status;
use nova_host::swap::GenerationState;
use nova_tests::fixtures::{library, stamped};
use rustix::process::Signal;

use super::ground::{Ground, Load, locked};

#[tokio::test(flavor = "multi_thread")]
async fn a_canary_that_is_well_is_promoted() {
    let ground = Ground::new();
    let good = library("good");
    ground.library("lib.so", &good);
    let mut host = ground.start(&["--routes", "lib.so"]).await;
    let old = host.text("/build").await;
    let next = ground.library("next.so", &stamped(&good, "2"));
    let load = Load::start(host.address, 2);
    assert_eq!(host.canary(&next, 0.25, 3.0).await.unwrap(), 2);

    // It has its share, exactly, from the first requests on.
    let status = host.status().await;
    let canary = status.canary.unwrap();
    assert!(canary.left_seconds <= 3.0 && canary.generation == 2, "{canary:?}");
    let requests = |status: &Status| {
        let of = |id| status.generations.iter().find(|it| it.id == id).unwrap().requests;
        (of(1), of(2))
    };
    let (old_before, new_before) = requests(&host.status().await);
    load.more(1_000).await;
    let (old_after, new_after) = requests(&host.status().await);
    let (to_old, to_new) = (old_after - old_before, new_after - new_before);
    assert!(to_new.abs_diff(to_old / 3) <= 20, "{to_new} and {to_old}");

    // Another swap has to wait.
    let error = host.swap(&next, true).await.unwrap_err().to_string();
    assert!(error.contains("a canary is under way") && error.contains("25%"), "{error}");
    host.process.signal(Signal::USR2);
    host.process.line("the host is not recycled: a canary is under way").await;

    host.process.line("generation 2 is live").await;
    load.more(100).await;
    let seen = load.end().await;
    assert_eq!(*locked(&seen.broken), Vec::<String>::new());
    assert!(locked(&seen.failed).is_empty());
    let status = host.status().await;
    assert!(status.canary.is_none());
    assert_eq!(status.generations[0].state, GenerationState::Standby);
    let new = host.text("/build").await;
    assert_ne!(new, old);
    assert_eq!(host.back().await.unwrap(), 1);
    assert_eq!(host.text("/build").await, old);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_canary_that_fails_or_is_ended_leaves_nothing() {
    let ground = Ground::new();
    let good = library("good");
    ground.library("lib.so", &good);
    let mut host = ground.start(&["--routes", "lib.so"]).await;
    let build = host.text("/build").await;
    let load = Load::start(host.address, 2);
    let flaky = ground.library("flaky.so", &library("flaky"));
    host.canary(&flaky, 0.2, 600.0).await.unwrap();
    let line = host.process.line("was a canary and is refused").await;
    assert!(line.contains("requests failed"), "{line}");
    load.more(50).await;
    let failed = load.failed();
    load.more(500).await;
    let seen = load.end().await;
    println!("{failed} requests failed before the canary was ended");
    assert_eq!(locked(&seen.failed).len(), failed);
    assert_eq!(*locked(&seen.broken), Vec::<String>::new());
    let error = host.canary(&flaky, 0.2, 600.0).await.unwrap_err().to_string();
    assert!(error.contains("was refused"), "{error}");

    let next = ground.library("next.so", &stamped(&good, "2"));
    host.canary(&next, 0.5, 600.0).await.unwrap();
    assert_eq!(host.back().await.unwrap(), 1);
    for _ in 0..10 {
        assert_eq!(host.text("/build").await, build);
    }
    let status = host.status().await;
    assert_eq!((status.rollbacks, status.canary), (2, None));
    assert!(!status.last_rollback.unwrap().automatic);
}
