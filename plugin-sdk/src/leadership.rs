//! What an app does besides answering requests: in one generation at a time.
//!
//! Two generations of an app may be alive at once: one answers requests, another finishes those that
//! it has, stands by for a rollback, or has a share of the requests as a canary. One of them
//! *leads*, and the others stand by. A job that may run only once belongs into the one that leads:
//!
//! ```
//! use nova::prelude::*;
//! # #[derive(Clone)]
//! # pub struct Db;
//! # impl Db { async fn open() -> Result<Db> { Ok(Db) } async fn send_due_mail(&self) -> Result<()> { Ok(()) } }
//!
//! pub async fn init(purpose: Purpose) -> Result<Db> {
//!     let db = Db::open().await?;
//!     if purpose == Purpose::Serve {
//!         let jobs = db.clone();
//!         tokio::spawn(nova::leadership().while_leading(move || send_mail(jobs.clone())));
//!     }
//!     Ok(db)
//! }
//!
//! async fn send_mail(db: Db) {
//!     let mut minute = tokio::time::interval(std::time::Duration::from_secs(60));
//!     loop {
//!         minute.tick().await;
//!         if let Err(error) = db.send_due_mail().await {
//!             nova::tracing::error!("the mail is not sent: {error}");
//!         }
//!     }
//! }
//! ```
//!
//! The job begins when its generation leads, which it does from just after it serves, and is dropped
//! at its next `.await` when another one is to lead. What must not be dropped in the middle holds a
//! [`Term`] instead:
//!
//! ```no_run
//! # async fn take_order() -> u64 { 1 }
//! # async fn ship(_: u64) {}
//! # async fn jobs() {
//! let leadership = nova::leadership();
//! loop {
//!     let term = leadership.leading().await;
//!     // No other generation leads before this term has ended.
//!     ship(take_order().await).await;
//!     drop(term);
//! }
//! # }
//! ```
//!
//! A host gives the terms of the generation that led a few seconds to end; then the next one leads
//! all the same, and the log says so. An app that is checked or precompiled never leads. Generations
//! in other processes are not known here, unless one process takes the place of another: of many
//! hosts each has one that leads.

use std::future::Future;
use std::sync::Arc;

use tokio::sync::watch;

use crate::info;

/// Whether the app that calls this leads, and when; to be called in the app's code or in a task of
/// it. See the [module](self).
#[must_use]
pub fn leadership() -> Leadership {
    info::current().map_or_else(Leadership::new, |app| app.leadership().clone())
}

/// Whether one app leads.
#[derive(Clone, Debug)]
pub struct Leadership {
    state: Arc<State>,
}

#[derive(Debug)]
struct State {
    leads: watch::Sender<bool>,
    /// How many terms are held.
    terms: watch::Sender<usize>,
}

/// As long as this is held, its generation leads, and no other one begins to.
#[derive(Debug)]
#[must_use = "the term ends when it is dropped"]
pub struct Term {
    state: Arc<State>,
}

impl Leadership {
    /// An app that stands by until it is told to lead.
    pub(crate) fn new() -> Self {
        let state = State { leads: watch::Sender::new(false), terms: watch::Sender::new(0) };
        Leadership { state: Arc::new(state) }
    }

    /// Whether this generation leads now. It may be over at once; what must not begin after that
    /// takes a [term](Self::term).
    #[must_use]
    pub fn is_leading(&self) -> bool {
        *self.state.leads.borrow()
    }

    /// A term, if this generation leads now.
    #[must_use]
    pub fn term(&self) -> Option<Term> {
        // Held until the term is counted: who ends the lead sees the term, or this sees the end.
        let leads = self.state.leads.borrow();
        leads.then(|| {
            self.state.terms.send_modify(|terms| *terms += 1);
            Term { state: Arc::clone(&self.state) }
        })
    }

    /// Waits until this generation leads. One that never serves again waits for ever.
    pub async fn leading(&self) -> Term {
        loop {
            if let Some(term) = self.term() {
                return term;
            }
            // The sender is ours.
            let _ = self.state.leads.subscribe().wait_for(|leads| *leads).await;
        }
    }

