//! The key of a session, and the tokens that are made of it: each is the key behind a mask of its own.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use subtle::ConstantTimeEq as _;

use crate::error::Error;

/// The length of a key, and that of a mask.
const LENGTH: usize = 32;

pub(super) type Key = [u8; LENGTH];

/// Random bytes.
///
/// # Errors
/// When the system has none.
pub(super) fn random() -> Result<Key, Error> {
    let mut key = [0; LENGTH];
    getrandom::fill(&mut key).map_err(Error::internal)?;
    Ok(key)
}

pub(super) fn write(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub(super) fn read(text: &str) -> Option<Key> {
    URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()
}

/// A token for one response.
///
/// # Errors
/// When the system has no random bytes.
pub(super) fn mask(key: &Key) -> Result<String, Error> {
    let mask = random()?;
    let masked: Vec<u8> = mask.iter().zip(key).map(|(mask, key)| mask ^ key).collect();
    Ok(write(&[&mask[..], &masked].concat()))
}

/// Whether this is a token of the key.
pub(super) fn is_of(token: &str, key: &Key) -> bool {
    let Ok(bytes) = URL_SAFE_NO_PAD.decode(token) else { return false };
    if bytes.len() != 2 * LENGTH {
        return false;
    }
    let (mask, masked) = bytes.split_at(LENGTH);
    let unmasked: Vec<u8> = mask.iter().zip(masked).map(|(mask, key)| mask ^ key).collect();
    unmasked.ct_eq(key).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_token_of_a_key_is_another_one() {
        let (key, other) = (random().unwrap(), random().unwrap());
        let (one, two) = (mask(&key).unwrap(), mask(&key).unwrap());
        assert_ne!(one, two);
        assert!(is_of(&one, &key) && is_of(&two, &key));
        assert!(!is_of(&one, &other) && !is_of(&mask(&other).unwrap(), &key));
        assert!(!is_of("", &key) && !is_of(&one[1..], &key) && !is_of("!", &key));
        assert_eq!((read(&write(&key)), read("AAAA")), (Some(key), None));
    }
}
