use std::net::TcpListener;
use std::os::unix::net::UnixStream;
use std::process::Stdio;

use tokio::process::Command;

use super::*;
use crate::library::loader::Store;
use crate::operate::succession::{PeerReport, Succession};
use crate::server::{Options, Server};
use crate::site::Site;
use crate::site::files::{Assets, Caching};
use crate::swap::{SwapSettings, Switch};

/// Longer than anything here takes.
const LONG: Duration = Duration::from_secs(60);

/// A host without an app, and the two ends of a conversation.
fn host() -> (Arc<Site>, Recycler, SuccessionPeer, UnixStream) {
    let switch = Arc::new(Switch::new(SwapSettings::default(), Store::in_memory()));
    let site = Arc::new(Site::new(switch, Arc::new(Assets::new(Vec::new(), Caching::Hour))));
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = Server::new([socket], Options::default()).unwrap();
    let operator = Operator::new(Arc::clone(&site), server.handle(), String::new(), None);
    let recycler = Recycler::new(Arc::new(operator), Budget::default(), server.sockets(), None);
    let (ours, theirs) = UnixStream::pair().unwrap();
    (site, recycler, SuccessionPeer::over(ours).unwrap(), theirs)
}

#[tokio::test]
async fn who_has_taken_over_answers_when_it_is_told_to() {
    let (_site, recycler, mut first, theirs) = host();
    let successor = async {
        let mut left = Succession::over(Successor::Recycled, theirs).await.unwrap();
        left.states().await.unwrap();
        left.opened(Vec::new()).await.unwrap();
        left
    };
    let (passed_on, left) = tokio::join!(recycler.hand_to(&mut first), successor);
    assert!(passed_on.is_ok(), "{:?}", passed_on.err());
    assert_eq!(left.sockets.len(), 1);
}

#[tokio::test]
async fn who_is_late_is_not_wanted_and_the_process_before_serves_on() {
    let (_site, mut recycler, mut first, theirs) = host();
    recycler.patience = Duration::from_millis(1);
    let late = async {
        let mut left = Succession::over(Successor::Recycled, theirs).await.unwrap();
        let states = left.states().await;
        let mut peer = left.take_peer().unwrap();
        // It may have been too late for them already.
        if states.is_ok() {
            assert_eq!(peer.order().await, Some(PeerOrder::NotWanted), "its apps do not start");
        }
        peer.report(&PeerReport::Failed(PeerFailure::passing("they have ended"))).await.unwrap();
        peer
    };
    let (given_back, _late) = tokio::join!(recycler.give_back(&mut first), late);
    assert_eq!(given_back.unwrap_err().to_string(), "it did not serve within 1ms");
    assert!(recycler.operator.pause().await.is_ok(), "swaps go on");
}

#[tokio::test]
async fn a_host_that_stops_hands_nothing_over() {
    let (site, recycler, mut first, theirs) = host();
    let successor = async {
        let mut left = Succession::over(Successor::Recycled, theirs).await.unwrap();
        left.states().await.unwrap();
        // The signal comes while its apps start.
        site.stopping();
        let failure = left.opened(Vec::new()).await.unwrap_err();
        left.failed(failure).await.unwrap()
    };
    let (given_back, _left) = tokio::join!(recycler.give_back(&mut first), successor);
    assert_eq!(given_back.unwrap_err().to_string(), "the host is stopping");
}

#[tokio::test]
async fn who_waits_for_the_stand_in_can_tell_it_more() {
    let (_site, recycler, stand_in, theirs) = host();
    let mut process = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
    let open = process.stdin.take();
    *recycler.child.lock() = Some(process);
    *recycler.stand_in.lock().await = Some(stand_in);
    let abort = async {
        recycler.order(PeerOrder::Abort).await;
        let mut heard = SuccessionPeer::over(theirs).unwrap();
        assert_eq!(heard.order().await, Some(PeerOrder::Abort));
        drop(open);
    };
    let both = async { tokio::join!(recycler.stand_in_ended(), abort) };
    tokio::time::timeout(LONG, both).await.expect("neither waits for the other");
}

#[test]
fn each_library_has_the_time_of_its_init() {
    let second = Duration::from_secs(1);
    for (libraries, init, limit) in [
        (0, second, second),
        (1, 90 * second, 91 * second),
        (3, 10 * second, 31 * second),
        (2, Duration::MAX, Duration::MAX),
    ] {
        assert_eq!(with_init(second, init, libraries), limit);
    }
}
