use std::pin::pin;
use std::task::{Context, Poll};

use nova_abi::abi_stable::std_types::ROption;
use nova_abi::{RoomEvent, RoomReader, Rooms};

use super::*;

fn store(limits: Limits) -> Arc<Store> {
    Arc::new(Store::new(limits))
}

/// What a reader finds without waiting: numbers as they are counted from `base`, and what it missed.
fn read(reader: &mut Reader, base: u64) -> Vec<String> {
    let mut cx = Context::from_waker(Waker::noop());
    let next = || match reader.poll_next(&mut cx) {
        Poll::Ready(RoomEvent::Message { id, bytes }) => {
            Some(format!("{} {}", id - base, String::from_utf8_lossy(&bytes)))
        }
        Poll::Ready(RoomEvent::Lagged(ROption::RSome(missed))) => Some(format!("lagged {missed}")),
        Poll::Ready(RoomEvent::Lagged(ROption::RNone)) => Some("lagged".to_owned()),
        Poll::Pending => None,
    };
    std::iter::from_fn(next).collect()
}

fn send(store: &Store, room: &str, text: &str) -> u64 {
    store.publish(room, Bytes::copy_from_slice(text.as_bytes())).unwrap()
}

#[test]
fn who_reads_has_a_place_in_the_history() {
    let store = store(Limits { messages: 3, ..Limits::default() });
    let mut early = store.subscribe("a", RoomStart::Now).unwrap();
    let base = send(&store, "a", "0");
    let ids: Vec<_> = (1..5).map(|n: u64| send(&store, "a", &n.to_string()) - base).collect();
    assert_eq!(ids, [1, 2, 3, 4]);
    send(&store, "b", "another room");
    for (start, want) in [
        (RoomStart::Now, &[][..]),
        (RoomStart::Oldest, &["2 2", "3 3", "4 4"]),
        (RoomStart::After(base + 3), &["4 4"]),
        (RoomStart::After(base + 4), &[]),
        (RoomStart::After(base + 1), &["2 2", "3 3", "4 4"]),
        (RoomStart::After(base), &["lagged 1", "2 2", "3 3", "4 4"]),
        // Of another life of the room, or made up.
        (RoomStart::After(0), &["lagged 2", "2 2", "3 3", "4 4"]),
        (RoomStart::After(7), &["lagged", "2 2", "3 3", "4 4"]),
        (RoomStart::After(u64::MAX), &["lagged", "2 2", "3 3", "4 4"]),
        // One that another process has, and that is on its way here.
        (RoomStart::After(base + 6), &[]),
    ] {
        let mut reader = store.subscribe("a", start).unwrap();
        assert_eq!(read(&mut reader, base), want, "{start:?}");
    }
    assert_eq!(read(&mut early, base), ["lagged 2", "2 2", "3 3", "4 4"]);
    let mut ahead = store.subscribe("a", RoomStart::After(base + 6)).unwrap();
    for n in 5..9 {
        send(&store, "a", &n.to_string());
    }
    assert_eq!(read(&mut ahead, base), ["7 7", "8 8"]);
    // A room of which nothing is known yet: where its first message is on its way from another process,
    // nothing is missing.
    let mut unknown = store.subscribe("c", RoomStart::After(7)).unwrap();
    let mut known_elsewhere = store.subscribe("d", RoomStart::After(base)).unwrap();
    assert_eq!(read(&mut unknown, base), Vec::<String>::new());
    let anew = send(&store, "c", "anew");
    assert_eq!(read(&mut unknown, anew), ["lagged", "0 anew"]);
    for (id, text) in [(base, "had"), (base + 1, "comes")] {
        let (room, bytes) = ("d".into(), Bytes::from_static(text.as_bytes()));
        store.place(RoomMessage { room, base, id, bytes });
    }
    assert_eq!(read(&mut known_elsewhere, base), ["1 comes"]);
}

