//! The API of RealWorld: what it answers when all is well, and each way in which it is not.

use nova::prelude::*;
use nova::testing::{TestApp, TestResponse};
use serde_json::{Value, json};

async fn app() -> TestApp {
    TestApp::new(conduit::routes()).await
}

/// A request with a body in JSON, from the user with this token.
async fn ask(app: &TestApp, method: &str, path: &str, token: &str, body: &Value) -> TestResponse {
    let mut request = app.request(method, path);
    if !token.is_empty() {
        request = request.header("authorization", &format!("Token {token}"));
    }
    if !body.is_null() {
        request = request.json(body);
    }
    request.await
}

fn json_of(response: &TestResponse) -> Value {
    serde_json::from_str(response.text())
        .unwrap_or_else(|error| panic!("{error}: {}", response.text()))
}

/// The token of a new user.
async fn register(app: &TestApp, name: &str) -> String {
    let user = json!({ "user": { "username": name, "email": format!("{name}@example.org"), "password": "correct horse" } });
    let answer = ask(app, "POST", "/api/users", "", &user).await;
    assert_eq!(answer.status(), 201, "{}", answer.text());
    json_of(&answer)["user"]["token"]
        .as_str()
        .expect("a token")
        .to_owned()
}

/// The slug of a new article.
async fn write(app: &TestApp, token: &str, title: &str, tags: &[&str]) -> String {
    let article =
        json!({ "article": { "title": title, "description": "d", "body": "b", "tagList": tags } });
    let answer = ask(app, "POST", "/api/articles", token, &article).await;
    assert_eq!(answer.status(), 201, "{}", answer.text());
    json_of(&answer)["article"]["slug"]
        .as_str()
        .expect("a slug")
        .to_owned()
}

#[tokio::test]
async fn a_user_registers_logs_in_and_changes() {
    let app = app().await;
    let token = register(&app, "ada").await;
    let login = json!({ "user": { "email": "ADA@example.org", "password": "correct horse" } });
    let answer = json_of(&ask(&app, "POST", "/api/users/login", "", &login).await);
    assert_eq!(answer["user"]["username"], "ada");
    assert_eq!(
        (&answer["user"]["bio"], &answer["user"]["image"]),
        (&Value::Null, &Value::Null)
    );

    let update =
        json!({ "user": { "bio": "Counts.", "image": "/ada.png", "password": "battery staple" } });
    let answer = json_of(&ask(&app, "PUT", "/api/user", &token, &update).await);
    assert_eq!(
        (&answer["user"]["bio"], &answer["user"]["image"]),
        (&json!("Counts."), &json!("/ada.png"))
    );
    let answer = ask(&app, "POST", "/api/users/login", "", &login).await;
    assert_eq!(answer.status(), 401, "the old password");
    let update = json!({ "user": { "bio": "", "image": null } });
    ask(&app, "PUT", "/api/user", &token, &update).await;
    let answer = json_of(&ask(&app, "GET", "/api/user", &token, &Value::Null).await);
    assert_eq!(
        (&answer["user"]["bio"], &answer["user"]["image"]),
        (&Value::Null, &Value::Null)
    );
}

