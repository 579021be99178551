//! WebSockets: the handshake, messages, and how they are closed.

use std::time::Duration;

use nova::handler::*;
use nova::prelude::*;
use nova::testing::TestApp;
use nova::ws::{
    CloseFrame, Error as SocketError, Message, WebSocket, WebSocketUpgrade, close_code,
};

use crate::{any, one};

async fn echo(mut socket: WebSocket) {
    while let Some(Ok(message)) = socket.recv().await {
        let answer = match message {
            Message::Text(text) => Message::text(format!("text {text}")),
            Message::Binary(bytes) => Message::binary(bytes),
            _ => continue,
        };
        if socket.send(answer).await.is_err() {
            return;
        }
    }
}

fn echoing(upgrade: WebSocketUpgrade) -> Response {
    upgrade.protocols(["v2", "v1"]).max_message_size(100).on_upgrade(echo)
}

async fn echoes() -> TestApp {
    any("/", sync_1(echoing)).await
}

#[tokio::test]
async fn messages_go_in_both_directions() {
    let mut socket = echoes().await.websocket("/").await;
    assert_eq!(socket.headers()["sec-websocket-accept"].len(), 28);
    assert_eq!(socket.protocol(), None);
    socket.send("a").await;
    socket.send(vec![1, 2]).await;
    assert_eq!(socket.text().await, "text a");
    assert_eq!(socket.recv().await, Some(Message::binary(vec![1, 2])));
    socket.send(Message::Ping("x".into())).await;
    assert_eq!(socket.recv().await, Some(Message::Pong("x".into())), "a ping is answered");
    socket.send(Message::Close(Some(CloseFrame::new(4000, "done")))).await;
    assert_eq!(socket.closed().await, Some(CloseFrame::new(4000, "done")));
    assert_eq!(socket.recv().await, None);
}

#[tokio::test]
async fn a_protocol_is_chosen_as_the_page_prefers() {
    let app = echoes().await;
    for (offered, chosen) in [("v1, v2", Some("v2")), ("v1", Some("v1")), ("v3", None)] {
        assert_eq!(app.websocket("/").protocols(offered).await.protocol(), chosen, "{offered}");
    }
}

