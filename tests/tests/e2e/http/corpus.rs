//! A case of the corpus, how it is sent, and how its answers are read.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// What follows each case on its connection: answered, unless the host has closed it.
pub(super) const NEXT: &str = "GET /seen?next HTTP/1.1\r\nHost: next\r\nConnection: close\r\n\r\n";

/// Longer than any of the host's own limits takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a client sends, and what it gets.
pub(super) struct Case {
    /// What it is about.
    pub(super) name: String,
    /// What is sent.
    pub(super) bytes: Vec<u8>,
    /// The statuses of the answers. `+` at the end: the connection goes on, and the request that
    /// follows is answered. Alternatives are separated by `or`.
    pub(super) answers: &'static str,
    /// The section that says so: of RFC 9110 or RFC 9112.
    pub(super) section: &'static str,
    /// Whether the client closes its side instead of sending another request.
    pub(super) ends: bool,
}

/// A case whose name is what it sends.
pub(super) fn case(
    section: &'static str,
    bytes: impl Into<Vec<u8>>,
    answers: &'static str,
) -> Case {
    let bytes = bytes.into();
    let mut name = bytes[..bytes.len().min(100)].escape_ascii().to_string();
    if bytes.len() > 100 {
        let _ = write!(name, "… ({} bytes)", bytes.len());
    }
    Case { name, bytes, answers, section, ends: false }
}

impl Case {
    /// After which the client closes its side.
    pub(super) fn ends(mut self) -> Self {
        self.ends = true;
        self
    }

    /// Sends it, and says what was answered.
    pub(super) async fn run(&self, host: SocketAddr) -> Result<(), String> {
        let answered = timeout(PATIENCE, self.answered(host)).await;
        let answered = match answered {
            Ok(Ok(answered)) => answered,
            Ok(Err(error)) => format!("error: {error}"),
            Err(_) => "nothing for a minute".to_owned(),
        };
        if self.answers.split(" or ").any(|expected| expected == answered) {
            return Ok(());
        }
        let Self { name, answers, section, .. } = self;
        Err(format!("{name}: `{answered}`, not `{answers}` ({section})"))
    }

    async fn answered(&self, host: SocketAddr) -> std::io::Result<String> {
        let stream = TcpStream::connect(host).await?;
        let (mut read, mut write) = stream.into_split();
        let mut sent = self.bytes.clone();
        if !self.ends {
            sent.extend(NEXT.as_bytes());
        }
        let ends = self.ends;
        let writing = tokio::spawn(async move {
            // A host that refuses closes before it has read everything.
            let _ = write.write_all(&sent).await;
            if ends {
                let _ = write.shutdown().await;
            }
            write
        });
        let mut bytes = Vec::new();
        let ended = read.read_to_end(&mut bytes).await;
        drop(writing.await);
        // A reset may come after the answer, where the client goes on sending.
        if bytes.is_empty() {
            ended?;
        }
        Ok(self.statuses(&bytes))
    }

    /// The statuses of the answers in `bytes`, and a `+` for that to [`NEXT`].
    fn statuses(&self, mut bytes: &[u8]) -> String {
        let is_head = self.bytes.starts_with(b"HEAD ");
        let mut statuses = Vec::new();
        while let Some((status, is_next, rest)) = answer(bytes, is_head) {
            statuses.push(if is_next { "+".to_owned() } else { status.to_owned() });
            bytes = rest;
        }
        if !bytes.is_empty() {
            statuses.push(format!("garbage {}", bytes.escape_ascii()));
        }
        statuses.join(" ")
    }
}

/// The next answer: its status, whether it is that to [`NEXT`], and what follows.
fn answer(bytes: &[u8], is_head: bool) -> Option<(&str, bool, &[u8])> {
    let end = bytes.windows(4).position(|end| end == b"\r\n\r\n")? + 4;
    let head = std::str::from_utf8(&bytes[..end]).ok()?;
    let status = head.strip_prefix("HTTP/1.")?.get(2..5)?;
    let rest = &bytes[end..];
    let value = |name: &str| {
        let mut lines = head.lines();
        lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    };
    let length = value("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    // The answers to HEAD say how long the answer to GET is.
    let has_body = !is_head || !(rest.is_empty() || rest.starts_with(b"HTTP/1."));
    let length: usize = if has_body { length } else { 0 };
    let is_next = rest.get(..length)?.starts_with(b"GET /seen?next ");
    Some((status, is_next, &rest[length..]))
}
