//! HTTP/2 by the byte (RFC 9113): frames as a test wants them, right or wrong, and of the answers as
//! much as a test asks about.

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::client::Failure;

/// Types of frames (RFC 9113, section 6).
pub mod kind {
    #![allow(missing_docs)]
    pub const DATA: u8 = 0;
    pub const HEADERS: u8 = 1;
    pub const PRIORITY: u8 = 2;
    pub const RST_STREAM: u8 = 3;
    pub const SETTINGS: u8 = 4;
    pub const PUSH_PROMISE: u8 = 5;
    pub const PING: u8 = 6;
    pub const GOAWAY: u8 = 7;
    pub const WINDOW_UPDATE: u8 = 8;
    pub const CONTINUATION: u8 = 9;
}

/// END_STREAM, and ACK of SETTINGS and PING.
pub const END_STREAM: u8 = 1;
/// END_HEADERS.
pub const END_HEADERS: u8 = 4;
/// PADDED.
pub const PADDED: u8 = 8;
/// PRIORITY, of HEADERS.
pub const WITH_PRIORITY: u8 = 0x20;

/// What a client sends first.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A frame.
#[must_use]
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a frame that fits").to_be_bytes();
    let mut frame = length[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// Header lines as HPACK has them without table and without Huffman (RFC 7541, section 6.2.2).
#[must_use]
pub fn fields(lines: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in lines {
        block.push(0);
        string(&mut block, name.as_bytes());
        string(&mut block, value.as_bytes());
    }
    block
}

/// A string literal (RFC 7541, sections 5.1 and 5.2).
fn string(block: &mut Vec<u8>, bytes: &[u8]) {
    let mut length = bytes.len();
    if length < 127 {
        block.extend(u8::try_from(length));
    } else {
        block.push(127);
        length -= 127;
        while length >= 128 {
            block.extend(u8::try_from(length % 128 + 128));
            length /= 128;
        }
        block.extend(u8::try_from(length));
    }
    block.extend(bytes);
}

/// How a server answered on a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// With this status, and this body.
    Response(u16, String),
    /// The stream was reset, with this error code.
    Reset(u32),
    /// The connection was, with this error code.
    GoAway(u32),
    /// It was closed without a word.
    Closed,
}

/// Sends `bytes` after the preface and SETTINGS, and tells what becomes of `stream`.
///
/// # Errors
/// If the connection breaks within a frame.
pub async fn ask<I: AsyncRead + AsyncWrite + Unpin>(
    stream: I,
    bytes: &[u8],
    of: u32,
) -> Result<Answer, Failure> {
    let settings = frame(kind::SETTINGS, 0, 0, &[]);
    ask_raw(stream, &[PREFACE, &settings, bytes].concat(), of).await
}

/// The same without preface and SETTINGS.
async fn ask_raw<I: AsyncRead + AsyncWrite + Unpin>(
    mut stream: I,
    bytes: &[u8],
    of: u32,
) -> Result<Answer, Failure> {
    // Behind a block of headers that does not end, any other frame is an error.
    let ping = frame(kind::PING, 0, 0, b"the-end?");
    let sent = [bytes, &ping].concat();
    // A server that closes before it has read everything has answered.
    let _ = stream.write_all(&sent).await;
    let (mut status, mut body) = (None, Vec::new());
    loop {
        let mut head = [0; 9];
        if stream.read_exact(&mut head).await.is_err() {
            return Ok(Answer::Closed);
        }
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let id = u32::from_be_bytes([head[5], head[6], head[7], head[8]]) & 0x7fff_ffff;
        let mut payload = vec![0; usize::try_from(length)?];
        stream.read_exact(&mut payload).await?;
        let code = |at: usize| {
            let code = payload.get(at..at + 4).and_then(|code| code.try_into().ok());
            code.map_or(u32::MAX, u32::from_be_bytes)
        };
        let ends = head[4] & END_STREAM != 0;
        match head[3] {
            kind::HEADERS if id == of => status = status.or(Some(status_of(&payload)?)),
            kind::DATA if id == of => body.extend(payload),
            kind::RST_STREAM if id == of && status.is_none() => return Ok(Answer::Reset(code(0))),
            // What says that no more streams are taken is no error.
            kind::GOAWAY if code(4) != 0 => return Ok(Answer::GoAway(code(4))),
            _ => continue,
        }
        if ends
            && id == of
            && let Some(status) = status
        {
            return Ok(Answer::Response(status, String::from_utf8(body)?));
        }
    }
}

/// The status in the first block of a connection: by its number in the static table, or its digits.
fn status_of(block: &[u8]) -> Result<u16, Failure> {
    const TABLE: [u16; 7] = [200, 204, 206, 304, 400, 404, 500];
    // A change of the table's size may come first (RFC 7541, section 6.3).
    let block = if block.first().is_some_and(|byte| byte >> 5 == 1) { &block[1..] } else { block };
    match block {
        [indexed @ 0x88..=0x8e, ..] => Ok(TABLE[usize::from(indexed - 0x88)]),
        [_, length, digits @ ..] => {
            let bytes = digits.get(..usize::from(length & 0x7f)).ok_or("a cut status")?;
            let text = if length & 0x80 == 0 {
                String::from_utf8(bytes.to_vec())?
            } else {
                huffman_digits(bytes)
            };
            Ok(text.parse()?)
        }
        _ => Err("a block without a status".into()),
    }
}

/// Three digits in the code of RFC 7541, appendix B: 0, 1 and 2 have five bits, the others six.
fn huffman_digits(bytes: &[u8]) -> String {
    let bits: String = bytes.iter().map(|byte| format!("{byte:08b}")).collect();
    let (mut text, mut at) = (String::new(), 0);
    while text.len() < 3 {
        let code = |length: usize| u8::from_str_radix(bits.get(at..at + length)?, 2).ok();
        match (code(5), code(6)) {
            (Some(digit @ 0..=2), _) => (text, at) = (text + &digit.to_string(), at + 5),
            (_, Some(digit @ 25..=31)) => (text, at) = (text + &(digit - 22).to_string(), at + 6),
            _ => break,
        }
    }
    text
}
