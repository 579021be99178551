//! A host of several processes: a *supervisor*, which holds the sockets and the state folder and
//! loads no library, and its *workers*, which are this program again and answer the requests.
//!
//! A swap renews the workers: a new set of them starts with the candidate, and when all of it
//! serves, the old set is told to leave. So no process ever holds two generations, and what ends a
//! process costs the requests of one worker. The conversation is that of
//! [`succession`](crate::operate::succession).
//!
//! [`Supervisor`] decides, a `WorkerSet` keeps as many workers running as it
//! should, a `Worker` is one process as the supervisor sees it, and
//! `WorkerLink` is that process's own side.

mod canary;
mod control;
mod leaving;
mod metrics;
mod modes;
mod orders;
mod pauses;
mod process;
mod renewal;
mod set;
mod slot;
mod starting;
mod status;
mod supervisor;
mod tally;
mod trial;
mod worker;

pub use self::control::SupervisorControl;
pub use self::supervisor::{Supervisor, SupervisorSettings};
pub(crate) use self::worker::{WorkerAnswers, WorkerEvent, WorkerLink, failure};
