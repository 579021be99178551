//! Pages that were rendered with a release, answered as files are. They come before the routes that
//! made them.

use http::request::Parts;
use http::{HeaderValue, Method, Response, StatusCode, header};

use crate::generation::body::Body;
use crate::release::prerendered::Prerendered;

/// Answers a request for one of the pages; `None` if it is for something else.
pub(super) fn respond(pages: &Prerendered, head: &Parts) -> Option<Response<Body>> {
    if !matches!(head.method, Method::GET | Method::HEAD) {
        return None;
    }
    let page = pages.page(head.uri.path())?;
    let is_known = head
        .headers
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|candidate| candidate.trim().trim_start_matches("W/"))
        .any(|candidate| candidate == page.tag || candidate == "*");
    let body = if is_known { Body::empty() } else { Body::from(page.html.clone()) };
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    if let Ok(tag) = HeaderValue::try_from(&page.tag) {
        headers.insert(header::ETAG, tag);
    }
    // It names files of its release, so it is asked for each time.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    if is_known {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        return Some(response);
    }
    let html = HeaderValue::from_static("text/html; charset=utf-8");
    headers.insert(header::CONTENT_TYPE, html);
    headers.insert(header::CONTENT_LENGTH, page.html.len().into());
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    Some(response)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::Request;
    use http_body::Body as _;

    use super::*;

    #[test]
    fn a_page_is_answered_as_a_file() {
        let mut pages = Prerendered::default();
        pages.add("/about".into(), Bytes::from_static(b"<p>about</p>"));
        let ask = |method: &str, path: &str, tag: Option<&HeaderValue>| {
            let mut request = Request::builder().method(method).uri(path);
            if let Some(tag) = tag {
                request = request.header(header::IF_NONE_MATCH, tag);
            }
            respond(&pages, &request.body(()).unwrap().into_parts().0)
        };
        let page = ask("GET", "/about", None).unwrap();
        assert_eq!(page.headers()[header::CONTENT_TYPE], "text/html; charset=utf-8");
        assert_eq!(page.body().size_hint().exact(), Some(12));
        let head = ask("HEAD", "/about", None).unwrap();
        assert_eq!(head.headers()[header::CONTENT_LENGTH], "12");
        let unchanged = ask("GET", "/about", Some(&page.headers()[header::ETAG])).unwrap();
        assert_eq!(unchanged.status(), StatusCode::NOT_MODIFIED);
        assert!(!unchanged.headers().contains_key(header::CONTENT_TYPE));
        for (method, path) in [("POST", "/about"), ("GET", "/"), ("GET", "/about/")] {
            assert!(ask(method, path, None).is_none(), "{path}");
        }
    }
}
