//! HTTP/1.1 on sockets that do not block, all of them looked after by one thread.
//!
//! [`saturate`] is a closed loop: a connection sends its next request when it has an answer. [`pace`]
//! is an open one: requests are due at fixed moments, whether the server has answered or not, and one
//! that finds no idle connection waits, while its latency counts already. So a server that stalls is
//! charged for every request that it kept waiting (no coordinated omission).

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use super::answers::Answers;
use super::{Exchange, Load, LoadError, Outcome};

/// A server that is silent for so long is not well.
const PATIENCE: Duration = Duration::from_secs(10);

/// As much of an answer as is read at once.
const PIECE: usize = 256 * 1024;

/// A connection, and the requests under way on it.
struct Connection {
    stream: TcpStream,
    answers: Answers,
    /// What the socket did not take yet.
    unsent: Vec<u8>,
    /// Which exchanges wait for their answers, and when each was due.
    waiting: VecDeque<(usize, Instant)>,
    /// How many requests it may still send.
    left: u32,
}

/// The connections of a load.
struct Client<'a> {
    address: SocketAddr,
    exchanges: &'a [Exchange],
    requests: Vec<Vec<u8>>,
    load: &'a Load,
    poll: Poll,
    connections: Vec<Connection>,
    /// The exchange that is sent next: all take turns, across connections.
    next: usize,
    piece: Vec<u8>,
}

impl<'a> Client<'a> {
    fn open(
        address: SocketAddr,
        exchanges: &'a [Exchange],
        load: &'a Load,
    ) -> Result<Self, LoadError> {
        let requests = exchanges.iter().map(|exchange| exchange.bytes(address)).collect();
        let poll = Poll::new()?;
        let piece = vec![0; PIECE];
        let connections = Vec::with_capacity(load.connections);
        let mut client =
            Self { address, exchanges, requests, load, poll, connections, next: 0, piece };
        for number in 0..load.connections {
            let connection = client.connect(number)?;
            client.connections.push(connection);
        }
        Ok(client)
    }

    fn connect(&self, number: usize) -> Result<Connection, LoadError> {
        let stream = std::net::TcpStream::connect(self.address)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        let mut stream = TcpStream::from_std(stream);
        let interest = Interest::READABLE | Interest::WRITABLE;
        self.poll.registry().register(&mut stream, Token(number), interest)?;
        Ok(Connection {
            stream,
            answers: Answers::default(),
            unsent: Vec::new(),
            waiting: VecDeque::with_capacity(self.load.depth),
            left: self.load.requests_each.unwrap_or(u32::MAX),
        })
    }

    /// Sends as many requests as the connection may have under way, in one piece.
    fn fill(&mut self, number: usize, due: Instant) -> Result<(), LoadError> {
        if self.connections[number].left == 0 && self.connections[number].waiting.is_empty() {
            // The old one closes when it is dropped.
            self.connections[number] = self.connect(number)?;
        }
        let connection = &mut self.connections[number];
        while connection.waiting.len() < self.load.depth && connection.left > 0 {
            connection.unsent.extend_from_slice(&self.requests[self.next]);
            connection.waiting.push_back((self.next, due));
            self.next = (self.next + 1) % self.requests.len();
            if self.load.requests_each.is_some() {
                connection.left -= 1;
            }
        }
        connection.flush()
    }

    /// Reads what has come on a connection, and tells when each request was due that is answered.
    fn receive(
        &mut self,
        number: usize,
        mut answered: impl FnMut(Instant),
    ) -> Result<(), LoadError> {
        let connection = &mut self.connections[number];
        let (waiting, exchanges) = (&mut connection.waiting, self.exchanges);
        loop {
            let count = match connection.stream.read(&mut self.piece) {
                Ok(0) => return Err(LoadError::Answer("a connection was closed".to_owned())),
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error.into()),
            };
            connection.answers.read(&self.piece[..count], |answer| {
                let (exchange, due) = waiting.pop_front().ok_or_else(|| {
                    LoadError::Answer("an answer that no request asked for".to_owned())
                })?;
                let exchange = &exchanges[exchange];
                if (answer.status, answer.length) != (exchange.status, exchange.length) {
                    let path = &exchange.path;
                    return Err(LoadError::Answer(format!("{path}: unexpected {answer:?}")));
                }
                answered(due);
                Ok(())
            })?;
            // A read that did not fill the buffer has emptied the socket.
            if count < self.piece.len() {
                return Ok(());
            }
        }
    }

    /// Waits for what happens, and gives back whose sockets can be read.
    fn wait(&mut self, events: &mut Events, most: Duration) -> Result<Vec<usize>, LoadError> {
        match self.poll.poll(events, Some(most)) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(Vec::new()),
            result => result?,
        }
        let mut readable = Vec::with_capacity(self.connections.len());
        for event in events.iter() {
            let number = event.token().0;
            if event.is_writable() {
                self.connections[number].flush()?;
            }
            if event.is_readable() {
                readable.push(number);
            }
        }
        Ok(readable)
    }
}

