//! Reading a request's path: its segments and their percent-encoding (RFC 3986, section 2.1).

use std::borrow::Cow;
use std::fmt;

/// A path that no route can answer; the response is 400.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadPath {
    /// It does not begin with `/`.
    NotAbsolute,
    /// A `%` without two hexadecimal digits behind it.
    BadEscape,
    /// It is not UTF-8 once decoded.
    NotUtf8,
    /// It has a segment `.` or `..`, plain or encoded. Clients resolve these before they send a
    /// request (RFC 3986, section 5.2.4), so one that arrives was meant to climb out of a folder.
    Dots,
}

impl fmt::Display for BadPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            BadPath::NotAbsolute => "the path does not begin with `/`",
            BadPath::BadEscape => "the path has a `%` without two hexadecimal digits",
            BadPath::NotUtf8 => "the path is not UTF-8",
            BadPath::Dots => "the path has a segment `.` or `..`",
        })
    }
}

impl std::error::Error for BadPath {}

/// A checked path: what the trie walks over.
#[derive(Clone, Copy, Debug)]
pub(super) struct Segments<'p> {
    /// Without the slashes at its ends; empty for `/`. No segment is empty.
    pub(super) rest: &'p str,
    /// Whether any part of it is percent-encoded.
    pub(super) escaped: bool,
    /// The path without its trailing slash, when it had one.
    pub(super) canonical: Option<&'p str>,
}

/// Checks a path and cuts it; `None` when it has an empty segment, which nothing matches.
///
/// That also keeps a redirect to [`Segments::canonical`] on this host: it never begins with `//`.
pub(super) fn read(path: &str) -> Result<Option<Segments<'_>>, BadPath> {
    let Some(inner) = path.strip_prefix('/') else {
        return Err(BadPath::NotAbsolute);
    };
    let bytes = path.as_bytes();
    let (mut escaped, mut dots, mut empty) = (false, false, false);
    // Of most paths no byte but the slashes is looked at twice.
    for (index, &byte) in bytes.iter().enumerate() {
        match byte {
            b'%' => escaped = true,
            b'/' => match bytes.get(index + 1) {
                Some(b'.') => dots = true,
                Some(b'/') => empty = true,
                _ => {}
            },
            _ => {}
        }
    }
    if escaped || dots {
        for segment in inner.split('/') {
            let text = decode(segment)?;
            if text.split('/').any(|part| part == "." || part == "..") {
                return Err(BadPath::Dots);
            }
        }
    }
    if empty {
        return Ok(None);
    }
    Ok(Some(match inner.strip_suffix('/') {
        Some(rest) => Segments { rest, escaped, canonical: Some(&path[..path.len() - 1]) },
        None => Segments { rest: inner, escaped, canonical: None },
    }))
}

/// Percent-decodes; allocates only when there is something to decode.
pub(super) fn decode(text: &str) -> Result<Cow<'_, str>, BadPath> {
    let Some(first) = text.find('%') else {
        return Ok(Cow::Borrowed(text));
    };
    let mut decoded = Vec::with_capacity(text.len());
    decoded.extend_from_slice(&text.as_bytes()[..first]);
    let mut bytes = text.as_bytes()[first..].iter();
    while let Some(&byte) = bytes.next() {
        decoded.push(if byte == b'%' {
            let mut digit = || {
                let digit = char::from(*bytes.next().ok_or(BadPath::BadEscape)?);
                digit.to_digit(16).ok_or(BadPath::BadEscape)
            };
            let (high, low) = (digit()?, digit()?);
            u8::try_from(high << 4 | low).map_err(|_| BadPath::BadEscape)?
        } else {
            byte
        });
    }
    String::from_utf8(decoded).map(Cow::Owned).map_err(|_| BadPath::NotUtf8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes() {
        let table = [
            ("plain", Ok("plain")),
            ("a%20b", Ok("a b")),
            ("%C3%a9t%C3%A9", Ok("été")),
            ("a%2Fb", Ok("a/b")),
            ("%", Err(BadPath::BadEscape)),
            ("a%4", Err(BadPath::BadEscape)),
            ("a%zz", Err(BadPath::BadEscape)),
            ("a%+1", Err(BadPath::BadEscape)),
            ("%ff", Err(BadPath::NotUtf8)),
        ];
        for (text, want) in table {
            assert_eq!(decode(text).as_deref(), want.as_ref().copied(), "{text}");
        }
        assert!(matches!(decode("plain"), Ok(Cow::Borrowed(_))));
    }

    #[test]
    fn cuts_and_refuses_paths() {
        let read_as = |path| read(path).map(|found| found.map(|s| (s.rest, s.canonical)));
        let cut = [
            ("/", "", None),
            ("/a/b", "a/b", None),
            ("/a/b/", "a/b", Some("/a/b")),
            ("/.well-known/a..b", ".well-known/a..b", None),
            ("/...", "...", None),
        ];
        for (path, rest, canonical) in cut {
            assert_eq!(read_as(path), Ok(Some((rest, canonical))), "{path}");
        }
        for path in ["//", "//evil.example/", "/a//b", "/a//"] {
            assert_eq!(read_as(path), Ok(None), "{path}");
        }
        let refused = [
            ("", BadPath::NotAbsolute),
            ("*", BadPath::NotAbsolute),
            ("/a/../b", BadPath::Dots),
            ("/./b", BadPath::Dots),
            ("/%2e%2E", BadPath::Dots),
            ("/a/..%2f..%2fetc", BadPath::Dots),
            ("/a%", BadPath::BadEscape),
            ("/%80", BadPath::NotUtf8),
        ];
        for (path, want) in refused {
            assert_eq!(read_as(path), Err(want), "{path}");
        }
    }
}
