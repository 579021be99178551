//! The Nova host.

#[cfg(feature = "cli")]
#[expect(dead_code, reason = "`nova dev` itself comes next")]
mod dev;
pub mod listen;
pub mod loader;
pub mod server;
