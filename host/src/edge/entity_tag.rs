//! The mark that compression leaves on an entity tag, and how it is taken off again.
//!
//! A page gives `"v1"`; its compressed form has other bytes, so it leaves as `W/"v1--gzip"`. A
//! client sends that back, and the page sees `"v1"` again, with which it compares. A tag that a
//! page has made weak by itself stands as it is: it says already that bytes may differ.

use http::header::{ETAG, IF_MATCH, IF_NONE_MATCH};
use http::{HeaderMap, HeaderValue, Response, StatusCode};

use super::encoding::Coding;

/// Marks the tag of a response that is compressed, if it is a strong one.
pub(super) fn mark(headers: &mut HeaderMap, coding: Coding) {
    let Some(tag) = headers.get(ETAG).map(HeaderValue::as_bytes) else { return };
    let [b'"', inner @ .., b'"'] = tag else { return };
    let marked: Vec<u8> = [&b"W/\""[..], inner, coding.tag_mark().as_bytes(), b"\""].concat();
    if let Ok(marked) = HeaderValue::try_from(marked) {
        headers.insert(ETAG, marked);
    }
}

/// The tags of `If-None-Match` as the client sent them, where one had a mark.
#[derive(Debug)]
pub(super) struct MarkedTags(HeaderValue);

/// Takes the marks off the tags of a request. `If-Range` keeps its own: bytes of a page cannot be
/// put together with a part of its compressed form.
pub(super) fn unmark(headers: &mut HeaderMap) -> Option<MarkedTags> {
    unmark_lines(headers, &IF_MATCH);
    unmark_lines(headers, &IF_NONE_MATCH).map(MarkedTags)
}

fn unmark_lines(headers: &mut HeaderMap, name: &http::HeaderName) -> Option<HeaderValue> {
    // An entry would make room for a header that most requests do not have.
    if !headers.contains_key(name) {
        return None;
    }
    let mut marked = None;
    if let http::header::Entry::Occupied(mut lines) = headers.entry(name) {
        for line in lines.iter_mut() {
            let Some(plain) = line.to_str().ok().and_then(without_marks) else { continue };
            if let Ok(plain) = HeaderValue::try_from(plain) {
                marked.get_or_insert(std::mem::replace(line, plain));
            }
        }
    }
    marked
}

/// A list of tags without the marks; `None` if there are none.
fn without_marks(line: &str) -> Option<String> {
    let mut plain = String::new();
    let mut rest = line;
    let mut found = false;
    while let Some((before, behind)) = rest.split_once('"') {
        let Some((inner, behind)) = behind.split_once('"') else { break };
        let unmarked = Coding::ALL.iter().find_map(|coding| inner.strip_suffix(coding.tag_mark()));
        match (before.strip_suffix("W/"), unmarked) {
            (Some(before), Some(unmarked)) => {
                found = true;
                plain.extend([before, "\"", unmarked, "\""]);
            }
            _ => plain.extend([before, "\"", inner, "\""]),
        }
        rest = behind;
    }
    plain.push_str(rest);
    found.then_some(plain)
}

impl MarkedTags {
    /// Gives the tag of a 304 the mark that the client knows it by, so that its cache finds what it
    /// has stored.
    pub(super) fn mark_again<B>(&self, response: &mut Response<B>) {
        if response.status() != StatusCode::NOT_MODIFIED {
            return;
        }
        let Some(tag) = response.headers().get(ETAG).and_then(|tag| tag.to_str().ok()) else {
            return;
        };
        let Some(inner) = tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"')) else {
            return;
        };
        let known = self.0.to_str().unwrap_or_default();
        let mut marked =
            Coding::ALL.iter().map(|coding| format!("W/\"{inner}{}\"", coding.tag_mark()));
        if let Some(marked) = marked.find(|marked| known.contains(marked))
            && let Ok(marked) = HeaderValue::try_from(marked)
        {
            response.headers_mut().insert(ETAG, marked);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_comes_off_again() {
        for (sent, seen) in [
            (r#"W/"v1--gzip""#, r#""v1""#),
            (r#"W/"v1--br""#, r#""v1""#),
            (r#"W/"v1--zstd""#, r#""v1""#),
            (r#""a", W/"v1--gzip" , W/"b""#, r#""a", "v1" , W/"b""#),
            (r#"W/"a,b--gzip",W/"--gzip""#, r#""a,b","""#),
            // The page's own.
            (r#"W/"v1""#, r#"W/"v1""#),
            (r#""v1--gzip""#, r#""v1--gzip""#),
            (r#"W/"v1--deflate""#, r#"W/"v1--deflate""#),
            ("*", "*"),
            (r#"W/"v1--gzip"#, r#"W/"v1--gzip"#),
        ] {
            let mut headers = HeaderMap::new();
            for name in [IF_MATCH, IF_NONE_MATCH, http::header::IF_RANGE] {
                headers.insert(name, HeaderValue::from_static(sent));
            }
            let marked = unmark(&mut headers);
            assert_eq!(
                (&headers[IF_MATCH], &headers[IF_NONE_MATCH]),
                (&HeaderValue::from_static(seen), &HeaderValue::from_static(seen))
            );
            assert_eq!(headers["if-range"], sent);
            assert_eq!(marked.is_some(), sent != seen, "{sent}");
        }
        assert!(unmark(&mut HeaderMap::new()).is_none());
    }

    #[test]
    fn a_304_names_what_the_client_has() {
        let sent =
            HeaderMap::from_iter([(IF_NONE_MATCH, HeaderValue::from_static(r#""a", W/"v1--br""#))]);
        let marked = unmark(&mut sent.clone()).expect("a mark");
        for (status, tag, expected) in [
            (304, r#""v1""#, r#"W/"v1--br""#),
            (304, r#""a""#, r#""a""#),
            (304, r#"W/"v1""#, r#"W/"v1""#),
            (200, r#""v1""#, r#""v1""#),
        ] {
            let mut response =
                Response::builder().status(status).header(ETAG, tag).body(()).unwrap();
            marked.mark_again(&mut response);
            assert_eq!(response.headers()[ETAG], expected, "{status} {tag}");
        }
    }
}
