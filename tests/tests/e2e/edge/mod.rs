//! The edge of the production host, from outside: TLS, compression, limits, proxies, metrics.

mod clients;
mod content;
mod ground;
mod init;
mod limits;
mod operation;
mod sockets;
mod stop;
mod tls;
