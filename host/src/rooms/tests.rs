use std::collections::BTreeSet;
use std::future::poll_fn;

use bytes::BytesMut;
use nova_abi::abi_stable::std_types::ROption;
use nova_abi::{RoomEvent, RoomReader};

use super::*;

/// A process that follows another one.
async fn follower(of: &SharedRooms) -> SharedRooms {
    let (ours, theirs) = UnixStream::pair().unwrap();
    of.let_in(ours).unwrap();
    let rooms = SharedRooms::default();
    rooms.follow(theirs, WhenGone::Lead).await.unwrap();
    rooms
}

async fn send(rooms: &SharedRooms, room: &str, text: &str) -> Result<u64, RoomError> {
    let text = Bytes::copy_from_slice(text.as_bytes());
    rooms.clone().send_to(room.to_owned(), text).await
}

async fn next(reader: &mut Reader) -> (u64, String) {
    match poll_fn(|cx| reader.poll_next(cx)).await {
        RoomEvent::Message { id, bytes } => (id, String::from_utf8_lossy(&bytes).into_owned()),
        RoomEvent::Lagged(missed) => panic!("lagged {missed:?}"),
    }
}

#[tokio::test]
async fn processes_read_the_same_in_the_same_order() {
    let leads = SharedRooms::default();
    let before = send(&leads, "a", "before").await.unwrap();
    let followers = [follower(&leads).await, follower(&leads).await];
    let all = [&leads, &followers[0], &followers[1]];
    let mut readers = all.map(|rooms| rooms.subscribe("a", RoomStart::After(before)).unwrap());
    let sending = (0..3).map(|process| {
        let rooms = all[process].clone();
        tokio::spawn(async move {
            let mut ids = Vec::new();
            for n in 0..200 {
                let id = send(&rooms, "a", &format!("{process} {n}")).await.unwrap();
                // Who was told of a number finds the message in its own process.
                let mut after = rooms.subscribe("a", RoomStart::After(id - 1)).unwrap();
                assert_eq!(next(&mut after).await, (id, format!("{process} {n}")));
                ids.push(id);
            }
            ids
        })
    });
    let sending: Vec<_> = sending.collect();
    let mut sent = BTreeSet::new();
    for ids in sending {
        let ids = ids.await.unwrap();
        assert!(ids.is_sorted(), "the messages of one sender keep their order");
        sent.extend(ids);
    }
    assert_eq!(sent, (before + 1..before + 601).collect());
    let mut heard = Vec::new();
    for reader in &mut readers {
        let mut all = Vec::new();
        for id in before + 1..before + 601 {
            let (found, text) = next(reader).await;
            assert_eq!(found, id);
            all.push(text);
        }
        heard.push(all);
    }
    assert!(heard[0] == heard[1] && heard[1] == heard[2]);
}

#[tokio::test]
async fn what_a_room_does_not_take_is_said_in_every_process() {
    let leads = SharedRooms::default();
    let follows = follower(&leads).await;
    for rooms in [&leads, &follows] {
        assert_eq!(send(rooms, "", "x").await, Err(RoomError::InvalidName));
        let long = "x".repeat(nova_abi::LONGEST_ROOM_MESSAGE + 1);
        assert_eq!(send(rooms, "a", &long).await, Err(RoomError::TooLong));
        assert!(send(rooms, "a", &long[1..]).await.is_ok());
    }
}

/// A recycling: the process that leads lets its successor lead, and ends.
#[tokio::test]
async fn the_one_that_comes_goes_on_with_the_numbers() {
    let mut leads = SharedRooms::default();
    let first = send(&leads, "a", "0").await.unwrap();
    let mut readers = vec![leads.subscribe("a", RoomStart::After(first)).unwrap()];
    let mut count = 0;
    for _ in 0..3 {
        let comes = follower(&leads).await;
        readers.push(comes.subscribe("a", RoomStart::Oldest).unwrap());
        // Messages on their way are numbered by the one or by the other.
        let sending: Vec<_> = (0..50)
            .map(|n| {
                let comes = comes.clone();
                tokio::spawn(async move { send(&comes, "a", &n.to_string()).await })
            })
            .collect();
        tokio::task::yield_now().await;
        leads.hand_over().await;
        assert_eq!(send(&leads, "a", "x").await, Err(RoomError::Unavailable));
        for sent in sending {
            assert!(sent.await.unwrap().is_ok());
            count += 1;
        }
        leads = comes;
    }
    let mut last = readers.pop().unwrap();
    let mut ids = Vec::new();
    for _ in 0..=count {
        ids.push(next(&mut last).await.0);
    }
    assert_eq!(ids, (first..=first + count).collect::<Vec<_>>());
}

