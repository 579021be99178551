//! One keep-alive connection that asks again and again, until an answer holds what is waited for.
//!
//! Raw, because the time that counts is that of the first byte, and because a client of a few
//! lines takes next to nothing of the machine from the compiler that is measured.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use nova_tests::client::Failure;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

/// Between an answer and the next question.
const PAUSE: Duration = Duration::from_millis(2);

/// An asker.
pub(crate) struct Probe {
    address: SocketAddr,
    stream: Option<TcpStream>,
    /// Connections that ended without an answer, or were refused.
    pub(crate) broken: usize,
}

/// One answer, as it came over the wire.
pub(crate) struct Answer {
    /// When its first byte was there.
    pub(crate) first_byte: Instant,
    /// Head and body; a chunked body with its chunk sizes.
    pub(crate) text: String,
}

impl Answer {
    /// Whether the status is 200.
    pub(crate) fn is_ok(&self) -> bool {
        self.text.starts_with("HTTP/1.1 200 ")
    }
}

impl Probe {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self { address, stream: None, broken: 0 }
    }

    /// Asks for `path` until the answer is a `wanted` one, and gives it back.
    ///
    /// # Errors
    /// If that takes longer than `patience`; with the last answer.
    pub(crate) async fn until(
        &mut self,
        path: &str,
        patience: Duration,
        wanted: impl Fn(&Answer) -> bool,
    ) -> Result<Answer, Failure> {
        let mut last = String::from("no answer at all");
        let asking = async {
            loop {
                match self.ask(path).await {
                    Ok(answer) if wanted(&answer) => return answer,
                    Ok(answer) => last = answer.text,
                    Err(error) => last = error.to_string(),
                }
                sleep(PAUSE).await;
            }
        };
        timeout(patience, asking).await.map_err(|_| {
            let last: String = last.chars().take(1500).collect();
            format!("GET {path}: not what was waited for within {patience:?}, but:\n{last}").into()
        })
    }

    /// Asks once, on a new connection where the last one has ended.
    pub(crate) async fn ask(&mut self, path: &str) -> io::Result<Answer> {
        let stream = match self.stream.take() {
            Some(stream) => Ok(stream),
            None => TcpStream::connect(self.address).await,
        };
        let asked = match stream {
            Ok(stream) => exchange(stream, self.address, path).await,
            Err(error) => Err(error),
        };
        match asked {
            Ok((answer, stream)) => {
                self.stream = Some(stream);
                Ok(answer)
            }
            Err(error) => {
                self.broken += 1;
                Err(error)
            }
        }
    }
}

async fn exchange(
    mut stream: TcpStream,
    address: SocketAddr,
    path: &str,
) -> io::Result<(Answer, TcpStream)> {
    stream.set_nodelay(true)?;
    let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\naccept: text/html\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut received = Vec::with_capacity(16 * 1024);
    let mut first_byte = None;
    while !is_complete(&received) {
        if stream.read_buf(&mut received).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        first_byte.get_or_insert_with(Instant::now);
    }
    let first_byte = first_byte.unwrap_or_else(Instant::now);
    let text = String::from_utf8_lossy(&received).into_owned();
    Ok((Answer { first_byte, text }, stream))
}

/// Whether a response is there to its last byte; one without a length or chunks has no body.
fn is_complete(received: &[u8]) -> bool {
    let Some(end) = received.windows(4).position(|window| window == b"\r\n\r\n") else {
        return false;
    };
    let head = String::from_utf8_lossy(&received[..end]).to_ascii_lowercase();
    let body = &received[end + 4..];
    let field = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    if field("transfer-encoding:") == Some("chunked") {
        return body.ends_with(b"\r\n0\r\n\r\n") || body == b"0\r\n\r\n";
    }
    let length = field("content-length:").and_then(|length| length.parse().ok());
    body.len() >= length.unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_whole_at_its_last_byte() {
        for whole in [
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
            "HTTP/1.1 304 Not Modified\r\netag: x\r\n\r\n",
        ] {
            assert!(is_complete(whole.as_bytes()), "{whole}");
            for end in 0..whole.len() {
                assert!(!is_complete(&whole.as_bytes()[..end]), "{}", &whole[..end]);
            }
        }
    }
}
