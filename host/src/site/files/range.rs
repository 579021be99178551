//! The one range of bytes that a request asks for (RFC 9110, section 14).

use std::fmt;
use std::ops::Range;

use http::header::{CONTENT_RANGE, RANGE};
use http::{HeaderMap, HeaderValue, Method};

/// A range of bytes. It may lie behind the end of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ByteRange {
    /// From this byte on, to the other one or to the end.
    From(u64, Option<u64>),
    /// So many bytes at the end.
    Last(u64),
}

impl ByteRange {
    /// The range that a request asks for; `None` where the whole file is the answer: only GET has
    /// ranges, and a unit or a form that is unknown is ignored. So are several ranges.
    pub(super) fn of(method: &Method, headers: &HeaderMap) -> Option<Self> {
        if *method != Method::GET {
            return None;
        }
        let mut lines = headers.get_all(RANGE).iter();
        let (line, None) = (lines.next()?, lines.next()) else { return None };
        Self::parse(line.to_str().ok()?)
    }

    fn parse(line: &str) -> Option<Self> {
        let (unit, ranges) = line.split_once('=')?;
        if !unit.eq_ignore_ascii_case("bytes") {
            return None;
        }
        // A list may have members that are empty (RFC 9110, section 5.6.1.2).
        let mut ranges = ranges.split(',').map(str::trim_ascii).filter(|range| !range.is_empty());
        let (range, None) = (ranges.next()?, ranges.next()) else { return None };
        let (first, last) = range.split_once('-')?;
        match (first, last) {
            ("", last) => Some(Self::Last(number(last)?)),
            (first, "") => Some(Self::From(number(first)?, None)),
            (first, last) => {
                let (first, last) = (number(first)?, number(last)?);
                (first <= last).then_some(Self::From(first, Some(last)))
            }
        }
    }

    /// As a header.
    pub(super) fn header(self) -> Option<HeaderValue> {
        HeaderValue::try_from(self.to_string()).ok()
    }
}

impl fmt::Display for ByteRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::From(first, Some(last)) => write!(f, "bytes={first}-{last}"),
            Self::From(first, None) => write!(f, "bytes={first}-"),
            Self::Last(length) => write!(f, "bytes=-{length}"),
        }
    }
}

/// The bytes that an answer of 206 says it has.
pub(super) fn answered(answer: &HeaderMap) -> Option<Range<u64>> {
    let line = answer.get(CONTENT_RANGE)?.to_str().ok()?;
    let (first, rest) = line.strip_prefix("bytes ")?.split_once('-')?;
    let (last, _) = rest.split_once('/')?;
    Some(number(first)?..number(last)?.checked_add(1)?)
}

/// A number of any length; no file is longer than the greatest that is told apart.
fn number(digits: &str) -> Option<u64> {
    const GREATEST: u64 = i64::MAX.unsigned_abs();
    let all_digits = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    all_digits.then(|| digits.parse().unwrap_or(GREATEST).min(GREATEST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_range_is_ignored() {
        for (line, expected) in [
            ("bytes=0-4", Some("bytes=0-4")),
            ("Bytes=0-4", Some("bytes=0-4")),
            ("BYTES=7-", Some("bytes=7-")),
            ("bytes=-5", Some("bytes=-5")),
            ("bytes=-0", Some("bytes=-0")),
            ("bytes= 0-4", Some("bytes=0-4")),
            ("bytes=,0-4 ,", Some("bytes=0-4")),
            ("bytes=00-04", Some("bytes=0-4")),
            ("bytes=0-99999999999999999999999", Some("bytes=0-9223372036854775807")),
            ("bytes=5-2", None),
            ("bytes=0-1,3-4", None),
            ("bytes=-", None),
            ("bytes=", None),
            ("bytes=a-b", None),
            ("bytes=+0-4", None),
            ("bytes=0 - 4", None),
            ("bytes=0-4-5", None),
            ("bytes = 0-4", None),
            ("bytes", None),
            ("items=0-5", None),
            ("garbage", None),
            ("", None),
        ] {
            let headers = HeaderMap::from_iter([(RANGE, HeaderValue::from_static(line))]);
            let range = ByteRange::of(&Method::GET, &headers).map(|range| range.to_string());
            assert_eq!(range.as_deref(), expected, "{line}");
            assert_eq!(ByteRange::of(&Method::HEAD, &headers), None, "{line}");
        }
    }

    #[test]
    fn what_an_answer_says_it_has() {
        for (line, expected) in [
            ("bytes 0-0/12", Some(0..1)),
            ("bytes 7-11/12", Some(7..12)),
            ("bytes */12", None),
            ("items 0-0/12", None),
        ] {
            let headers = HeaderMap::from_iter([(CONTENT_RANGE, HeaderValue::from_static(line))]);
            assert_eq!(answered(&headers), expected, "{line}");
        }
        assert_eq!(answered(&HeaderMap::new()), None);
    }
}
