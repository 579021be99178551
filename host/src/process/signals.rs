//! The signals of this process, which no code of an app can take away.
//!
//! The first thread of the process does nothing but wait for them, and the program runs on another.
//! A signal to the process goes to its first thread where that one waits for it, whatever handler
//! an app has installed and whatever it ignores (`signal(7)`: a signal that is waited for calls no
//! handler), and no thread of a runtime is needed to hear it. Only that thread blocks the signals:
//! what an app starts as a child inherits nothing of it.
//!
//! What comes while the thread is not waiting, for some microseconds after each signal, goes to the
//! handler of the process, and so may one that another thread sees first. The program keeps a handler
//! for each of them, and puts it back where an app has replaced it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::time::Duration;

use nix::sys::signal::{SigSet, Signal as NixSignal};
use rustix::process::{Signal, getpid, kill_process};
use tokio::sync::mpsc;

use super::log::LogFlusher;
use super::say;

/// The signals that the program hears.
pub const HEARD: [Signal; 4] = [Signal::TERM, Signal::INT, Signal::HUP, Signal::USR2];

/// The exit code of a program that panicked, as Rust has it.
const PANIC: u8 = 101;

/// How long a program that is told to end at once may take to do so in order.
const LAST_MOMENT: Duration = Duration::from_secs(1);

/// The signals, in the order in which they came.
#[derive(Debug)]
pub struct SignalReceiver(mpsc::UnboundedReceiver<Signal>);

impl SignalReceiver {
    /// The next one. A call that is given up loses nothing.
    pub async fn next(&mut self) -> Signal {
        match self.0.recv().await {
            Some(signal) => signal,
            // The sender is the thread that waits, and that one never ends.
            None => std::future::pending().await,
        }
    }
}

/// Who ends a program that is told to stop for the second time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecondStop {
    /// This process, if the program does not within a second, whatever its threads do.
    EndsProcess,
    /// Another process, which has the signals of both.
    IsForAnother,
}

/// Runs `program` on a thread of its own and ends the process with its code, or with that of a panic;
/// this thread, which has to be the first one of the process, takes the signals.
///
/// Comes back only where the system gives no thread.
pub fn run(
    log: &LogFlusher,
    second_stop: SecondStop,
    program: impl FnOnce(SignalReceiver) -> u8 + Send + 'static,
) -> ExitCode {
    let (sender, receiver) = mpsc::unbounded_channel();
    let last_lines = log.clone();
    let run = move || {
        let code = code_of(move || program(SignalReceiver(receiver)));
        if code == PANIC {
            last_lines.flush();
        }
        std::process::exit(code.into());
    };
    // As much stack as the first thread has.
    let started =
        std::thread::Builder::new().name("main".into()).stack_size(8 << 20).spawn(run).map(drop);
    if let Err(error) = started {
        say(format_args!("nova: the program gets no thread: {error}"));
        return ExitCode::FAILURE;
    }
    // After the thread was made, which would inherit it.
    let heard: SigSet =
        HEARD.into_iter().filter_map(|it| NixSignal::try_from(it.as_raw()).ok()).collect();
    if let Err(error) = heard.thread_block() {
        tracing::error!("signals are left to handlers, which an app may replace: {error}");
    }
    let mut stops = 0;
    loop {
        let Ok(signal) = heard.wait() else { continue };
        let Some(signal) = Signal::from_named_raw(signal as i32) else { continue };
        // Without a listener the process is about to end.
        let _ = sender.send(signal);
        if matches!(signal, Signal::TERM | Signal::INT) {
            stops += 1;
            if stops == 2 && second_stop == SecondStop::EndsProcess {
                end_soon(signal, log.clone());
            }
        }
    }
}

/// The exit code of a program. One that panics has one, too: its process serves nothing any more, and
/// this thread alone would never end it.
fn code_of(program: impl FnOnce() -> u8) -> u8 {
    // What a panic leaves behind goes with the process. What it says is on standard error.
    catch_unwind(AssertUnwindSafe(program)).unwrap_or(PANIC)
}

/// Ends the process as `signal` would, if it does not end by itself.
fn end_soon(signal: Signal, log: LogFlusher) {
    let end = move || {
        std::thread::sleep(LAST_MOMENT);
        tracing::error!(
            "the process ends before its time: it did not end by itself within {LAST_MOMENT:?} of \
             the second signal"
        );
        log.flush();
        // Functions that a library has left for the end of the process may never come back.
        let killed = std::thread::Builder::new().spawn(|| {
            std::thread::sleep(LAST_MOMENT);
            kill();
        });
        if killed.is_err() {
            kill();
        }
        std::process::exit(exit_code(signal).into());
    };
    if std::thread::Builder::new().name("end".into()).spawn(end).is_err() {
        kill();
    }
}

fn kill() {
    // It can only fail if the process is gone.
    let _ = kill_process(getpid(), Signal::KILL);
}

/// The exit code with which a shell reports a process that `signal` has ended.
#[must_use]
pub fn exit_code(signal: Signal) -> u8 {
    u8::try_from(128 + signal.as_raw()).unwrap_or(u8::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_panics_has_an_exit_code() {
        assert_eq!(code_of(|| 78), 78);
        assert_eq!(code_of(|| panic!("the program")), 101);
    }
}
