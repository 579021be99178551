//! The development server: from a save to the browser.
//!
//! Two processes of one executable. The [`supervisor`] watches the files, builds, and owns the
//! terminal and the listening sockets; the [`server`] maps libraries and answers requests. They
//! speak the [`protocol`]. What a page does to its process ends the server alone: the supervisor
//! starts another on the same sockets, tells it all that stands, and names the page, by the record
//! of [`flights`] that a crash leaves behind.
//!
//! The one policy: what serves is only ever replaced by a build that loaded. Until the first one
//! there is a waiting page, and after it a mistake is a message, never an outage. Nothing polls
//! but the watchdog for endless loops.

pub(crate) mod build;
pub(crate) mod child;
pub(crate) mod server;
pub(crate) mod session;
pub(crate) mod watch;
pub(crate) mod wire;
