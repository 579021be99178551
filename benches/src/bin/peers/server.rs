//! What is compared: the table of servers.

/// What a server has to be able to do for a workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Can {
    /// `/text`.
    Text,
    /// `/json/{id}`.
    Json,
    /// Pages, bodies, 404 and more routes.
    Pages,
    /// `/static/100k.bin`.
    Files,
    /// `/db/{id}`.
    Rows,
    /// HTTP/2 without TLS.
    Http2,
    /// `/text`, and latency is of interest: the peers that are asked about.
    Latency,
    /// To exchange its code.
    Swap,
}

/// A row of the table.
pub(crate) struct Server {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    /// Whether it writes a line for each request, into a file.
    pub(crate) logs: bool,
    can: &'static [Can],
}

/// Where a server comes from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A release of `nova build`, served by its `nova-host`.
    Nova,
    /// A program of `benches/peers`.
    Rust,
    /// nginx as Debian has it.
    Nginx,
    /// A program of JavaScript.
    Node,
    /// An app of Python.
    Python,
}

use Can::{Files, Http2, Json, Latency, Pages, Rows, Swap, Text};

static SERVERS: [Server; 12] = [
    of("nova", Kind::Nova, false, &[Text, Json, Pages, Files, Rows, Http2, Latency, Swap]),
    of("nova-log", Kind::Nova, true, &[Text, Json, Pages, Files, Rows, Http2, Latency]),
    of("hyper", Kind::Rust, false, &[Text, Json, Pages, Files, Http2, Latency]),
    of("axum", Kind::Rust, false, &[Text, Json, Pages, Files, Rows, Http2, Latency]),
    of("actix", Kind::Rust, false, &[Text, Json, Pages, Files, Rows, Http2]),
    of("ntex", Kind::Rust, false, &[Text, Json, Pages]),
    of("may_minihttp", Kind::Rust, false, &[Text, Json, Pages]),
    of("xitca", Kind::Rust, false, &[Text, Json, Pages, Http2]),
    of("nginx", Kind::Nginx, false, &[Text, Files, Latency]),
    of("nginx-log", Kind::Nginx, true, &[Text, Files, Latency]),
    of("fastify", Kind::Node, false, &[Text, Json]),
    of("uvicorn", Kind::Python, false, &[Text, Json]),
];

const fn of(name: &'static str, kind: Kind, logs: bool, can: &'static [Can]) -> Server {
    Server { name, kind, logs, can }
}

/// Those that can do it.
pub(crate) fn servers(needed: Can) -> impl Iterator<Item = &'static Server> {
    SERVERS.iter().filter(move |server| server.can.contains(&needed))
}

/// All names.
pub(crate) fn names() -> Vec<&'static str> {
    SERVERS.iter().map(|server| server.name).collect()
}
