//! A process that is followed: gives what is kept, and what comes, and numbers what is sent to it.

use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll, Waker};

use bytes::BytesMut;
use nova_abi::RoomError;
use nova_rooms::Feed;
use tokio::io::AsyncWriteExt;
use tokio::net::UnixStream;
use tokio::net::unix::OwnedWriteHalf;
use tokio::sync::mpsc;

use super::wire::{Frame, Frames};
use super::{HandOver, SharedRooms};

/// How much is gathered before it is written.
const PIECE: usize = 64 * 1024;

/// Speaks with one process that follows, until it is gone or leads.
pub(super) async fn serve(
    rooms: SharedRooms,
    socket: UnixStream,
    mut hand_overs: mpsc::UnboundedReceiver<HandOver>,
) {
    let (reader, writer) = socket.into_split();
    let (answers, mut answered) = mpsc::unbounded_channel();
    let mut link = Link { feed: rooms.store().feed(), writer, buffer: BytesMut::new() };
    let mut frames = Frames::new(reader);
    link.buffer.reserve(PIECE);
    let begun = async {
        for (room, base, next) in rooms.store().silent() {
            link.say(&Frame::Silent { room, base, next }).await?;
        }
        link.catch_up().await?;
        link.say(&Frame::Ready).await?;
        link.flush().await
    };
    if begun.await.is_err() {
        return;
    }
    let ended: io::Result<()> = async {
        loop {
            tokio::select! {
                frame = frames.next() => match frame? {
                    Some(Frame::Publish { question, room, bytes }) => {
                        let (rooms, answers) = (rooms.clone(), answers.clone());
                        let sending = rooms.clone().send_to(room.to_string(), bytes);
                        number(question, sending, answers, rooms);
                    }
                    Some(_) => return Err(io::ErrorKind::InvalidData.into()),
                    None => return Ok(()),
                },
                () = poll_fn(|cx| link.feed.poll_ready(cx)) => link.catch_up().await?,
                Some(answer) = answered.recv() => {
                    // Who hears of a number finds the message.
                    link.catch_up().await?;
                    link.say(&answer).await?;
                }
                Some(done) = hand_overs.recv() => {
                    // What was numbered is answered: what is not, the other one sends again.
                    link.catch_up().await?;
                    while let Ok(answer) = answered.try_recv() {
                        link.say(&answer).await?;
                    }
                    link.say(&Frame::Lead).await?;
                    link.flush().await?;
                    done.send(()).ok();
                    return Ok(());
                }
            }
            while let Ok(answer) = answered.try_recv() {
                link.catch_up().await?;
                link.say(&answer).await?;
            }
            link.flush().await?;
        }
    }
    .await;
    if let Err(error) = ended {
        tracing::debug!("a process that takes part in rooms: {error}");
    }
}

/// Waits for the number of a message: here, if this process numbers it at once, as it does where it
/// leads, so that messages keep their order.
fn number(
    question: u64,
    sending: impl Future<Output = Result<u64, RoomError>> + Send + 'static,
    answers: mpsc::UnboundedSender<Frame>,
    rooms: SharedRooms,
) {
    let answer = move |sent| {
        let answer = match sent {
            Ok(id) => Frame::Accepted { question, id },
            // This process has left: the other one hears that it leads, and sends it again.
            Err(RoomError::Unavailable) if rooms.has_left() => return,
            Err(error) => Frame::Refused { question, error },
        };
        // One that is gone needs no answer.
        answers.send(answer).ok();
    };
    let mut sending = Box::pin(sending);
    match sending.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(sent) => answer(sent),
        Poll::Pending => drop(tokio::spawn(async move { answer(sending.await) })),
    }
}

/// The way to the other process.
struct Link {
    feed: Feed,
    writer: OwnedWriteHalf,
    buffer: BytesMut,
}

impl Link {
    /// Says what has come.
    async fn catch_up(&mut self) -> io::Result<()> {
        while let Some(numbered) = self.feed.next_now() {
            self.say(&Frame::Message(numbered)).await?;
        }
        Ok(())
    }

    async fn say(&mut self, frame: &Frame) -> io::Result<()> {
        frame.put(&mut self.buffer);
        if self.buffer.len() >= PIECE { self.flush().await } else { Ok(()) }
    }

    async fn flush(&mut self) -> io::Result<()> {
        let written = self.writer.write_all(&self.buffer).await;
        self.buffer.clear();
        written
    }
}