#[tokio::test]
async fn articles_are_written_found_and_loved() {
    let app = app().await;
    let (ada, bob) = (register(&app, "ada").await, register(&app, "bob").await);
    let first = write(
        &app,
        &ada,
        "How to train your dragon",
        &["training", "dragons", "dragons"],
    )
    .await;
    assert_eq!(first, "how-to-train-your-dragon");
    assert_eq!(
        write(&app, &bob, "How to train your dragon!", &[]).await,
        "how-to-train-your-dragon-2"
    );
    let article = json_of(&app.get(&format!("/api/articles/{first}")).await);
    assert_eq!(
        article["article"]["tagList"],
        json!(["dragons", "training"])
    );
    assert_eq!(article["article"]["body"], "b");

    let path = format!("/api/articles/{first}/favorite");
    for _ in 0..2 {
        let loved = json_of(&ask(&app, "POST", &path, &bob, &Value::Null).await);
        assert_eq!(
            (
                &loved["article"]["favorited"],
                &loved["article"]["favoritesCount"]
            ),
            (&json!(true), &json!(1))
        );
    }
    let follow = ask(&app, "POST", "/api/profiles/ADA/follow", &bob, &Value::Null).await;
    assert_eq!(
        json_of(&follow)["profile"],
        json!({ "username": "ada", "bio": null, "image": null, "following": true })
    );

    // Path, who asks, slugs, count in all.
    let table: [(&str, &str, &[&str], i64); 9] = [
        (
            "/api/articles",
            "",
            &["how-to-train-your-dragon-2", &first],
            2,
        ),
        ("/api/articles?tag=dragons", "", &[&first], 1),
        (
            "/api/articles?author=bob",
            "",
            &["how-to-train-your-dragon-2"],
            1,
        ),
        ("/api/articles?author=nobody", "", &[], 0),
        ("/api/articles?favorited=bob", "", &[&first], 1),
        (
            "/api/articles?limit=1",
            "",
            &["how-to-train-your-dragon-2"],
            2,
        ),
        ("/api/articles?limit=1&offset=1", "", &[&first], 2),
        ("/api/articles/feed", &bob, &[&first], 1),
        ("/api/articles/feed", &ada, &[], 0),
    ];
    for (path, token, slugs, count) in table {
        let list = json_of(&ask(&app, "GET", path, token, &Value::Null).await);
        let found: Vec<_> = list["articles"]
            .as_array()
            .expect(path)
            .iter()
            .map(|it| &it["slug"])
            .collect();
        assert_eq!(
            (found, &list["articlesCount"]),
            (
                slugs
                    .iter()
                    .map(|slug| json!(slug))
                    .collect::<Vec<_>>()
                    .iter()
                    .collect(),
                &json!(count)
            ),
            "{path}"
        );
        assert!(
            list["articles"]
                .as_array()
                .unwrap()
                .iter()
                .all(|it| it.get("body").is_none()),
            "{path}"
        );
    }
    assert_eq!(
        json_of(&app.get("/api/tags").await),
        json!({ "tags": ["dragons", "training"] })
    );

    let update = json!({ "article": { "title": "Dragons", "tagList": [] } });
    let answer = json_of(
        &ask(
            &app,
            "PUT",
            &format!("/api/articles/{first}"),
            &ada,
            &update,
        )
        .await,
    );
    assert_eq!(
        (&answer["article"]["slug"], &answer["article"]["tagList"]),
        (&json!("dragons"), &json!([]))
    );
    assert_eq!(
        ask(&app, "DELETE", "/api/articles/dragons", &ada, &Value::Null)
            .await
            .status(),
        204
    );
    assert_eq!(app.get("/api/articles/dragons").await.status(), 404);
}

#[tokio::test]
async fn comments_come_and_go() {
    let app = app().await;
    let (ada, bob) = (register(&app, "ada").await, register(&app, "bob").await);
    let path = format!(
        "/api/articles/{}/comments",
        write(&app, &ada, "One", &[]).await
    );
    let answer = ask(
        &app,
        "POST",
        &path,
        &bob,
        &json!({ "comment": { "body": "Well said." } }),
    )
    .await;
    assert_eq!(answer.status(), 201);
    let comment = json_of(&answer);
    assert_eq!(
        (
            &comment["comment"]["body"],
            &comment["comment"]["author"]["username"]
        ),
        (&json!("Well said."), &json!("bob"))
    );
    let one = format!("{path}/{}", comment["comment"]["id"]);
    assert_eq!(
        json_of(&app.get(&path).await)["comments"]
            .as_array()
            .map(Vec::len),
        Some(1)
    );
    assert_eq!(
        ask(&app, "DELETE", &one, &bob, &Value::Null).await.status(),
        204
    );
    assert_eq!(json_of(&app.get(&path).await), json!({ "comments": [] }));
}

