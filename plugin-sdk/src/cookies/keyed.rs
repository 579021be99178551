//! Jars whose values only this app can have made: signed, and encrypted.

use std::fmt;

use cookie::Cookie;
use http::response::Parts;

use super::jar::Cookies;
use super::secret::Secret;
use crate::error::Error;
use crate::extract::FromRequest;
use crate::request::{Head, RequestContext};
use crate::response::{IntoResponse, IntoResponseParts, Response};

/// Cookies whose values browsers can read, and cannot change: HMAC-SHA256 with the key
/// [`NOVA_SECRET`](super::secret).
///
/// ```
/// use nova::prelude::*;
///
/// pub fn post(cookies: SignedCookies) -> (SignedCookies, Redirect) {
///     (cookies.add(("voted", "yes")), Redirect::to("/"))
/// }
///
/// pub fn get(cookies: SignedCookies) -> String {
///     // `None` as well where the value is not one that this app has signed.
///     cookies.get("voted").map_or("not yet".to_owned(), |it| it.value().to_owned())
/// }
/// ```
///
/// The name is signed with the value, so that one cookie cannot stand for another.
#[derive(Clone)]
#[must_use = "cookies are sent when the jar is returned"]
pub struct SignedCookies(Keyed);

/// Cookies whose values browsers can neither read nor change: AES-256-GCM with the key
/// [`NOVA_SECRET`](super::secret).
///
/// ```
/// use nova::prelude::*;
///
/// pub fn post(cookies: PrivateCookies) -> (PrivateCookies, Redirect) {
///     (cookies.add(("user", "42")), Redirect::to("/"))
/// }
/// ```
///
/// A value that cannot be read is `None`, whoever made it. A copy of a cookie stays good: what is to
/// end before the browser forgets it holds a time of its own, or is a
/// [session](crate::session).
#[derive(Clone)]
#[must_use = "cookies are sent when the jar is returned"]
pub struct PrivateCookies(Keyed);

/// A jar and the key to it.
#[derive(Clone)]
struct Keyed {
    cookies: Cookies,
    secret: &'static Secret,
}

impl Keyed {
    fn of_head(head: &RequestContext<'_>) -> Result<Self, Error> {
        Ok(Keyed { cookies: Cookies::of_head(head), secret: Secret::current()? })
    }

    fn signed(&self, name: &str) -> Option<Cookie<'static>> {
        let signed = self.secret.keys().find_map(|key| self.cookies.jar().signed(key).get(name));
        let mut cookie = signed?;
        // Signed with its name, which the crate `cookie` leaves out.
        let value = cookie.value().strip_prefix(name)?.strip_prefix('=')?.to_owned();
        cookie.set_value(value);
        Some(cookie)
    }

    fn add_signed(&mut self, mut cookie: Cookie<'static>) {
        self.cookies.flags().apply(&mut cookie);
        cookie.set_value(format!("{}={}", cookie.name(), cookie.value()));
        self.cookies.jar_mut().signed_mut(self.secret.first()).add(cookie);
    }

    fn private(&self, name: &str) -> Option<Cookie<'static>> {
        self.secret.keys().find_map(|key| self.cookies.jar().private(key).get(name))
    }

    fn add_private(&mut self, mut cookie: Cookie<'static>) {
        self.cookies.flags().apply(&mut cookie);
        self.cookies.jar_mut().private_mut(self.secret.first()).add(cookie);
    }
}

#[cfg(feature = "sessions")]
impl PrivateCookies {
    /// The jar of a request, for those who have only its head.
    pub(crate) fn of_head(head: &RequestContext<'_>) -> Result<Self, Error> {
        Keyed::of_head(head).map(PrivateCookies)
    }

    /// The jar as it is sent.
    pub(crate) fn into_plain(self) -> Cookies {
        self.0.cookies
    }
}

