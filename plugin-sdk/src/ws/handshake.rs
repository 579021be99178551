//! The opening handshake: what a request must say (RFC 6455, section 4.2.1).

use headers::{Header, SecWebsocketKey};
use http::header::{
    ALLOW, CONNECTION, HeaderValue, ORIGIN, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL,
    SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::{Method, StatusCode, Version};

use super::origin::Origin;
use super::{WebSocketUpgrade, default_settings};
use crate::error::{Error, Rejection, RejectionKind};
use crate::extract::{FromRequest, OptionalFromRequest};
use crate::request::origin::Asked;
use crate::request::{RequestContext, Whole};
use crate::upgrade;

/// The one version that there is.
const VERSION: &str = "13";

#[diagnostic::do_not_recommend]
impl<S: Sync> FromRequest<S> for WebSocketUpgrade {
    /// What a client sends after its request are messages.
    type Part = Whole;
    /// A [`Rejection`] with the headers that its status needs.
    type Rejection = Error;

    async fn from_request(cx: &mut RequestContext<'_, Whole>, _: &S) -> Result<Self, Error> {
        if cx.version() >= Version::HTTP_2 {
            let text = "WebSockets are spoken over HTTP/1.1 here, not over HTTP/2 (RFC 8441)";
            return Err(Rejection::of(RejectionKind::NotUpgradable, text).into());
        }
        if cx.method_name() != Method::GET.as_str() {
            let text = "a WebSocket is opened by GET";
            let rejection = Rejection::new(StatusCode::METHOD_NOT_ALLOWED, text);
            return Err(Error::from(rejection).with_header(ALLOW, "GET"));
        }
        if !upgrade::asks_for(cx, "websocket") {
            let text = "this page speaks WebSocket: the headers `Connection: upgrade` and \
                        `Upgrade: websocket` are missing";
            return Err(Error::from(Rejection::of(RejectionKind::UpgradeRequired, text))
                .with_header(CONNECTION, "upgrade")
                .with_header(UPGRADE, "websocket"));
        }
        if cx.header(SEC_WEBSOCKET_VERSION.as_str()) != Some(VERSION) {
            let text = "the header `Sec-WebSocket-Version` must be 13, the version of RFC 6455";
            return Err(Error::from(Rejection::of(RejectionKind::UpgradeRequired, text))
                .with_header(SEC_WEBSOCKET_VERSION, VERSION)
                .with_header(CONNECTION, "upgrade")
                .with_header(UPGRADE, "websocket"));
        }
        let key = key(cx)?;
        if !cx.is_upgradable() {
            return Err(upgrade::nothing_to_take_over().into());
        }
        let offered = offered(cx);
        let origin = Origin::new(&cx.headers_named(&ORIGIN), Asked::of(cx));
        Ok(Self { key, offered, protocol: None, origin, settings: default_settings() })
    }
}

#[diagnostic::do_not_recommend]
impl<S: Sync> OptionalFromRequest<S> for WebSocketUpgrade {
    fn is_present(head: &RequestContext<'_>) -> bool {
        head.version() == Version::HTTP_11 && upgrade::asks_for(head, "websocket")
    }
}

/// The key, which is 16 bytes in base64.
fn key(cx: &RequestContext<'_>) -> Result<SecWebsocketKey, Rejection> {
    let values = cx.headers_named(&SEC_WEBSOCKET_KEY);
    let Some(value) = values.first() else {
        let text = "the header `Sec-WebSocket-Key` is missing";
        return Err(Rejection::of(RejectionKind::MissingHeader, text));
    };
    let malformed = || {
        let text = "the header `Sec-WebSocket-Key` is not 16 bytes in base64";
        Rejection::of(RejectionKind::InvalidHeader, text)
    };
    if values.len() > 1 || !is_key(value.as_bytes()) {
        return Err(malformed());
    }
    SecWebsocketKey::decode(&mut values.iter()).map_err(|_| malformed())
}

/// Whether these are 22 digits of base64 and two signs that fill them up.
fn is_key(value: &[u8]) -> bool {
    let Some(digits) = value.strip_suffix(b"==") else { return false };
    let is_digit = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    digits.len() == 22 && digits.iter().all(is_digit)
}

fn offered(cx: &RequestContext<'_>) -> Vec<String> {
    let lines = cx.headers_named(&SEC_WEBSOCKET_PROTOCOL);
    let names = lines.iter().filter_map(|line: &HeaderValue| line.to_str().ok());
    let names = names.flat_map(|line| line.split(',')).map(str::trim);
    names.filter(|name| !name.is_empty()).map(str::to_owned).collect()
}
