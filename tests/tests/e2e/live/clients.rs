//! The clients of a chat, which connect again as a browser does.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::{SinkExt, StreamExt};
use nova_tests::client::Failure;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::Role;

/// Number and text of what was heard.
pub(crate) type Messages = Vec<(u64, String)>;

/// How far a client is.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    messages: Mutex<Messages>,
    reconnects: AtomicUsize,
    more: Notify,
    /// The client has panicked, which is said where it did.
    is_broken: AtomicBool,
}

/// Says that a client has panicked, to a test that waits for it.
struct Guard(Arc<Counts>);

impl Drop for Guard {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.is_broken.store(true, Ordering::SeqCst);
            self.0.more.notify_one();
        }
    }
}

impl Counts {
    pub(crate) fn received(&self) -> usize {
        self.messages.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Waits until so many messages are there.
    pub(crate) async fn until(&self, count: usize) {
        while self.received() < count {
            self.heard_more().await;
        }
    }

    async fn heard_more(&self) {
        self.more.notified().await;
        assert!(!self.is_broken.load(Ordering::SeqCst), "a client has panicked");
    }

    fn heard(&self, id: u64, text: String) {
        self.messages.lock().unwrap_or_else(PoisonError::into_inner).push((id, text));
        self.more.notify_one();
    }

    /// The number after which the client goes on.
    fn last(&self, first: u64) -> u64 {
        let messages = self.messages.lock().unwrap_or_else(PoisonError::into_inner);
        messages.last().map_or(first, |(id, _)| *id)
    }

    fn take(&self) -> (Messages, usize) {
        let messages = self.messages.lock().unwrap_or_else(PoisonError::into_inner).clone();
        (messages, self.reconnects.load(Ordering::SeqCst))
    }
}

/// Sends a message by a request of its own; the number of it.
pub(crate) async fn say(address: SocketAddr, text: &str) -> Result<u64, Failure> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!(
        "POST /say HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{text}",
        text.len()
    );
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or("no answer")?;
    if !head.starts_with("HTTP/1.1 200") {
        return Err(format!("{head}: {body}").into());
    }
    Ok(body.parse()?)
}

/// Posts message after message.
pub(crate) struct Writer(JoinHandle<(Messages, usize)>);

impl Writer {
    pub(crate) fn begin(address: SocketAddr, name: String, is_over: &Arc<AtomicBool>) -> Self {
        let is_over = Arc::clone(is_over);
        Self(tokio::spawn(async move {
            let (mut accepted, mut failed) = (Messages::new(), 0);
            for number in 0.. {
                if is_over.load(Ordering::SeqCst) {
                    break;
                }
                let text = format!("{name} {number}");
                match say(address, &text).await {
                    Ok(id) => accepted.push((id, text)),
                    Err(_) => failed += 1,
                }
            }
            (accepted, failed)
        }))
    }

    /// What was accepted, and how often nothing was.
    pub(crate) async fn end(self) -> (Messages, usize) {
        self.0.await.expect("a writer")
    }
}

/// Reads a stream of events, and asks again with `Last-Event-ID` when it ends.
pub(crate) struct EventReader {
    pub(crate) counts: Arc<Counts>,
    task: JoinHandle<()>,
}

impl EventReader {
    pub(crate) fn begin(address: SocketAddr, first: u64) -> Self {
        let counts = Arc::<Counts>::default();
        let reading = Arc::clone(&counts);
        let task = tokio::spawn(async move {
            let _guard = Guard(Arc::clone(&reading));
            loop {
                // Whichever way the stream ends.
                let _ = read_events(address, first, &reading).await;
                reading.reconnects.fetch_add(1, Ordering::SeqCst);
            }
        });
        Self { counts, task }
    }

    /// Waits for the message of this number; all, and how often the stream began anew.
    pub(crate) async fn end(self, last: u64) -> (Messages, usize) {
        while self.counts.last(0) < last {
            self.counts.heard_more().await;
        }
        self.task.abort();
        self.counts.take()
    }
}

