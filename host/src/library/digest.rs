//! Hashes, and bytes as digits.

use std::io::{self, BufRead};

use sha2::{Digest, Sha256};

/// The SHA-256 of something, in hexadecimal digits.
#[must_use]
pub fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// The SHA-256 of all that is left to read, and how many bytes that were.
///
/// # Errors
/// If it cannot be read.
pub fn sha256_of(reader: &mut impl BufRead) -> io::Result<(String, u64)> {
    let (mut digest, mut length) = (Sha256::new(), 0);
    loop {
        let part = reader.fill_buf()?;
        let read = part.len();
        if read == 0 {
            return Ok((hex(&digest.finalize()), length));
        }
        digest.update(part);
        length += read as u64;
        reader.consume(read);
    }
}

/// Bytes as hexadecimal digits.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// `N` bytes from twice as many hexadecimal digits.
#[must_use]
pub fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let (mut bytes, text) = ([0; N], text.as_bytes());
    if text.len() != 2 * N {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_and_their_digits() {
        assert_eq!(hex(&[0, 255, 16]), "00ff10");
        assert_eq!(unhex::<3>("00ff10"), Some([0, 255, 16]));
        for other in ["", "00ff1", "00ff1g", "00ff1000", "+0ff10", "00ff1é"] {
            assert_eq!(unhex::<3>(other), None, "{other}");
        }
    }
}
