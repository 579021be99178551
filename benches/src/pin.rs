//! Which core runs what: a server on one of its own, and the load on another.

use std::io;

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// The two cores of a benchmark.
#[derive(Clone, Copy, Debug)]
pub struct Cores {
    /// Where servers run.
    pub server: usize,
    /// Where the load runs.
    pub load: usize,
}

impl Cores {
    /// The first and the last that this process may use.
    ///
    /// # Errors
    /// If there is only one, or the system does not say.
    pub fn find() -> io::Result<Self> {
        let usable = sched_getaffinity(None)?;
        let mut cores = (0..CpuSet::MAX_CPU).filter(|core| usable.is_set(*core));
        match (cores.next(), cores.next_back()) {
            (Some(server), Some(load)) => Ok(Self { server, load }),
            _ => Err(io::Error::other(
                "this process may use one core only; a server and its load need one each",
            )),
        }
    }
}

/// Keeps this thread on one core, and with it all threads and processes that it starts from now on.
///
/// # Errors
/// If this process may not use the core.
pub fn stay_on(core: usize) -> io::Result<()> {
    let mut set = CpuSet::new();
    set.set(core);
    Ok(sched_setaffinity(None, &set)?)
}
