//! The PROXY protocol, versions 1 and 2: a proxy's first words, which name its client.
//!
//! They are looked at until they are whole, and only then taken off the socket, so that what
//! follows (TLS or HTTP) finds its own first byte.
//!
//! They are read here rather than with the crate `ppp` (2.3), which refuses a header that arrives
//! in two pieces when the second one begins with the last port, and waits for more after a line
//! that is too short.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::BorrowedFd;

use rustix::net::{RecvFlags, recv};

use super::socket::Stream;

/// What a version 2 header begins with.
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";

/// What a version 1 header begins with, and its greatest length.
const TEXT: &[u8; 6] = b"PROXY ";
const LONGEST_TEXT: usize = 107;

/// The longest header that is read; the addresses take 52 bytes, the rest is for extensions.
const LONGEST: usize = 2048;

/// What the first bytes of a connection are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Preamble {
    /// They may become a header.
    Partial,
    /// A header of this length. Without a source the proxy speaks for itself.
    Header { length: usize, source: Option<SocketAddr> },
    /// They are something else.
    Other,
}

/// Takes the header off `stream`; the client that it names, if it names one.
///
/// # Errors
/// When the connection ends before, or does not begin with a header.
pub(super) async fn read(stream: &Stream) -> io::Result<Option<SocketAddr>> {
    // All of it at once: bytes that are kept from one look to the next would make every connection
    // larger, as long as it lasts.
    stream.when_readable(take).await
}

/// Takes the header off the socket if all of it has arrived. As long as what is there may become one
/// the answer is `WouldBlock`.
fn take(stream: BorrowedFd<'_>) -> io::Result<Option<SocketAddr>> {
    let mut bytes = [0; LONGEST];
    let (_, length) = recv(stream, &mut bytes[..], RecvFlags::PEEK)?;
    match parse(&bytes[..length]) {
        _ if length == 0 => Err(io::ErrorKind::UnexpectedEof.into()),
        Preamble::Partial => Err(io::ErrorKind::WouldBlock.into()),
        Preamble::Other => Err(io::ErrorKind::InvalidData.into()),
        Preamble::Header { length, source } => {
            let (_, taken) = recv(stream, &mut bytes[..length], RecvFlags::empty())?;
            // It was there a moment ago, and this is who takes it.
            if taken == length { Ok(source) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
        }
    }
}

fn parse(bytes: &[u8]) -> Preamble {
    let begins = |with: &[u8]| bytes.starts_with(with) || with.starts_with(bytes);
    if begins(SIGNATURE) {
        binary(bytes)
    } else if begins(TEXT) {
        text(bytes)
    } else {
        Preamble::Other
    }
}

/// `PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\n`.
fn text(bytes: &[u8]) -> Preamble {
    let Some(end) = bytes.windows(2).position(|end| end == b"\r\n") else {
        return if bytes.len() < LONGEST_TEXT { Preamble::Partial } else { Preamble::Other };
    };
    if end + 2 > LONGEST_TEXT {
        return Preamble::Other;
    }
    let Ok(line) = std::str::from_utf8(&bytes[TEXT.len()..end]) else { return Preamble::Other };
    let mut words = line.split(' ');
    let source = match words.next() {
        Some("UNKNOWN") => Some(None),
        Some("TCP4") => source::<Ipv4Addr>(words).map(Some),
        Some("TCP6") => source::<Ipv6Addr>(words).map(Some),
        _ => None,
    };
    source.map_or(Preamble::Other, |source| Preamble::Header { length: end + 2, source })
}

/// The source among source, destination and both ports.
fn source<'a, A: std::str::FromStr + Into<IpAddr>>(
    mut words: impl Iterator<Item = &'a str>,
) -> Option<SocketAddr> {
    let address: A = words.next()?.parse().ok()?;
    let _: A = words.next()?.parse().ok()?;
    let port = words.next()?.parse().ok()?;
    let _: u16 = words.next()?.parse().ok()?;
    words.next().is_none().then(|| SocketAddr::new(address.into(), port))
}

fn binary(bytes: &[u8]) -> Preamble {
    let Some((head, rest)) = bytes.split_at_checked(16) else { return Preamble::Partial };
    let (version, command, family) = (head[12] >> 4, head[12] & 0xf, head[13]);
    let announced = usize::from(u16::from_be_bytes([head[14], head[15]]));
    let length = 16 + announced;
    if version != 2 || length > LONGEST {
        return Preamble::Other;
    }
    let Some(block) = rest.get(..announced) else { return Preamble::Partial };
    let source = match (command, family >> 4) {
        // The proxy itself, which asks how we are; or a client without an address of ours.
        (0, _) | (1, 0 | 3) => Some(None),
        (1, 1) => address::<4>(block, 8).map(Some),
        (1, 2) => address::<16>(block, 32).map(Some),
        _ => None,
    };
    source.map_or(Preamble::Other, |source| Preamble::Header { length, source })
}

