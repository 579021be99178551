//! The handlers of signals that the host keeps, whatever code of an app installs in their place.
//!
//! The host hears its signals on a thread that waits for them, and an app cannot take those away. But
//! the kernel may hand a signal to any thread that does not block it and looks at its signals at that
//! moment, as one does that starts another thread; such a thread calls the handler of the process, or
//! nothing if an app ignores the signal. So the handlers are put back after each piece of an app's
//! code that may have replaced them: the initialisers of its library and the hooks of app.rs.
#![allow(unsafe_code)]

use std::mem::MaybeUninit;
use std::sync::OnceLock;

use nix::libc;
use rustix::process::Signal;

/// What was installed when [`keep`] was called; nothing in a process that keeps its handlers to
/// itself.
static KEPT: OnceLock<Vec<(Signal, libc::sigaction)>> = OnceLock::new();

/// Keeps what is installed for `signals` now. Only the first call in a process does anything.
pub(crate) fn keep(signals: &[Signal]) {
    KEPT.get_or_init(|| signals.iter().filter_map(|it| Some((*it, installed(*it)?))).collect());
}

/// Puts back what was kept, and says which signals `taker`, some code of an app, had taken over.
pub(crate) fn put_back(taker: &str) {
    let kept = KEPT.get().map_or(&[][..], Vec::as_slice);
    let taken: Vec<&str> = kept.iter().filter_map(|(signal, kept)| back(*signal, kept)).collect();
    if !taken.is_empty() {
        tracing::warn!(
            "{taker} took over {}, which the host has taken back: what is to run at the end of the \
             app belongs into `shutdown` of app.rs",
            taken.join(", ")
        );
    }
}

/// The name of the signal, if something else than `kept` was installed for it.
fn back(signal: Signal, kept: &libc::sigaction) -> Option<&'static str> {
    if installed(signal)?.sa_sigaction == kept.sa_sigaction {
        return None;
    }
    // SAFETY: `kept` was filled by `sigaction` for this signal, and the code of its handler is the
    // host's own, which is never unmapped; the old action is not asked for.
    let result = unsafe { libc::sigaction(signal.as_raw(), kept, std::ptr::null_mut()) };
    (result == 0).then(|| name(signal))
}

fn installed(signal: Signal) -> Option<libc::sigaction> {
    let mut action = MaybeUninit::uninit();
    // SAFETY: no new action is given, and the old one is written to where there is room for it.
    let result = unsafe { libc::sigaction(signal.as_raw(), std::ptr::null(), action.as_mut_ptr()) };
    // SAFETY: it is written if the call succeeds.
    (result == 0).then(|| unsafe { action.assume_init() })
}

fn name(signal: Signal) -> &'static str {
    match signal {
        Signal::HUP => "SIGHUP",
        Signal::INT => "SIGINT",
        Signal::TERM => "SIGTERM",
        Signal::USR2 => "SIGUSR2",
        _ => "a signal",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One test: a process has one set of handlers.
    #[test]
    fn what_was_installed_is_put_back() {
        put_back("code before there was anything to keep");
        let before = installed(Signal::HUP).unwrap();
        keep(&[Signal::HUP]);
        assert_eq!(back(Signal::HUP, &before), None);
        // SAFETY: ignoring a signal runs no code.
        unsafe { libc::signal(libc::SIGHUP, libc::SIG_IGN) };
        assert_eq!(installed(Signal::HUP).unwrap().sa_sigaction, libc::SIG_IGN);
        put_back("a test");
        assert_eq!(installed(Signal::HUP).unwrap().sa_sigaction, before.sa_sigaction);
    }
}
