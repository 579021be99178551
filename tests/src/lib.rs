//! End-to-end tests: real processes, real libraries, a real browser.
//!
//! What the tests share: [`fixtures`] makes libraries, [`process`] runs a program and waits for
//! what it prints, [`workspace`] knows the binaries and the examples, [`dev`] runs `nova dev`,
//! [`parts`] compiles apps page by page, [`inside`] is a host in this process, [`browser`] drives
//! Chromium, [`data`] sees what swaps leave of an app's data. Everything waits for an event within
//! [`PATIENCE`], and everything that was started ends with its handle. A failure panics with all that
//! the programs printed.

pub mod browser;
pub mod client;
pub mod data;
pub mod dev;
pub mod fixtures;
pub mod host;
pub mod http2;
pub mod inside;
pub mod load;
pub mod parts;
pub mod process;
pub mod terminal;
pub mod workspace;

use std::time::Duration;

/// How long anything may take before it counts as broken; a cold build of an app fits in.
pub const PATIENCE: Duration = Duration::from_secs(300);
