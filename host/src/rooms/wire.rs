//! What the processes of a host say to each other about rooms: frames of a length, a kind, numbers, the
//! name of a room and a message.

use std::io;
use std::sync::Arc;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use nova_abi::{LONGEST_ROOM_MESSAGE, LONGEST_ROOM_NAME, RoomError};
use nova_rooms::RoomMessage;
use tokio::io::{AsyncRead, AsyncReadExt};

/// More than what any frame has besides name and message.
const HEAD: usize = 64;

/// The longest frame.
const LONGEST: usize = HEAD + LONGEST_ROOM_NAME + LONGEST_ROOM_MESSAGE;

/// What is said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Frame {
    /// By the one who follows: a message to a room.
    Publish { question: u64, room: Arc<str>, bytes: Bytes },
    /// By the one who leads: the number of a message.
    Accepted { question: u64, id: u64 },
    /// The room does not take it.
    Refused { question: u64, error: RoomError },
    /// A message with its number.
    Message(RoomMessage),
    /// A room of which no message is kept: its first number, and that of its next message.
    Silent { room: Arc<str>, base: u64, next: u64 },
    /// All that is kept was said.
    Ready,
    /// The other one leads from now on. What was not answered was not taken.
    Lead,
}

impl Frame {
    /// Puts it behind what is in `buffer`.
    pub(super) fn put(&self, buffer: &mut BytesMut) {
        let at = buffer.len();
        buffer.put_u32(0);
        match self {
            Self::Publish { question, room, bytes } => {
                buffer.put_u8(0);
                buffer.put_u64(*question);
                put_message(buffer, room, bytes);
            }
            Self::Accepted { question, id } => {
                buffer.put_u8(1);
                buffer.put_u64(*question);
                buffer.put_u64(*id);
            }
            Self::Refused { question, error } => {
                buffer.put_u8(2);
                buffer.put_u64(*question);
                buffer.put_u8(*error as u8);
            }
            Self::Message(RoomMessage { room, base, id, bytes }) => {
                buffer.put_u8(3);
                buffer.put_u64(*base);
                buffer.put_u64(*id);
                put_message(buffer, room, bytes);
            }
            Self::Ready => buffer.put_u8(4),
            Self::Lead => buffer.put_u8(5),
            Self::Silent { room, base, next } => {
                buffer.put_u8(6);
                buffer.put_u64(*base);
                buffer.put_u64(*next);
                put_message(buffer, room, &[]);
            }
        }
        // No frame is longer than what a `u32` counts.
        let length = u32::try_from(buffer.len() - at - size_of::<u32>()).unwrap_or(u32::MAX);
        buffer[at..at + size_of::<u32>()].copy_from_slice(&length.to_be_bytes());
    }

    fn of(mut frame: Bytes) -> Option<Self> {
        Some(match frame.try_get_u8().ok()? {
            0 => {
                let question = frame.try_get_u64().ok()?;
                let (room, bytes) = message(frame)?;
                Self::Publish { question, room, bytes }
            }
            1 => {
                let (question, id) = (frame.try_get_u64().ok()?, frame.try_get_u64().ok()?);
                Self::Accepted { question, id }
            }
            2 => {
                let question = frame.try_get_u64().ok()?;
                let error = match frame.try_get_u8().ok()? {
                    it if it == RoomError::InvalidName as u8 => RoomError::InvalidName,
                    it if it == RoomError::TooLong as u8 => RoomError::TooLong,
                    it if it == RoomError::TooManyRooms as u8 => RoomError::TooManyRooms,
                    _ => RoomError::Unavailable,
                };
                Self::Refused { question, error }
            }
            3 => {
                let (base, id) = (frame.try_get_u64().ok()?, frame.try_get_u64().ok()?);
                let (room, bytes) = message(frame)?;
                Self::Message(RoomMessage { room, base, id, bytes })
            }
            4 => Self::Ready,
            5 => Self::Lead,
            6 => {
                let (base, next) = (frame.try_get_u64().ok()?, frame.try_get_u64().ok()?);
                let (room, _) = message(frame)?;
                Self::Silent { room, base, next }
            }
            _ => return None,
        })
    }
}

