//! One process takes the place of another, and does not come to its end: what is held is free for the
//! one that serves on, and one of them serves.

use nova_tests::PATIENCE;
use nova_tests::client::Connection;
use rustix::process::Signal;

use crate::handover::{FIRST, Holder};

/// Waits until a hook hangs.
async fn hangs(holder: &Holder) {
    let hangs = async {
        while !holder.folder.path().join("hangs").exists() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, hangs).await.expect("a hook hangs");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_stand_in_has_taken_is_free_before_it_is_taken_back() {
    let mut holder = Holder::start(&["--init-timeout", "1"]).await;
    assert_eq!(holder.add().await, 1);
    // The stand-in has the lock of the file when its time is over.
    holder.say("import", "late", FIRST);
    holder.host.process.signal(Signal::USR2);
    let line = holder.host.process.line("the host is not recycled: ").await;
    assert!(line.contains("did not finish within 1s"), "{line}");
    assert_eq!(holder.add().await, 2);
    let said = holder.host.process.output();
    assert!(said.contains("is live: what generation 1 was"), "{said}");
    assert!(!said.contains("does not start again"), "it was tried too early\n{said}");
    assert!(holder.host.process.stop().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recycled_host_that_does_not_start_leaves_its_place_to_the_stand_in() {
    let mut holder = Holder::start(&["--init-timeout", "1"]).await;
    assert_eq!(holder.add().await, 1);
    holder.host.process.signal(Signal::USR2);
    holder.host.process.line("stands in").await;
    assert_eq!(holder.add().await, 2);
    holder.say("import", "once", FIRST);
    let line = holder.host.process.line("the recycled host does not serve: ").await;
    assert!(line.contains("did not finish within 1s"), "{line}");
    holder.host.process.said("is live: what generation 2 was").await;
    assert_eq!(holder.add().await, 3);
    // Once more, and nothing is in its way.
    holder.host.process.signal(Signal::USR2);
    holder.host.process.line("stopped").await;
    assert_eq!(holder.add().await, 4);
    assert_eq!(holder.host.status().await.pid, holder.host.process.id());
    assert!(holder.host.process.stop().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_while_the_recycled_host_starts_ends_the_stand_in_as_well() {
    let mut holder = Holder::start(&[]).await;
    assert_eq!(holder.add().await, 1);
    holder.host.process.signal(Signal::USR2);
    holder.host.process.line("stands in").await;
    holder.say("import", "once", FIRST);
    hangs(&holder).await;
    holder.host.process.signal(Signal::TERM);
    // Standard error is open until the last of them is gone.
    let status = holder.host.process.read_to_end().await;
    assert!(status.success(), "{status}\n{}", holder.host.process);
    assert!(Connection::open(holder.host.address).await.is_err());
}
