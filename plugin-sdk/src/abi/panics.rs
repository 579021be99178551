//! Panics of pages: caught around each poll, with the place that std's hook saw.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind};
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};

use nova_abi::Panic;
use nova_abi::abi_stable::std_types::RString;

thread_local! {
    /// Whether [`catch`] is on this thread's stack.
    static CATCHING: Cell<bool> = const { Cell::new(false) };
    /// What the hook saw last on this thread.
    static SEEN: RefCell<Option<Panic>> = const { RefCell::new(None) };
}

/// Runs `f`; a panic in it becomes a value, with place and backtrace where the hook is installed.
pub(super) fn catch<T>(f: impl FnOnce() -> T) -> Result<T, Panic> {
    let outer = CATCHING.replace(true);
    let result = catch_unwind(AssertUnwindSafe(f));
    CATCHING.set(outer);
    result.map_err(|payload| {
        let message = text(&*payload);
        // A payload may panic in its drop; a panic is rare, so it is leaked instead.
        std::mem::forget(payload);
        SEEN.take().unwrap_or_else(|| {
            // Another hook has taken the place of ours since. A thread that panics may not change it.
            if !std::thread::panicking() {
                install_hook();
            }
            Panic::from_message(message)
        })
    })
}

/// What people read about a panic.
pub(super) fn describe(panic: &Panic) -> String {
    if panic.location.is_empty() {
        panic.message.to_string()
    } else {
        format!("{} at {}", panic.message, panic.location)
    }
}

/// Where the hook is that [`install_hook`] has installed last.
static INSTALLED: Mutex<usize> = Mutex::new(0);

type Hook = Box<dyn Fn(&PanicHookInfo<'_>) + Send + Sync>;

/// Keeps place and backtrace of the panics that [`catch`] catches; all others go to the hook that
/// was there before. A library has a std of its own, so this is no business of the host.
///
/// An app may have put a hook of its own in the place of ours. That one then hears of every panic,
/// as it would without us, but after us.
///
/// App libraries that share an image share this crate, and the hook is installed once. A second
/// image puts its hook before the first one's on the std that both share: each knows its own
/// panics, because what it looks at is this crate's own.
pub(super) fn install_hook() {
    let mut installed = INSTALLED.lock().unwrap_or_else(PoisonError::into_inner);
    let before = std::panic::take_hook();
    if address(&before) == *installed {
        return std::panic::set_hook(before);
    }
    let is_first = *installed == 0;
    let hook: Hook = Box::new(move |info| {
        // While a thread ends its locals are gone; such a panic is nobody's page.
        let is_caught = CATCHING.try_with(Cell::get).unwrap_or(false);
        if is_caught {
            let _ = SEEN.try_with(|seen| seen.replace(Some(seen_by(info))));
        }
        // The hook of std prints what the host logs.
        if !is_caught || !is_first {
            before(info);
        }
    });
    *installed = address(&hook);
    std::panic::set_hook(hook);
}

/// What tells hooks apart: where the closure lies, which has captured something.
fn address(hook: &Hook) -> usize {
    std::ptr::from_ref(&**hook).addr()
}

fn seen_by(info: &PanicHookInfo<'_>) -> Panic {
    // Made only where RUST_BACKTRACE or the dev server asks for it: it costs milliseconds.
    let backtrace = if crate::is_dev() { Backtrace::force_capture() } else { Backtrace::capture() };
    let backtrace = match backtrace.status() {
        BacktraceStatus::Captured => backtrace.to_string().into(),
        _ => RString::new(),
    };
    Panic {
        message: text(info.payload()).into(),
        location: info.location().map(ToString::to_string).unwrap_or_default().into(),
        backtrace,
    }
}

fn text(payload: &(dyn std::any::Any + Send)) -> String {
    match payload.downcast_ref::<&str>() {
        Some(text) => (*text).to_owned(),
        None => payload
            .downcast_ref::<String>()
            .cloned()
            .unwrap_or_else(|| "a panic whose payload is not a text".to_owned()),
    }
}

/// A future whose panic is its output.
pub(super) struct Caught<F>(Pin<Box<F>>);

impl<F: Future> Caught<F> {
    pub(super) fn new(future: F) -> Self {
        Self(Box::pin(future))
    }
}

impl<F: Future> Future for Caught<F> {
    type Output = Result<F::Output, Panic>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match catch(|| self.0.as_mut().poll(cx)) {
            Ok(poll) => poll.map(Ok),
            Err(panic) => Poll::Ready(Err(panic)),
        }
    }
}
