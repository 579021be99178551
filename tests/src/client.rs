//! HTTP clients that notice everything: a keep-alive connection, one for each request, a slow one.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{Method, Request, Response, header};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

/// Anything that goes wrong with a request.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// One keep-alive connection.
pub struct Connection {
    sender: SendRequest<Full<Bytes>>,
    address: SocketAddr,
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    /// If nobody accepts.
    pub async fn open(address: SocketAddr) -> Result<Self, Failure> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(Self { sender, address })
    }

    /// Sends a request and reads the whole answer; a body that is there is JSON.
    ///
    /// # Errors
    /// If the connection breaks before the last byte.
    pub async fn send(
        &mut self,
        method: Method,
        path: &str,
        body: &'static [u8],
    ) -> Result<Response<Bytes>, Failure> {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, self.address.to_string());
        if !body.is_empty() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        self.exchange(request.body(Full::new(Bytes::from_static(body)))?).await
    }

    /// Sends a request of any kind, and reads the whole answer. `host` is added.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub async fn request(&mut self, request: Request<Vec<u8>>) -> Result<Response<Bytes>, Failure> {
        let mut request = request.map(|body| Full::new(Bytes::from(body)));
        let host = self.address.to_string().parse()?;
        request.headers_mut().insert(header::HOST, host);
        self.exchange(request).await
    }

    async fn exchange(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Bytes>, Failure> {
        self.sender.ready().await?;
        let (head, body) = self.sender.send_request(request).await?.into_parts();
        Ok(Response::from_parts(head, body.collect().await?.to_bytes()))
    }

    /// A GET.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub async fn get(&mut self, path: &str) -> Result<Response<Bytes>, Failure> {
        self.send(Method::GET, path, b"").await
    }

    /// The text that a GET is answered with.
    ///
    /// # Errors
    /// As [`send`](Self::send), and if the status is not 200 or the body no text.
    pub async fn text(&mut self, path: &str) -> Result<String, Failure> {
        let response = self.get(path).await?;
        if response.status() != 200 {
            let (head, body) = response.into_parts();
            let text = String::from_utf8_lossy(&body);
            return Err(format!("GET {path}: {}: {text:.2000}", head.status).into());
        }
        Ok(String::from_utf8(response.into_body().to_vec())?)
    }
}

/// The text that a GET on a connection of its own is answered with.
///
/// # Errors
/// As [`Connection::text`].
pub async fn fresh(address: SocketAddr, path: &str) -> Result<String, Failure> {
    Connection::open(address).await?.text(path).await
}

/// A client that takes a body in sips, through a window too small for it.
pub struct Sipper {
    stream: TcpStream,
    /// What has arrived so far, head included.
    pub received: Vec<u8>,
}

impl Sipper {
    /// Asks for `path` and reads nothing yet.
    ///
    /// # Errors
    /// If nobody accepts.
    pub async fn ask(address: SocketAddr, path: &str) -> Result<Self, Failure> {
        Self::ask_for(address, path, "").await
    }

    /// The same with further headers, each with the end of its line.
    ///
    /// # Errors
    /// If nobody accepts.
    pub async fn ask_for(address: SocketAddr, path: &str, headers: &str) -> Result<Self, Failure> {
        let socket = TcpSocket::new_v4()?;
        socket.set_recv_buffer_size(4096)?;
        let mut stream = socket.connect(address).await?;
        let request =
            format!("GET {path} HTTP/1.1\r\nhost: {address}\r\n{headers}connection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        Ok(Self { stream, received: Vec::new() })
    }

    /// Reads until `more` further bytes are there; `false` at the end.
    ///
    /// # Errors
    /// If the connection is reset.
    pub async fn sip(&mut self, more: usize) -> Result<bool, Failure> {
        let wanted = self.received.len() + more;
        let mut piece = [0; 4096];
        while self.received.len() < wanted {
            match self.stream.read(&mut piece).await? {
                0 => return Ok(false),
                read => self.received.extend_from_slice(&piece[..read]),
            }
        }
        Ok(true)
    }

    /// Reads to the end and gives the lines of the body, chunked framing left out.
    ///
    /// # Errors
    /// If the connection breaks before the last chunk.
    pub async fn finish(mut self) -> Result<Vec<String>, Failure> {
        while self.sip(64 * 1024).await? {}
        if !self.received.ends_with(b"0\r\n\r\n") {
            return Err("the body ends before its last chunk".into());
        }
        let head = self.received.windows(4).position(|end| end == b"\r\n\r\n");
        let mut rest = &self.received[head.ok_or("no head")? + 4..];
        let mut body = Vec::new();
        while let Some(end) = rest.windows(2).position(|end| end == b"\r\n") {
            let size = usize::from_str_radix(std::str::from_utf8(&rest[..end])?, 16)?;
            let data = rest.get(end + 2..end + 2 + size).ok_or("a chunk is cut")?;
            body.extend_from_slice(data);
            rest = &rest[end + 2 + size + 2..];
        }
        Ok(String::from_utf8(body)?.lines().map(str::to_owned).collect())
    }
}
