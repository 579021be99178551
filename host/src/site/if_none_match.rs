//! Whether a client has what it asks for: `If-None-Match`.

use http::{HeaderMap, header};

/// Whether `If-None-Match` names `tag`, a strong one in its quotes, or anything at all. Tags are
/// compared weakly (RFC 9110, sections 13.1.2 and 8.8.3.2); what is not a list of them names nothing.
pub(super) fn is_known(headers: &HeaderMap, tag: &str) -> bool {
    let lines = headers.get_all(header::IF_NONE_MATCH).iter();
    lines.map(|line| line.as_bytes().trim_ascii()).any(|line| line == b"*" || names(line, tag))
}

/// Whether a list of tags has this one. A tag may have a comma in it.
fn names(mut list: &[u8], tag: &str) -> bool {
    loop {
        while let [b' ' | b'\t' | b',', rest @ ..] = list {
            list = rest;
        }
        let opaque = list.strip_prefix(b"W/").unwrap_or(list);
        let Some(inner) = opaque.strip_prefix(b"\"") else { return false };
        let Some(length) = inner.iter().position(|byte| *byte == b'"') else { return false };
        let (candidate, rest) = opaque.split_at(length + 2);
        if candidate == tag.as_bytes() {
            return true;
        }
        list = rest;
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn tags_are_compared_weakly_and_wholly() {
        for (lines, known) in [
            (&[r#""v1""#][..], true),
            (&[], false),
            (&[r#"W/"v1""#], true),
            (&["*"], true),
            (&[" * "], true),
            (&[r#""a", W/"b" ,"v1""#], true),
            (&[r#""a""#, r#""v1""#], true),
            (&[r#",, "v1""#], true),
            (&[r#""v2""#], false),
            (&[r#""v1"#], false),
            (&["v1"], false),
            (&[r#"W/W/"v1""#], false),
            (&[r#"w/"v1""#], false),
            // One tag each.
            (&[r#""a,"v1""#], false),
            (&[r#""a, "v1", b""#], false),
            (&["\"\u{e9}\", \"v1\""], true),
        ] {
            let lines = lines.iter().map(|line| HeaderValue::from_bytes(line.as_bytes()).unwrap());
            let headers: HeaderMap = lines.map(|line| (header::IF_NONE_MATCH, line)).collect();
            assert_eq!(is_known(&headers, r#""v1""#), known, "{headers:?}");
        }
        let comma = HeaderValue::from_static(r#""a", "b,c""#);
        let headers = HeaderMap::from_iter([(header::IF_NONE_MATCH, comma)]);
        assert!(is_known(&headers, r#""b,c""#) && !is_known(&headers, r#""c""#));
    }
}
