//! The half of `nova dev` that answers requests, in a process of its own.
//!
//! What a page does to its process, it does to this one: the supervisor starts another, which
//! goes on from the same orders. [`orders`] follows them; everything else answers browsers.

pub(crate) mod backtrace;
pub(crate) mod client;
pub(crate) mod control;
pub(crate) mod document;
pub(crate) mod endpoints;
mod failures;
pub(crate) mod guard;
pub(crate) mod hub;
mod in_flight;
pub(crate) mod inject;
pub(crate) mod orders;
pub(crate) mod page;
pub(crate) mod pages;
pub(crate) mod paths;
pub(crate) mod quarantine;
pub(crate) mod reporter;
pub(crate) mod site;
pub(crate) mod stylesheet;
pub(crate) mod waiting;
pub(crate) mod watchdog;

use std::fs::File;
use std::io;
use std::net::TcpListener;
use std::sync::Arc;

use nova_host::process::companion::{ChildInputs, Inbox};
use nova_host::process::log::{Log, LogFilter, LogSettings};
use nova_host::process::record::Record;
use nova_host::process::worker_threads::WorkerThreads;
use nova_host::process::{Answers, Role, companion};
use nova_host::server::listen::Listeners;
use rustix::process::{Signal, getpid, kill_process};
use tokio::sync::mpsc;

use self::in_flight::InFlightReporter;
use self::orders::OrderHandler;
use self::reporter::Reporter;
use crate::dev::wire::protocol::{GRACE, Order, SERVER_ROLE, ServerEvent, ServerJob};

/// The role of this process.
pub(crate) const ROLE: Role = Role::new(SERVER_ROLE, || companion::serve(run));

/// A page in an endless loop holds a thread until it is noticed; others go on answering.
const LEAST_THREADS: usize = 4;

/// Serves until the supervisor says stop, or is gone.
fn run(job: ServerJob, inherited: ChildInputs, answers: Answers) {
    let ChildInputs { mut descriptors, orders } = inherited;
    let settings =
        LogSettings { filter: LogFilter::for_development(), format: job.log_format, access: false };
    // A log that cannot be started is nothing to refuse requests for.
    let log = Log::start_towards(settings, job.reader).ok();
    let (Some(reports), Some(record)) = (descriptors.pop(), descriptors.pop()) else { return };
    // Without the record a crash is blamed on no page, and the server goes on.
    if let Err(error) = Record::begin(File::from(record), |_| ()) {
        tracing::warn!("a page that ends this process is not named: {error}");
    }
    let reporter = Arc::new(Reporter::new(answers));
    let sockets = descriptors.into_iter().map(TcpListener::from).collect();
    let in_flight = InFlightReporter::new(reports);
    let ended = serve(job, sockets, &reporter, in_flight, orders);
    if let Err(error) = ended {
        eprintln!("nova: the server cannot start: {error}");
    }
    if let Some(log) = log {
        log.flush();
    }
}

fn serve(
    job: ServerJob,
    sockets: Vec<TcpListener>,
    reporter: &Arc<Reporter>,
    in_flight: InFlightReporter,
    orders: Inbox,
) -> io::Result<()> {
    let listeners = Listeners::from_sockets(sockets)?;
    if let Some(limit) = job.poll_limit {
        watchdog::start(limit, reporter.clone())?;
    }
    let received = receive(orders)?;
    let threads = std::thread::available_parallelism().map_or(1, usize::from).max(LEAST_THREADS);
    let workers = WorkerThreads::start(u16::try_from(threads).ok())?;
    let ended = workers.handle().block_on(async {
        let handler = OrderHandler::new(job, listeners, reporter.clone(), in_flight)?;
        reporter.report(ServerEvent::Ready);
        handler.run(received).await;
        Ok(())
    });
    // A library may have left something running that never ends.
    drop(workers);
    ended
}

/// Reads orders on a thread that no page can hold up; when there are no more, the process ends,
/// in order if it can.
fn receive(mut orders: Inbox) -> io::Result<mpsc::UnboundedReceiver<Order>> {
    let (sender, received) = mpsc::unbounded_channel();
    std::thread::Builder::new().name("orders".into()).spawn(move || {
        while let Some(order) = orders.receive() {
            // Without a listener the process is about to end.
            let _ = sender.send(order);
        }
        let _ = sender.send(Order::Stop);
        std::thread::sleep(GRACE * 2);
        end_now();
    })?;
    Ok(received)
}

/// Ends this process at once, whatever its threads are doing.
fn end_now() {
    // It can only fail if the process is gone.
    let _ = kill_process(getpid(), Signal::KILL);
}
