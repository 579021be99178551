//! The name of a request, by which its answer, its lines in the log and what the app says of it
//! are found again.

use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};

/// The header that carries it, in the request that the app sees and in the response.
pub use crate::generation::failure::REQUEST_ID;

/// A longer one is not taken over.
const LONGEST: usize = 128;

/// The id of a request: the one that a trusted proxy gave it, or a new one. It is no header any more:
/// the app is lent it where it would have found the proxy's. `given`: the client may have sent one.
pub(super) fn of(headers: &mut HeaderMap, trusted: bool, given: bool) -> HeaderValue {
    let given = if given { headers.remove(&REQUEST_ID) } else { None };
    given.filter(|id| trusted && is_sound(id.as_bytes())).unwrap_or_else(next)
}

/// What may stand in a line of a log as it is.
fn is_sound(id: &[u8]) -> bool {
    !id.is_empty() && id.len() <= LONGEST && id.iter().all(u8::is_ascii_graphic)
}

/// 32 hexadecimal digits: half of them this process's, the other half the request's.
fn next() -> HeaderValue {
    static PROCESS: LazyLock<(u64, [u8; 16])> = LazyLock::new(|| {
        let process = RandomState::new().hash_one(std::process::id());
        (process, digits(process))
    });
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let (process, begin) = &*PROCESS;
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let mut id = [0; 32];
    let (first, second) = id.split_at_mut(16);
    first.copy_from_slice(begin);
    second.copy_from_slice(&digits(mixed(count ^ process)));
    // With an owner, so that the copy for the response costs no allocation.
    HeaderValue::from_maybe_shared(Bytes::from_owner(id))
        .unwrap_or_else(|_| HeaderValue::from_static("0"))
}

/// `number` in hexadecimal, with its zeros.
fn digits(number: u64) -> [u8; 16] {
    let mut digits = [0; 16];
    for (byte, pair) in number.to_be_bytes().iter().zip(digits.chunks_exact_mut(2)) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 15)];
    }
    digits
}

const DIGITS: [u8; 16] = *b"0123456789abcdef";

/// A permutation (that of SplitMix64), so that ids do not count in public and are never the same.
const fn mixed(mut value: u64) -> u64 {
    value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn with(id: &str) -> HeaderMap {
        HeaderMap::from_iter([(REQUEST_ID, HeaderValue::from_str(id).unwrap())])
    }

    #[test]
    fn only_a_trusted_proxy_names_a_request() {
        assert_eq!(of(&mut with("abc-1"), true, true), "abc-1");
        for (given, trusted) in
            [("abc-1", false), ("", true), ("a b", true), (&"x".repeat(129)[..], true)]
        {
            let mut headers = with(given);
            assert_ne!(of(&mut headers, trusted, true), given);
            assert!(!headers.contains_key(REQUEST_ID), "the app is lent ours");
        }
    }

    #[test]
    fn made_ids_differ_and_are_digits() {
        let made: HashSet<_> = (0..1000).map(|_| of(&mut HeaderMap::new(), false, false)).collect();
        assert_eq!(made.len(), 1000);
        let sound =
            |id: &HeaderValue| id.len() == 32 && id.as_bytes().iter().all(u8::is_ascii_hexdigit);
        assert!(made.iter().all(sound));
        for number in [0, 0x0123_4567_89ab_cdef, u64::MAX] {
            assert_eq!(digits(number), format!("{number:016x}").as_bytes());
        }
    }
}
