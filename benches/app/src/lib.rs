//! The pages that the benchmarks ask for.

pub mod content;

use std::sync::OnceLock;
use std::time::Duration;

use nova::prelude::*;

use self::content::{Order, User};

fn text() -> &'static str {
    "Hello, world!"
}

fn json(Path(id): Path<u64>) -> Json<User> {
    Json(User::of(id))
}

fn hello(Path(name): Path<String>) -> Html {
    Html(content::hello(&name))
}

fn catalog() -> Html {
    page("Catalog", content::catalog())
}

fn layout(page: Html) -> Html {
    page.map(|content| content::layout(&content))
}

fn order(Json(order): Json<Order>) -> Json<Order> {
    Json(order)
}

async fn html(Query(query): Query<Vec<(String, String)>>) -> Html {
    page(
        "Things",
        html! {
            h1 { "Things" }
            ul { @for (name, value) in &query { li { b { (name) } ": " (value) } } }
            table {
                @for row in 0..20 {
                    tr { td { (row) } td { "thing number " (row) } td { (row * row) } }
                }
            }
        },
    )
}

async fn sleep() -> &'static str {
    nova::tokio::time::sleep(Duration::from_millis(1)).await;
    "slept"
}

/// Asks the server that `NOVA_BENCH_UPSTREAM` names.
async fn outgoing() -> Result<String> {
    static CLIENT: OnceLock<reqwest::Client> = OnceLock::new();
    let url = std::env::var("NOVA_BENCH_UPSTREAM")?;
    Ok(CLIENT.get_or_init(reqwest::Client::new).get(url).send().await?.text().await?)
}

/// 64 pieces of 4 KiB.
fn stream() -> Body {
    let (sender, body) = Body::channel();
    nova::tokio::spawn(async move {
        for _ in 0..64 {
            sender.send(Bytes::from_static(&[b'x'; 4096])).await?;
        }
        Ok::<_, Closed>(())
    });
    body
}

async fn post(body: Bytes) -> String {
    body.len().to_string()
}

/// The routes.
#[must_use]
pub fn routes() -> nova::Routes {
    use nova::handler::{async_0, async_1, sync_0, sync_1};
    let mut app = nova::App::new(nova::no_state());
    app.page("/text", "text.rs").get(sync_0(text));
    app.page("/json/{id}", "json.rs").get(sync_1(json));
    app.page("/hello/{name}", "hello/[name].rs").get(sync_1(hello));
    app.layout("/catalog", sync_1(layout));
    app.page("/catalog/page", "catalog/page.rs").get(sync_0(catalog));
    app.page("/order", "order.rs").post(sync_1(order));
    app.page("/html", "html.rs").get(async_1(html));
    app.page("/sleep", "sleep.rs").get(async_0(sleep)).precompile(false);
    app.page("/outgoing", "outgoing.rs").get(async_0(outgoing)).precompile(false);
    app.page("/stream", "stream.rs").get(sync_0(stream));
    app.page("/post", "post.rs").post(async_1(post));
    app.finish()
}
nova::export!(routes);
