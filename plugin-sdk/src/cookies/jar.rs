//! The jar of plain cookies, which the others are made of.

use std::convert::Infallible;
use std::fmt;

use cookie::{Cookie, CookieJar, SameSite};
use http::header::{COOKIE, SET_COOKIE};
use http::response::Parts;

use super::encoding;
use crate::error::Error;
use crate::extract::FromRequest;
use crate::info;
use crate::request::{Head, RequestContext};
use crate::response::{IntoResponse, IntoResponseParts, Response};

/// The cookies of a request, and those that its answer sets.
///
/// ```
/// use nova::cookies::Cookie;
/// use nova::cookies::time::Duration;
/// use nova::prelude::*;
///
/// pub fn get(cookies: Cookies) -> String {
///     cookies.get("theme").map_or("light", |theme| theme.value()).to_owned()
/// }
///
/// pub fn post(cookies: Cookies) -> (Cookies, Redirect) {
///     let theme = Cookie::build(("theme", "dark")).max_age(Duration::days(365)).http_only(false);
///     (cookies.add(theme), Redirect::to("/"))
/// }
///
/// pub fn delete(cookies: Cookies) -> (Cookies, Redirect) {
///     (cookies.remove("theme"), Redirect::to("/"))
/// }
/// ```
///
/// Nothing is sent of a jar that is not returned. See the [module](super).
#[derive(Clone)]
#[must_use = "cookies are sent when the jar is returned"]
pub struct Cookies {
    jar: CookieJar,
    flags: Flags,
}

/// What a cookie is sent with unless it says otherwise.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flags {
    /// Whether it has `Secure`.
    pub(crate) secure: bool,
}

impl Flags {
    /// A browser of today keeps a cookie with `Secure` that came over plain HTTP from localhost, and
    /// not all of them do: so it is left out there, in development alone.
    pub(crate) fn of(head: &RequestContext<'_>) -> Self {
        // Set by the host, which strips what clients say; so is it by a proxy before `nova dev`.
        let is_https = || head.header("x-forwarded-proto").is_some_and(|it| it == "https");
        Flags { secure: !info::is_dev() || is_https() }
    }

    /// Adds what the cookie does not say.
    pub(crate) fn apply(self, cookie: &mut Cookie<'static>) {
        let other_sites = cookie.same_site() == Some(SameSite::None);
        let by_name =
            cookie.name().starts_with("__Host-") || cookie.name().starts_with("__Secure-");
        if cookie.secure().is_none() {
            cookie.set_secure(self.secure || other_sites || by_name);
        }
        if cookie.http_only().is_none() {
            cookie.set_http_only(true);
        }
        if cookie.same_site().is_none() {
            cookie.set_same_site(SameSite::Lax);
        }
        if cookie.path().is_none() {
            cookie.set_path("/");
        }
    }
}

impl Cookies {
    pub(crate) fn of_head(head: &RequestContext<'_>) -> Self {
        let mut jar = CookieJar::new();
        for value in head.headers_named(&COOKIE) {
            // A byte that is no text, such as one of another app's cookie, hides that one alone.
            for cookie in encoding::parse(&String::from_utf8_lossy(value.as_bytes())) {
                if jar.get(cookie.name()).is_none() {
                    jar.add_original(cookie);
                }
            }
        }
        Cookies { jar, flags: Flags::of(head) }
    }

    /// The cookie of this name: as it was sent, or as it was added since.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Cookie<'static>> {
        self.jar.get(name)
    }

    /// All of them, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &Cookie<'static>> {
        self.jar.iter()
    }

    /// The same jar with one more cookie for the browser: a name and a value, or a
    /// [`Cookie`] with flags of its own.
    #[expect(clippy::should_implement_trait, reason = "jars of cookies have it by this name")]
    pub fn add(mut self, cookie: impl Into<Cookie<'static>>) -> Self {
        let mut cookie = cookie.into();
        self.flags.apply(&mut cookie);
        self.jar.add(cookie);
        self
    }

    /// The same jar without the cookie of this name, which the browser forgets. A cookie that was set
    /// with a path or a domain is removed with the same:
    /// `cookies.remove(Cookie::build("cart").path("/shop"))`.
    pub fn remove(mut self, cookie: impl Into<Cookie<'static>>) -> Self {
        let mut cookie = cookie.into();
        self.flags.apply(&mut cookie);
        // One that the request does not have may be there all the same, for another path.
        if self.jar.get(cookie.name()).is_none() {
            self.jar.add_original(cookie.clone());
        }
        self.jar.remove(cookie);
        self
    }

    /// The length of the longest cookie that is sent to the browser, in bytes.
    #[cfg(feature = "sessions")]
    pub(crate) fn longest_change(&self) -> usize {
        self.jar.delta().map(|cookie| cookie.to_string().len()).max().unwrap_or_default()
    }

    #[cfg(feature = "cookies-private")]
    pub(super) fn jar(&self) -> &CookieJar {
        &self.jar
    }

    #[cfg(feature = "cookies-private")]
    pub(super) fn jar_mut(&mut self) -> &mut CookieJar {
        &mut self.jar
    }

    #[cfg(feature = "cookies-private")]
    pub(super) fn flags(&self) -> Flags {
        self.flags
    }
}

/// Names alone: a value may be a secret.
impl fmt::Debug for Cookies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.jar.iter().map(Cookie::name)).finish()
    }
}

#[diagnostic::do_not_recommend]
impl<S: Sync> FromRequest<S> for Cookies {
    type Part = Head;
    type Rejection = Infallible;

    async fn from_request(cx: &mut RequestContext<'_>, _: &S) -> Result<Self, Infallible> {
        Ok(Cookies::of_head(cx))
    }
}

#[diagnostic::do_not_recommend]
impl IntoResponseParts for Cookies {
    fn apply(self, parts: &mut Parts) -> Result<(), Error> {
        let mut changed: Vec<_> = self.jar.delta().collect();
        changed.sort_by_key(|cookie| cookie.name());
        for cookie in changed {
            parts.headers.append(SET_COOKIE, encoding::header(cookie)?);
        }
        Ok(())
    }
}

#[diagnostic::do_not_recommend]
impl IntoResponse for Cookies {
    fn into_response(self) -> Response {
        (self, ()).into_response()
    }
}
