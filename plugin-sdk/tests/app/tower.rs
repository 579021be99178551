//! Layers and services of tower: those that are used most, and as they are.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::{Path as AxumPath, State as AxumState};
use axum::routing::{get, post};
use nova::handler::*;
use nova::prelude::*;
use nova::testing::TestApp;
use nova::tower::{Layers, OriginalUri, layers_0, layers_1, service_0, service_1};
use nova::ws::WebSocketUpgrade;
use tower::{Service, ServiceBuilder, ServiceExt};
use tower_http::compression::CompressionLayer;
use tower_http::cors::{Any, CorsLayer};
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::set_header::SetResponseHeaderLayer;
use tower_http::timeout::TimeoutLayer;
use tower_http::trace::TraceLayer;

#[derive(Clone, Default)]
struct Counter(Arc<AtomicUsize>);

fn stack(State(built): State<Counter>) -> impl Layers {
    built.0.fetch_add(1, Ordering::SeqCst);
    ServiceBuilder::new()
        .layer(TraceLayer::new_for_http())
        .layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, Duration::from_secs(1)))
        .layer(CorsLayer::new().allow_origin(Any))
        .layer(CompressionLayer::new())
        .layer(SetResponseHeaderLayer::overriding(
            HeaderName::from_static("x-layer"),
            HeaderValue::from_static("yes"),
        ))
        .layer(RequestBodyLimitLayer::new(8))
        .map_request(|mut request: http::Request<_>| {
            request.extensions_mut().insert("of a layer");
            request
        })
}

async fn echo(
    Extension(left): Extension<&'static str>,
    Path(id): Path<u8>,
    body: String,
) -> String {
    format!("{left} {id} {body}")
}

fn routes(counter: &Counter) -> nova::Routes {
    let counter = counter.clone();
    let mut app = nova::App::new(nova::hooks::init_sync_0(move || counter.clone()));
    app.middleware("/api", layers_1(stack));
    app.error("/api", sync_1(|error: Error| format!("error {}", error.status().as_u16())));
    app.page("/api/{id}", "pages/api/[id].rs").post(async_3(echo));
    app.page("/api/long", "pages/api/long.rs").get(sync_0(|| "long ".repeat(1000)));
    app.page("/api/slow", "pages/api/slow.rs").get(async_0(std::future::pending::<()>));
    app.page("/plain", "pages/plain.rs").get(sync_0(|| "plain"));
    app.finish()
}

