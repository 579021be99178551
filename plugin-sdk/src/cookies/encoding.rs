//! Values of cookies as they are sent.

use std::borrow::Cow;

use cookie::Cookie;
use http::HeaderValue;
use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};

use crate::error::Error;

/// What may not stand in a value (RFC 6265, section 4.1.1), and the sign of the encoding itself.
const NOT_IN_VALUES: &AsciiSet =
    &CONTROLS.add(b' ').add(b'"').add(b',').add(b';').add(b'\\').add(b'%');

/// The cookies of a `Cookie` header. Names are what they are: one that was decoded could pretend to
/// have the prefix `__Host-`, which browsers keep from pages of other hosts.
pub(super) fn parse(header: &str) -> impl Iterator<Item = Cookie<'static>> {
    header.split(';').filter_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        let value = value.trim();
        let value = value.strip_prefix('"').and_then(|it| it.strip_suffix('"')).unwrap_or(value);
        let decoded = percent_decode_str(value).decode_utf8();
        let value = decoded.map_or_else(|_| value.to_owned(), Cow::into_owned);
        Some(Cookie::new(name.trim().to_owned(), value))
    })
}

/// A `Set-Cookie` header.
///
/// # Errors
/// When the name is not a token (RFC 9110, section 5.6.2), or an attribute is not valid.
pub(super) fn header(cookie: &Cookie<'static>) -> Result<HeaderValue, Error> {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if cookie.name().is_empty() || !cookie.name().bytes().all(is_token) {
        return Err(Error::internal(format!("`{}` is not the name of a cookie", cookie.name())));
    }
    let mut sent = cookie.clone();
    sent.set_value(utf8_percent_encode(cookie.value(), NOT_IN_VALUES).to_string());
    let attributes = [cookie.path(), cookie.domain()];
    if let Some(bad) = attributes.into_iter().flatten().find(|it| it.contains([';', '\r', '\n'])) {
        return Err(Error::internal(format!("`{bad}` cannot be said of a cookie")));
    }
    HeaderValue::try_from(sent.to_string()).map_err(Error::internal)
}