#[test]
fn what_is_kept_is_bounded_whoever_reads() {
    let limits = Limits { rooms: 3, messages: 10, room_bytes: 20, bytes: 10 * (128 + 8) };
    let store = store(limits);
    let mut slow = store.subscribe("slow", RoomStart::Now).unwrap();
    let base = send(&store, "slow", "first");
    // By the bytes of a room, ...
    for _ in 0..9 {
        send(&store, "slow", "8 bytes.");
    }
    assert_eq!(store.lock().rooms["slow"].bytes(), 16);
    assert_eq!(read(&mut slow, base), ["lagged 8", "8 8 bytes.", "9 8 bytes."]);
    // ... by the bytes of all, of which the oldest goes first, ...
    for n in 0..20 {
        send(&store, ["x", "y"][n % 2], "xxx");
    }
    assert_eq!(store.lock().rooms["slow"].len(), 0);
    assert!(store.lock().places.len() <= 10);
    // ... and by their number: the one without readers makes room that was silent for longest.
    send(&store, "z", "new");
    let names = |store: &Store| {
        let mut names: Vec<_> = store.lock().rooms.keys().map(ToString::to_string).collect();
        names.sort();
        names
    };
    assert_eq!(names(&store), ["slow", "y", "z"]);
    let _readers = ["y", "z"].map(|room| store.subscribe(room, RoomStart::Now).unwrap());
    assert_eq!(store.publish("w", Bytes::new()), Err(RoomError::TooManyRooms));
    assert!(store.subscribe("w", RoomStart::Now).is_err());
    drop(slow);
    assert!(store.publish("w", Bytes::new()).is_ok());
    // A message that is larger than all that may be kept is kept alone.
    send(&store, "z", &"x".repeat(10_000));
    assert_eq!(store.lock().places.len(), 1);
}

#[test]
fn a_room_that_is_only_looked_at_takes_no_place() {
    let store = store(Limits { rooms: 2, ..Limits::default() });
    send(&store, "a", "kept");
    for n in 0..10 {
        drop(store.subscribe(&format!("looked at {n}"), RoomStart::Oldest).unwrap());
    }
    assert_eq!(store.lock().rooms.len(), 1);
    assert_eq!(store.lock().rooms["a"].len(), 1);
}

#[test]
fn a_room_that_was_forgotten_begins_above_its_numbers() {
    let store = store(Limits { rooms: 1, ..Limits::default() });
    let first = send(&store, "a", "old");
    send(&store, "b", "in its place");
    std::thread::sleep(std::time::Duration::from_millis(1)); // The clock has microseconds.
    let again = send(&store, "a", "new");
    assert!(again > first);
    let mut reader = store.subscribe("a", RoomStart::After(first)).unwrap();
    assert_eq!(read(&mut reader, again), ["lagged", "0 new"]);
}

#[test]
fn names_and_lengths_are_checked() {
    let store = store(Limits::default());
    let long = "x".repeat(LONGEST_ROOM_NAME + 1);
    for name in ["", &long, "a\nb", "a\0"] {
        assert_eq!(store.publish(name, Bytes::new()), Err(RoomError::InvalidName), "{name:?}");
        assert!(store.subscribe(name, RoomStart::Now).is_err(), "{name:?}");
    }
    let longest = Bytes::from(vec![0; LONGEST_ROOM_MESSAGE]);
    assert!(store.publish("é /:?", longest).is_ok());
    let longer = Bytes::from(vec![0; LONGEST_ROOM_MESSAGE + 1]);
    assert_eq!(store.publish("a", longer), Err(RoomError::TooLong));
}

#[test]
fn those_who_wait_are_woken_and_forgotten() {
    struct Count(std::sync::atomic::AtomicUsize);
    impl std::task::Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        }
    }
    let store = store(Limits::default());
    let count = Arc::new(Count(0.into()));
    let waker = Waker::from(Arc::clone(&count));
    let mut cx = Context::from_waker(&waker);
    let mut readers: Vec<_> =
        (0..3).map(|_| store.subscribe("a", RoomStart::Now).unwrap()).collect();
    for reader in &mut readers {
        assert!(reader.poll_next(&mut cx).is_pending());
    }
    readers.pop();
    send(&store, "b", "elsewhere");
    assert_eq!(count.0.load(std::sync::atomic::Ordering::SeqCst), 0);
    send(&store, "a", "here");
    assert_eq!(count.0.load(std::sync::atomic::Ordering::SeqCst), 2);
    assert_eq!(store.lock().rooms["a"].readers, 2);
}

#[test]
fn a_place_is_where_another_one_goes_on() {
    let store = store(Limits::default());
    for room in ["unknown", "known"] {
        let base = if room == "known" { send(&store, room, "before") } else { 0 };
        let begun = store.subscribe(room, RoomStart::Now).unwrap().position();
        assert_eq!(begun, base, "{room}");
        let sent = send(&store, room, "meanwhile");
        let mut again = store.subscribe(room, RoomStart::After(begun)).unwrap();
        assert_eq!(again.position(), begun.max(sent - 1));
        assert_eq!(read(&mut again, sent), ["0 meanwhile"], "{room}");
    }
}

