use nova::prelude::*;
use nova::testing::TestApp;
use serde_json::json;

use nova_starter::app::User;

async fn app() -> TestApp {
    TestApp::new(nova_starter::routes()).await
}

#[tokio::test]
async fn every_page_of_the_tour_answers() {
    let app = app().await;
    for path in [
        "/",
        "/about",
        "/users",
        "/users/1",
        "/docs",
        "/docs/routes",
        "/docs/production",
        "/guestbook",
        "/stream",
        "/api/users",
    ] {
        assert_eq!(app.get(path).await.status(), StatusCode::OK, "{path}");
    }
}

#[tokio::test]
async fn pages_are_whole_documents_in_the_layout() {
    let about = app().await.get("/about").await;
    let text = about.text();
    assert!(text.starts_with("<!DOCTYPE html>"));
    assert!(text.contains("<title>About</title>"));
    assert!(
        text.contains("<a href=\"/about\" aria-current=\"page\">About</a>"),
        "{text}"
    );
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let app = app().await;
    for (path, why) in [
        ("/nothing", "No page has the address <code>/nothing</code>."),
        ("/users/99", "There is no user 99."),
        ("/docs/nothing", "There is no such article."),
    ] {
        let answer = app.get(path).header("accept", "text/html").await;
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{path}");
        for part in ["There is nothing here.", why, "</header>"] {
            assert!(answer.text().contains(part), "{part} at {path}");
        }
    }
}

#[tokio::test]
async fn people_and_programs_are_told_what_is_wrong() {
    let app = app().await;
    let people = app.get("/users/ada").header("accept", "text/html").await;
    assert_eq!(people.status(), StatusCode::BAD_REQUEST);
    for part in ["That did not work.", "path parameter `id`", "</header>"] {
        assert!(people.text().contains(part), "{part}");
    }
    let program = app.get("/users/ada").await;
    assert_eq!(program.status(), StatusCode::BAD_REQUEST);
    assert_eq!(
        program.header("content-type"),
        Some("application/problem+json")
    );
}

#[tokio::test]
async fn a_page_has_one_description() {
    let app = app().await;
    for (path, description) in [
        ("/about", "A site made with Nova"),
        ("/users/1", "The first published program"),
    ] {
        let answer = app.get(path).await;
        let text = answer.text();
        let (before, found) = text
            .split_once("<meta name=\"description\" content=\"")
            .unwrap();
        assert!(found.starts_with(description), "{path}: {found}");
        assert!(!before.contains("description") && !found.contains("name=\"description\""));
    }
}

#[tokio::test]
async fn a_user_is_added_by_the_api_and_shown_on_the_page() {
    let app = app().await;
    let new = json!({ "name": "Radia <Perlman>", "known_for": "Spanning trees." });
    let created = app.post("/api/users").json(&new).await;
    assert_eq!(created.status(), StatusCode::CREATED);
    assert_eq!(created.header("location"), Some("/users/7"));
    assert_eq!(app.get("/api/users").await.json::<Vec<User>>().len(), 7);
    assert!(
        app.get("/users/7")
            .await
            .text()
            .contains("<h1>Radia &lt;Perlman&gt;</h1>")
    );

    assert_eq!(
        app.post("/api/users").json(&new).await.status(),
        StatusCode::CONFLICT
    );
    let nameless = app.post("/api/users").json(&json!({ "name": " " })).await;
    assert_eq!(nameless.status(), StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn the_guestbook_is_signed_or_says_what_is_missing() {
    let app = app().await;
    let refused = app.post("/guestbook").form("name=Ada&message=").await;
    assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.text().contains("What would you like to say?"));
    assert!(refused.text().contains("value=\"Ada\""));

    let signed = app
        .post("/guestbook")
        .form("name=Ada&message=Hello+there")
        .await;
    assert_eq!(signed.status(), StatusCode::SEE_OTHER);
    assert!(
        app.get("/guestbook")
            .await
            .text()
            .contains("<p>Hello there</p>")
    );
}

#[tokio::test]
async fn the_stream_arrives_to_its_last_line() {
    let stream = app().await.get("/api/stream").await;
    assert_eq!(
        stream.header("content-type"),
        Some("text/plain; charset=utf-8")
    );
    assert!(stream.text().starts_with("line 1 of 8\n") && stream.text().ends_with("the end\n"));
}

#[tokio::test]
async fn what_is_stored_survives_a_swap() {
    let old = app().await;
    old.post("/guestbook")
        .form("name=Ada&message=Still+here")
        .await;
    let saved = old.export().await.unwrap();
    let new = TestApp::start(&nova_starter::routes(), Purpose::Serve, saved)
        .await
        .unwrap();
    assert!(new.get("/guestbook").await.text().contains("Still here"));
}