macro_rules! keyed {
    ($($jar:ident $get:ident $add:ident;)*) => {$(
        impl $jar {
            /// The cookie of this name, if this app made it: as it was sent, or as it was added since.
            #[must_use]
            pub fn get(&self, name: &str) -> Option<Cookie<'static>> {
                self.0.$get(name)
            }

            /// The same jar with one more cookie for the browser; see [`Cookies::add`].
            #[expect(clippy::should_implement_trait, reason = "jars of cookies have it by this name")]
            pub fn add(mut self, cookie: impl Into<Cookie<'static>>) -> Self {
                self.0.$add(cookie.into());
                self
            }

            /// The same jar without this cookie; see [`Cookies::remove`].
            pub fn remove(mut self, cookie: impl Into<Cookie<'static>>) -> Self {
                self.0.cookies = self.0.cookies.remove(cookie);
                self
            }
        }

        impl fmt::Debug for $jar {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.cookies.fmt(f)
            }
        }

        #[diagnostic::do_not_recommend]
        impl<S: Sync> FromRequest<S> for $jar {
            type Part = Head;
            type Rejection = Error;

            async fn from_request(cx: &mut RequestContext<'_>, _: &S) -> Result<Self, Error> {
                Keyed::of_head(cx).map($jar)
            }
        }

        #[diagnostic::do_not_recommend]
        impl IntoResponseParts for $jar {
            fn apply(self, parts: &mut Parts) -> Result<(), Error> {
                self.0.cookies.apply(parts)
            }
        }

        #[diagnostic::do_not_recommend]
        impl IntoResponse for $jar {
            fn into_response(self) -> Response {
                self.0.cookies.into_response()
            }
        }
    )*};
}

keyed! {
    SignedCookies signed add_signed;
    PrivateCookies private add_private;
}

#[cfg(test)]
mod tests {
    use http::Method;

    use super::*;
    use crate::testing::TestIncoming;

    /// What a browser that was told this sends.
    fn sent_back(response: &Response) -> String {
        let set = response.headers().get_all("set-cookie").iter();
        let pairs = set.filter_map(|it| it.to_str().ok()?.split(';').next());
        pairs.collect::<Vec<_>>().join("; ")
    }

    fn jar(secret: &str, cookie: &str) -> Keyed {
        let secret = Box::leak(Box::new(Secret::parse(secret).expect("a secret")));
        let request = TestIncoming::with_headers(Method::GET, &[("cookie", cookie)]);
        let cx = RequestContext::host(&request);
        Keyed { cookies: Cookies::of_head(&cx), secret }
    }

    #[test]
    fn the_first_secret_makes_and_all_of_them_read() {
        let (old, new) = ("o".repeat(32), "n".repeat(32));
        let mut made = jar(&old, "");
        made.add_signed(("signed", "a").into());
        made.add_private(("private", "b").into());
        let by_old = sent_back(&made.cookies.into_response());
        assert!(!by_old.contains("b;") && by_old.contains("signed=a"), "{by_old}");

        let read = |secret: &str, cookie: &str| {
            let jar = jar(secret, cookie);
            let value = |it: Option<Cookie<'static>>| it.map(|it| it.value().to_owned());
            (value(jar.signed("signed")), value(jar.private("private")))
        };
        let both = (Some("a".to_owned()), Some("b".to_owned()));
        assert_eq!(read(&old, &by_old), both);
        assert_eq!(read(&format!("{new},{old}"), &by_old), both, "all of them read");
        assert_eq!(read(&new, &by_old), (None, None));

        let mut made = jar(&format!("{new},{old}"), "");
        made.add_signed(("signed", "a").into());
        made.add_private(("private", "b").into());
        let by_new = sent_back(&made.cookies.into_response());
        assert_eq!(read(&new, &by_new), both, "the first one makes");
    }

    #[test]
    fn one_cookie_does_not_stand_for_another() {
        let secret = "s".repeat(32);
        let mut made = jar(&secret, "");
        made.add_signed(("theme", "admin").into());
        made.add_private(("cart", "admin").into());
        let sent = sent_back(&made.cookies.into_response());
        let renamed = sent.replacen("theme=", "role=", 1).replacen("cart=", "user=", 1);
        let jar = jar(&secret, &renamed);
        assert_eq!((jar.signed("role"), jar.private("user")), (None, None), "{renamed}");
    }
}
