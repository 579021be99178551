//! Compressing what the app answers, by what the client takes.
//!
//! A short answer is compressed at once and keeps a length. A long one, or one that is still being
//! made, is compressed as it passes (`encoding/stream.rs`). Which is chosen of several that are as
//! welcome is the quickest.

mod encoder;
mod stream;

use http::header::{
    ACCEPT_ENCODING, ACCEPT_RANGES, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE,
    CONTENT_TYPE, VARY,
};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use http_body::Body as _;

use self::encoder::Encoder;
use self::stream::EncodedBody;
use super::entity_tag;
use crate::generation::body::Body;
use crate::server::HeldBytes;

/// Below this many bytes a head and a half packet is all that is saved.
const SMALL: u64 = 1024;

/// Up to this many bytes are compressed at once.
const AT_ONCE: u64 = 64 * 1024;

/// A content coding (RFC 9110, section 8.4.1), in the order of our preference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coding {
    Zstd,
    Brotli,
    Gzip,
}

impl Coding {
    pub(super) const ALL: [Self; 3] = [Self::Zstd, Self::Brotli, Self::Gzip];

    const fn name(self) -> &'static str {
        match self {
            Self::Zstd => "zstd",
            Self::Brotli => "br",
            Self::Gzip => "gzip",
        }
    }

    /// The end of the entity tag of what is compressed.
    pub(super) const fn tag_mark(self) -> &'static str {
        match self {
            Self::Zstd => "--zstd",
            Self::Brotli => "--br",
            Self::Gzip => "--gzip",
        }
    }

    /// The coding that a request prefers; `None` if it takes none, or would rather have none.
    pub(super) fn accepted(headers: &HeaderMap) -> Option<Self> {
        let mut weights = [None; 3];
        let (mut plain, mut others) = (None, None);
        let lines = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|line| line.to_str().ok());
        for item in lines.flat_map(|line| line.split(',')) {
            let (name, weight) = weighted(item);
            if name.eq_ignore_ascii_case("identity") {
                plain = Some(weight);
            } else if name == "*" {
                others = Some(weight);
            }
            for (coding, known) in Self::ALL.iter().zip(&mut weights) {
                let alias = *coding == Self::Gzip && name.eq_ignore_ascii_case("x-gzip");
                if alias || name.eq_ignore_ascii_case(coding.name()) {
                    *known = Some(weight);
                }
            }
        }
        let plain = plain.unwrap_or(1);
        Self::ALL
            .into_iter()
            .zip(weights)
            .filter_map(|(coding, weight)| Some((coding, weight.or(others)?)))
            .filter(|(_, weight)| *weight > 0 && *weight >= plain)
            // The first of the greatest.
            .reduce(|best, next| if next.1 > best.1 { next } else { best })
            .map(|(coding, _)| coding)
    }
}

/// `gzip;q=0.5` is gzip at 500. What is said without a weight is as welcome as can be; what
/// cannot be read is not welcome.
fn weighted(item: &str) -> (&str, u16) {
    let mut parts = item.split(';').map(str::trim);
    let name = parts.next().unwrap_or_default();
    let weight = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
    let weight = weight.map_or(1.0, |weight| weight.parse::<f32>().unwrap_or(0.0).clamp(0.0, 1.0));
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to 1000")]
    let thousandths = (weight * 1000.0).round() as u16;
    (name, thousandths)
}

