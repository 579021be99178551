//! Rules for what is sent.

use garde::Validate;
use nova::App;
use nova::handler::*;
use nova::prelude::*;
use nova::testing::TestApp;
use nova::validation::FieldErrors;

#[derive(serde::Deserialize, Validate)]
struct Signup {
    #[garde(length(min = 3), ascii)]
    name: String,
    #[garde(range(min = 18))]
    age: u8,
    #[garde(dive)]
    #[serde(default)]
    items: Vec<Item>,
}

#[derive(serde::Deserialize, Validate)]
struct Item {
    #[garde(range(min = 1))]
    count: u32,
}

fn shown(state: &FormState) -> String {
    let mut said = format!("[{}] [{}]", state.value("name"), state.value("age"));
    for (field, messages) in state.errors().iter() {
        said.push_str(&format!(" {field}={messages:?}"));
    }
    said
}

fn submit(submitted: Submitted<Signup>) -> (StatusCode, String) {
    let logged = format!("{submitted:?}");
    assert!(!["ada", "36", "taken", "many"].iter().any(|it| logged.contains(it)), "{logged}");
    match submitted.into_parts() {
        Ok((signup, mut state)) if signup.name == "taken" => {
            state.add_error("name", "is taken");
            (StatusCode::UNPROCESSABLE_ENTITY, shown(&state))
        }
        Ok((signup, _)) => (StatusCode::OK, format!("{} {}", signup.name, signup.age)),
        Err(state) => (StatusCode::UNPROCESSABLE_ENTITY, shown(&state)),
    }
}

async fn app() -> TestApp {
    let mut app = App::new(nova::no_state());
    app.page("/json", "pages/json.rs")
        .post(sync_1(|Valid(Json(signup)): Valid<Json<Signup>>| signup.items.len().to_string()))
        .put(sync_0(|| -> Result<()> { Err(FieldErrors::one("email", "is taken"))? }));
    app.page("/form", "pages/form.rs")
        .post(sync_1(|Valid(Form(signup)): Valid<Form<Signup>>| signup.age.to_string()))
        .get(sync_1(|Valid(Query(signup)): Valid<Query<Signup>>| signup.age.to_string()))
        .put(sync_1(submit));
    TestApp::new(app.finish()).await
}

#[tokio::test]
async fn all_that_is_wrong_is_said_at_once() {
    let app = app().await;
    let json = |age: u8| serde_json::json!({ "name": "\u{e9}", "age": age, "items": [{ "count": 1 }, { "count": 0 }] });
    let response = app.post("/json").json(&json(1)).await;
    assert_eq!(response.status(), 422);
    let problem: serde_json::Value = response.json();
    insta::assert_snapshot!(problem["detail"].as_str().expect("a text"), @"age: lower than 18; items[1].count: lower than 1; name: not ascii; name: length is lower than 3");
    assert_eq!(problem["errors"]["items[1].count"], serde_json::json!(["lower than 1"]));
    assert_eq!(problem["errors"]["name"].as_array().map(Vec::len), Some(2));
    let right = serde_json::json!({ "name": "ada", "age": 36 });
    assert_eq!(app.post("/json").json(&right).await.text(), "0");
    assert_eq!(app.post("/json").json("x").await.status(), 422, "another shape");
    assert_eq!(app.post("/json").form("name=ada").await.status(), 415);
    let taken = app.put("/json").await;
    assert_eq!(
        (taken.status().as_u16(), taken.json::<serde_json::Value>()["errors"]["email"][0].clone()),
        (422, "is taken".into())
    );

    for (request, status) in [
        (app.post("/form").form("name=ada&age=36"), 200),
        (app.post("/form").form("name=ada&age=3"), 422),
        (app.get("/form?name=ada&age=36"), 200),
        (app.get("/form?name=a&age=36"), 422),
        (app.get("/form?name=ada&age=x"), 400),
    ] {
        assert_eq!(request.await.status(), status);
    }
}

#[tokio::test]
async fn a_form_is_shown_again_with_what_was_typed() {
    let app = app().await;
    for (sent, status, want) in [
        ("name=ada&age=36", 200, "ada 36"),
        ("name=a&age=3", 422, "[a] [3] age=[\"lower than 18\"] name=[\"length is lower than 3\"]"),
        ("name=a&age=many", 422, "[a] [many] age=[\"invalid digit found in string\"]"),
        ("age=36", 422, "[] [36] =[\"missing field `name`\"]"),
        ("name=taken&age=36", 422, "[taken] [36] name=[\"is taken\"]"),
    ] {
        let response = app.put("/form").form(sent).await;
        assert_eq!((response.status().as_u16(), response.text()), (status, want), "{sent}");
    }
    assert_eq!(app.put("/form").json(&1).await.status(), 415);
}
