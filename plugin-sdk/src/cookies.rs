//! Cookies: what a browser sends, and what it is told to keep (RFC 6265).
//!
//! [`Cookies`] is an argument and a part of a response. What is added goes out when the jar is
//! returned, in a tuple before the answer:
//!
//! ```
//! use nova::prelude::*;
//!
//! pub fn post(cookies: Cookies) -> (Cookies, Redirect) {
//!     let seen = cookies.get("theme").map_or("none", |cookie| cookie.value()).to_owned();
//!     (cookies.add(("theme", "dark")).add(("before", seen)), Redirect::to("/"))
//! }
//! ```
//!
//! A cookie that says nothing else is for the whole site and for the server alone: `Path=/`,
//! `HttpOnly`, `SameSite=Lax`, and `Secure`, but for plain HTTP in development. [`Cookie::build`]
//! says otherwise. A cookie that a script in the browser is to read has `.http_only(false)`.
//!
//! A value may be any text: what may not stand in a cookie is percent-encoded on the way out, and
//! decoded on the way in. Of two cookies of one name the first counts, which browsers send first
//! because its path is longer.
//!
//! With the feature `cookies-private` there are two more jars of the same shape, with the key
//! [`NOVA_SECRET`](secret): [`SignedCookies`], whose values can be read by anyone who has them, and
//! changed by no one else; and [`PrivateCookies`], whose values nobody else can read.

mod encoding;
mod jar;
#[cfg(feature = "cookies-private")]
mod keyed;
#[cfg(feature = "cookies-private")]
pub mod secret;

pub use cookie::{Cookie, CookieBuilder, SameSite, time};

pub use self::jar::Cookies;
#[cfg(feature = "sessions")]
pub(crate) use self::jar::Flags;
#[cfg(feature = "cookies-private")]
pub use self::keyed::{PrivateCookies, SignedCookies};