async fn read_events(address: SocketAddr, first: u64, counts: &Counts) -> Result<(), Failure> {
    let mut stream = TcpStream::connect(address).await?;
    let last = counts.last(first);
    let request = format!(
        "GET /events HTTP/1.1\r\nhost: a\r\nlast-event-id: {last}\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    let mut lines = BufReader::new(stream).lines();
    let (mut data, mut id) = (None, None);
    while let Some(line) = lines.next_line().await? {
        // Lines of the framing and of the head have other beginnings.
        if let Some(text) = line.strip_prefix("data: ") {
            data = Some(text.to_owned());
        } else if let Some(number) = line.strip_prefix("id: ") {
            id = Some(number.parse()?);
        } else if line.starts_with("event: ") {
            panic!("{line}: {data:?} after {last}");
        } else if line.is_empty()
            && let (Some(id), Some(data)) = (id.take(), data.take())
        {
            counts.heard(id, data);
        }
    }
    Ok(())
}

/// Speaks over a WebSocket, and opens another one when it is closed.
pub(crate) struct SocketClient {
    pub(crate) counts: Arc<Counts>,
    said: Arc<Mutex<Vec<String>>>,
    is_silent: Arc<AtomicBool>,
    task: JoinHandle<()>,
}

impl SocketClient {
    pub(crate) fn begin(
        address: SocketAddr,
        first: u64,
        name: String,
        is_over: &Arc<AtomicBool>,
    ) -> Self {
        let (counts, said) = (Arc::<Counts>::default(), Arc::<Mutex<Vec<String>>>::default());
        let is_silent = Arc::<AtomicBool>::default();
        let mut speaker = Speaker {
            address,
            first,
            name,
            count: 0,
            counts: Arc::clone(&counts),
            said: Arc::clone(&said),
            is_over: Arc::clone(is_over),
            is_silent: Arc::clone(&is_silent),
        };
        let task = tokio::spawn(async move {
            let _guard = Guard(Arc::clone(&speaker.counts));
            loop {
                // Whichever way the socket ends.
                let _ = speaker.speak().await;
                speaker.counts.reconnects.fetch_add(1, Ordering::SeqCst);
            }
        });
        Self { counts, said, is_silent, task }
    }

    /// What it has said, when it says no more.
    pub(crate) async fn said(&self) -> Vec<String> {
        while !self.is_silent.load(Ordering::SeqCst) {
            tokio::task::yield_now().await;
        }
        self.said.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// As for [`EventReader::end`].
    pub(crate) async fn end(self, last: u64) -> (Messages, usize) {
        while self.counts.last(0) < last {
            self.counts.heard_more().await;
        }
        self.task.abort();
        self.counts.take()
    }
}

struct Speaker {
    address: SocketAddr,
    first: u64,
    name: String,
    /// How many messages it has begun to say.
    count: usize,
    counts: Arc<Counts>,
    said: Arc<Mutex<Vec<String>>>,
    is_over: Arc<AtomicBool>,
    is_silent: Arc<AtomicBool>,
}

impl Speaker {
    async fn speak(&mut self) -> Result<(), Failure> {
        let last = self.counts.last(self.first);
        let mut socket = open(self.address, &format!("/socket?after={last}")).await?;
        // Its message that it has not heard yet.
        let mut on_its_way = None;
        loop {
            if self.is_over.load(Ordering::SeqCst) {
                self.is_silent.store(true, Ordering::SeqCst);
            } else if on_its_way.is_none() {
                let text = format!("{} {}", self.name, self.count);
                self.count += 1;
                socket.send(Message::text(text.clone())).await?;
                self.said.lock().unwrap_or_else(PoisonError::into_inner).push(text.clone());
                on_its_way = Some(text);
            }
            let heard = loop {
                match socket.next().await.ok_or("it is closed")?? {
                    Message::Text(text) => break text,
                    Message::Close(frame) => {
                        let code = frame.map(|frame| u16::from(frame.code));
                        assert_eq!(code, Some(1012), "the service restarts");
                        // The answer to it goes out with the end of the stream.
                        while socket.next().await.is_some() {}
                        return Ok(());
                    }
                    _ => {}
                }
            };
            let (id, text) = heard.as_str().split_once(' ').ok_or("not a message")?;
            let id = id.parse().unwrap_or_else(|_| panic!("{heard} after {last}"));
            on_its_way.take_if(|it| it == text);
            self.counts.heard(id, text.to_owned());
        }
    }
}

/// Opens a WebSocket.
async fn open(address: SocketAddr, path: &str) -> Result<WebSocketStream<TcpStream>, Failure> {
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let request = format!(
        "GET {path} HTTP/1.1\r\nhost: {address}\r\norigin: http://{address}\r\nconnection: upgrade\r\n\
         upgrade: websocket\r\nsec-websocket-version: 13\r\n\
         sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8(head)?.to_lowercase();
    assert!(head.starts_with("http/1.1 101 "), "{head}");
    // As RFC 6455 has it for this key.
    assert!(head.contains("sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo=\r\n"), "{head}");
    Ok(WebSocketStream::from_raw_socket(stream, Role::Client, None).await)
}
