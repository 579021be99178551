//! All that a page needs: `use nova::prelude::*;`.

pub use http::header::{HeaderMap, HeaderName, HeaderValue};
pub use http::{Method, StatusCode, Uri};
// The module too, because what `html!` expands to names it.
pub use maud::{self, DOCTYPE, Markup, PreEscaped, html};
pub use tokio;

pub use crate::Swap;
pub use crate::body::{Body, Closed};
#[cfg(feature = "cookies")]
pub use crate::cookies::Cookies;
#[cfg(feature = "cookies-private")]
pub use crate::cookies::{PrivateCookies, SignedCookies};
pub use crate::error::{Error, Rejection, RejectionKind};
pub use crate::extract::{
    Bytes, ClientAddr, Extension, Form, FromRef, FromRequest, Head, Json, MatchedPath,
    OptionalFromRequest, Path, Query, Request, RequestContext, State, TypedHeader, Whole,
};
pub use crate::hooks::Purpose;
pub use crate::html::{Html, page};
pub use crate::middleware::Next;
pub use crate::response::{AppendHeaders, IntoResponse, Redirect, Response, Result, Text};
#[cfg(feature = "sessions")]
pub use crate::session::{Csrf, Session};
pub use crate::sse::{self, Sse};
pub use crate::upgrade::{Upgrade, Upgraded};
