//! A started app in a test, and the requests that are sent to it.

use std::collections::HashMap;
use std::fmt;
use std::future::{IntoFuture, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_core::future::BoxFuture;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION};
use http::{Method, StatusCode, Uri};
use nova_abi::Rooms;
use nova_rooms::LocalRooms;
use nova_routing::Router;
use serde_core::Serialize;

use super::browser::{Jar, TestBrowser};
#[cfg(feature = "ws")]
use super::connection::{ClientEnd, take_over};
use super::incoming::TestIncoming;
use super::multipart::MultipartForm;
use super::response::TestResponse;
use super::streaming::TestStream;
use crate::app::{InitContext, Routes, StartedApp};
use crate::body::Body;
#[cfg(feature = "ws")]
use crate::body::Kind;
use crate::hooks::Purpose;
use crate::info::{self, Started};
use crate::request::{Incoming, RequestContext};
use crate::response::{IntoResponse, Response, Result, with_content_type};

/// A started app in the test's own process.
pub struct TestApp {
    router: Router<usize>,
    app: Arc<StartedApp>,
    /// What its code finds when it asks for its app.
    started: &'static Started,
}

impl fmt::Debug for TestApp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TestApp")
            .field(&self.router.routes().map(|(pattern, _)| pattern).collect::<Vec<_>>())
            .finish()
    }
}

impl TestApp {
    /// Starts the routes on scratch state: `init` is told [`Purpose::Precompile`].
    ///
    /// # Panics
    /// When they do not start; see [`TestApp::start`].
    pub async fn new(routes: Routes) -> Self {
        match TestApp::start(&routes, Purpose::Precompile, None).await {
            Ok(app) => app,
            Err(error) => panic!("the app does not start: {error}"),
        }
    }

