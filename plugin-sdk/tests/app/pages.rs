//! Pages, fragments and layouts.

use nova::handler::*;
use nova::prelude::*;
use nova::testing::TestApp;

use crate::one;

const HEAD: &str = "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\">\
    <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">";

#[tokio::test]
async fn a_page_gets_the_shell_and_a_fragment_does_not() {
    let app = one("/", sync_0(|| page("T & t", html! { p { "<hi>" } }))).await;
    let response = app.get("/").await;
    assert_eq!(response.header("content-type"), Some("text/html; charset=utf-8"));
    assert_eq!(
        response.text(),
        format!("{HEAD}<title>T &amp; t</title></head><body><p>&lt;hi&gt;</p></body></html>")
    );

    async fn alias() -> Html<&'static str> {
        Html("<b>raw</b>")
    }
    for handler in [sync_0(|| Html("<b>raw</b>")), async_0(alias), sync_0(|| html! { b { "raw" } })]
    {
        let response = one("/", handler).await.get("/").await;
        assert_eq!(response.header("content-type"), Some("text/html; charset=utf-8"));
        assert_eq!(response.text(), "<b>raw</b>");
    }
}

fn root(page: Html) -> Html {
    page.head(html! { meta name="root"; }).map(|body| html! { main { (body) } })
}

async fn group(Path(id): Path<u8>, page: Html) -> Result<(HeaderMap, Html)> {
    if id == 0 {
        return Err(Error::not_found("no zero"));
    }
    let mut headers = HeaderMap::new();
    headers.insert("x-layout", HeaderValue::from(u16::from(id)));
    let title = format!("{} {id}", page.title().unwrap_or_default());
    Ok((headers, page.with_title(title).lang("es").map(|body| html! { section { (body) } })))
}

async fn app() -> TestApp {
    let mut app = nova::App::new(nova::no_state());
    // As generated: sorted by file, not by depth.
    app.layout("/(shop)", async_2(group));
    app.layout("/", sync_1(root));
    app.page("/items/{id}", "pages/(shop)/items/[id].rs")
        .get(sync_0(|| (StatusCode::CREATED, [("x-page", "1")], page("Item", html! { "item" }))));
    app.page("/about", "pages/about.rs").get(sync_0(|| page("About", "us")));
    app.page("/part", "pages/part.rs").get(sync_0(|| Html("<i>part</i>")));
    TestApp::new(app.finish()).await
}

#[tokio::test]
async fn layouts_apply_by_folder_from_the_inside_out() {
    let app = app().await;
    let item = app.get("/items/7").await;
    assert_eq!(item.status(), 201);
    assert_eq!((item.header("x-page"), item.header("x-layout")), (Some("1"), Some("7")));
    let text = item.text();
    assert!(text.starts_with("<!DOCTYPE html><html lang=\"es\">"), "{text}");
    assert!(text.contains("<title>Item 7</title><meta name=\"root\"></head>"), "{text}");
    assert!(text.ends_with("<body><main><section>item</section></main></body></html>"), "{text}");

    let about = app.get("/about").await;
    assert_eq!(about.header("x-layout"), None);
    assert!(about.text().ends_with("<body><main>us</main></body></html>"), "{}", about.text());
    assert_eq!(app.get("/part").await.text(), "<i>part</i>");
}

#[tokio::test]
async fn an_error_of_a_layout_is_an_error_like_any_other() {
    assert_eq!(app().await.get("/items/0").await.status(), 404);
}

#[tokio::test]
async fn a_layout_may_answer_with_something_else() {
    let mut app = nova::App::new(nova::no_state());
    app.layout("/", sync_1(|_: Html| Redirect::to("/login")));
    app.page("/", "pages/index.rs").get(sync_0(|| page("Secret", "secret")));
    let response = TestApp::new(app.finish()).await.get("/").await;
    assert_eq!((response.status().as_u16(), response.header("location")), (303, Some("/login")));
    assert_eq!(response.text(), "");
}

#[test]
fn a_component_may_be_a_page_or_a_fragment() {
    let part = Html("<i>part</i>").map(|body| html! { p { (body) } });
    assert_eq!(html! { div { (part) } }.into_string(), "<div><p><i>part</i></p></div>");
    assert_eq!(part.title(), None);
}

#[tokio::test]
async fn what_a_page_says_of_itself_counts_before_its_layout() {
    let mut app = nova::App::new(nova::no_state());
    app.layout(
        "/",
        sync_1(|page: Html| {
            let title = format!("{} · Site", page.title().unwrap_or_default());
            page.with_title(title).meta("description", "a site").meta("og:site_name", "Site")
        }),
    );
    let own = || page("Own", "own").meta("description", "<its> \"own\"").meta("x", "1");
    app.page("/own", "pages/own.rs").get(sync_0(own));
    let by_hand = || page("Hand", "").head(html! { meta name="description" content="by hand"; });
    app.page("/hand", "pages/hand.rs").get(sync_0(by_hand));
    app.page("/other", "pages/other.rs").get(sync_0(|| page("Other", "other")));
    let app = TestApp::new(app.finish()).await;
    for (path, head) in [
        (
            "/own",
            "<title>Own · Site</title><meta name=\"description\" content=\"&lt;its&gt; \
             &quot;own&quot;\"><meta name=\"x\" content=\"1\">",
        ),
        ("/hand", "<title>Hand · Site</title><meta name=\"description\" content=\"by hand\">"),
        ("/other", "<title>Other · Site</title><meta name=\"description\" content=\"a site\">"),
    ] {
        let answer = app.get(path).await;
        let text = answer.text();
        let whole = format!("{head}<meta property=\"og:site_name\" content=\"Site\"></head>");
        assert!(text.contains(&whole), "{text}");
    }
}
