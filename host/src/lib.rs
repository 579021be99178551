//! The Nova host.

pub mod admin;
pub mod assets;
pub mod body;
pub mod bridge;
pub mod brought;
mod call;
#[cfg(feature = "cli")]
pub mod cli;
pub mod config;
#[cfg(feature = "cli")]
mod dev;
pub mod dispatch;
mod exercise;
pub mod front;
pub mod generation;
pub mod health;
pub mod held;
pub mod ledger;
pub mod listen;
pub mod loader;
pub mod log;
pub mod networks;
pub mod notify;
pub mod operator;
pub mod precompile;
pub mod preflight;
pub mod prerendered;
pub mod process;
pub mod recycle;
pub mod release;
pub mod serve;
pub mod server;
pub mod site;
pub mod start;
pub mod swap;
pub mod table;
pub mod tls;
pub mod trial;
pub mod trust;
pub mod watch;

pub use call::HandlerPanic;