    /// Starts the routes with this state, and `init` is not called: a database in memory, a service
    /// that a test answers for.
    ///
    /// ```
    /// use nova::prelude::*;
    /// use nova::testing::TestApp;
    ///
    /// #[derive(Clone)]
    /// pub struct Clock(u64);
    ///
    /// fn get(State(Clock(hour)): State<Clock>) -> String {
    ///     format!("{hour} o'clock")
    /// }
    /// # fn routes() -> nova::Routes {
    /// #     let hooks = nova::hooks::init_sync_0(|| Clock(0));
    /// #     let mut app = nova::App::new(hooks);
    /// #     app.page("/", "pages/index.rs").get(nova::handler::sync_1(get));
    /// #     app.finish()
    /// # }
    ///
    /// # #[tokio::main]
    /// # async fn main() {
    /// let app = TestApp::with_state(&routes(), Clock(7));
    /// assert_eq!(app.get("/").await.text(), "7 o'clock");
    /// # }
    /// ```
    ///
    /// # Panics
    /// When the state is not of the type that `init` of the app makes, or two pages have one
    /// pattern.
    pub fn with_state<S: Send + Sync + 'static>(routes: &Routes, state: S) -> Self {
        let init = scratch(Purpose::Precompile, None);
        let started = start(init.dev);
        #[cfg(feature = "cookies-private")]
        started.secret().for_a_test().expect("a secret of the test's own");
        let app = routes.init_with(state, init);
        app.and_then(|app| TestApp::of(routes, app, started))
            .unwrap_or_else(|error| panic!("the app does not start: {error}"))
    }

    /// Starts the routes for a purpose, perhaps with what another generation exported.
    ///
    /// # Errors
    /// When `init` fails, or two pages have one pattern.
    pub async fn start(routes: &Routes, purpose: Purpose, saved: Option<Vec<u8>>) -> Result<Self> {
        TestApp::start_with(routes, scratch(purpose, saved)).await
    }

    pub(crate) async fn start_with(routes: &Routes, init: InitContext) -> Result<Self> {
        let started = start(init.dev);
        if init.purpose == Purpose::Serve {
            started.leadership().lead();
        }
        #[cfg(feature = "cookies-private")]
        started.secret().for_a_test()?;
        let app = Inside { started, future: Box::pin(routes.init(init)) }.await?;
        TestApp::of(routes, app, started)
    }

    fn of(routes: &Routes, app: Arc<StartedApp>, started: &'static Started) -> Result<Self> {
        let mut router = Router::new();
        for (index, route) in routes.routes().iter().enumerate() {
            router.insert(route.info.pattern.clone(), index)?;
        }
        Ok(TestApp { router, app, started })
    }

    /// What the app saves for the next generation.
    ///
    /// # Errors
    /// When its `export` fails.
    pub async fn export(&self) -> Result<Option<Vec<u8>>> {
        self.inside(self.app.export()).await
    }

    /// Runs the app's `shutdown`.
    ///
    /// # Errors
    /// When it fails.
    pub async fn shutdown(self) -> Result<()> {
        let started = self.started;
        Inside { started, future: Box::pin(self.app.shutdown()) }.await
    }

    /// The code of this app, which finds itself in it: there may be another one in the next test.
    fn inside<'a, T>(&self, future: impl Future<Output = T> + Send + 'a) -> BoxFuture<'a, T> {
        Box::pin(Inside { started: self.started, future: Box::pin(future) })
    }

    /// A request; it is sent by `.await`.
    ///
    /// # Panics
    /// When `method` is not a method.
    pub fn request(&self, method: &str, target: &str) -> TestRequest<'_> {
        TestRequest::new(self, Method::from_bytes(method.as_bytes()).expect("a method"), target)
    }

    /// A GET request for a path, perhaps with a query.
    pub fn get(&self, target: &str) -> TestRequest<'_> {
        TestRequest::new(self, Method::GET, target)
    }

    /// A POST request.
    pub fn post(&self, target: &str) -> TestRequest<'_> {
        TestRequest::new(self, Method::POST, target)
    }

    /// A PUT request.
    pub fn put(&self, target: &str) -> TestRequest<'_> {
        TestRequest::new(self, Method::PUT, target)
    }

    /// A PATCH request.
    pub fn patch(&self, target: &str) -> TestRequest<'_> {
        TestRequest::new(self, Method::PATCH, target)
    }

    /// A DELETE request.
    pub fn delete(&self, target: &str) -> TestRequest<'_> {
        TestRequest::new(self, Method::DELETE, target)
    }

    /// A visitor who keeps cookies.
    #[must_use]
    pub fn browser(&self) -> TestBrowser<'_> {
        TestBrowser::new(self)
    }

    /// Answers as the host does.
    async fn send(&self, mut sent: TestIncoming) -> Response {
        let path = sent.path().to_owned();
        let found = match self.router.find(&path) {
            Ok(found) => found,
            Err(error) => {
                return self.unrouted(StatusCode::BAD_REQUEST, error.to_string(), &sent).await;
            }
        };
        let Some(found) = found else {
            return self.unrouted(StatusCode::NOT_FOUND, String::new(), &sent).await;
        };
        if let Some(canonical) = found.canonical {
            let location =
                sent.query().map_or(canonical.to_owned(), |query| format!("{canonical}?{query}"));
            let mut response = StatusCode::PERMANENT_REDIRECT.into_response();
            response
                .headers_mut()
                .insert(LOCATION, HeaderValue::try_from(location).expect("a part of a URI"));
            return response;
        }
        let params = found.params.iter().map(|(_, value)| value.to_owned()).collect();
        sent.matched(found.pattern.to_string(), params);
        let answer = self.app.call(*found.value, RequestContext::host(&sent));
        self.unless_panic(answer, &sent).await
    }

    async fn unrouted(&self, status: StatusCode, message: String, sent: &TestIncoming) -> Response {
        self.unless_panic(self.app.unrouted(status, message, sent), sent).await
    }

    /// What answers, or the error page after its panic.
    async fn unless_panic(&self, answer: BoxFuture<'_, Response>, sent: &TestIncoming) -> Response {
        if let Some(response) = unless_panic(self.inside(answer)).await {
            return response;
        }
        let plain = || StatusCode::INTERNAL_SERVER_ERROR.into_response();
        let page = self.inside(self.app.panicked(sent));
        unless_panic(page).await.unwrap_or_else(plain)
    }
}

/// An app of its own, with rooms of its own.
fn start(dev: bool) -> &'static Started {
    let rooms = Rooms::new(Arc::new(LocalRooms::default()));
    let started = info::started("", dev, HashMap::new(), Some(rooms));
    // What pages spawn runs on this thread, unless the test has several.
    info::settle(started);
    started
}

fn scratch(purpose: Purpose, saved: Option<Vec<u8>>) -> InitContext {
    InitContext { purpose, dev: true, stylesheet: None, favicon: None, saved }
}

/// A request under construction; `.await` sends it.
///
/// ```no_run
/// # async fn test(app: nova::testing::TestApp) {
/// let response = app
///     .post("/users")
///     .header("authorization", "Bearer x")
///     .json(&["ada", "grace"])
///     .await;
/// assert_eq!(response.status(), 201);
/// # }
/// ```
#[derive(Debug)]
#[must_use = "a request is sent by `.await`"]
pub struct TestRequest<'a> {
    app: &'a TestApp,
    method: Method,
    target: Uri,
    headers: HeaderMap,
    body: Body,
    /// What the browser that sends it keeps.
    cookies: Option<&'a Jar>,
}

impl<'a> TestRequest<'a> {
    fn new(app: &'a TestApp, method: Method, target: &str) -> Self {
        let target =
            target.parse().unwrap_or_else(|error| panic!("`{target}` is not a target: {error}"));
        let (headers, body) = (HeaderMap::new(), Body::empty());
        TestRequest { app, method, target, headers, body, cookies: None }
    }

    pub(super) fn by(mut self, cookies: &'a Jar) -> Self {
        self.cookies = Some(cookies);
        self
    }