/// What is missing, foreign, or invalid.
#[tokio::test]
async fn each_refusal_names_its_field() {
    let app = app().await;
    let (ada, bob) = (register(&app, "ada").await, register(&app, "bob").await);
    let slug = write(&app, &ada, "One", &[]).await;
    let article = format!("/api/articles/{slug}");
    let comments = format!("{article}/comments");
    let comment = json!({ "comment": { "body": "c" } });
    let answer = ask(&app, "POST", &comments, &ada, &comment).await;
    let foreign = format!("{comments}/{}", json_of(&answer)["comment"]["id"]);
    let missing = format!("{comments}/99");
    let null = Value::Null;
    let user = |username: Value, email: Value, password: Value| json!({ "user": { "username": username, "email": email, "password": password } });
    let part = |what: &str, field: &str, value: Value| json!({ what: { field: value } });
    let forged = format!("{}x", ada);

    let table: Vec<(&str, &str, &str, Value, u16, &str, &str)> = vec![
        (
            "POST",
            "/api/users",
            "",
            user(json!(""), json!("e@x"), json!("p")),
            422,
            "username",
            "can't be blank",
        ),
        (
            "POST",
            "/api/users",
            "",
            user(json!("e"), null.clone(), json!("p")),
            422,
            "email",
            "can't be blank",
        ),
        (
            "POST",
            "/api/users",
            "",
            user(json!("e"), json!("at"), json!("p")),
            422,
            "email",
            "is invalid",
        ),
        (
            "POST",
            "/api/users",
            "",
            json!({ "user": {} }),
            422,
            "password",
            "can't be blank",
        ),
        (
            "POST",
            "/api/users",
            "",
            user(json!("n".repeat(41)), json!("e@x"), json!("p")),
            422,
            "username",
            "is too long",
        ),
        (
            "POST",
            "/api/articles",
            &ada,
            json!({ "article": { "title": "t", "description": "d", "body": "b", "tagList": ["t".repeat(41)] } }),
            422,
            "tagList",
            "is too long",
        ),
        (
            "POST",
            "/api/users",
            "",
            user(json!("ADA"), json!("e@x"), json!("p")),
            409,
            "username",
            "has already been taken",
        ),
        (
            "POST",
            "/api/users",
            "",
            user(json!("e"), json!("ada@example.org"), json!("p")),
            409,
            "email",
            "has already been taken",
        ),
        (
            "POST",
            "/api/users/login",
            "",
            user(null.clone(), json!("ada@example.org"), json!("no")),
            401,
            "credentials",
            "invalid",
        ),
        (
            "POST",
            "/api/users/login",
            "",
            user(null.clone(), json!("none@example.org"), json!("no")),
            401,
            "credentials",
            "invalid",
        ),
        (
            "POST",
            "/api/users/login",
            "",
            json!({ "user": {} }),
            422,
            "email",
            "can't be blank",
        ),
        (
            "GET",
            "/api/user",
            "",
            null.clone(),
            401,
            "token",
            "is missing",
        ),
        (
            "GET",
            "/api/user",
            &forged,
            null.clone(),
            401,
            "token",
            "is missing",
        ),
        (
            "PUT",
            "/api/user",
            &ada,
            part("user", "email", null.clone()),
            422,
            "email",
            "can't be blank",
        ),
        (
            "PUT",
            "/api/user",
            &ada,
            part("user", "username", json!(" ")),
            422,
            "username",
            "can't be blank",
        ),
        (
            "PUT",
            "/api/user",
            &ada,
            part("user", "username", json!("bob")),
            409,
            "username",
            "has already been taken",
        ),
        (
            "GET",
            "/api/profiles/nobody",
            "",
            null.clone(),
            404,
            "profile",
            "not found",
        ),
        (
            "POST",
            "/api/profiles/nobody/follow",
            &ada,
            null.clone(),
            404,
            "profile",
            "not found",
        ),
        (
            "DELETE",
            "/api/profiles/nobody/follow",
            &ada,
            null.clone(),
            404,
            "profile",
            "not found",
        ),
        (
            "POST",
            "/api/profiles/bob/follow",
            "",
            null.clone(),
            401,
            "token",
            "is missing",
        ),
        (
            "POST",
            "/api/articles",
            "",
            part("article", "title", json!("t")),
            401,
            "token",
            "is missing",
        ),
        (
            "POST",
            "/api/articles",
            &ada,
            part("article", "title", json!("t")),
            422,
            "description",
            "can't be blank",
        ),
        (
            "GET",
            "/api/articles/none",
            "",
            null.clone(),
            404,
            "article",
            "not found",
        ),
        (
            "PUT",
            "/api/articles/none",
            &ada,
            part("article", "body", json!("b")),
            404,
            "article",
            "not found",
        ),
        (
            "PUT",
            &article,
            &bob,
            part("article", "body", json!("b")),
            403,
            "article",
            "forbidden",
        ),
        (
            "PUT",
            &article,
            &ada,
            part("article", "title", json!("")),
            422,
            "title",
            "can't be blank",
        ),
        (
            "PUT",
            &article,
            &ada,
            part("article", "tagList", null.clone()),
            422,
            "tagList",
            "can't be blank",
        ),
        (
            "DELETE",
            &article,
            &bob,
            null.clone(),
            403,
            "article",
            "forbidden",
        ),
        (
            "DELETE",
            "/api/articles/none",
            &bob,
            null.clone(),
            404,
            "article",
            "not found",
        ),
        (
            "GET",
            "/api/articles/feed",
            "",
            null.clone(),
            401,
            "token",
            "is missing",
        ),
        (
            "POST",
            "/api/articles/none/favorite",
            &ada,
            null.clone(),
            404,
            "article",
            "not found",
        ),
        (
            "DELETE",
            "/api/articles/none/favorite",
            &ada,
            null.clone(),
            404,
            "article",
            "not found",
        ),
        (
            "GET",
            "/api/articles/none/comments",
            "",
            null.clone(),
            404,
            "article",
            "not found",
        ),
        (
            "POST",
            "/api/articles/none/comments",
            &ada,
            comment.clone(),
            404,
            "article",
            "not found",
        ),
        (
            "POST",
            &comments,
            "",
            comment.clone(),
            401,
            "token",
            "is missing",
        ),
        (
            "POST",
            &comments,
            &ada,
            part("comment", "body", json!("")),
            422,
            "body",
            "can't be blank",
        ),
        (
            "DELETE",
            &foreign,
            &bob,
            null.clone(),
            403,
            "comment",
            "forbidden",
        ),
        (
            "DELETE",
            "/api/articles/none/comments/1",
            &ada,
            null.clone(),
            404,
            "article",
            "not found",
        ),
        (
            "DELETE",
            &missing,
            &ada,
            null.clone(),
            404,
            "comment",
            "not found",
        ),
    ];
    for (method, path, token, body, status, field, fault) in &table {
        let answer = ask(&app, method, path, token, body).await;
        assert_eq!(
            answer.status().as_u16(),
            *status,
            "{method} {path} {body}: {}",
            answer.text()
        );
        assert_eq!(
            json_of(&answer)["errors"][field][0],
            *fault,
            "{method} {path} {body}"
        );
    }
    // What the framework refuses has the same form.
    for (method, path, body, status) in [
        ("POST", "/api/users", "{", 400),
        ("POST", "/api/users", "[]", 422),
        ("PATCH", "/api/users", "", 405),
        ("GET", "/api/articles?limit=many", "", 400),
        ("GET", "/api/none", "", 404),
        ("DELETE", "/api/articles/one/comments/first", "", 400),
    ] {
        let mut request = app
            .request(method, path)
            .header("authorization", &format!("Token {ada}"));
        if !body.is_empty() {
            request = request
                .header("content-type", "application/json")
                .body(body);
        }
        let answer = request.await;
        assert_eq!(
            answer.status().as_u16(),
            status,
            "{method} {path}: {}",
            answer.text()
        );
        assert!(
            json_of(&answer)["errors"]["body"][0].is_string(),
            "{method} {path}: {}",
            answer.text()
        );
    }
}
