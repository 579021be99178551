//! Numbers as people write them.

use std::time::Duration;

use super::duration;

/// A limit that may be none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit<T>(pub Option<T>);

impl<T> Limit<T> {
    /// `none`, or what `read` makes of the text.
    fn read(text: &str, read: impl FnOnce(&str) -> Result<T, String>) -> Result<Self, String> {
        match text {
            "none" => Ok(Self(None)),
            text => {
                read(text).map(|it| Self(Some(it))).map_err(|message| format!("{message}, or none"))
            }
        }
    }
}

/// `100`, `64k`, `10m`, `1g`: bytes.
pub(super) fn bytes(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match text[digits.len()..].to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kb" | "kib" => 1 << 10,
        "m" | "mb" | "mib" => 1 << 20,
        "g" | "gb" | "gib" => 1_u64 << 30,
        _ => 0,
    };
    let number = digits.parse::<u64>().ok().filter(|_| unit > 0);
    let count = number.and_then(|number| number.checked_mul(unit));
    count.ok_or_else(|| "give bytes, or a number with k, m or g".to_owned())
}

pub(super) fn bytes_or_none(text: &str) -> Result<Limit<u64>, String> {
    Limit::read(text, bytes)
}

pub(super) fn time_or_none(text: &str) -> Result<Limit<Duration>, String> {
    Limit::read(text, duration)
}

pub(super) fn count_or_none(text: &str) -> Result<Limit<usize>, String> {
    Limit::read(text, |text| match text.parse() {
        Ok(0) | Err(_) => Err("give a number of at least 1".to_owned()),
        Ok(count) => Ok(count),
    })
}

/// The length of a request's head, which cannot be as short as one likes.
pub(super) fn head(text: &str) -> Result<u32, String> {
    let range = 8 << 10..=1 << 20;
    let count = bytes(text)?;
    let fits = u32::try_from(count).ok().filter(|count| range.contains(count));
    fits.ok_or_else(|| "give 8k to 1m".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (text, count) in
            [("0", 0), ("100", 100), ("64k", 65_536), ("2M", 2 << 20), ("1GiB", 1 << 30)]
        {
            assert_eq!(bytes(text), Ok(count), "{text}");
        }
        for text in ["", "k", "-1", "1.5m", "1t", "99999999999g", "1 k"] {
            assert!(bytes(text).is_err(), "{text}");
        }
        assert_eq!(head("8k"), Ok(8192));
        assert_eq!(head("4k").unwrap_err(), "give 8k to 1m");
        assert!(head("2m").is_err());
    }

    #[test]
    fn limits_that_are_none() {
        assert_eq!(bytes_or_none("none"), Ok(Limit(None)));
        assert_eq!(bytes_or_none("1k"), Ok(Limit(Some(1024))));
        assert_eq!(time_or_none("2s"), Ok(Limit(Some(Duration::from_secs(2)))));
        assert_eq!(count_or_none("5"), Ok(Limit(Some(5))));
        assert_eq!(count_or_none("0").unwrap_err(), "give a number of at least 1, or none");
        assert!(time_or_none("soon").unwrap_err().ends_with(", or none"));
    }
}
