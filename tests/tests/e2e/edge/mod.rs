//! The edge of the production host, from outside: TLS, compression, limits, proxies, metrics.

mod clients;
mod content;
pub(crate) mod ground;
mod init;
mod limits;
mod memory;
mod operation;
mod sockets;
mod stop;
pub(crate) mod tls;
