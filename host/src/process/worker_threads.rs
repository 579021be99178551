//! The threads that answer requests, and what is done about pages that hold them.
//!
//! A page that blocks its thread, or never comes back, holds a thread of a runtime. Two things come of
//! it that tokio does nothing about. Where the thread was the one that polled sockets and timers for
//! the others, nobody polls them until something else wakes another thread; and where pages hold all
//! threads, nothing answers any more. So a thread that belongs to no runtime, the *watch*, looks at
//! them twenty times a second while any of them is awake:
//!
//! - It spawns a task that does nothing, which wakes a thread that rests; that one then polls.
//! - Where such a task does not come to run for a second, it makes more threads, and tells its owner,
//!   which lets them accept connections. They stay. Where that fails, it is tried again each second.
//! - What is on [record](super::record) for a second is said in the log, and again after ten.
//!
//! While all threads rest, the watch rests, too.

use std::io;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::Thread;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::runtime::{Builder, Handle, Runtime};

use super::held::{HeldThread, Looks};
use super::record::Record;

/// How often the watch looks.
pub(super) const LOOK: Duration = Duration::from_millis(50);

/// After so many looks a thread is held, and so are all threads that do not come to run a task.
pub(super) const LONG: u32 = 20;

/// So many looks at threads that all rest, and the watch rests.
const QUIET: u32 = 10;

/// So many times as many threads as the settings say, and no more are made: pages that hold all of
/// them hold whatever comes.
const MOST_CREWS: usize = 8;

/// Called with the runtime of more threads.
type OnRelief = Box<dyn Fn(&Handle) -> io::Result<()> + Send>;

/// See the [module](self). Dropping it leaves threads behind that a page holds.
#[derive(Debug)]
pub struct WorkerThreads {
    shared: Arc<Shared>,
}

struct Shared {
    threads: NonZeroUsize,
    crews: Mutex<Vec<Crew>>,
    held: Mutex<Vec<HeldThread>>,
    /// How often a thread was held so far.
    holds: AtomicU64,
    on_relief: Mutex<Option<OnRelief>>,
    watch: WatchCall,
    is_over: AtomicBool,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("threads", &self.threads).finish_non_exhaustive()
    }
}

/// The threads of one runtime.
struct Crew {
    runtime: Runtime,
    /// How many of them do not rest.
    awake: Arc<AtomicUsize>,
    /// How many tasks of the watch have run, and how many it has spawned.
    answered: Arc<AtomicU64>,
    asked: u64,
    /// For how many looks the last one has not run.
    silent: u32,
}

/// Wakes the watch.
#[derive(Clone, Default)]
struct WatchCall(Arc<WatchState>);

#[derive(Default)]
struct WatchState {
    rests: AtomicBool,
    thread: OnceLock<Thread>,
}

impl WatchCall {
    /// A thread begins to work.
    fn work(&self) {
        if self.0.rests.load(Ordering::SeqCst) && self.0.rests.swap(false, Ordering::SeqCst) {
            self.wake();
        }
    }

    fn wake(&self) {
        if let Some(thread) = self.0.thread.get() {
            thread.unpark();
        }
    }
}

impl WorkerThreads {
    /// Makes so many threads, as many as there are processors by default.
    ///
    /// # Errors
    /// If the system gives no threads.
    pub fn start(threads: Option<u16>) -> io::Result<Self> {
        let named = threads.and_then(|threads| NonZeroUsize::new(threads.into()));
        let threads = match named {
            Some(threads) => threads,
            None => std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
        };
        let watch = WatchCall::default();
        let crews = Mutex::new(vec![Crew::start(threads, &watch)?]);
        let shared = Arc::new(Shared {
            threads,
            crews,
            held: Mutex::default(),
            holds: AtomicU64::new(0),
            on_relief: Mutex::default(),
            watch,
            is_over: AtomicBool::new(false),
        });
        let watched = Arc::clone(&shared);
        let thread =
            std::thread::Builder::new().name("watch".into()).spawn(move || watched.watch())?;
        // It is set once, here.
        let _ = shared.watch.0.thread.set(thread.thread().clone());
        Ok(Self { shared })
    }

    /// The runtime of the threads that were there first.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.shared.crews.lock()[0].runtime.handle().clone()
    }

    /// What lets more threads accept connections, where pages hold all others.
    pub fn on_relief(&self, serve: impl Fn(&Handle) -> io::Result<()> + Send + 'static) {
        *self.shared.on_relief.lock() = Some(Box::new(serve));
    }

    /// What tells how they are.
    #[must_use]
    pub fn status(&self) -> WorkerThreadsStatus {
        WorkerThreadsStatus { shared: Arc::clone(&self.shared) }
    }
}

impl Drop for WorkerThreads {
    /// A handler that blocks for ever must not hold the process.
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::SeqCst);
        self.shared.watch.wake();
        for crew in self.shared.crews.lock().drain(..) {
            crew.runtime.shutdown_background();
        }
    }
}

/// Tells how the threads are that answer requests.
#[derive(Clone, Debug)]
pub struct WorkerThreadsStatus {
    shared: Arc<Shared>,
}

impl WorkerThreadsStatus {
    /// The threads that pages hold now, longest first.
    #[must_use]
    pub fn held(&self) -> Vec<HeldThread> {
        let mut held = self.shared.held.lock().clone();
        held.sort_by_key(|held| std::cmp::Reverse(held.looks));
        held
    }

