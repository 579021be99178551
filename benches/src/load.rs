//! Load on one core, over sockets: as much as a server takes, or as much as is asked for.
//!
//! Why not wrk or oha: one program has to drive all that is compared. wrk knows neither HTTP/2 nor a
//! fixed rate; wrk2 knows the rate, and is not packaged; oha does not pipeline, and stands on hyper's
//! client, under which (as the HTTP/2 here shows) fast servers are busy for a part of the time only. The
//! load also has to read the server's CPU time at the first and at the last answer that counts.
//!
//! Every answer is checked: its status, and how long its body is.

pub mod answers;
pub mod http1;
pub mod http2;

use std::net::SocketAddr;
use std::time::Duration;

use http::Method;

/// A request, and what its answer has to be like.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// The method.
    pub method: Method,
    /// Path and query.
    pub path: String,
    /// The body, which is JSON where there is one.
    pub body: &'static [u8],
    /// The status of the answer.
    pub status: u16,
    /// The bytes of its body.
    pub length: u64,
}

impl Exchange {
    /// The request as HTTP/1.1 writes it.
    fn bytes(&self, address: SocketAddr) -> Vec<u8> {
        let (method, path) = (&self.method, &self.path);
        let mut head =
            format!("{method} {path} HTTP/1.1\r\nhost: {address}\r\nuser-agent: nova-benches\r\n");
        if !self.body.is_empty() {
            let length = self.body.len();
            head += &format!("content-type: application/json\r\ncontent-length: {length}\r\n");
        }
        [head.as_bytes(), b"accept: */*\r\n\r\n", self.body].concat()
    }
}

/// How a server is loaded.
#[derive(Clone, Debug)]
pub struct Load {
    /// Connections that are open at the same time.
    pub connections: usize,
    /// Requests that are under way on each of them: pipelined in HTTP/1.1, streams in HTTP/2.
    pub depth: usize,
    /// A connection ends after so many requests, and another one takes its place.
    pub requests_each: Option<u32>,
    /// Before anything is counted.
    pub warm_up: Duration,
    /// What is counted.
    pub counted: Duration,
}

/// What came of a load.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// Answers in the time that counts.
    pub answers: u64,
    /// That time, in seconds.
    pub seconds: f64,
    /// What the probe had counted meanwhile.
    pub probed: u64,
    /// At a fixed rate: microseconds from the moment at which each request was due to its answer.
    pub latencies: Vec<f64>,
}

impl Outcome {
    /// Requests per second.
    #[must_use]
    #[allow(clippy::cast_precision_loss)]
    pub fn per_second(&self) -> f64 {
        self.answers as f64 / self.seconds
    }

    /// Of nanoseconds that the probe has counted: microseconds for each request.
    #[must_use]
    #[allow(clippy::cast_precision_loss)]
    pub fn probed_us_each(&self) -> f64 {
        self.probed as f64 / 1000.0 / self.answers as f64
    }
}

/// Why a load did not work.
#[derive(Debug)]
pub enum LoadError {
    /// The system refused something.
    Io(std::io::Error),
    /// A server answered what it should not have, or in a way that this client does not read.
    Answer(String),
    /// A server stopped answering.
    Silent,
}

impl std::fmt::Display for LoadError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Io(error) => write!(f, "the connection failed: {error}"),
            Self::Answer(what) => f.write_str(what),
            Self::Silent => f.write_str("the server has stopped to answer"),
        }
    }
}

impl std::error::Error for LoadError {}

impl From<std::io::Error> for LoadError {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error)
    }
}