/// Compresses a response, if that is worth it, as the client has `accepted`; `head` is whether it answers
/// HEAD, whose response says what GET would have said.
pub(super) fn compress(
    accepted: impl FnOnce() -> Option<Coding>,
    head: bool,
    response: &mut Response<Body>,
) {
    if !is_worth_it(head, response) {
        return;
    }
    // For caches, whether or not this client takes it compressed.
    let varies = |line: &HeaderValue| {
        let names = line.to_str().unwrap_or_default().split(',').map(str::trim);
        names.into_iter().any(|name| name == "*" || name.eq_ignore_ascii_case("accept-encoding"))
    };
    if !response.headers().get_all(VARY).iter().any(varies) {
        response.headers_mut().append(VARY, HeaderValue::from_static("accept-encoding"));
    }
    let Some(coding) = accepted() else { return };
    if !head {
        match encode(coding, response.body_mut()) {
            // What it was made of is gone.
            Ok(Encoded::AtOnce) => drop(response.extensions_mut().remove::<HeldBytes>()),
            Ok(Encoded::AsItPasses) => {}
            Err(error) => {
                tracing::warn!("an answer is sent as it is: {} fails: {error}", coding.name());
                return;
            }
        }
    }
    let headers = response.headers_mut();
    headers.insert(CONTENT_ENCODING, HeaderValue::from_static(coding.name()));
    headers.remove(CONTENT_LENGTH);
    // The same content, but not the same bytes (RFC 9110, section 8.8.1).
    entity_tag::mark(headers, coding);
}

/// How a body was encoded.
enum Encoded {
    AtOnce,
    AsItPasses,
}

/// Encodes a body; where that fails it stays as it is.
fn encode(coding: Coding, body: &mut Body) -> std::io::Result<Encoded> {
    let Some(bytes) = body.take_full(AT_ONCE) else {
        let encoder = Encoder::new(coding)?;
        *body = Body::boxed(EncodedBody::new(std::mem::take(body), encoder));
        return Ok(Encoded::AsItPasses);
    };
    match Encoder::whole(coding, &bytes) {
        Ok(encoded) => {
            *body = Body::from(encoded);
            Ok(Encoded::AtOnce)
        }
        Err(error) => {
            *body = Body::from(bytes);
            Err(error)
        }
    }
}

fn is_worth_it(head: bool, response: &Response<Body>) -> bool {
    let (status, headers) = (response.status(), response.headers());
    let announced = || headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok();
    let length = if head { announced() } else { response.body().size_hint().exact() };
    let bodiless = status.is_informational()
        || matches!(
            status,
            StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED | StatusCode::PARTIAL_CONTENT
        );
    !bodiless
        && length.is_none_or(|length| length >= SMALL)
        && headers.get(CONTENT_TYPE).is_some_and(is_compressible)
        && !headers.contains_key(CONTENT_ENCODING)
        && !headers.contains_key(CONTENT_RANGE)
        // Ranges are those of the bytes as they are: public files, which have their variants
        // beside them.
        && !headers.contains_key(ACCEPT_RANGES)
        && !headers.get_all(CACHE_CONTROL).iter().any(|line| {
            line.to_str().is_ok_and(|line| line.contains("no-transform"))
        })
}