    /// How often a page has held a thread for a second.
    #[must_use]
    pub fn holds(&self) -> u64 {
        self.shared.holds.load(Ordering::Relaxed)
    }

    /// Whether any thread comes to run what is new.
    #[must_use]
    pub fn answer(&self) -> bool {
        self.shared.crews.lock().iter().any(|crew| crew.silent < LONG)
    }
}

impl Crew {
    fn start(threads: NonZeroUsize, watch: &WatchCall) -> io::Result<Self> {
        let awake = Arc::new(AtomicUsize::new(threads.get()));
        let (resting, working, watch) = (Arc::clone(&awake), Arc::clone(&awake), watch.clone());
        let runtime = Builder::new_multi_thread()
            .worker_threads(threads.get())
            .on_thread_park(move || {
                resting.fetch_sub(1, Ordering::SeqCst);
            })
            .on_thread_unpark(move || {
                working.fetch_add(1, Ordering::SeqCst);
                watch.work();
            })
            .enable_all()
            .build()?;
        Ok(Self { runtime, awake, answered: Arc::default(), asked: 0, silent: 0 })
    }

    /// Wakes a thread that rests, if one is to; counts for how long they are silent.
    fn look(&mut self) {
        if self.answered.load(Ordering::Acquire) < self.asked {
            self.silent = self.silent.saturating_add(1);
            return;
        }
        self.silent = 0;
        if self.awake.load(Ordering::SeqCst) > 0 {
            self.asked += 1;
            let answered = Arc::clone(&self.answered);
            self.runtime.spawn(async move { answered.fetch_add(1, Ordering::Release) });
        }
    }

    fn rests(&self) -> bool {
        self.awake.load(Ordering::SeqCst) == 0
            && self.answered.load(Ordering::Acquire) == self.asked
    }
}

impl Shared {
    fn watch(&self) {
        let (mut looks, mut quiet) = (Looks::default(), 0);
        while !self.is_over.load(Ordering::SeqCst) {
            std::thread::park_timeout(LOOK);
            let rests = {
                let mut crews = self.crews.lock();
                crews.iter_mut().for_each(Crew::look);
                // For so many looks all of them are.
                let silent = crews.iter().map(|crew| crew.silent).min().unwrap_or_default();
                if silent > 0 && silent.is_multiple_of(LONG) {
                    self.relieve(&mut crews, silent == LONG);
                }
                crews.iter().all(Crew::rests)
            };
            let runs = Record::current().map(Record::runs).unwrap_or_default();
            quiet = if rests && runs.is_empty() { quiet + 1 } else { 0 };
            let held = looks.look(runs);
            let new = held.iter().filter(|thread| thread.looks == LONG).count();
            self.holds.fetch_add(new as u64, Ordering::Relaxed);
            *self.held.lock() = held;
            if quiet >= QUIET {
                self.rest();
                quiet = 0;
            }
        }
    }

    /// Waits until a thread begins to work.
    fn rest(&self) {
        let WatchState { rests, .. } = &*self.watch.0;
        rests.store(true, Ordering::SeqCst);
        // One that began before it could see that has counted itself already.
        while rests.load(Ordering::SeqCst) && !self.is_over.load(Ordering::SeqCst) {
            if !self.crews.lock().iter().all(Crew::rests) {
                break;
            }
            std::thread::park();
        }
        rests.store(false, Ordering::SeqCst);
    }

    /// Makes more threads. Why there are none is said the first time.
    fn relieve(&self, crews: &mut Vec<Crew>, is_first: bool) {
        let Some(serve) = &*self.on_relief.lock() else { return };
        let held = crews.len() * self.threads.get();
        if crews.len() >= MOST_CREWS {
            if is_first {
                tracing::error!(
                    "all {held} threads that answer requests are held, and no more are made: \
                     requests wait until one of them is free; restart the host"
                );
            }
            return;
        }
        let more = Crew::start(self.threads, &self.watch);
        match more.and_then(|crew| serve(crew.runtime.handle()).map(|()| crew)) {
            Ok(crew) => {
                crews.push(crew);
                tracing::warn!(
                    "all {held} threads that answer requests are held; {} more accept connections \
                     from now on",
                    self.threads
                );
            }
            Err(error) if is_first => tracing::error!(
                "all {held} threads that answer requests are held, and more cannot be made: \
                 {error}; it is tried again each second"
            ),
            Err(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn relief_that_fails_is_tried_again() {
        let workers = WorkerThreads::start(Some(1)).unwrap();
        let (relieved, relief) = mpsc::channel();
        let tries = AtomicUsize::new(0);
        workers.on_relief(move |more| {
            if tries.fetch_add(1, Ordering::Relaxed) == 0 {
                return Err(io::Error::other("there are too many files"));
            }
            relieved.send(more.clone()).map_err(io::Error::other)
        });
        let (release, held) = mpsc::channel::<()>();
        workers.handle().spawn(async move { held.recv() });
        let more = relief.recv_timeout(Duration::from_secs(60)).expect("it is tried again");
        let (answer, answers) = mpsc::channel();
        more.spawn(async move { answer.send("on another thread") });
        assert_eq!(answers.recv_timeout(Duration::from_secs(60)), Ok("on another thread"));
        drop(release);
    }
}
