//! What the two processes of `nova dev` say to each other, and what both know.

pub(crate) mod flight_recorder;
pub(crate) mod message;
pub(crate) mod phases;
pub(crate) mod protocol;
pub(crate) mod save;
pub(crate) mod state;
