//! Answering what a server left unanswered when it ended.
//!
//! The server tells of each request with a handle of its connection, before a page's code runs. So
//! the connection stays open when the process is gone, and its client is told what happened.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::TcpStream;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

use http::{Method, Response};
use http_body_util::{BodyExt as _, Collected};
use nova_host::generation::body::Body;
use nova_host::process::descriptors::receive;
use parking_lot::Mutex;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, Interest};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::dev::server::document::Destination;
use crate::dev::server::hub::PageVersion;
use crate::dev::server::inject::{WithTail, add_client};
use crate::dev::server::{quarantine, waiting};
use crate::dev::wire::in_flight::{InFlightMessage, InFlightRequest, LONGEST};
use crate::dev::wire::quarantine::Quarantine;

/// How long the rest of what a dead server said is waited for.
const REST: Duration = Duration::from_millis(100);

/// How long a client may take to take an answer.
const TAKING: Duration = Duration::from_secs(5);

type Requests = HashMap<u64, Unanswered>;

/// The requests that a server is answering.
#[derive(Debug)]
pub(super) struct InFlightRequests {
    open: Arc<Mutex<Requests>>,
    hearing: JoinHandle<()>,
}

/// A request that has no answer.
#[derive(Debug)]
pub(super) struct Unanswered {
    pub(super) request: InFlightRequest,
    connection: OwnedFd,
}

impl InFlightRequests {
    /// Begins to listen; the socket is for the server.
    ///
    /// # Errors
    /// If the system refuses.
    pub(super) fn listen() -> io::Result<(Self, OwnedFd)> {
        let (ours, theirs) = UnixStream::pair()?;
        ours.set_nonblocking(true)?;
        let ours = tokio::net::UnixStream::from_std(ours)?;
        let open = Arc::default();
        let hearing = tokio::spawn(hear(ours, Arc::clone(&open)));
        Ok((Self { open, hearing }, theirs.into()))
    }

    /// What has no answer when the server is gone, in the order in which it was asked.
    pub(super) async fn left(&mut self) -> Vec<Unanswered> {
        let _ = timeout(REST, &mut self.hearing).await;
        let mut left: Vec<_> = std::mem::take(&mut *self.open.lock()).into_iter().collect();
        left.sort_by_key(|(number, _)| *number);
        left.into_iter().map(|(_, unanswered)| unanswered).collect()
    }
}

/// Keeps `open` as the server says, until that is gone.
async fn hear(socket: tokio::net::UnixStream, open: Arc<Mutex<Requests>>) {
    let mut piece = vec![0; LONGEST];
    let mut text = Vec::new();
    // Each comes with the first byte of its message, or before.
    let mut connections = VecDeque::new();
    while socket.readable().await.is_ok() {
        match socket.try_io(Interest::READABLE, || receive(&socket, &mut piece)) {
            Ok((0, _)) => return,
            Ok((length, came)) => {
                text.extend_from_slice(&piece[..length]);
                connections.extend(came);
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(_) => return,
        }
        while let Some(end) = text.iter().position(|&byte| byte == b'\n') {
            match serde_json::from_slice(&text[..end]) {
                Ok(InFlightMessage::Begun { number, request }) => {
                    if let Some(connection) = connections.pop_front() {
                        open.lock().insert(number, Unanswered { request, connection });
                    }
                }
                Ok(InFlightMessage::Answered { number }) => drop(open.lock().remove(&number)),
                Err(error) => tracing::debug!("a server told of a request: {error}"),
            }
            text.drain(..=end);
        }
    }
}

impl Unanswered {
    /// Sends the answer, the last one of its connection: what the page has done that ended the server,
    /// or the advice to ask again. A client that has gone misses nothing.
    pub(super) async fn answer(self, quarantine: Quarantine) {
        let _ = timeout(TAKING, self.send(&quarantine)).await;
    }

    async fn send(self, quarantine: &Quarantine) -> io::Result<()> {
        let Self { request, connection } = self;
        let (head, body) = respond(&request, quarantine).await.into_parts();
        let body = body.collect().await.map(Collected::to_bytes).unwrap_or_default();
        let mut text = format!("HTTP/1.1 {}\r\n", head.status).into_bytes();
        for (name, value) in &head.headers {
            text.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
        }
        let length = body.len();
        text.extend_from_slice(
            format!("content-length: {length}\r\nconnection: close\r\n\r\n").as_bytes(),
        );
        if request.method != "HEAD" {
            text.extend_from_slice(&body);
        }
        // The server has made it one that does not block.
        let mut stream = tokio::net::TcpStream::from_std(TcpStream::from(connection))?;
        stream.write_all(&text).await?;
        stream.shutdown().await?;
        // What the client still sends must not take the answer away from it.
        let mut rest = vec![0; 16 * 1024];
        while stream.read(&mut rest).await? > 0 {}
        Ok(())
    }
}

async fn respond(request: &InFlightRequest, quarantine: &Quarantine) -> Response<WithTail<Body>> {
    let InFlightRequest { method, path, file, wants_page, .. } = request;
    let response = quarantine::respond(quarantine, file.as_deref(), path, *wants_page)
        .unwrap_or_else(|| waiting::interrupted(*wants_page));
    let destination =
        if request.is_document { Destination::Document } else { Destination::Elsewhere };
    // The server has read it, so it is one.
    let method = Method::from_bytes(method.as_bytes()).unwrap_or_default();
    let served = PageVersion { version: request.version.clone(), style: request.style.clone() };
    add_client(response, destination, &method, &served, None).await.0
}