#[tokio::test(start_paused = true)]
async fn a_stack_of_layers_is_built_once_and_stands_around_its_folder() {
    let counter = Counter::default();
    let routes = routes(&counter);
    let app = TestApp::new(routes).await;
    let echo = app.post("/api/7").body("hi").await;
    assert_eq!((echo.status().as_u16(), echo.text()), (200, "of a layer 7 hi"));
    assert_eq!(echo.header("x-layer"), Some("yes"));
    assert_eq!(echo.header("content-type"), Some("text/plain; charset=utf-8"));
    assert_eq!(app.get("/plain").await.header("x-layer"), None);

    let preflight = app
        .request("OPTIONS", "/api/none/x")
        .header("origin", "https://a.example")
        .header("access-control-request-method", "POST")
        .await;
    assert_eq!(preflight.status(), 200);
    assert_eq!(preflight.header("access-control-allow-origin"), Some("*"));
    let none = app.get("/api/none/x").await;
    assert_eq!((none.status().as_u16(), none.text()), (404, "error 404"));
    assert_eq!(none.header("access-control-allow-origin"), Some("*"));

    let long = app.get("/api/long").header("accept-encoding", "gzip").await;
    assert_eq!(long.header("content-encoding"), Some("gzip"));
    assert!(long.bytes().len() < 200 && long.bytes().starts_with(&[0x1f, 0x8b]));
    assert_eq!(app.get("/api/slow").await.status(), 408);
    assert_eq!(app.post("/api/7").body("123456789").await.status(), 413);
    assert_eq!(counter.0.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn each_start_of_the_routes_builds_layers_of_its_own() {
    let counter = Counter::default();
    let routes = routes(&counter);
    for built in 1..=2 {
        let app = TestApp::start(&routes, nova::Purpose::Precompile, None).await.unwrap();
        assert_eq!(app.post("/api/1").await.status(), 200);
        assert_eq!(counter.0.load(Ordering::SeqCst), built);
    }
}

#[tokio::test]
async fn a_layer_that_fails_is_an_error_and_one_that_forgets_is_told() {
    let mut app = nova::App::new(nova::no_state());
    app.error(
        "/",
        sync_1(|error: Error| error.source().map_or(String::new(), ToString::to_string)),
    );
    let broken = || {
        let fail =
            |_: Result<Response, Infallible>| Err::<Response, tower::BoxError>("broken".into());
        ServiceBuilder::new().map_result(fail)
    };
    app.middleware("/broken", layers_0(broken));
    let forget = || {
        ServiceBuilder::new().map_request(|request: http::Request<Body>| {
            http::Request::builder().uri(request.uri()).body(Body::empty()).expect("a request")
        })
    };
    app.middleware("/forget", layers_0(forget));
    app.page("/broken/x", "pages/broken/x.rs").get(sync_0(|| "x"));
    app.page("/forget/x", "pages/forget/x.rs").get(sync_0(|| "x"));
    let app = TestApp::new(app.finish()).await;
    let broken = app.get("/broken/x").await;
    assert_eq!((broken.status().as_u16(), broken.text()), (500, "broken"));
    let forget = app.get("/forget/x").await;
    assert!(forget.text().contains("without the extensions"), "{}", forget.text());
}

#[tokio::test]
async fn layers_stand_around_the_middleware_of_their_folder() {
    let mut app = nova::App::new(nova::no_state());
    let header = |value| {
        move || {
            let name = HeaderName::from_static("x-way");
            SetResponseHeaderLayer::appending(name, HeaderValue::from_static(value))
        }
    };
    app.middleware("/a", layers_0(header("layers")));
    // The rest of the way is a service, too.
    app.middleware(
        "/a",
        async_2(move |request: Request, next: Next| {
            let service = ServiceBuilder::new().layer(header("middleware")()).service(next);
            async {
                service.oneshot(request).await.unwrap_or_else(|never: Infallible| match never {})
            }
        }),
    );
    app.page("/a/x", "pages/a/x.rs").get(sync_0(|| "x"));
    let answer = TestApp::new(app.finish()).await.get("/a/x").await;
    let way: Vec<_> = answer.headers().get_all("x-way").iter().collect();
    assert_eq!(way, ["middleware", "layers"]);
}

fn router(State(counter): State<Counter>) -> Router {
    counter.0.fetch_add(1, Ordering::SeqCst);
    Router::new()
        .route("/", get(|uri: Uri| async move { uri.to_string() }))
        .route(
            "/users/{id}",
            get(|AxumPath(id): AxumPath<String>| async move { format!("<{id}>") }),
        )
        .route("/echo", post(|body: String| async move { (StatusCode::CREATED, body) }))
        .route(
            "/count",
            get(|AxumState(it): AxumState<Counter>| async move {
                it.0.load(Ordering::SeqCst).to_string()
            }),
        )
        .route(
            "/original",
            get(|axum::Extension(OriginalUri(uri)): axum::Extension<OriginalUri>| async move {
                uri.to_string()
            }),
        )
        .with_state(counter)
}

#[tokio::test]
async fn a_router_of_axum_is_mounted() {
    let counter = Counter::default();
    let state = counter.clone();
    let mut app = nova::App::new(nova::hooks::init_sync_0(move || state.clone()));
    app.page("/shop/{name}/{*path?}", "pages/shop/[name]/[[...path]].rs")
        .get(sync_1(|Path((name, path)): Path<(String, String)>| format!("own {name} {path}")))
        .any(service_1(router));
    app.page("/old/{*path?}", "pages/old/[[...path]].rs").any(service_1(router)).body_limit(4);
    app.page("/{lang?}/legacy/{id=u64}/{*path}", "pages/[[lang]]/legacy/[id=u64]/[...path].rs")
        .any(service_1(router));
    app.page("/one", "pages/one.rs").any(service_0(|| {
        tower::service_fn(|request: Request| async move {
            Ok::<_, std::io::Error>(http::Response::new(request.uri().to_string()))
        })
    }));
    let app = TestApp::new(app.finish()).await;
    let table = [
        ("GET", "/old", 200, "/"),
        ("GET", "/old/users/a%2Fb", 200, "<a/b>"),
        ("GET", "/old/original?q=1", 200, "/old/original?q=1"),
        ("POST", "/old/echo", 201, "1234"),
        ("GET", "/old/count", 200, "3"),
        ("GET", "/old/none", 404, ""),
        ("DELETE", "/old/echo", 405, ""),
        ("POST", "/shop/x/echo", 201, "1234"),
        ("GET", "/shop/x/echo", 200, "own x echo"),
        ("PUT", "/one?q", 200, "/?q"),
        ("GET", "/de/legacy/1/users/7", 200, "<7>"),
        ("GET", "/legacy/1/users/7", 200, "<7>"),
    ];
    for (method, path, status, text) in table {
        let body = if method == "POST" { "1234" } else { "" };
        let answer = app.request(method, path).body(body).await;
        assert_eq!((answer.status().as_u16(), answer.text()), (status, text), "{method} {path}");
    }
    assert_eq!(app.post("/old/echo").body("12345").await.status(), 413, "the limit of the page");
    assert_eq!(counter.0.load(Ordering::SeqCst), 3, "one for each page, whatever they answer");
}

#[tokio::test]
async fn a_websocket_goes_through_layers_that_wrap_bodies() {
    let compressing = |request: Request, next: Next| async {
        let service = ServiceBuilder::new().layer(CompressionLayer::new()).service(next);
        let response = service.oneshot(request).await;
        response.map(|response| response.map(Body::from_http_body))
    };
    let mut app = nova::App::new(nova::no_state());
    app.middleware("/", layers_0(CompressionLayer::new));
    app.middleware("/", async_2(compressing));
    let greet = |upgrade: WebSocketUpgrade| {
        upgrade.on_upgrade(async |mut socket| {
            let _ = socket.send("hello").await;
        })
    };
    app.page("/", "pages/index.rs").get(sync_1(greet));
    let app = TestApp::new(app.finish()).await;
    assert_eq!(app.websocket("/").await.text().await, "hello");
}

/// What is taken for granted of `Next`: layers such as a retry clone it.
#[test]
fn next_is_a_service_that_is_cloned_and_shared() {
    fn check<V: Service<Request> + Clone + Send + Sync + 'static>() {}
    check::<Next>();
}