impl Connection {
    fn flush(&mut self) -> Result<(), LoadError> {
        let mut sent = 0;
        while sent < self.unsent.len() {
            match self.stream.write(&self.unsent[sent..]) {
                Ok(count) => sent += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        self.unsent.drain(..sent);
        Ok(())
    }
}

/// Sends as many requests as are answered; `probe` is asked when the counted time begins and ends.
///
/// # Errors
/// If a connection breaks, or an answer is not what it should be.
pub fn saturate(
    address: SocketAddr,
    exchanges: &[Exchange],
    load: &Load,
    mut probe: impl FnMut() -> u64,
) -> Result<Outcome, LoadError> {
    let mut client = Client::open(address, exchanges, load)?;
    let mut events = Events::with_capacity(1024);
    let began = Instant::now();
    for number in 0..load.connections {
        client.fill(number, began)?;
    }
    let (mut count, mut start) = (0, None);
    loop {
        let readable = client.wait(&mut events, PATIENCE)?;
        if events.is_empty() {
            return Err(LoadError::Silent);
        }
        for number in readable {
            client.receive(number, |_| count += 1)?;
            client.fill(number, began)?;
        }
        let now = Instant::now();
        match start {
            None if now - began >= load.warm_up => {
                (start, count) = (Some((now, probe())), 0);
            }
            Some((since, before)) if now - since >= load.counted => {
                return Ok(Outcome {
                    answers: count,
                    seconds: (now - since).as_secs_f64(),
                    probed: probe().saturating_sub(before),
                    latencies: Vec::new(),
                });
            }
            _ => {}
        }
    }
}

/// Sends `rate` requests per second, evenly, and notes how long after it was due each was answered.
///
/// This thread spins, because a timer would send late; the core is its own.
///
/// # Errors
/// If a connection breaks, an answer is not what it should be, or the server cannot keep up at all.
pub fn pace(
    address: SocketAddr,
    exchanges: &[Exchange],
    load: &Load,
    rate: f64,
    mut probe: impl FnMut() -> u64,
) -> Result<Outcome, LoadError> {
    let mut client = Client::open(address, exchanges, load)?;
    let mut events = Events::with_capacity(1024);
    let mut idle: VecDeque<usize> = (0..load.connections).collect();
    let began = Instant::now();
    let (counts_from, ends) = (began + load.warm_up, began + load.warm_up + load.counted);
    let due_at = |number: u32| began + Duration::from_secs_f64(f64::from(number) / rate);
    let (mut sent, mut answered, mut before) = (0_u32, 0_u32, None);
    let mut outcome = Outcome { seconds: load.counted.as_secs_f64(), ..Outcome::default() };
    loop {
        let now = Instant::now();
        if before.is_none() && now >= counts_from {
            before = Some(probe());
        }
        while due_at(sent) <= now.min(ends)
            && let Some(number) = idle.pop_front()
        {
            client.fill(number, due_at(sent))?;
            sent += 1;
        }
        for number in client.wait(&mut events, Duration::ZERO)? {
            client.receive(number, |due| {
                answered += 1;
                if due >= counts_from {
                    outcome.answers += 1;
                    outcome.latencies.push(due.elapsed().as_secs_f64() * 1e6);
                }
            })?;
            if client.connections[number].waiting.is_empty() && !idle.contains(&number) {
                idle.push_back(number);
            }
        }
        // Everything that was due is sent and answered before this ends.
        if now > ends && due_at(sent) > ends && answered == sent {
            outcome.probed = probe().saturating_sub(before.unwrap_or_default());
            return Ok(outcome);
        }
        if now > ends + PATIENCE {
            return Err(LoadError::Silent);
        }
    }
}