    /// Adds a header.
    ///
    /// # Panics
    /// When name or value is not valid in a header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        let name = HeaderName::try_from(name).expect("a header's name");
        self.headers.append(name, HeaderValue::try_from(value).expect("a header's value"));
        self
    }

    #[cfg(feature = "ws")]
    pub(super) fn headers_mut(&mut self) -> &mut HeaderMap {
        &mut self.headers
    }

    /// Sets the body. Its length is announced, unless it is a stream.
    pub fn body(mut self, body: impl Into<Body>) -> Self {
        self.body = body.into();
        match self.body.len() {
            Some(length) => self.headers.insert(CONTENT_LENGTH, HeaderValue::from(length)),
            None => self.headers.remove(CONTENT_LENGTH),
        };
        self
    }

    /// Sets the body to a value as JSON, and its type.
    ///
    /// # Panics
    /// When the value has no form in JSON.
    pub fn json<T: Serialize + ?Sized>(mut self, value: &T) -> Self {
        self.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        self.body(serde_json::to_vec(value).expect("a value with a form in JSON"))
    }

    /// Sets the body to the fields of a form, encoded as in `a=1&b=2`, and its type.
    pub fn form(mut self, fields: impl Into<String>) -> Self {
        self.headers
            .insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        self.body(fields.into())
    }

    /// Sets the body to a form with files, and its type.
    pub fn multipart(mut self, form: MultipartForm) -> Self {
        let (media_type, body) = form.finish();
        let media_type = HeaderValue::try_from(media_type).expect("a media type");
        self.headers.insert(CONTENT_TYPE, media_type);
        self.body(body)
    }

    /// Sends the request, and gives the response back whose body is read as it comes: for streams,
    /// which may have no end.
    ///
    /// ```
    /// use nova::handler::*;
    /// use nova::prelude::*;
    /// use nova::sse::Event;
    /// use nova::testing::TestApp;
    ///
    /// fn get() -> Sse {
    ///     let (events, sse) = Sse::channel();
    ///     tokio::spawn(async move {
    ///         for n in 1_u64.. {
    ///             events.send(Event::data(n.to_string())).await?;
    ///         }
    ///         Ok::<_, Closed>(())
    ///     });
    ///     sse
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let mut app = nova::App::new(nova::no_state());
    /// app.page("/numbers", "pages/numbers.rs").get(sync_0(get));
    /// let app = TestApp::new(app.finish()).await;
    ///
    /// let mut response = app.get("/numbers").stream().await;
    /// assert_eq!(response.status(), 200);
    /// assert_eq!(response.chunk().await.unwrap(), "data: 1\n\n");
    /// assert_eq!(response.event().await.unwrap(), "data: 2");
    /// # }
    /// ```
    pub async fn stream(self) -> TestStream {
        TestStream::new(self.answer(|sent| sent).await)
    }

    /// Sends the request, and takes the connection over if the page answers 101; else the answer.
    #[cfg(feature = "ws")]
    pub(super) async fn upgraded(self) -> Result<(HeaderMap, ClientEnd), TestResponse> {
        let response = self.answer(TestIncoming::upgradable).await;
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            return Err(TestResponse::read(response, false).await);
        }
        let (parts, body) = response.into_parts();
        match body.into_kind() {
            Kind::Upgrade(upgrade) => Ok((parts.headers, take_over(upgrade))),
            _ => panic!("101 without saying what is done with the connection"),
        }
    }

    /// Sends it, with the cookies of its browser, and keeps those of the answer.
    async fn answer(self, sent: impl FnOnce(TestIncoming) -> TestIncoming) -> Response {
        let TestRequest { app, method, target, mut headers, body, cookies } = self;
        if let Some(cookies) = cookies {
            cookies.send(target.path(), &mut headers);
        }
        let sent = sent(TestIncoming::new(method, target, headers, body));
        let response = with_content_type(app.send(sent).await);
        if let Some(cookies) = cookies {
            cookies.keep(response.headers());
        }
        response
    }
}

impl<'a> IntoFuture for TestRequest<'a> {
    type Output = TestResponse;
    type IntoFuture = BoxFuture<'a, TestResponse>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let is_head = self.method == Method::HEAD;
            TestResponse::read(self.answer(|sent| sent).await, is_head).await
        })
    }
}

/// A future that is polled on behalf of an app.
struct Inside<F> {
    started: &'static Started,
    future: Pin<Box<F>>,
}

impl<F: Future> Future for Inside<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let _inside = info::enter(self.started);
        self.future.as_mut().poll(cx)
    }
}

/// Waits for a future; `None` when it panics, which the test's output shows.
async fn unless_panic<T>(mut future: BoxFuture<'_, T>) -> Option<T> {
    poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
        Ok(poll) => poll.map(Some),
        Err(_) => Poll::Ready(None),
    })
    .await
}
