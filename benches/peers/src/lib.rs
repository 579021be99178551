//! What the peers have in common: what they are told, and what they answer.
//!
//! Each program in `bin/` serves the same routes as its framework's own documents write them. What
//! makes an answer (a template, a query) is shared, so that the servers alone differ.

pub mod answers;
pub mod args;
pub mod database;

/// Whatever ends a program.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;
