//! One public file, and the answer to a request for it.

use std::path::PathBuf;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use http_body_util::Empty;
use tower_http::services::ServeFile;
use tower_http::services::fs::ServeFileSystemResponseBody;

use super::{Caching, content_type};
use crate::generation::body::Body;

/// What a request says about a file that it wants; the rest does not concern the file.
const CONDITIONS: [header::HeaderName; 6] = [
    header::ACCEPT_ENCODING,
    header::IF_MATCH,
    header::IF_MODIFIED_SINCE,
    header::IF_NONE_MATCH,
    header::IF_UNMODIFIED_SINCE,
    header::RANGE,
];

/// See the module.
#[derive(Debug)]
pub(super) struct File {
    serve: ServeFile,
    content_type: HeaderValue,
    cache_control: HeaderValue,
    varies: bool,
}

/// Which precompressed files lie beside a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Variants {
    gzip: bool,
    brotli: bool,
    zstd: bool,
}

impl Variants {
    /// Only what was found when the folder was walked counts, so that a variant cannot be a link
    /// that leads out of it.
    pub(super) fn of(url: &str, exists: impl Fn(&str) -> bool) -> Self {
        let exists = |extension| exists(&format!("{url}.{extension}"));
        Self { gzip: exists("gz"), brotli: exists("br"), zstd: exists("zst") }
    }
}

impl File {
    pub(super) fn new(path: PathBuf, variants: Variants, caching: Caching) -> Self {
        let content_type = content_type::of(&path);
        let mut serve = ServeFile::new(path).ignore_multi_range_requests(true);
        if variants.gzip {
            serve = serve.precompressed_gzip();
        }
        if variants.brotli {
            serve = serve.precompressed_br();
        }
        if variants.zstd {
            serve = serve.precompressed_zstd();
        }
        Self {
            serve,
            cache_control: caching.header(&content_type),
            content_type,
            varies: variants != Variants::default(),
        }
    }

    /// Answers GET and HEAD; `None` if the file is not there any more.
    pub(super) async fn respond(&self, request: &Parts) -> Option<Response<Body>> {
        let mut conditions = Request::new(Empty::<Bytes>::new());
        conditions.method_mut().clone_from(&request.method);
        for name in CONDITIONS {
            for value in request.headers.get_all(&name) {
                conditions.headers_mut().append(&name, value.clone());
            }
        }
        let mut response = self.read(conditions.clone()).await?;
        // A range of another version of the file is of no use to the client (RFC 9110, 13.1.5);
        // tower-http does not know that condition.
        if response.status() == StatusCode::PARTIAL_CONTENT
            && let Some(expected) = request.headers.get(header::IF_RANGE)
            && !is_current(expected, response.headers())
        {
            conditions.headers_mut().remove(header::RANGE);
            response = self.read(conditions).await?;
        }
        let headers = response.headers_mut();
        if headers.contains_key(header::CONTENT_TYPE) {
            headers.insert(header::CONTENT_TYPE, self.content_type.clone());
        }
        if self.varies {
            headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
        }
        headers.insert(header::CACHE_CONTROL, self.cache_control.clone());
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        Some(response.map(Body::boxed))
    }

    async fn read(
        &self,
        conditions: Request<Empty<Bytes>>,
    ) -> Option<Response<ServeFileSystemResponseBody>> {
        match self.serve.clone().try_call(conditions).await {
            Ok(response) if response.status() != StatusCode::NOT_FOUND => Some(response),
            Ok(_) => None,
            Err(error) => {
                if error.kind() != std::io::ErrorKind::NotFound {
                    tracing::warn!("a public file cannot be read: {error}");
                }
                None
            }
        }
    }
}

/// Whether `expected`, an entity tag or a date, is that of the answer.
fn is_current(expected: &HeaderValue, answer: &HeaderMap) -> bool {
    [header::ETAG, header::LAST_MODIFIED].iter().any(|name| answer.get(name) == Some(expected))
}
