//! One public file, and the answer to a request for it.

use std::io::{self, ErrorKind};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::ArcSwapOption;
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Empty;
use rustix::io::Errno;
use tower_http::services::ServeDir;

use super::Caching;
use super::backend::Opening;
use super::cache::Cache;
use super::local::is_local;
use super::opened::Opened;
use super::range::{self, ByteRange};
use super::stamp::Stamp;
use super::types::Types;
use super::variants::Variants;
use crate::generation::body::Body;
use crate::generation::call::plain;

/// What a request says about a file that it wants, besides a range; the rest does not concern the file.
const CONDITIONS: [HeaderName; 5] = [
    header::ACCEPT_ENCODING,
    header::IF_MATCH,
    header::IF_MODIFIED_SINCE,
    header::IF_NONE_MATCH,
    header::IF_UNMODIFIED_SINCE,
];

/// See the module.
#[derive(Debug)]
pub(super) struct File {
    path: PathBuf,
    /// Where it is kept once it was read, with its variants. `None` if to look at it may take long,
    /// which is not for a thread that answers others too.
    cache: Option<Arc<Cache>>,
    variants: Variants,
    /// Whether it has been said that one of them is older than the file.
    stale_is_told: AtomicBool,
    content_type: HeaderValue,
    cache_control: HeaderValue,
    /// The head of the answer to a request that says nothing about it, and of which version it is.
    head: ArcSwapOption<(Stamp, HeaderMap)>,
}

impl File {
    /// The file at `path`, which is served at `url`. This blocks.
    pub(super) fn new(
        url: &str,
        path: PathBuf,
        variants: Variants,
        caching: Caching,
        types: &Types,
        cache: &Arc<Cache>,
    ) -> Self {
        let content_type = types.of(url);
        Self {
            cache: is_local(&path).then(|| Arc::clone(cache)),
            path,
            variants,
            stale_is_told: AtomicBool::new(false),
            cache_control: caching.header(&content_type),
            content_type,
            head: ArcSwapOption::empty(),
        }
    }

    /// Answers GET and HEAD; `None` if the file is not there any more.
    pub(super) async fn respond(&self, request: &Parts) -> Option<Response<Body>> {
        let is_plain = self.is_plain(request);
        if is_plain && let Some(response) = self.respond_again(&request.method) {
            return Some(response);
        }
        match self.read(request).await {
            Ok((response, _)) if response.status() == StatusCode::NOT_FOUND => None,
            Ok((mut response, stamp)) => {
                self.finish(&mut response);
                if is_plain
                    && let Some(stamp) = stamp
                    && response.status() == StatusCode::OK
                {
                    self.head.store(Some(Arc::new((stamp, response.headers().clone()))));
                }
                Some(response)
            }
            Err(error) if is_absence(&error) => None,
            Err(error) => {
                tracing::warn!("{}: a public file cannot be read: {error}", self.path.display());
                Some(failure(&error))
            }
        }
    }

    /// Whether the file alone decides on the answer to a request.
    fn is_plain(&self, request: &Parts) -> bool {
        let counts = |name: &HeaderName| match *name {
            header::ACCEPT_ENCODING => self.variants.are_there(),
            header::RANGE | header::IF_RANGE => true,
            _ => CONDITIONS.contains(name),
        };
        !request.headers.keys().any(counts)
    }

    /// The answer to a [plain](Self::is_plain) request, if the file is in memory and is still the one
    /// that such a request was answered with before.
    fn respond_again(&self, method: &Method) -> Option<Response<Body>> {
        let head = self.head.load_full()?;
        let (stamp, headers) = &*head;
        let snapshot = self.cache.as_ref()?.current(&self.path).ok()??;
        if snapshot.stamp != *stamp {
            return None;
        }
        let body = if method == Method::HEAD { Body::empty() } else { Body::from(snapshot.bytes) };
        let mut response = Response::new(body);
        *response.headers_mut() = headers.clone();
        Some(response)
    }

    /// The answer, and the version of the file that it is of.
    async fn read(&self, request: &Parts) -> io::Result<(Response<Body>, Option<Stamp>)> {
        let variants = self.variants_for(request).await;
        // A HEAD has the head of a GET, and the file that was read for it is there when that comes.
        let mut conditions = Request::new(Empty::<Bytes>::new());
        for name in CONDITIONS {
            for value in request.headers.get_all(&name) {
                conditions.headers_mut().append(&name, value.clone());
            }
        }
        let range = ByteRange::of(&request.method, &request.headers);
        if let Some(range) = range.and_then(ByteRange::header) {
            conditions.headers_mut().insert(header::RANGE, range);
        }
        let (mut response, mut opened) = self.open(variants, conditions.clone()).await?;
        let status = response.status();
        let is_ranged =
            matches!(status, StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE);
        // A range of another version of the file is of no use to the client (RFC 9110, 13.1.5);
        // tower-http does not know that condition.
        let is_current = request
            .headers
            .get(header::IF_RANGE)
            .is_none_or(|expected| is_current(expected, response.headers()));
        // Nor that an empty file has no first byte, and that its end is all of it.
        let is_empty = is_ranged && is_of_nothing(response.headers());
        let is_end = matches!(range, Some(ByteRange::Last(length)) if length > 0);
        if is_ranged && (!is_current || (is_empty && is_end)) {
            conditions.headers_mut().remove(header::RANGE);
            (response, opened) = self.open(variants, conditions).await?;
        } else if is_empty {
            *response.status_mut() = StatusCode::RANGE_NOT_SATISFIABLE;
            let headers = response.headers_mut();
            headers.insert(header::CONTENT_RANGE, HeaderValue::from_static("bytes */0"));
            headers.remove(header::CONTENT_TYPE);
        }
        let stamp = opened.as_ref().map(Opened::stamp);
        let body = match opened.filter(|_| request.method != Method::HEAD) {
            Some(opened) => body(opened, response.status(), response.headers()),
            None => Body::empty(),
        };
        Ok((response.map(|()| body), stamp))
    }

