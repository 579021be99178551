//! What pages do to the process that they run in, and what others see of it.

use std::path::Path;

use nova_tests::client::fresh;
use nova_tests::fixtures::library;
use nova_tests::host::{Host, Options};
use rustix::process::Signal;

/// A host with the library `rogue`, whose `init` does what `behaviour` says.
async fn host(behaviour: &str, args: &[&str]) -> Host {
    let env = [("NOVA_FIXTURE_ROGUE", Path::new(behaviour))];
    Host::start_with(&library("rogue"), Options { args, env: &env, ..Options::default() }).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_takes_no_signal_away() {
    for behaviour in ["handler", "ignore"] {
        let mut host = host(behaviour, &[]).await;
        host.process.signal(Signal::HUP);
        host.process.line("unchanged, generation 1 serves on").await;
        host.process.signal(Signal::USR2);
        host.process.line("recycling: as told by a signal").await;
        host.process.line("stands in").await;
        // The second is that of the stand-in.
        host.process.line("generation 3 is live").await;
        host.process.signal(Signal::TERM);
        let status = host.process.read_to_end().await;
        assert!(status.success(), "{behaviour}: {status}\n{}", host.process);
        assert!(!host.process.output().contains("the app got a signal"), "{}", host.process);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_children_of_an_app_take_signals_as_ever() {
    let host = host("", &[]).await;
    let status = fresh(host.address, "/child").await.unwrap();
    let blocked = status.lines().find_map(|line| line.strip_prefix("SigBlk:")).unwrap();
    assert_eq!(u64::from_str_radix(blocked.trim(), 16).unwrap(), 0, "{status}");
}
