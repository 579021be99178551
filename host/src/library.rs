//! A route library: from a file that is not trusted to an app that has started.
//!
//! [`loader`] is the one door to `dlopen`; [`start`] runs `init`; [`log_bridge`] brings what the
//! library logs into the host's log.

pub mod digest;
pub mod hooks;
pub mod loader;
pub mod log_bridge;
pub mod reserved;
pub mod start;
