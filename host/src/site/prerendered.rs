//! Answering with the pages that were rendered when a release was built. They come before the
//! routes that made them.

use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};

use super::if_none_match::is_known;
use crate::generation::body::Body;
use crate::release::prerendered::Prerendered;

/// Answers a request for one of the pages; `None` if it is for something else.
#[must_use]
pub fn respond(
    pages: &Prerendered,
    method: &Method,
    path: &str,
    headers: &HeaderMap,
) -> Option<Response<Body>> {
    if pages.is_empty() || !matches!(*method, Method::GET | Method::HEAD) {
        return None;
    }
    let page = pages.get(path)?;
    let known = is_known(headers, &page.tag);
    let body = match *method {
        _ if known => Body::empty(),
        Method::HEAD => Body::empty(),
        _ => Body::from(page.html.clone()),
    };
    let mut response = Response::new(body);
    let answer = response.headers_mut();
    if let Ok(tag) = HeaderValue::try_from(&page.tag) {
        answer.insert(header::ETAG, tag);
    }
    // It names files of its release, so it is asked for each time.
    answer.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    if known {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        return Some(response);
    }
    let html = HeaderValue::from_static("text/html; charset=utf-8");
    answer.insert(header::CONTENT_TYPE, html);
    answer.insert(header::CONTENT_LENGTH, page.html.len().into());
    answer.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    Some(response)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http_body::Body as _;

    use super::*;

    #[test]
    fn a_page_is_answered_as_a_file() {
        let mut pages = Prerendered::default();
        pages.add("/about".into(), Bytes::from_static(b"<p>about</p>"));
        let ask = |method, path, headers: &HeaderMap| respond(&pages, &method, path, headers);
        let mut headers = HeaderMap::new();
        let page = ask(Method::GET, "/about", &headers).unwrap();
        assert_eq!(page.headers()[header::CONTENT_TYPE], "text/html; charset=utf-8");
        assert_eq!(page.body().size_hint().exact(), Some(12));
        let head = ask(Method::HEAD, "/about", &headers).unwrap();
        assert_eq!(head.headers()[header::CONTENT_LENGTH], "12");
        assert_eq!(head.body().size_hint().exact(), Some(0));
        headers.insert(header::IF_NONE_MATCH, page.headers()[header::ETAG].clone());
        let unchanged = ask(Method::GET, "/about", &headers).unwrap();
        assert_eq!(unchanged.status(), StatusCode::NOT_MODIFIED);
        assert!(!unchanged.headers().contains_key(header::CONTENT_TYPE));
        for (method, path) in
            [(Method::POST, "/about"), (Method::GET, "/"), (Method::GET, "/about/")]
        {
            assert!(ask(method, path, &headers).is_none(), "{path}");
        }
    }
}
