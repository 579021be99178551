//! What the two processes of `nova dev` say to each other, and what both know.
//!
//! The [`protocol`] between them, with what its orders carry: the [`state`] of the session with its
//! [saves](save) and their [`phases`], problems in the words of the browser ([`message`]), the
//! [`progress`] of the first build, [public files](public_file) that changed, pages in
//! [`quarantine`]. And the [`flight_recorder`], which the server writes and the session reads.

pub(crate) mod flight_recorder;
pub(crate) mod message;
pub(crate) mod phases;
pub(crate) mod progress;
pub(crate) mod protocol;
pub(crate) mod public_file;
pub(crate) mod quarantine;
pub(crate) mod save;
pub(crate) mod state;
