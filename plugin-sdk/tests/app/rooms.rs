//! Rooms: what one page says, others hear.

use nova::handler::*;
use nova::prelude::*;
use nova::rooms::{Lagged, RoomError};
use nova::sse::LastEventId;
use nova::testing::TestApp;
use nova::ws::{Message, WebSocketUpgrade};

async fn say(text: String) -> Result<String> {
    Ok(nova::room("chat").send(text).await?.to_string())
}

fn events(last: Option<LastEventId>) -> Result<Sse> {
    nova::room("chat").events(last)
}

/// Says what comes over the socket, from a task of its own, and sends what is said.
fn socket(upgrade: WebSocketUpgrade) -> Result<Response> {
    let mut heard = nova::room("chat").subscribe()?;
    Ok(upgrade.on_upgrade(async move |mut socket| {
        loop {
            tokio::select! {
                said = socket.recv() => {
                    let Some(Ok(Message::Text(text))) = said else { return };
                    tokio::spawn(async move {
                        nova::room("chat").send(text.as_str().to_owned()).await.expect("sent");
                    });
                }
                message = heard.recv() => {
                    let text = message.expect("nothing is missed").text().into_owned();
                    socket.send(text).await.expect("a client");
                }
            }
        }
    }))
}

async fn app() -> TestApp {
    let mut app = nova::App::new(nova::no_state());
    app.page("/say", "pages/say.rs").post(async_1(say));
    app.page("/events", "pages/events.rs").get(sync_1(events));
    app.page("/socket", "pages/socket.rs").get(sync_1(socket));
    TestApp::new(app.finish()).await
}

async fn said(app: &TestApp, text: &str) -> u64 {
    let response = app.post("/say").body(text.to_owned()).await;
    assert_eq!(response.status(), 200, "{}", response.text());
    response.text().parse().expect("a number")
}

#[tokio::test]
async fn what_is_said_reaches_all_who_read() {
    let app = app().await;
    let mut socket = app.websocket("/socket").await;
    let mut events = app.get("/events").stream().await;
    assert_eq!(events.event().await.expect("an event"), "id: 0", "where it begins");
    let first = said(&app, "one").await;
    assert_eq!(socket.text().await, "one");
    assert_eq!(events.event().await.expect("an event"), format!("data: one\nid: {first}"));
    socket.send("two").await;
    let second = format!("data: two\nid: {}", first + 1);
    assert_eq!(events.event().await.expect("an event"), second);
    assert_eq!(socket.text().await, "two");
    // Who was away goes on behind what it has.
    for (last, next) in [
        (first.to_string(), &*second),
        ("0".to_owned(), &*format!("data: one\nid: {first}")),
        ("7".to_owned(), "data: \nevent: lagged"),
        ("what is not a number".to_owned(), "data: \nevent: lagged"),
    ] {
        let mut events = app.get("/events").header("last-event-id", &last).stream().await;
        assert_eq!(events.event().await.expect("an event"), next, "{last}");
    }
}

/// A swap in a room in which nothing is said: the browser comes back with what it was told first.
#[tokio::test]
async fn a_client_that_has_heard_nothing_misses_nothing() {
    let app = app().await;
    for round in 0..2 {
        let mut events = app.get("/events").stream().await;
        let begin = events.event().await.expect("an event");
        let begin = begin.strip_prefix("id: ").expect("an id alone");
        drop(events);
        let id = said(&app, "between").await;
        let mut events = app.get("/events").header("last-event-id", begin).stream().await;
        let event = events.event().await.expect("an event");
        assert_eq!(event, format!("data: between\nid: {id}"), "{round}");
    }
}

#[tokio::test]
async fn each_test_has_its_own_rooms() {
    let (one, other) = (app().await, app().await);
    let mut events = other.get("/events").stream().await;
    assert_eq!(events.event().await.expect("an event"), "id: 0");
    said(&one, "here").await;
    let id = said(&other, "there").await;
    assert_eq!(events.event().await.expect("an event"), format!("data: there\nid: {id}"));
}

#[tokio::test]
async fn a_room_is_read_from_where_one_likes() {
    let _app = app().await;
    let room = nova::room("numbers");
    let mut now = room.subscribe().expect("a room");
    let first = room.send_json(&0).await.expect("sent");
    for number in 1..1_200 {
        let id = room.send_json(&number).await.expect("sent");
        assert_eq!(id, first + number, "without gaps");
    }
    let history = room.history().expect("a room");
    assert_eq!(history.len(), 1_000);
    assert_eq!(history[0].json::<u64>().expect("JSON"), 200);
    assert_eq!(now.recv().await, Err(Lagged { missed: Some(200) }));
    assert_eq!(now.recv().await.expect("a message"), history[0]);
    let mut from = room.subscribe_from(first + 1_198).expect("a room");
    assert_eq!(from.recv().await.expect("a message").id(), first + 1_199);
    assert_eq!(from.room(), "numbers");
}

#[tokio::test]
async fn what_is_too_much_is_refused() {
    let _app = app().await;
    let refused = |error: RoomError| error.to_string();
    let long = nova::room("x").send(vec![0; 256 * 1024 + 1]).await;
    assert_eq!(long.map_err(refused), Err("a message to a room has 262144 bytes at most".into()));
    for name in ["", "a\nb"] {
        let error = nova::room(name).subscribe().expect_err("not a name");
        assert_eq!(error, RoomError::InvalidName);
        assert_eq!(
            error.to_string(),
            "the name of a room has 1 to 200 bytes, and no control characters"
        );
    }
}