#[tokio::test]
async fn what_is_missing_in_a_handshake_is_said() {
    let app = echoes().await;
    let handshake = [
        ("connection", "keep-alive, Upgrade"),
        ("upgrade", "WebSocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    let table = [
        ("POST", "", "", 405, "a WebSocket is opened by GET"),
        ("GET", "connection", "close", 426, "`Connection: upgrade` and `Upgrade: websocket`"),
        ("GET", "upgrade", "h2c", 426, "`Connection: upgrade` and `Upgrade: websocket`"),
        ("GET", "sec-websocket-version", "8", 426, "must be 13"),
        ("GET", "sec-websocket-version", "", 426, "must be 13"),
        ("GET", "sec-websocket-key", "", 400, "`Sec-WebSocket-Key` is missing"),
        ("GET", "sec-websocket-key", "short==", 400, "not 16 bytes in base64"),
        // In order, but there is no connection in a test that asks in this way.
        ("GET", "", "", 501, "there is no connection to take over"),
    ];
    for (method, changed, value, status, text) in table {
        let mut request = app.request(method, "/");
        for (name, right) in handshake {
            match if name == changed { value } else { right } {
                "" => {}
                value => request = request.header(name, value),
            }
        }
        let response = request.header("accept", "application/json").await;
        assert_eq!(response.status(), status, "{method} {changed}: {value}");
        // What a 501 says stays in the host, except in development, as here.
        assert!(response.text().contains(text), "{}", response.text());
        let header = |name| response.header(name);
        match status {
            405 => assert_eq!(header("allow"), Some("GET")),
            426 => assert_eq!(header("upgrade"), Some("websocket")),
            _ => {}
        }
        let versions = (changed == "sec-websocket-version").then_some("13");
        assert_eq!(header("sec-websocket-version"), versions);
    }
}

#[tokio::test]
async fn a_page_of_another_site_is_refused() {
    fn open(upgrade: WebSocketUpgrade) -> Response {
        upgrade.allow_origin("https://friend.example").on_upgrade(echo)
    }
    let app = one("/", sync_1(open)).await;
    for (origin, status) in [
        ("https://site.example", 101),
        ("https://friend.example", 101),
        ("https://evil.example", 403),
        ("null", 403),
    ] {
        let socket = app.websocket("/").header("host", "site.example").header("origin", origin);
        match socket.connect().await {
            Ok(_) => assert_eq!(status, 101, "{origin}"),
            Err(response) => {
                assert_eq!(response.status(), status, "{origin}");
                assert!(response.text().contains("allow_origin"), "{}", response.text());
            }
        }
    }
}

#[tokio::test]
async fn a_client_that_breaks_the_rules_is_told() {
    let app = echoes().await;
    // Of a client each frame is masked; here with zeros.
    for (frame, code) in [
        (&b"\x81\x01x"[..], close_code::PROTOCOL),
        (b"\xc1\x81\0\0\0\0x", close_code::PROTOCOL),
        (b"\x81\x81\0\0\0\0\xff", close_code::INVALID),
        (b"\x81\xfe\x00\x65\0\0\0\0", close_code::SIZE),
    ] {
        let mut socket = app.websocket("/").await;
        socket.send("fine").await;
        assert_eq!(socket.text().await, "text fine");
        socket.send_raw(frame).await;
        if code == close_code::SIZE {
            socket.send_raw(&[b'x'; 0x65]).await;
        }
        let closed = socket.closed().await.expect("a reason");
        assert_eq!(closed.code, code, "{frame:?}: {closed:?}");
        assert_eq!(socket.recv().await, None);
    }
}

#[tokio::test]
async fn a_page_hears_why_it_hears_nothing_more() {
    fn page(
        upgrade: WebSocketUpgrade,
        State(says): State<tokio::sync::mpsc::Sender<String>>,
    ) -> Response {
        upgrade.max_message_size(3).on_upgrade(async move |mut socket| {
            let error = socket.recv().await.expect("an answer").expect_err("no message");
            assert!(matches!(error, SocketError::TooLong { size: 4, max: 3 }), "{error:?}");
            assert!(socket.recv().await.is_none());
            assert!(matches!(socket.send("x").await, Err(SocketError::Closed)));
            let _ = says.send(error.to_string()).await;
        })
    }
    let (says, mut said) = tokio::sync::mpsc::channel(1);
    let hooks = nova::hooks::init_sync_0(move || says.clone());
    let mut app = nova::App::new(hooks);
    app.page("/", "pages/index.rs").get(sync_2(page));
    let app = TestApp::new(app.finish()).await;
    let mut socket = app.websocket("/").await;
    socket.send("four").await;
    assert_eq!(said.recv().await.as_deref(), Some("a message of 4 bytes, where 3 are allowed"));
}

#[tokio::test]
async fn the_end_of_a_page_closes_its_socket() {
    fn returns(upgrade: WebSocketUpgrade) -> Response {
        upgrade.on_upgrade(async |mut socket| socket.send("last").await.expect("a client"))
    }
    fn panics(upgrade: WebSocketUpgrade) -> Response {
        upgrade.on_upgrade(async |_socket| panic!("in a page"))
    }
    fn hands_on(upgrade: WebSocketUpgrade) -> Response {
        upgrade.on_upgrade(async |mut socket| {
            tokio::spawn(async move {
                while let Some(Ok(Message::Text(text))) = socket.recv().await {
                    socket.send(Message::Text(text)).await.expect("a client");
                }
            });
        })
    }
    let mut app = nova::App::new(nova::no_state());
    app.page("/returns", "pages/returns.rs").get(sync_1(returns));
    app.page("/panics", "pages/panics.rs").get(sync_1(panics));
    app.page("/hands-on", "pages/hands_on.rs").get(sync_1(hands_on));
    let app = TestApp::new(app.finish()).await;

    let mut socket = app.websocket("/returns").await;
    assert_eq!(socket.text().await, "last");
    assert_eq!(socket.closed().await, Some(CloseFrame::new(close_code::NORMAL, "")));
    let mut socket = app.websocket("/panics").await;
    assert_eq!(socket.closed().await, Some(CloseFrame::new(close_code::ERROR, "")));
    let mut socket = app.websocket("/hands-on").await;
    for text in ["one", "two"] {
        socket.send(text).await;
        assert_eq!(socket.text().await, text, "the function has returned");
    }
}

#[tokio::test]
async fn when_other_code_serves_the_client_is_told_and_what_it_sent_is_heard() {
    fn page(
        upgrade: WebSocketUpgrade,
        State(heard): State<tokio::sync::mpsc::Sender<String>>,
    ) -> Response {
        upgrade.on_upgrade(async move |mut socket| {
            socket.send("hello").await.expect("a client");
            while let Some(Ok(message)) = socket.recv().await {
                heard.send(message.to_text().unwrap_or("?").to_owned()).await.expect("a test");
            }
            assert!(matches!(socket.send("x").await, Err(SocketError::Closed)));
            heard.send("end".to_owned()).await.expect("a test");
        })
    }
    let (hears, mut heard) = tokio::sync::mpsc::channel(9);
    let hooks = nova::hooks::init_sync_0(move || hears.clone());
    let mut app = nova::App::new(hooks);
    app.page("/", "pages/index.rs").get(sync_2(page));
    let app = TestApp::new(app.finish()).await;
    let mut socket = app.websocket("/").await;
    assert_eq!(socket.text().await, "hello");
    socket.drain();
    // The client does not know yet.
    socket.send("one").await;
    socket.send("two").await;
    let closed = CloseFrame::new(close_code::RESTART, "service restart");
    assert_eq!(socket.closed().await, Some(closed));
    assert_eq!(socket.recv().await, None);
    for want in ["one", "two", "end"] {
        assert_eq!(heard.recv().await.as_deref(), Some(want));
    }
}

#[tokio::test(start_paused = true)]
async fn a_page_that_only_sends_leaves_as_well() {
    fn quiet(upgrade: WebSocketUpgrade) -> Response {
        upgrade.on_upgrade(async |_socket| std::future::pending().await)
    }
    let app = one("/", sync_1(quiet)).await;
    let mut socket = app.websocket("/").await;
    socket.drain();
    assert_eq!(socket.closed().await.expect("a reason").code, close_code::RESTART);
    assert_eq!(socket.recv().await, None, "the connection is given back");
}

#[tokio::test]
async fn a_page_may_close_the_socket_itself_when_its_generation_leaves() {
    fn page(upgrade: WebSocketUpgrade) -> Response {
        upgrade.on_upgrade(async |mut socket| {
            let draining = socket.draining();
            socket.send("here").await.expect("a client");
            draining.await;
            socket.send("back in a moment").await.expect("it is still open");
            let _ = socket.close(CloseFrame::new(4001, "moved")).await;
        })
    }
    let app = one("/", sync_1(page)).await;
    let mut socket = app.websocket("/").await;
    assert_eq!(socket.text().await, "here");
    socket.drain();
    assert_eq!(socket.text().await, "back in a moment");
    assert_eq!(socket.closed().await, Some(CloseFrame::new(4001, "moved")));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_answers_nothing_is_found() {
    fn page(
        upgrade: WebSocketUpgrade,
        State(ends): State<tokio::sync::mpsc::Sender<bool>>,
    ) -> Response {
        upgrade.keep_alive(Duration::from_secs(10)).on_upgrade(async move |mut socket| {
            let end = socket.recv().await;
            let is_dead = matches!(end, Some(Err(SocketError::TimedOut)));
            let _ = ends.send(is_dead).await;
        })
    }
    let (ends, mut ended) = tokio::sync::mpsc::channel(1);
    let hooks = nova::hooks::init_sync_0(move || ends.clone());
    let mut app = nova::App::new(hooks);
    app.page("/", "pages/index.rs").get(sync_2(page));
    let app = TestApp::new(app.finish()).await;
    // One that answers lives on, as long as it does; ...
    let mut socket = app.websocket("/").await;
    for _ in 0..5 {
        assert!(matches!(socket.recv().await, Some(Message::Ping(_))));
    }
    // ... from here on nothing is read, so no ping is answered.
    assert_eq!(ended.recv().await, Some(true));
}

/// A page that says how its socket ended: the length of the message that came, or why none did.
async fn ending() -> (TestApp, tokio::sync::mpsc::Receiver<Result<usize, String>>) {
    fn page(
        upgrade: WebSocketUpgrade,
        State(ends): State<tokio::sync::mpsc::Sender<Result<usize, String>>>,
    ) -> Response {
        upgrade.keep_alive(Duration::from_secs(10)).on_upgrade(async move |mut socket| {
            let end = loop {
                match socket.recv().await.expect("a message or an error") {
                    Ok(Message::Ping(_)) => {}
                    Ok(Message::Binary(bytes)) => break Ok(bytes.len()),
                    Ok(other) => panic!("{other:?}"),
                    Err(error) => break Err(error.to_string()),
                }
            };
            let _ = ends.send(end).await;
        })
    }
    let (ends, ended) = tokio::sync::mpsc::channel(1);
    let hooks = nova::hooks::init_sync_0(move || ends.clone());
    let mut app = nova::App::new(hooks);
    app.page("/", "pages/index.rs").get(sync_2(page));
    (TestApp::new(app.finish()).await, ended)
}

#[tokio::test(start_paused = true)]
async fn a_client_that_asks_and_takes_no_answer_is_not_read_for_ever() {
    let (app, mut ended) = ending().await;
    let mut socket = app.websocket("/").await;
    let ping = [&b"\x89\xfd\0\0\0\0"[..], &[b'x'; 125]].concat();
    let pings = async {
        for _ in 0..100_000 {
            socket.send_raw(&ping).await;
        }
    };
    tokio::select! {
        () = pings => panic!("all pings were read, and each is answered from memory"),
        end = ended.recv() => {
            assert_eq!(end.expect("an end"), Err("the client has not answered a ping".into()));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_may_take_longer_than_the_keep_alive() {
    let (app, mut ended) = ending().await;
    let mut socket = app.websocket("/").await;
    socket.send_raw(b"\x82\xe4\0\0\0\0").await;
    for _ in 0..100 {
        tokio::time::sleep(Duration::from_secs(6)).await;
        socket.send_raw(b"x").await;
    }
    assert_eq!(ended.recv().await.expect("an end"), Ok(100));
}

#[tokio::test]
async fn what_waits_for_a_client_is_bounded() {
    fn page(upgrade: WebSocketUpgrade) -> Response {
        let upgrade = upgrade.max_write_buffer_size(100_000).keep_alive(Duration::MAX);
        upgrade.on_upgrade(async |mut socket| {
            let error = socket.send(vec![0; 100_001]).await.expect_err("too much");
            assert!(matches!(error, SocketError::WriteBufferFull), "{error:?}");
            socket.send(error.to_string()).await.expect("it goes on");
            let _ = socket.recv().await;
        })
    }
    let mut socket = one("/", sync_1(page)).await.websocket("/").await;
    let text = socket.text().await;
    assert!(text.contains("`max_write_buffer_size`"), "{text}");
}
