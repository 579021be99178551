//! The process that serves, seen from outside: kept running, told what to serve, blamed for a crash.

pub(crate) mod crash;
pub(crate) mod handle;
pub(crate) mod process;
pub(crate) mod replay;
pub(crate) mod supervisor;