    /// The head of an answer, and what was opened for it.
    async fn open(
        &self,
        variants: Variants,
        conditions: Request<Empty<Bytes>>,
    ) -> io::Result<(Response<()>, Option<Opened>)> {
        let opening = Opening::new(self.cache.clone());
        let serve = ServeDir::with_backend(&self.path, opening.clone())
            .append_index_html_on_directories(false)
            .ignore_multi_range_requests(true)
            // Of a buffer that is not used.
            .with_buf_chunk_size(0);
        let response = variants.add_to(serve).try_call(conditions).await?;
        Ok((response.map(drop), opening.take()))
    }

    /// Those of its variants that are as new as it is, if they are asked for. To look at them takes
    /// another hop to a thread that may block, where the file system may take long.
    async fn variants_for(&self, request: &Parts) -> Variants {
        let asks = request.headers.contains_key(header::ACCEPT_ENCODING);
        if !asks || !self.variants.are_there() {
            return Variants::default();
        }
        let variants = self.variants;
        let fresh = match &self.cache {
            Some(_) => variants.fresh(&self.path),
            None => {
                let path = self.path.clone();
                let fresh = tokio::task::spawn_blocking(move || variants.fresh(&path)).await;
                fresh.unwrap_or_default()
            }
        };
        let mut stale = variants.stale(fresh).peekable();
        if stale.peek().is_some() && !self.stale_is_told.swap(true, Ordering::Relaxed) {
            for extension in stale {
                tracing::warn!(
                    "{}.{extension}: is older than the file that it was made of, and is not served",
                    self.path.display()
                );
            }
        }
        fresh
    }

    fn finish(&self, response: &mut Response<Body>) {
        let headers = response.headers_mut();
        if headers.contains_key(header::CONTENT_TYPE) {
            headers.insert(header::CONTENT_TYPE, self.content_type.clone());
        }
        if self.variants.are_there() {
            headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
        }
        headers.insert(header::CACHE_CONTROL, self.cache_control.clone());
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    }
}

/// What an answer with this head sends of a file.
fn body(opened: Opened, status: StatusCode, answer: &HeaderMap) -> Body {
    let all = 0..opened.stamp().length;
    match status {
        StatusCode::OK => opened.into_body(all),
        StatusCode::PARTIAL_CONTENT => opened.into_body(range::answered(answer).unwrap_or(all)),
        _ => Body::empty(),
    }
}

/// Whether `expected`, an entity tag or a date, is that of the answer.
fn is_current(expected: &HeaderValue, answer: &HeaderMap) -> bool {
    [header::ETAG, header::LAST_MODIFIED].iter().any(|name| answer.get(name) == Some(expected))
}

/// Whether the answer is a part of an empty file.
fn is_of_nothing(answer: &HeaderMap) -> bool {
    answer.get(header::CONTENT_RANGE).is_some_and(|range| range.as_bytes().ends_with(b"/0"))
}

/// Whether a file is not there, as opposed to one that cannot be read now.
fn is_absence(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::InvalidFilename
    ) || Errno::from_io_error(error) == Some(Errno::LOOP)
}

/// What a client is told of a file that is there but cannot be read: nothing that a cache or a
/// crawler takes for the file's end.
fn failure(error: &io::Error) -> Response<Body> {
    let lacks = [Errno::MFILE, Errno::NFILE, Errno::NOMEM, Errno::NOBUFS];
    if Errno::from_io_error(error).is_some_and(|errno| lacks.contains(&errno)) {
        let text = "the server has too many files open\n";
        let mut response = plain(StatusCode::SERVICE_UNAVAILABLE, text);
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        return response;
    }
    plain(StatusCode::INTERNAL_SERVER_ERROR, "the file cannot be read\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_gone_is_not_found() {
        for (errno, status) in [
            (Errno::NOENT, None),
            (Errno::NOTDIR, None),
            (Errno::NAMETOOLONG, None),
            (Errno::LOOP, None),
            (Errno::MFILE, Some(503)),
            (Errno::NFILE, Some(503)),
            (Errno::NOMEM, Some(503)),
            (Errno::ACCESS, Some(500)),
            (Errno::IO, Some(500)),
        ] {
            let error = io::Error::from(errno);
            let answer = (!is_absence(&error)).then(|| failure(&error));
            let found = answer.as_ref().map(|answer| answer.status().as_u16());
            assert_eq!(found, status, "{errno}");
            let retry = answer.is_some_and(|it| it.headers().contains_key(header::RETRY_AFTER));
            assert_eq!(retry, status == Some(503), "{errno}");
        }
    }
}
