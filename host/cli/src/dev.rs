//! The development server: from a save to the browser.
//!
//! Two processes of one executable. A [`session`] watches the files, builds, and owns the terminal
//! and the listening sockets; the [`server`] maps libraries and answers requests. They speak the
//! [`protocol`](wire::protocol). What a page does to its process ends the server alone: the
//! [supervisor](child::supervisor) starts another on the same sockets, tells it everything again,
//! and names the page, by the [record](wire::flight_recorder) that a crash leaves behind.
//!
//! The one policy: what serves is only ever replaced by a build that loaded. Until the first one
//! there is a waiting page, and after it a mistake is a message, never an outage. Nothing polls
//! but the watchdog for endless loops.
//!
//! Imports go down: `session` to `build`, `child` and `watch`; those and `server` to `report`,
//! `settings` and `wire`. What the two processes have in common is in `wire` alone.

pub(crate) mod build;
pub(crate) mod child;
pub(crate) mod report;
pub(crate) mod server;
pub(crate) mod session;
pub(crate) mod settings;
pub(crate) mod watch;
pub(crate) mod wire;
