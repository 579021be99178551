//! The first process of a container: it is given the children of those that have ended, and has to let
//! the system forget them.
//!
//! The program itself cannot do so. An app has children of its own in it and waits for them, and which
//! of the children that have ended are the app's, nothing tells. So the first process starts the
//! program once more, as its one child, and does three things: it passes signals on, it forgets what
//! has ended, and it ends with the code of the program.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

use nix::sys::signal::{SigSet, Signal as NixSignal};
use rustix::process::{Pid, Signal, WaitOptions, WaitStatus, getpid, kill_process, wait};

use super::signals::exit_code;

/// What is passed on. The kernel keeps from the first process what it does not wait for.
const PASSED_ON: [NixSignal; 6] = [
    NixSignal::SIGTERM,
    NixSignal::SIGINT,
    NixSignal::SIGHUP,
    NixSignal::SIGQUIT,
    NixSignal::SIGUSR1,
    NixSignal::SIGUSR2,
];

/// Whether this is the first process. One that was handed sockets by process id has to use them
/// itself.
#[must_use]
pub fn is_needed() -> bool {
    getpid().as_raw_nonzero().get() == 1 && std::env::var_os("LISTEN_PID").is_none()
}

/// Runs the program as a child, and gives back its exit code.
///
/// # Errors
/// If it cannot be started.
pub fn run() -> io::Result<u8> {
    let heard: SigSet = PASSED_ON.into_iter().chain([NixSignal::SIGCHLD]).collect();
    heard.thread_block()?;
    let mut command = Command::new(std::env::current_exe()?);
    // In a group of its own, so that a terminal's Ctrl-C comes here alone and is passed on once.
    let child = command.args(std::env::args_os().skip(1)).process_group(0).spawn();
    let program = match child {
        Ok(child) => Pid::from_child(&child),
        Err(error) => {
            heard.thread_unblock()?;
            return Err(error);
        }
    };
    loop {
        let signal = heard.wait()?;
        if signal != NixSignal::SIGCHLD {
            if let Some(signal) = Signal::from_named_raw(signal as i32) {
                // A program that has ended is waited for next.
                kill_process(program, signal).ok();
            }
            continue;
        }
        // One signal may stand for many children.
        while let Ok(Some((ended, status))) = wait(WaitOptions::NOHANG) {
            if ended == program {
                return Ok(code_of(status));
            }
        }
    }
}

/// The code with which a shell reports this end.
fn code_of(status: WaitStatus) -> u8 {
    if let Some(code) = status.exit_status() {
        return u8::try_from(code).unwrap_or(u8::MAX);
    }
    let signal = status.terminating_signal().and_then(Signal::from_named_raw);
    signal.map_or(u8::MAX, exit_code)
}
