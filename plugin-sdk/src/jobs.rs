//! Jobs that run at their times, in one generation of the app at a time.
//!
//! A [`Schedule`] is a period, or with the feature `cron` the times of a crontab. [`Schedule::spawn`]
//! runs a job by it for as long as the app lives, whenever this generation of it
//! [leads](mod@crate::leadership):
//!
//! ```
//! use std::time::Duration;
//!
//! use nova::jobs::Schedule;
//! use nova::prelude::*;
//! # #[derive(Clone)]
//! # pub struct Db;
//! # impl Db { async fn forget_old_sessions(&self) -> Result<()> { Ok(()) } }
//!
//! pub async fn init(purpose: Purpose) -> Result<Db> {
//!     let db = Db;
//!     if purpose == Purpose::Serve {
//!         let jobs = db.clone();
//!         Schedule::every(Duration::from_secs(3600))
//!             .spawn("forget old sessions", move || {
//!                 let db = jobs.clone();
//!                 async move { db.forget_old_sessions().await }
//!             });
//!     }
//!     Ok(db)
//! }
//! ```
//!
//! A job that has begun is not dropped when another generation is to lead: it holds its
//! [`Term`](crate::leadership::Term) until it ends, for which a host waits some seconds. One that
//! fails or panics is in the log by its name, and runs at its next time. It never runs beside
//! itself: a time that comes while it runs is left out, as is one at which no generation of the app
//! leads, such as while the host is down or in the moment between two generations. What may not be
//! left out once belongs into a queue in the database, which a job empties.

use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{self, MissedTickBehavior};

use crate::error::Error;
use crate::leadership::leadership;
use crate::response::Result;
use crate::time::after;

#[cfg(feature = "cron")]
mod cron;

/// When a job runs.
#[derive(Clone, Debug)]
pub struct Schedule(Times);

#[derive(Clone, Debug)]
enum Times {
    Every(Duration),
    #[cfg(feature = "cron")]
    Cron(Box<cron::Crontab>),
}

impl Schedule {
    /// Once in each period, for the first time after one. A job that takes longer than the period
    /// begins again when the next whole period ends.
    ///
    /// # Panics
    /// When the period is 0.
    #[must_use]
    pub fn every(period: Duration) -> Self {
        assert!(!period.is_zero(), "a job cannot run every 0 seconds");
        Schedule(Times::Every(period))
    }

    /// At the times of a crontab's line, in UTC: minute, hour, day of the month, month, day of the
    /// week, such as `*/5 * * * *` or `30 3 * * Mon-Fri`; with six fields the first is the second.
    /// `@hourly`, `@daily` and the like, and `L`, `W` and `#` are what [`croner`] makes of them.
    ///
    /// ```
    /// use nova::jobs::Schedule;
    ///
    /// let nightly = Schedule::cron("30 3 * * *")?.in_zone("Europe/Berlin")?;
    /// # let _ = nightly;
    /// assert!(Schedule::cron("61 * * * *").is_err());
    /// # Ok::<_, nova::Error>(())
    /// ```
    ///
    /// # Errors
    /// When the line cannot be read; what is wrong is said.
    ///
    /// [`croner`]: https://docs.rs/croner
    #[cfg(feature = "cron")]
    pub fn cron(line: &str) -> Result<Self> {
        Ok(Schedule(Times::Cron(Box::new(cron::Crontab::parse(line)?))))
    }

    /// The same times in a time zone of the IANA's list, such as `Europe/Berlin`. When clocks are
    /// put forward, a time that is not there is that after the gap; when they are put back, a fixed
    /// time comes once.
    ///
    /// # Errors
    /// When there is no such zone on this machine, or the schedule is a period.
    #[cfg(feature = "cron")]
    pub fn in_zone(self, zone: &str) -> Result<Self> {
        match self.0 {
            Times::Cron(crontab) => Ok(Schedule(Times::Cron(Box::new(crontab.in_zone(zone)?)))),
            Times::Every(_) => Err(Error::internal("a period is the same in each time zone")),
        }
    }

    /// Runs the job by this schedule in a task of the app's, while this generation leads. `name` is
    /// what the log calls it. The task ends with the app, or when the handle is told to
    /// [abort](JoinHandle::abort) it, which a run that has begun outlives; dropping the handle ends
    /// nothing.
    ///
    /// # Panics
    /// When it is called outside of an app: in no runtime.
    pub fn spawn<J, F>(self, name: impl Into<String>, job: J) -> JoinHandle<()>
    where
        J: FnMut() -> F + Send + 'static,
        F: Future<Output: JobOutput> + Send + 'static,
    {
        tokio::spawn(self.run(name.into(), job))
    }

