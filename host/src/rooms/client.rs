//! A process that follows: what its apps send goes to the process that leads, and what that one has
//! numbered is kept here.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use nova_abi::RoomError;
use parking_lot::Mutex;
use tokio::io::AsyncWriteExt;
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};

use super::wire::{Frame, Frames};
use super::{Role, SharedRooms, WhenGone};

/// What becomes of a message.
#[derive(Debug)]
pub(super) enum Answer {
    Numbered(u64),
    Refused(RoomError),
    /// The process that led has not taken it, and leads no more.
    NotTaken,
    /// It is gone, and may have taken it.
    Lost,
}

/// The way to the process that leads.
pub(super) struct Upstream {
    frames: mpsc::UnboundedSender<Frame>,
    questions: Mutex<Questions>,
}

#[derive(Default)]
struct Questions {
    last: u64,
    open: HashMap<u64, Open>,
    /// Nothing is asked any more.
    is_over: bool,
}

/// A question that is not answered.
struct Open {
    answer: oneshot::Sender<Answer>,
    /// For the message, which is on its way whether the answer is waited for or not.
    _permit: Option<OwnedSemaphorePermit>,
}

impl Upstream {
    /// Asks for the number of a message; `permit` is kept until there is an answer.
    pub(super) async fn ask(
        &self,
        room: &str,
        bytes: Bytes,
        permit: Option<OwnedSemaphorePermit>,
    ) -> Answer {
        let (answers, answer) = oneshot::channel();
        {
            let mut questions = self.questions.lock();
            if questions.is_over {
                return Answer::NotTaken;
            }
            questions.last += 1;
            let question = questions.last;
            questions.open.insert(question, Open { answer: answers, _permit: permit });
            // Under the lock, so that questions are asked in their order. One that cannot be asked any
            // more is answered at the end.
            self.frames.send(Frame::Publish { question, room: room.into(), bytes }).ok();
        }
        answer.await.unwrap_or(Answer::Lost)
    }

    fn answer(&self, question: u64, answer: Answer) {
        let asked = self.questions.lock().open.remove(&question);
        // Who does not wait any more needs no answer.
        asked.map(|asked| asked.answer.send(answer).ok());
    }

    /// Nothing is answered any more; `answer` says what became of what was asked.
    fn end(&self, answer: fn() -> Answer) {
        let mut questions = self.questions.lock();
        questions.is_over = true;
        for (_, asked) in questions.open.drain() {
            asked.answer.send(answer()).ok();
        }
    }
}

/// A conversation with the process that leads, which has not begun.
pub(super) struct Follower {
    socket: UnixStream,
    upstream: Arc<Upstream>,
    to_send: mpsc::UnboundedReceiver<Frame>,
}

impl Follower {
    pub(super) fn new(socket: UnixStream) -> Self {
        let (frames, to_send) = mpsc::unbounded_channel();
        let upstream = Arc::new(Upstream { frames, questions: Mutex::default() });
        Self { socket, upstream, to_send }
    }

    /// The way to the process that leads.
    pub(super) fn upstream(&self) -> Arc<Upstream> {
        Arc::clone(&self.upstream)
    }

    /// Begins; ready when what is kept is here, or the other process is gone.
    pub(super) fn begin(self, rooms: SharedRooms, gone: WhenGone) -> oneshot::Receiver<()> {
        let (reader, writer) = self.socket.into_split();
        let (says, ready) = oneshot::channel();
        tokio::spawn(send(writer, self.to_send));
        tokio::spawn(async move {
            let end = hear(&rooms, Frames::new(reader), &self.upstream, says).await;
            // First this: who is told that a message was not taken sends it again.
            rooms.follow_no_more(match (end(), gone) {
                (Answer::NotTaken, _) | (_, WhenGone::Lead) => Role::Leads,
                (_, WhenGone::Leave) => Role::Orphaned,
            });
            self.upstream.end(end);
        });
        ready
    }
}

async fn send(mut writer: OwnedWriteHalf, mut frames: mpsc::UnboundedReceiver<Frame>) {
    let mut buffer = BytesMut::new();
    while let Some(frame) = frames.recv().await {
        frame.put(&mut buffer);
        while buffer.len() < 64 * 1024
            && let Ok(frame) = frames.try_recv()
        {
            frame.put(&mut buffer);
        }
        if writer.write_all(&buffer).await.is_err() {
            return;
        }
        buffer.clear();
    }
}

/// Takes what is said until the other process leads no more; what becomes of what was asked.
async fn hear(
    rooms: &SharedRooms,
    mut frames: Frames<OwnedReadHalf>,
    upstream: &Upstream,
    says_ready: oneshot::Sender<()>,
) -> fn() -> Answer {
    let mut says_ready = Some(says_ready);
    loop {
        match frames.next().await {
            Ok(Some(Frame::Message(numbered))) => rooms.store().place(numbered),
            Ok(Some(Frame::Silent { room, base, next })) => {
                rooms.store().place_silent(&room, base, next);
            }
            Ok(Some(Frame::Accepted { question, id })) => {
                upstream.answer(question, Answer::Numbered(id));
            }
            Ok(Some(Frame::Refused { question, error })) => {
                upstream.answer(question, Answer::Refused(error));
            }
            Ok(Some(Frame::Ready)) => drop(says_ready.take().map(|ready| ready.send(()))),
            Ok(Some(Frame::Lead)) => return || Answer::NotTaken,
            // It says no such thing, or is gone.
            Ok(Some(Frame::Publish { .. }) | None) => return || Answer::Lost,
            Err(error) => {
                tracing::debug!("the rooms of the process before: {error}");
                return || Answer::Lost;
            }
        }
    }
}
