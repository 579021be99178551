use nova::prelude::*;
use nova::testing::TestApp;
use serde_json::json;

use nova_api::app::Note;

#[tokio::test]
async fn a_note_is_written_changed_and_removed() {
    let app = TestApp::new(nova_api::routes()).await;

    let created = app
        .post("/notes")
        .json(&json!({ "text": "Buy milk" }))
        .await;
    assert_eq!(created.status(), StatusCode::CREATED);
    assert_eq!(created.header("location"), Some("/notes/1"));

    let changed = app.patch("/notes/1").json(&json!({ "done": true })).await;
    let expected = Note {
        id: 1,
        text: "Buy milk".into(),
        done: true,
    };
    assert_eq!(changed.json::<Note>(), expected);
    assert_eq!(
        app.get("/notes?done=true").await.json::<Vec<Note>>(),
        [expected]
    );
    assert_eq!(app.get("/notes?done=false").await.json::<Vec<Note>>(), []);

    assert_eq!(
        app.delete("/notes/1").await.status(),
        StatusCode::NO_CONTENT
    );
    assert_eq!(app.get("/notes/1").await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn what_does_not_fit_is_refused() {
    let app = TestApp::new(nova_api::routes()).await;
    for (body, status) in [
        (json!({ "text": "  " }), StatusCode::UNPROCESSABLE_ENTITY),
        (json!({ "words": "x" }), StatusCode::UNPROCESSABLE_ENTITY),
    ] {
        assert_eq!(
            app.post("/notes").json(&body).await.status(),
            status,
            "{body}"
        );
    }
    assert_eq!(
        app.get("/notes/first").await.status(),
        StatusCode::BAD_REQUEST
    );
    assert_eq!(
        app.put("/notes/1").await.status(),
        StatusCode::METHOD_NOT_ALLOWED
    );
}