/// As a task of a library may do it, in which one reader keeps others.
#[test]
fn the_end_of_a_waker_may_be_that_of_a_reader() {
    struct Holds(#[expect(dead_code, reason = "it is dropped")] Mutex<Reader>);
    impl std::task::Wake for Holds {
        fn wake(self: Arc<Self>) {}
    }
    let (done, is_done) = std::sync::mpsc::channel();
    // On a thread of its own: a deadlock is to end the test.
    std::thread::spawn(move || {
        let store = store(Limits::default());
        let reader = || store.subscribe("a", RoomStart::Now).unwrap();
        let held = || Waker::from(Arc::new(Holds(Mutex::new(reader()))));
        let (mut waits, mut feed) = (reader(), store.feed());
        for _ in 0..2 {
            assert!(waits.poll_next(&mut Context::from_waker(&held())).is_pending());
            assert!(feed.poll_ready(&mut Context::from_waker(&held())).is_pending());
        }
        drop((waits, feed));
        assert!(store.lock().rooms.is_empty(), "nobody reads");
        done.send(()).unwrap();
    });
    is_done.recv_timeout(std::time::Duration::from_secs(10)).expect("no deadlock");
}

/// Takes over what a feed gives without waiting.
fn follow(feed: &mut Feed, replica: &Store) -> usize {
    let mut cx = Context::from_waker(Waker::noop());
    let mut count = 0;
    while feed.poll_ready(&mut cx).is_ready() {
        replica.place(feed.next_now().expect("it is ready"));
        count += 1;
    }
    assert_eq!(feed.next_now(), None);
    count
}

#[test]
fn another_process_takes_part() {
    let limits = Limits { messages: 4, ..Limits::default() };
    let (one, other) = (store(limits), store(limits));
    let base = send(&one, "a", "0");
    send(&one, "b", "x");
    let mut early = other.subscribe("a", RoomStart::Now).unwrap();
    let mut feed = one.feed();
    assert_eq!(follow(&mut feed, &other), 2);
    assert_eq!(read(&mut early, base), ["0 0"], "it came after it began to read");
    for n in 1..4 {
        send(&one, "a", &n.to_string());
    }
    assert_eq!(follow(&mut feed, &other), 3);
    assert_eq!(read(&mut early, base), ["1 1", "2 2", "3 3"]);
    let mut after = other.subscribe("a", RoomStart::After(base + 1)).unwrap();
    assert_eq!(read(&mut after, base), ["2 2", "3 3"]);
    // A feed that is read too late leaves out what is gone, and the readers know.
    for n in 4..20 {
        send(&one, "a", &n.to_string());
    }
    assert_eq!(follow(&mut feed, &other), 4);
    assert_eq!(read(&mut early, base), ["lagged 12", "16 16", "17 17", "18 18", "19 19"]);
    // What comes twice is there once.
    assert_eq!(follow(&mut one.feed(), &other), 5);
    assert_eq!(read(&mut early, base), Vec::<String>::new());
    // The other one numbers from now on, and goes on.
    drop((feed, one));
    assert_eq!(send(&other, "a", "20"), base + 20);
    assert_eq!(read(&mut early, base), ["20 20"]);
    // Another life of the room.
    let anew = store(limits);
    std::thread::sleep(std::time::Duration::from_millis(1)); // The clock has microseconds.
    let base = send(&anew, "a", "anew");
    follow(&mut anew.feed(), &other);
    assert_eq!(read(&mut early, base), ["lagged", "0 anew"]);
}

#[test]
fn a_store_is_the_rooms_of_one_process() {
    let store = store(Limits::default());
    let rooms = Rooms::new(Arc::new(LocalRooms(Arc::clone(&store))));
    let mut sent = pin!(rooms.send("a", OwnedBytes::from_static(b"x")));
    let mut cx = Context::from_waker(Waker::noop());
    let Poll::Ready(Ok(id)) = sent.as_mut().poll(&mut cx) else { panic!("it is sent at once") };
    let mut reader = rooms.subscribe("a", RoomStart::Oldest).unwrap();
    match reader.poll_next(&mut cx) {
        Poll::Ready(RoomEvent::Message { id: found, bytes }) => {
            assert_eq!((found, &*bytes), (id, &b"x"[..]));
        }
        other => panic!("{other:?}"),
    }
}