    async fn run<J, F>(self, name: String, mut job: J)
    where
        J: FnMut() -> F,
        F: Future<Output: JobOutput> + Send + 'static,
    {
        let leadership = leadership();
        let mut times = self.0.into_ticker();
        while times.next().await {
            let Some(term) = leadership.term() else { continue };
            let run = Run(&name);
            let Ok(job) = catch_unwind(AssertUnwindSafe(&mut job)) else {
                tracing::error!("{run} panicked");
                continue;
            };
            // A task of its own, so that a panic ends this run and not the schedule. It holds the
            // term, so that the run is still in it when the schedule is aborted.
            let running = async move {
                let _term = term;
                job.await.into_result()
            };
            match tokio::spawn(running).await {
                Ok(Ok(())) => tracing::debug!("{run} has run"),
                Ok(Err(error)) => tracing::error!("{run} failed: {error}"),
                Err(ended) if ended.is_panic() => tracing::error!("{run} panicked"),
                // The app's runtime ends.
                Err(_) => return,
            }
        }
        tracing::warn!("{} has no time any more at which it runs", Run(&name));
    }
}

/// What the log calls a job.
struct Run<'a>(&'a str);

impl fmt::Display for Run<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the job `{}`", self.0)
    }
}

impl Times {
    fn into_ticker(self) -> Ticker {
        match self {
            Times::Every(period) => {
                let mut interval = time::interval_at(after(period), period);
                interval.set_missed_tick_behavior(MissedTickBehavior::Skip);
                Ticker::Every(interval)
            }
            #[cfg(feature = "cron")]
            Times::Cron(crontab) => Ticker::Cron(crontab),
        }
    }
}

/// A schedule that is under way.
enum Ticker {
    Every(time::Interval),
    #[cfg(feature = "cron")]
    Cron(Box<cron::Crontab>),
}

impl Ticker {
    /// Waits for the next time; `false` if there is none.
    async fn next(&mut self) -> bool {
        match self {
            Ticker::Every(interval) => {
                interval.tick().await;
                true
            }
            #[cfg(feature = "cron")]
            Ticker::Cron(crontab) => crontab.wait().await,
        }
    }
}

/// What a job may give back: nothing, or a `Result` of nothing.
#[diagnostic::on_unimplemented(
    message = "a job cannot give back `{Self}`",
    note = "it gives back nothing or a `Result<()>`, whose error is logged"
)]
pub trait JobOutput: Send + 'static {
    /// Whether it went well.
    ///
    /// # Errors
    /// When the job failed.
    fn into_result(self) -> Result<()>;
}

impl JobOutput for () {
    fn into_result(self) -> Result<()> {
        Ok(())
    }
}

impl<E: Into<Error> + Send + 'static> JobOutput for Result<(), E> {
    fn into_result(self) -> Result<()> {
        self.map_err(Into::into)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::sync::mpsc;

    use super::*;
    use crate::info;

    /// Time stands still but for what is waited for, so each wait is exact.
    #[tokio::test(start_paused = true)]
    async fn a_job_runs_where_its_generation_leads_and_outlives_its_failures() {
        let app = info::started("jobs", false, HashMap::new(), None);
        let _inside = info::enter(app);
        let (ran, mut runs) = mpsc::unbounded_channel();
        let count = Arc::new(AtomicUsize::new(0));
        let minute = Duration::from_secs(60);
        let job = Schedule::every(minute).spawn("count", move || {
            let (ran, number) = (ran.clone(), count.fetch_add(1, Ordering::SeqCst));
            ran.send(number).expect("the test waits");
            assert_ne!(number, 2, "the third run panics before its future is made");
            async move {
                assert_ne!(number, 1, "the second run panics");
                if number == 0 { Err(Error::internal("the first run fails")) } else { Ok(()) }
            }
        });
        time::sleep(minute * 3).await;
        assert!(runs.try_recv().is_err(), "it does not lead");
        app.leadership().lead();
        let began = time::Instant::now();
        for number in 0..4 {
            assert_eq!(runs.recv().await, Some(number));
        }
        assert!(began.elapsed() <= minute * 4, "once a minute: {:?}", began.elapsed());
        app.leadership().stand_by().await;
        time::sleep(minute * 3).await;
        assert!(runs.try_recv().is_err(), "it stands by");
        job.abort();
    }

    #[tokio::test(start_paused = true)]
    async fn a_job_may_be_put_off_for_ever() {
        let app = info::started("jobs", false, HashMap::new(), None);
        let _inside = info::enter(app);
        let mut job = Schedule::every(Duration::MAX).spawn("never", || async {});
        let day = Duration::from_secs(24 * 3600);
        assert!(time::timeout(day, &mut job).await.is_err(), "it waits");
        job.abort();
    }

    #[tokio::test(start_paused = true)]
    async fn a_generation_leads_until_its_run_has_ended() {
        let app = info::started("jobs", false, HashMap::new(), None);
        let _inside = info::enter(app);
        app.leadership().lead();
        let (ended, mut ends) = mpsc::unbounded_channel();
        let hour = Duration::from_secs(3600);
        let job = Schedule::every(hour).spawn("long", move || {
            let ended = ended.clone();
            async move {
                time::sleep(hour * 2).await;
                ended.send(()).expect("the test waits");
            }
        });
        time::sleep(hour * 2).await;
        job.abort();
        app.leadership().stand_by().await;
        assert!(ends.try_recv().is_ok(), "the run was not cut");
    }
}
