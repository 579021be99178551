use nova::prelude::*;
use nova::testing::TestApp;
use nova::ws::close_code;
use serde_json::json;

async fn app() -> TestApp {
    TestApp::new(nova_chat::routes()).await
}

#[tokio::test]
async fn what_is_said_reaches_all_in_the_room() {
    let app = app().await;
    let mut ada = app.websocket("/rooms/lobby/socket").await;
    let mut events = app.get("/rooms/lobby/events").stream().await;
    let mut elsewhere = app.get("/rooms/cellar/events").stream().await;

    ada.send(json!({ "name": "Ada", "text": "<hello>" }).to_string())
        .await;
    let html = ada.text().await;
    assert!(
        html.contains("<b>Ada</b><span>&lt;hello&gt;</span>"),
        "{html}"
    );
    assert!(events.event().await.unwrap().contains("&lt;hello&gt;"));

    // Without a script: the form, and the page that shows what was said.
    let posted = app
        .post("/rooms/lobby")
        .form("name=Grace&text=I+am+here")
        .await;
    assert_eq!(
        (posted.status().as_u16(), posted.header("location")),
        (303, Some("/rooms/lobby"))
    );
    assert!(ada.text().await.contains("I am here"));
    let page = app.get("/rooms/lobby").await;
    assert!(page.text().contains("&lt;hello&gt;") && page.text().contains("I am here"));

    // A page that was loaded before that goes on behind what it has.
    let first = html.split('"').nth(1).unwrap();
    let mut later = app
        .websocket(&format!("/rooms/lobby/socket?after={first}"))
        .await;
    assert!(later.text().await.contains("I am here"));
    let mut again = app
        .get("/rooms/lobby/events")
        .header("last-event-id", first)
        .stream()
        .await;
    assert!(again.event().await.unwrap().contains("I am here"));

    app.post("/rooms/cellar").form("name=Alan&text=below").await;
    assert!(
        elsewhere.event().await.unwrap().contains("below"),
        "a room is one of its own"
    );
}

#[tokio::test]
async fn what_is_wrong_is_refused() {
    let app = app().await;
    assert_eq!(app.get("/rooms/No").await.status(), 404);
    assert_eq!(app.get("/rooms/no/where/else").await.status(), 404);
    let long = format!("name=Ada&text={}", "x".repeat(501));
    assert_eq!(app.post("/rooms/lobby").form(long).await.status(), 422);
    for wrong in ["not JSON", r#"{"name":" ","text":"x"}"#] {
        let mut socket = app.websocket("/rooms/lobby/socket").await;
        socket.send(wrong).await;
        assert_eq!(socket.closed().await.unwrap().code, close_code::POLICY);
    }
    let door = app.get("/?room=My+Room").await;
    assert_eq!(door.header("location"), Some("/rooms/my-room"));
}