    /// Waits until this generation does not lead.
    pub async fn standing_by(&self) {
        let _ = self.state.leads.subscribe().wait_for(|leads| !*leads).await;
    }

    /// Runs `job` while this generation leads: begins it when it does, drops it when another one is
    /// to lead, and begins it anew when this one leads again. Ready with what the job gives back,
    /// when it comes to its end by itself.
    pub async fn while_leading<J, F>(self, mut job: J) -> F::Output
    where
        J: FnMut() -> F,
        F: Future,
    {
        loop {
            let term = self.leading().await;
            tokio::select! {
                biased;
                () = term.over() => {}
                output = job() => return output,
            }
            drop(term);
        }
    }

    /// The host says that this generation leads.
    pub(crate) fn lead(&self) {
        self.state.leads.send_replace(true);
    }

    /// The host says that it does not; ready when no term is held any more.
    pub(crate) async fn stand_by(&self) {
        self.state.leads.send_replace(false);
        let _ = self.state.terms.subscribe().wait_for(|terms| *terms == 0).await;
    }
}

impl Term {
    /// Waits until the term has to end: another generation is to lead, and waits for it.
    pub async fn over(&self) {
        let _ = self.state.leads.subscribe().wait_for(|leads| !*leads).await;
    }
}

impl Drop for Term {
    fn drop(&mut self) {
        self.state.terms.send_modify(|terms| *terms -= 1);
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::pin::pin;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::{Context, Poll, Waker};

    use super::*;

    fn poll<F: Future>(future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
        future.poll(&mut Context::from_waker(Waker::noop()))
    }

    #[tokio::test]
    async fn the_next_one_waits_for_the_terms_of_the_one_before() {
        let leadership = Leadership::new();
        assert!(leadership.term().is_none() && !leadership.is_leading());
        let mut waits = pin!(leadership.leading());
        assert!(poll(waits.as_mut()).is_pending());
        leadership.lead();
        let term = waits.await;
        let second = leadership.term().expect("it leads");
        let mut over = Box::pin(term.over());
        assert!(poll(over.as_mut()).is_pending());
        let mut stands_by = pin!(leadership.stand_by());
        assert!(poll(stands_by.as_mut()).is_pending(), "two terms are held");
        over.as_mut().await;
        assert!(leadership.term().is_none(), "none begins any more");
        drop(second);
        assert!(poll(stands_by.as_mut()).is_pending(), "one is held");
        drop(over);
        drop(term);
        stands_by.await;
        leadership.standing_by().await;
    }

    #[tokio::test]
    async fn a_job_is_dropped_and_begun_anew() {
        let leadership = Leadership::new();
        let (begun, running) = (Arc::new(AtomicUsize::new(0)), Arc::new(()));
        let job = {
            let (begun, running) = (Arc::clone(&begun), Arc::clone(&running));
            move || {
                begun.fetch_add(1, Ordering::SeqCst);
                let running = Arc::clone(&running);
                async move {
                    pending::<()>().await;
                    drop(running);
                }
            }
        };
        let mut jobs = Box::pin(leadership.clone().while_leading(job));
        assert!(poll(jobs.as_mut()).is_pending());
        assert_eq!(begun.load(Ordering::SeqCst), 0, "it stands by");
        for time in 1..=2 {
            leadership.lead();
            assert!(poll(jobs.as_mut()).is_pending());
            assert_eq!((begun.load(Ordering::SeqCst), Arc::strong_count(&running)), (time, 3));
            let mut stands_by = Box::pin(leadership.stand_by());
            assert!(poll(stands_by.as_mut()).is_pending(), "the job holds its term");
            assert!(poll(jobs.as_mut()).is_pending());
            assert_eq!(Arc::strong_count(&running), 2, "the job is gone");
            stands_by.await;
        }
    }

    #[tokio::test]
    async fn what_a_job_gives_back_is_given_on() {
        let leadership = Leadership::new();
        leadership.lead();
        assert_eq!(leadership.while_leading(async || 7).await, 7);
    }
}
