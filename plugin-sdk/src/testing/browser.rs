//! A visitor with a browser: one who keeps cookies.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use http::Method;
use http::header::{COOKIE, HeaderMap, HeaderValue, SET_COOKIE};

use super::app::{TestApp, TestRequest};

/// A visitor of a [`TestApp`], who keeps cookies and says so with each request, as a browser does. Each
/// has cookies of its own.
///
/// ```no_run
/// # async fn test(app: nova::testing::TestApp) {
/// let (ada, grace) = (app.browser(), app.browser());
/// ada.post("/login").form("name=ada&password=secret").await;
/// assert_eq!(ada.get("/account").await.status(), 200);
/// assert_eq!(grace.get("/account").await.status(), 303);
/// # }
/// ```
///
/// Its requests come from the app's own pages (`Sec-Fetch-Site: same-origin`), unless one says otherwise.
/// It does not follow redirects, and knows nothing of the end of a cookie but `Max-Age=0`.
#[derive(Debug)]
pub struct TestBrowser<'a> {
    app: &'a TestApp,
    cookies: Jar,
}

impl<'a> TestBrowser<'a> {
    pub(super) fn new(app: &'a TestApp) -> Self {
        TestBrowser { app, cookies: Jar::default() }
    }

    /// A request; it is sent by `.await`.
    ///
    /// # Panics
    /// When `method` is not a method.
    pub fn request<'b>(&'b self, method: &str, target: &str) -> TestRequest<'b> {
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        self.app.request(method.as_str(), target).by(&self.cookies)
    }

    /// A GET request for a path, perhaps with a query.
    pub fn get<'b>(&'b self, target: &str) -> TestRequest<'b> {
        self.request("GET", target)
    }

    /// A POST request.
    pub fn post<'b>(&'b self, target: &str) -> TestRequest<'b> {
        self.request("POST", target)
    }

    /// A PUT request.
    pub fn put<'b>(&'b self, target: &str) -> TestRequest<'b> {
        self.request("PUT", target)
    }

    /// A PATCH request.
    pub fn patch<'b>(&'b self, target: &str) -> TestRequest<'b> {
        self.request("PATCH", target)
    }

    /// A DELETE request.
    pub fn delete<'b>(&'b self, target: &str) -> TestRequest<'b> {
        self.request("DELETE", target)
    }

    /// The value of a cookie that it would send for this path, as it is sent.
    #[must_use]
    pub fn cookie(&self, name: &str, path: &str) -> Option<String> {
        let cookies = self.cookies.lock();
        let found = cookies.iter().find(|((of, below), _)| of == name && is_below(path, below));
        found.map(|(_, value)| value.clone())
    }
}

/// The values of cookies, by their name and their path.
#[derive(Debug, Default)]
pub(super) struct Jar(Mutex<BTreeMap<(String, String), String>>);

impl Jar {
    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<(String, String), String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds the cookies for this path, and where the request comes from.
    pub(super) fn send(&self, path: &str, headers: &mut HeaderMap) {
        headers.entry("sec-fetch-site").or_insert(HeaderValue::from_static("same-origin"));
        let cookies = self.lock();
        let mut sent: Vec<_> =
            cookies.iter().filter(|((_, below), _)| is_below(path, below)).collect();
        // The longest path first (RFC 6265, section 5.4).
        sent.sort_by_key(|((_, below), _)| std::cmp::Reverse(below.len()));
        let pairs: Vec<_> =
            sent.into_iter().map(|((name, _), value)| format!("{name}={value}")).collect();
        if !pairs.is_empty() {
            let pairs = HeaderValue::try_from(pairs.join("; ")).expect("they came in a header");
            headers.append(COOKIE, pairs);
        }
    }

    /// Keeps what an answer says of cookies.
    pub(super) fn keep(&self, headers: &HeaderMap) {
        let mut cookies = self.lock();
        for set in headers.get_all(SET_COOKIE) {
            let Ok(set) = set.to_str() else { continue };
            let (pair, attributes) = set.split_once(';').unwrap_or((set, ""));
            let Some((name, value)) = pair.split_once('=') else { continue };
            let attribute = |wanted: &str| {
                attributes.split(';').find_map(|attribute| {
                    let (name, value) = attribute.trim().split_once('=')?;
                    name.eq_ignore_ascii_case(wanted).then_some(value)
                })
            };
            let key = (name.to_owned(), attribute("path").unwrap_or("/").to_owned());
            if attribute("max-age")
                .and_then(|age| age.parse::<i64>().ok())
                .is_some_and(|it| it <= 0)
            {
                cookies.remove(&key);
            } else {
                cookies.insert(key, value.to_owned());
            }
        }
    }
}

/// Whether a path is one that a cookie is for (RFC 6265, section 5.1.4).
fn is_below(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder)
        .is_some_and(|rest| rest.is_empty() || folder.ends_with('/') || rest.starts_with('/'))
}
