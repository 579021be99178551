//! What the two processes of `nova dev` say to each other, and what both know.
//!
//! The [`protocol`] between them, with what its orders carry: the [`state`] of the session with its
//! [saves](save) and their [`phases`], problems in the words of the browser ([`message`]), the
//! [`progress`] of the first build, [public files](public_file) that changed, pages in
//! [`quarantine`]. And what the server leaves behind where it ends: the [`flight_recorder`], which says
//! what ran, and the requests [in flight](in_flight), with their connections.

pub(crate) mod flight_recorder;
pub(crate) mod in_flight;
pub(crate) mod message;
pub(crate) mod phases;
pub(crate) mod progress;
pub(crate) mod protocol;
pub(crate) mod public_file;
pub(crate) mod quarantine;
pub(crate) mod save;
pub(crate) mod state;
