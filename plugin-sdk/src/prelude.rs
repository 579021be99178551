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
#[cfg(feature = "typed-header")]
pub use crate::extract::TypedHeader;
pub use crate::extract::{
    Bytes, ClientAddr, Extension, Form, FromRef, FromRequest, Head, Json, MatchedPath,
    OptionalFromRequest, Path, Query, Request, RequestContext, State, Whole,
};
pub use crate::hooks::Purpose;
pub use crate::html::{Html, page};
pub use crate::middleware::Next;
#[cfg(feature = "multipart")]
pub use crate::multipart::Multipart;
pub use crate::response::{AppendHeaders, IntoResponse, Redirect, Response, Result, Text};
#[cfg(feature = "sessions")]
pub use crate::session::{Csrf, Session};
pub use crate::sse::{self, Sse};
pub use crate::upgrade::{Upgrade, Upgraded};
#[cfg(feature = "validation")]
pub use crate::validation::{FormState, Submitted, Valid};
