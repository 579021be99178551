//! The edge of the production host, from outside: TLS, compression, limits, proxies, metrics.

mod clients;
mod content;
pub(crate) mod ground;
mod limits;
mod operation;
pub(crate) mod tls;