#[tokio::test]
async fn one_that_ends_leaves_the_others_as_they_are() {
    let leads = SharedRooms::default();
    let stays = follower(&leads).await;
    let mut reader = stays.subscribe("a", RoomStart::Now).unwrap();
    // A process that is killed in the middle of a frame, and one that is not what it seems.
    for bytes in [&b"\0\0\0\x20\0half"[..], b"\0\0\0\x01\x09"] {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        leads.let_in(ours).unwrap();
        std::io::Write::write_all(&mut theirs, bytes).unwrap();
    }
    // One that takes nothing, while there is more than what it may have.
    let (ours, _deaf) = UnixStream::pair().unwrap();
    leads.let_in(ours).unwrap();
    let large = "x".repeat(200 * 1024);
    for n in 0..50_u64 {
        let sent = send(if n % 2 == 0 { &leads } else { &stays }, "a", &large).await.unwrap();
        assert_eq!(next(&mut reader).await, (sent, large.clone()));
    }
    let before = send(&stays, "a", "before").await.unwrap();
    assert_eq!(next(&mut reader).await.0, before);
}

#[tokio::test]
async fn the_one_that_led_is_gone_without_a_word() {
    for (gone, sent) in [
        // It came in its place, and goes on.
        (WhenGone::Lead, Ok(())),
        // It is one of several, which would each number by itself.
        (WhenGone::Leave, Err(RoomError::Unavailable)),
    ] {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let stays = SharedRooms::default();
        let following = stays.follow(theirs, gone);
        drop(ours);
        following.await.unwrap();
        while matches!(*stays.0.role.lock(), Role::Follows(_)) {
            tokio::task::yield_now().await;
        }
        // One that follows it is answered, too.
        let behind = follower(&stays).await;
        for rooms in [&stays, &behind] {
            assert_eq!(send(rooms, "a", "alone").await.map(drop), sent, "{gone:?}");
        }
    }
}

#[tokio::test]
async fn what_is_on_its_way_is_bounded_though_nobody_waits_for_it() {
    let (ours, theirs) = UnixStream::pair().unwrap();
    // It is ready, and takes nothing.
    let mut ready = BytesMut::new();
    wire::Frame::Ready.put(&mut ready);
    std::io::Write::write_all(&mut &ours, &ready).unwrap();
    let rooms = SharedRooms::default();
    rooms.follow(theirs, WhenGone::Leave).await.unwrap();
    let large = "x".repeat(nova_abi::LONGEST_ROOM_MESSAGE);
    for _ in 0..2 * ON_THE_WAY / large.len() {
        let given_up = tokio::time::timeout(Duration::ZERO, send(&rooms, "a", &large)).await;
        assert!(given_up.is_err(), "there is no answer");
    }
    assert!(rooms.0.on_the_way.available_permits() < large.len() + OVERHEAD);
    // All of it is given up with the process that led.
    drop(ours);
    assert_eq!(send(&rooms, "a", &large).await, Err(RoomError::Unavailable));
    assert_eq!(rooms.0.on_the_way.available_permits(), ON_THE_WAY);
}

#[tokio::test]
async fn a_reader_elsewhere_that_is_too_slow_is_told() {
    let leads = SharedRooms::default();
    let follows = follower(&leads).await;
    let mut reader = follows.subscribe("a", RoomStart::Now).unwrap();
    let count = Limits::default().messages as u64 + 10;
    let mut last = 0;
    for n in 0..count {
        last = send(&leads, "a", &n.to_string()).await.unwrap();
    }
    // It has come when a message behind it has.
    let id = send(&follows, "a", "behind").await.unwrap();
    assert_eq!(id, last + 1);
    match poll_fn(|cx| reader.poll_next(cx)).await {
        RoomEvent::Lagged(ROption::RSome(11)) => {}
        other => panic!("{other:?}"),
    }
    assert_eq!(next(&mut reader).await.1, "11");
}

/// A worker that comes later: what was sent before is neither missed nor numbered again.
#[tokio::test]
async fn a_room_of_which_nothing_is_kept_goes_on_elsewhere() {
    let leads = SharedRooms::new(Limits { bytes: 1, ..Limits::default() });
    let mut last = 0;
    for n in 0..3_u32 {
        last = send(&leads, "a", &n.to_string()).await.unwrap();
    }
    send(&leads, "b", "the last of all is kept").await.unwrap();
    let comes = follower(&leads).await;
    let mut reader = comes.subscribe("a", RoomStart::Now).unwrap();
    assert_eq!(send(&comes, "a", "next").await, Ok(last + 1));
    assert_eq!(next(&mut reader).await, (last + 1, "next".to_owned()));
}