/// The address at the start of `block`, and the port at `port`.
fn address<const N: usize>(block: &[u8], port: usize) -> Option<SocketAddr>
where
    IpAddr: From<[u8; N]>,
{
    let ip = block.first_chunk::<N>()?;
    let port = block.get(port..)?.first_chunk::<2>()?;
    Some(SocketAddr::new(IpAddr::from(*ip), u16::from_be_bytes(*port)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(bytes: &[u8]) -> Option<(usize, Option<SocketAddr>)> {
        match parse(bytes) {
            Preamble::Header { length, source } => Some((length, source)),
            Preamble::Partial | Preamble::Other => None,
        }
    }

    fn version_2(command: u8, family: u8, block: &[u8]) -> Vec<u8> {
        let mut bytes = SIGNATURE.to_vec();
        bytes.extend([0x20 | command, family]);
        bytes.extend(u16::try_from(block.len()).unwrap().to_be_bytes());
        bytes.extend(block);
        bytes
    }

    #[test]
    fn version_1() {
        let line = b"PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\n";
        let source = Some("192.0.2.1:56324".parse().unwrap());
        assert_eq!(header(line), Some((line.len(), source)));
        let mut more = line.to_vec();
        more.extend(b"GET / HTTP/1.1\r\n");
        assert_eq!(header(&more), Some((line.len(), source)));

        let line = b"PROXY TCP6 2001:db8::1 ::1 4 5\r\n";
        assert_eq!(header(line).unwrap().1, Some("[2001:db8::1]:4".parse().unwrap()));
        assert_eq!(header(b"PROXY UNKNOWN\r\n"), Some((15, None)));
        assert_eq!(header(b"PROXY UNKNOWN a b c\r\n"), Some((21, None)));
    }

    #[test]
    fn version_2_of_all_families() {
        let mut block = vec![192, 0, 2, 1, 198, 51, 100, 1];
        block.extend([0xdc, 0x04, 0x01, 0xbb]);
        let bytes = version_2(1, 0x11, &block);
        let source = Some("192.0.2.1:56324".parse().unwrap());
        assert_eq!(header(&bytes), Some((28, source)));
        // Extensions follow the addresses and belong to the header.
        block.extend([0x03, 0, 4, 1, 2, 3, 4]);
        assert_eq!(header(&version_2(1, 0x11, &block)), Some((35, source)));

        let mut block = vec![0; 36];
        block[15] = 1;
        block[33] = 80;
        let source = Some("[::1]:80".parse().unwrap());
        assert_eq!(header(&version_2(1, 0x21, &block)), Some((52, source)));
        assert_eq!(header(&version_2(0, 0, &[])), Some((16, None)));
        assert_eq!(header(&version_2(1, 0x31, &[0; 216])), Some((232, None)));
    }

    #[test]
    fn every_beginning_of_a_header_is_waited_for() {
        let mut block = vec![0; 12];
        block[0] = 10;
        for whole in [b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n".to_vec(), version_2(1, 0x11, &block)] {
            for length in 0..whole.len() {
                assert_eq!(parse(&whole[..length]), Preamble::Partial, "{length}");
            }
            assert!(header(&whole).is_some());
        }
    }

    #[test]
    fn other_beginnings() {
        let mut endless = b"PROXY TCP4 ".to_vec();
        endless.resize(LONGEST_TEXT, b'1');
        for bytes in [
            &b"GET / HTTP/1.1\r\n"[..],
            b"\x16\x03\x01",
            b"PROXY TCP4\r\n",
            b"PROXY TCP4 1.2.3.4 5.6.7.8 1\r\n",
            b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2 3\r\n",
            b"PROXY TCP4 ::1 ::1 1 2\r\n",
            b"PROXY TCP4 1.2.3.4 5.6.7.8 1 70000\r\n",
            b"PROXY UDP4 1.2.3.4 5.6.7.8 1 2\r\n",
            &endless,
            &version_2(1, 0x11, &[0; 4]),
            &version_2(2, 0x11, &[0; 12]),
        ] {
            assert_eq!(parse(bytes), Preamble::Other, "{}", String::from_utf8_lossy(bytes));
        }
        let mut long = version_2(1, 0x11, &[]);
        long[14] = 0xff;
        assert_eq!(parse(&long), Preamble::Other);
    }
}