fn put_message(buffer: &mut BytesMut, room: &str, bytes: &[u8]) {
    // A name is checked before.
    buffer.put_u16(u16::try_from(room.len()).unwrap_or(u16::MAX));
    buffer.put_slice(room.as_bytes());
    buffer.put_slice(bytes);
}

fn message(mut frame: Bytes) -> Option<(Arc<str>, Bytes)> {
    let length = usize::from(frame.try_get_u16().ok()?);
    if length > frame.len() {
        return None;
    }
    let name = frame.split_to(length);
    // A copy of what is left: a room would keep the whole buffer that it came in.
    Some((std::str::from_utf8(&name).ok()?.into(), Bytes::copy_from_slice(&frame)))
}

/// Reads frames.
#[derive(Debug)]
pub(super) struct Frames<R> {
    reader: R,
    buffer: BytesMut,
}

impl<R: AsyncRead + Unpin> Frames<R> {
    pub(super) fn new(reader: R) -> Self {
        Self { reader, buffer: BytesMut::with_capacity(64 * 1024) }
    }

    /// The next frame; `None`: the other process is gone. A call that is given up loses nothing.
    pub(super) async fn next(&mut self) -> io::Result<Option<Frame>> {
        loop {
            if let Some(frame) = self.whole()? {
                return Ok(Some(frame));
            }
            self.buffer.reserve(64 * 1024);
            if self.reader.read_buf(&mut self.buffer).await? == 0 {
                return Ok(None);
            }
        }
    }

    fn whole(&mut self) -> io::Result<Option<Frame>> {
        let Some(length) = self.buffer.first_chunk() else { return Ok(None) };
        let length = u32::from_be_bytes(*length) as usize;
        let invalid = || io::Error::new(io::ErrorKind::InvalidData, "not a frame of rooms");
        if length > LONGEST {
            return Err(invalid());
        }
        if self.buffer.len() - size_of::<u32>() < length {
            return Ok(None);
        }
        self.buffer.advance(size_of::<u32>());
        Frame::of(self.buffer.split_to(length).freeze()).ok_or_else(invalid).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn frames_come_as_they_were_said() {
        let longest = Bytes::from(vec![b'x'; LONGEST_ROOM_MESSAGE]);
        let name: Arc<str> = "é".repeat(LONGEST_ROOM_NAME / 2).into();
        let message =
            RoomMessage { room: name.clone(), base: 1, id: u64::MAX, bytes: longest.clone() };
        let said = [
            Frame::Publish { question: 7, room: name, bytes: longest },
            Frame::Publish { question: 8, room: "a".into(), bytes: Bytes::new() },
            Frame::Accepted { question: 7, id: 9 },
            Frame::Refused { question: 8, error: RoomError::InvalidName },
            Frame::Refused { question: 8, error: RoomError::TooLong },
            Frame::Refused { question: 8, error: RoomError::TooManyRooms },
            Frame::Refused { question: 8, error: RoomError::Unavailable },
            Frame::Message(message),
            Frame::Silent { room: "a".into(), base: 1, next: 2 },
            Frame::Ready,
            Frame::Lead,
        ];
        let mut buffer = BytesMut::new();
        said.iter().for_each(|frame| frame.put(&mut buffer));
        let mut frames = Frames::new(&buffer[..]);
        for frame in said {
            assert_eq!(frames.next().await.unwrap(), Some(frame));
        }
        assert_eq!(frames.next().await.unwrap(), None);
    }

    #[tokio::test]
    async fn what_is_not_a_frame_ends_the_conversation() {
        for bytes in [
            &b"\0\0\0\x01\x09"[..],
            b"\xff\xff\xff\xff",
            b"\0\0\0\0",
            b"\0\0\0\x03\x01\0\0",
            b"\0\0\0\x0c\0\0\0\0\0\0\0\0\0\0\x09a",
        ] {
            assert!(Frames::new(bytes).next().await.is_err(), "{bytes:?}");
        }
        assert_eq!(Frames::new(&b"\0\0\0\x05\x01"[..]).next().await.unwrap(), None, "half of one");
    }
}
