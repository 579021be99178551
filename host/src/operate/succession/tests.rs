use super::*;
use crate::generation::GenerationId;

/// What the process before says, and what takes its place.
async fn conversation(successor: Successor) -> (SuccessionPeer, Succession) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let mut before = SuccessionPeer::over(ours).unwrap();
    let state = SuccessionState {
        pid: 4242,
        sockets: 0,
        admin: false,
        forward: false,
        rooms: false,
        switch: SwitchState {
            log: crate::release::ledger::ReleaseLog::default(),
            last_generation: GenerationId(7),
            totals: (3, 1),
            stylesheets: Vec::new(),
            copies: None,
            apps: Vec::new(),
        },
        folders: Vec::new(),
        worker: None,
        waits: true,
    };
    let null = File::open("/dev/null").unwrap();
    let record = [std::os::fd::AsFd::as_fd(&null)];
    let (handed, left) =
        tokio::join!(before.hand_over(&record, &state), Succession::over(successor, theirs));
    handed.unwrap();
    (before, left.unwrap())
}

#[tokio::test]
async fn what_is_handed_over_arrives() {
    let (_before, left) = conversation(Successor::StandIn).await;
    assert_eq!((left.state.pid, left.state.switch.last_generation), (4242, GenerationId(7)));
    assert!(left.sockets.is_empty() && left.record.is_some(), "{left:?}");
}

#[tokio::test]
async fn nobody_answers_before_it_is_told_to() {
    for successor in [Successor::StandIn, Successor::Recycled] {
        let (mut before, mut left) = conversation(successor).await;
        let opened = async {
            assert!(left.states().await.is_ok());
            left.opened(Vec::new()).await
        };
        let mut opened = std::pin::pin!(opened);
        let told = async {
            before.loaded().await.unwrap();
            before.give(PeerOrder::Start(InheritedStates::default())).await;
            before.serving().await.unwrap();
        };
        tokio::select! {
            biased;
            opened = &mut opened => panic!("it was not told: {opened:?}"),
            () = told => {}
        }
        before.open().await.unwrap();
        assert_eq!(opened.await, Ok(()));
    }
}

#[tokio::test]
async fn who_is_not_wanted_says_that_it_does_not_serve() {
    // Before its apps start.
    let (mut before, mut left) = conversation(Successor::Recycled).await;
    let not_wanted = async {
        let error = left.states().await.unwrap_err();
        assert_eq!(error.to_string(), SERVES_ON);
        left.failed(PeerFailure::passing("not wanted")).await.unwrap()
    };
    let (_left, ()) = tokio::join!(not_wanted, before.withdraw());

    // After that, with the word on its way that they have started.
    let (mut before, mut left) = conversation(Successor::Recycled).await;
    let not_wanted = async {
        let failure = left.opened(Vec::new()).await.unwrap_err();
        left.failed(failure).await.unwrap()
    };
    let (_left, ()) = tokio::join!(not_wanted, before.withdraw());
    // It has said so, and is not told again.
    before.withdraw().await;
}

#[tokio::test]
async fn a_recycled_process_whose_stand_in_is_gone_serves() {
    let (before, mut left) = conversation(Successor::Recycled).await;
    drop(before);
    assert_eq!(left.opened(Vec::new()).await, Ok(()));
    let (before, mut left) = conversation(Successor::StandIn).await;
    drop(before);
    let failure = left.opened(Vec::new()).await.unwrap_err();
    assert_eq!(failure.reason, "the process before is gone");
}
