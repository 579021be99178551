//! The program `nova-host`, and any program that has routes linked into it: settings, sockets,
//! signals, and how it ends.
//!
//! A run goes through four types, each made of the one before: `Bootstrap` has what can be
//! begun before there is a runtime, `Bound` has the ports, `Started` has the releases, `Serving` answers
//! until the host is told to stop. What goes wrong goes wrong as early as it can: a port that is
//! taken is known before any code of an app has run.

mod bootstrap;
mod bound;
pub mod config;
mod edge_builder;
mod host_state;
mod lifecycle;
mod linked;
mod listening;
mod serving;
mod signals;
mod stand_in;
mod started;
mod supervised;

use std::ops::ControlFlow;
use std::os::fd::OwnedFd;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::process::ExitCode;

use rustix::process::{Resource, Rlimit, Signal, getrlimit, setrlimit};

use self::bootstrap::Bootstrap;
use self::bound::Bound;
use self::config::Config;
use self::config::probe::probe;
pub use self::linked::LinkedRelease;
use self::serving::Serving;
use self::started::Started;
use crate::generation::preflight;
use crate::operate::succession::{Program, Successor};
use crate::process::init;
use crate::process::log::{Log, LogFlusher};
use crate::process::record::{LeftRecord, Record, RecordFile, RecordedActivity};
use crate::process::signals::{self as process_signals, SecondStop, SignalReceiver};
use crate::process::worker_threads::WorkerThreads;
use crate::process::{child_main, say};
use crate::swap::SwapError;

type Error = Box<dyn std::error::Error + Send + Sync>;

/// The exit code of a host whose library is refused, `EX_CONFIG` of sysexits.h: to start it again
/// is of no use.
const UNFIT: u8 = 78;

const SUCCESS: u8 = 0;

const FAILURE: u8 = 1;

/// `nova-host`: serves route libraries, and swaps them while it serves. Its `main` does nothing
/// else.
#[must_use]
pub fn main() -> ExitCode {
    if let Some(code) = child_main(&[preflight::ROLE]) {
        return code;
    }
    run_program(Config::load().unwrap_or_else(|error| error.exit()), None)
}

/// The same for a program that has its routes linked into it, and is given no `--routes`.
#[must_use]
pub fn main_linked(linked: LinkedRelease) -> ExitCode {
    run_program(Config::load_linked(linked.app).unwrap_or_else(|error| error.exit()), Some(linked))
}

fn run_program(config: Config, linked: Option<LinkedRelease>) -> ExitCode {
    let scheme = if config.edge.tls.tls_cert.is_some() { "https" } else { "http" };
    if let Some(url) = config.probe.url(&config.host, config.port, scheme) {
        return match probe(&url) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                say(format_args!("nova-host: {error}"));
                ExitCode::FAILURE
            }
        };
    }
    if init::is_needed() {
        match init::run() {
            Ok(code) => return ExitCode::from(code),
            Err(error) => say(format_args!(
                "nova-host: as the first process of this container it looks after no children of \
                 others, because it cannot start the program as a child: {error}"
            )),
        }
    }
    let log = match Log::start(config.log_settings()) {
        Ok(log) => log,
        Err(error) => {
            say(format_args!("nova-host: {error}"));
            return ExitCode::FAILURE;
        }
    };
    // A terminal and a service manager send their signals to a stand-in and to workers as well.
    let second_stop = match Successor::current() {
        Some(Successor::StandIn | Successor::Worker) => SecondStop::IsForAnother,
        _ => SecondStop::EndsProcess,
    };
    process_signals::run(&log.flusher(), second_stop, move |signals| {
        let ended = start(&config, linked, signals, &log);
        drop(log);
        end(ended)
    })
}

/// Says how the run ended, as an exit code.
fn end(ended: Result<Exit, Error>) -> u8 {
    match ended {
        Ok(Exit::Stopped) => SUCCESS,
        Ok(Exit::Recycle(program, stand_in)) => {
            // Comes back only if it fails; then the stand-in ends with us, as it should.
            let error = program.recycle(stand_in);
            say(format_args!("nova-host: the host cannot be recycled: {error}"));
            FAILURE
        }
        Ok(Exit::Forced(signal)) => process_signals::exit_code(signal),
        Err(error) => {
            say(format_args!("nova-host: {error}"));
            match error.downcast_ref::<SwapError>() {
                Some(error) if error.is_lasting() => UNFIT,
                _ => FAILURE,
            }
        }
    }
}

