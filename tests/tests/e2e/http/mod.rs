//! What HTTP allows and what it does not, byte by byte: a corpus of requests against one host, with
//! the answer to each and the section that says so.

mod corpus;
mod fields;
mod framing;
mod host;
mod http1;
mod http2;
mod lines;
mod refused;
