//! The edge of the production host, from outside: TLS, compression, limits, proxies, metrics.

mod clients;
mod content;
mod ground;
mod limits;
mod operation;
mod tls;