/// How a run ends that began well.
enum Exit {
    /// All requests are answered.
    Stopped,
    /// By this signal, before its time.
    Forced(Signal),
    /// To go on as this program, with what the stand-in behind the socket has.
    Recycle(Program, OwnedFd),
}

fn start(
    config: &Config,
    linked: Option<LinkedRelease>,
    signals: SignalReceiver,
    log: &Log,
) -> Result<Exit, Error> {
    raise_descriptor_limit();
    // A worker's is looked at by its supervisor, which hands it over.
    let _record = match Successor::current() {
        Some(Successor::Worker) => None,
        _ => Some(begin_record(config, log.flusher())?),
    };
    let workers = WorkerThreads::start(config.threads(Successor::current()))?;
    let bootstrap = Bootstrap::new(config, linked, &workers)?;
    // What the host does for itself shares no thread with pages, which may hold theirs.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let serve = || runtime.block_on(run(bootstrap, signals, log));
    // A panic goes on behind the runtime, whose end could wait for a thread that never comes back.
    let exit = catch_unwind(AssertUnwindSafe(serve));
    runtime.shutdown_background();
    exit.unwrap_or_else(|panic| resume_unwind(panic))
}

async fn run(bootstrap: Bootstrap<'_>, signals: SignalReceiver, log: &Log) -> Result<Exit, Error> {
    let mut bound = match Bound::bind(bootstrap, signals).await? {
        ControlFlow::Continue(bound) => bound,
        ControlFlow::Break(exit) => return Ok(exit),
    };
    if let Some(record) = bound.succession.as_mut().and_then(|left| left.record.take()) {
        Record::begin(record, abort_at_exit(log.flusher()))?;
    }
    if bound.supervises().await? {
        return supervised::run(bound).await;
    }
    let started = match Started::start(bound).await? {
        ControlFlow::Continue(started) => started,
        ControlFlow::Break(exit) => return Ok(exit),
    };
    Serving::open(started, log.access()).await?.until_stopped().await
}

/// Begins the record of what runs, and says what the process before was running if it did not end in
/// order.
fn begin_record(config: &Config, log: LogFlusher) -> Result<RecordFile, Error> {
    let place = config.record_place();
    // What takes the place of another process is told by that one.
    if Successor::current().is_none() {
        place.left().iter().for_each(say_left);
    }
    Ok(place.begin(abort_at_exit(log))?)
}

/// What is done about a page that ends the process: its exit code would say that all is well, and be
/// the page's.
fn abort_at_exit(log: LogFlusher) -> impl Fn(&RecordedActivity) + Send + Sync + 'static {
    move |activity| {
        let generation = activity.in_generation();
        tracing::error!("{activity} ends the process with `exit`{generation}");
        log.flush();
        std::process::abort();
    }
}

fn say_left(left: &LeftRecord) {
    let LeftRecord { pid, running } = left;
    if running.is_empty() {
        tracing::warn!(
            "process {pid} before this one did not end in order, and no page was running: a task or \
             a thread of the app has ended it, or something outside"
        );
    }
    for activity in running {
        let (generation, others) = (activity.in_generation(), running.len() - 1);
        let others = if others == 0 { String::new() } else { format!(", with {others} more") };
        tracing::error!(
            "process {pid} before this one did not end in order: {activity} ran at that \
             moment{generation}{others}"
        );
    }
}

/// Lets the process have as many connections and files as it may: many systems begin with 1,024.
fn raise_descriptor_limit() {
    let limit = getrlimit(Resource::Nofile);
    let wanted = Rlimit { current: limit.maximum, ..limit };
    if let Err(error) = setrlimit(Resource::Nofile, wanted) {
        tracing::debug!("the limit of open files stays at {:?}: {error}", limit.current);
    }
}