/// Text in any dress. Images, films, fonts of the web and archives are compressed already; an
/// event stream is made of pieces that are too short for it.
fn is_compressible(content_type: &HeaderValue) -> bool {
    let Ok(text) = content_type.to_str() else { return false };
    let kind = text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match kind.as_str() {
        "text/event-stream" => false,
        "application/json"
        | "application/javascript"
        | "application/xml"
        | "application/wasm"
        | "application/x-ndjson"
        | "application/manifest+json"
        | "application/graphql-response+json"
        | "image/svg+xml"
        | "image/x-icon"
        | "image/bmp"
        | "font/ttf"
        | "font/otf" => true,
        kind => kind.starts_with("text/") || kind.ends_with("+json") || kind.ends_with("+xml"),
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    fn preferred(line: &'static str) -> Option<Coding> {
        let value = HeaderValue::from_static(line);
        Coding::accepted(&HeaderMap::from_iter([(ACCEPT_ENCODING, value)]))
    }

    #[test]
    fn what_the_client_takes() {
        use Coding::{Brotli, Gzip, Zstd};
        for (line, coding) in [
            ("gzip, deflate, br, zstd", Some(Zstd)),
            ("gzip, deflate, br", Some(Brotli)),
            ("gzip", Some(Gzip)),
            ("X-GZIP", Some(Gzip)),
            ("GZip;q=0.5, br;q=0.4, identity;q=0.1", Some(Gzip)),
            ("gzip;q=1.0, zstd; q=0.9, identity;q=0", Some(Gzip)),
            ("*", Some(Zstd)),
            ("*, zstd;q=0", Some(Brotli)),
            ("*;q=0", None),
            ("gzip;q=0", None),
            ("gzip;q=0.5", Some(Gzip)),
            ("gzip;q=0.5, identity", None),
            ("gzip;q=x", None),
            ("identity", None),
            ("deflate", None),
            ("", None),
        ] {
            assert_eq!(preferred(line), coding, "{line}");
        }
        assert_eq!(Coding::accepted(&HeaderMap::new()), None);
    }

    fn page(length: usize, headers: &[(&'static str, &'static str)]) -> Response<Body> {
        let mut response = Response::builder().header("content-type", "text/html");
        for (name, value) in headers {
            response.headers_mut().unwrap().insert(*name, HeaderValue::from_static(value));
        }
        response.body(Body::from("ab".repeat(length / 2))).unwrap()
    }

    fn compressed(
        accepted: Option<Coding>,
        head: bool,
        mut response: Response<Body>,
    ) -> Response<Body> {
        compress(|| accepted, head, &mut response);
        response
    }

    fn coding_of(response: &Response<Body>) -> Option<&str> {
        response.headers().get(CONTENT_ENCODING).map(|value| value.to_str().unwrap())
    }

    #[tokio::test]
    async fn a_page_is_compressed_and_says_so() {
        let given =
            page(4000, &[("etag", "\"1\""), ("content-length", "4000"), ("vary", "cookie")]);
        let response = compressed(Some(Coding::Gzip), false, given);
        assert_eq!(coding_of(&response), Some("gzip"));
        assert_eq!(response.headers()["etag"], "W/\"1--gzip\"");
        assert!(!response.headers().contains_key("content-length"));
        let vary: Vec<_> = response.headers().get_all(VARY).iter().collect();
        assert_eq!(vary, ["cookie", "accept-encoding"]);
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        assert!(bytes.len() < 200 && bytes.starts_with(&[0x1f, 0x8b]), "{bytes:?}");
    }

    #[test]
    fn a_client_that_takes_nothing_is_told_that_others_get_something_else() {
        let response = compressed(None, false, page(4000, &[]));
        assert_eq!(
            (coding_of(&response), &response.headers()["vary"]),
            (None, &"accept-encoding".parse().unwrap())
        );
        assert_eq!(response.body().size_hint().exact(), Some(4000));
    }

    #[test]
    fn head_says_what_get_says() {
        let given = page(0, &[("content-length", "4000")]);
        let response = compressed(Some(Coding::Zstd), true, given);
        assert_eq!(coding_of(&response), Some("zstd"));
        assert!(!response.headers().contains_key("content-length"));
        assert_eq!(response.body().size_hint().exact(), Some(0));
    }

    #[test]
    fn what_stays_as_it_is() {
        for headers in [
            &[("content-encoding", "br")][..],
            &[("content-range", "bytes 0-3999/5000")],
            &[("accept-ranges", "bytes")],
            &[("cache-control", "public, no-transform")],
            &[("content-type", "image/png")],
            &[("content-type", "text/event-stream; charset=utf-8")],
            &[("content-type", "application/octet-stream")],
        ] {
            let response = compressed(Some(Coding::Gzip), false, page(4000, headers));
            assert_eq!(response.headers().get(VARY), None, "{headers:?}");
            assert_eq!(response.body().size_hint().exact(), Some(4000), "{headers:?}");
        }
        assert_eq!(coding_of(&compressed(Some(Coding::Gzip), false, page(1000, &[]))), None);
        let mut partial = page(4000, &[]);
        *partial.status_mut() = StatusCode::PARTIAL_CONTENT;
        assert_eq!(coding_of(&compressed(Some(Coding::Gzip), false, partial)), None);
    }
}
