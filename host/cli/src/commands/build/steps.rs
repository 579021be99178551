//! The progress of a build, on standard error: `[2/6] compiling the library … 12.3 s`.
//!
//! In a terminal the line of the step that runs says what it is at; elsewhere it is written once,
//! when the step is done. What a step has to say besides stands on lines of its own.

use std::cell::{Cell, RefCell};
use std::io::{IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use crate::terminal::style::{DIM, took};

/// Numbers the steps of a build, and takes their times.
pub(in crate::commands) struct Steps {
    total: Cell<usize>,
    is_terminal: bool,
    state: RefCell<State>,
}

#[derive(Default)]
struct State {
    done: Vec<(&'static str, Duration)>,
    /// What the step that runs is called.
    running: &'static str,
    /// Whether the line of the step is on the terminal, without its end.
    open: bool,
}

impl Steps {
    /// For so many steps.
    pub(in crate::commands) fn new(total: usize) -> Self {
        let is_terminal = std::io::stderr().is_terminal();
        Self { total: Cell::new(total), is_terminal, state: RefCell::default() }
    }

    /// One step has shown to be more.
    pub(in crate::commands) fn one_more(&self) {
        self.total.set(self.total.get() + 1);
    }

    /// Runs one step.
    ///
    /// # Errors
    /// Those of the step.
    pub(in crate::commands) fn run<T>(
        &self,
        name: &'static str,
        step: impl FnOnce() -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        self.state.borrow_mut().running = name;
        self.at("");
        let began = Instant::now();
        let result = step();
        let elapsed = began.elapsed();
        if result.is_ok() {
            self.close_with(&format!("{DIM}{}{DIM:#}", took(elapsed)));
            self.state.borrow_mut().done.push((name, elapsed));
        } else {
            self.interrupt();
        }
        result
    }

    /// Shows what the step that runs is at.
    pub(in crate::commands) fn at(&self, detail: &str) {
        if self.is_terminal {
            anstream::eprint!("\r{}{DIM}{detail}{DIM:#}\x1b[K", self.head());
            let _ = std::io::stderr().flush();
            self.state.borrow_mut().open = true;
        }
    }

    /// Writes lines of their own; the step's line comes again below them.
    pub(in crate::commands) fn say(&self, text: &str) {
        self.interrupt();
        anstream::eprintln!("{text}");
    }

    /// The steps that are done, with their times.
    pub(in crate::commands) fn done(&self) -> Vec<(&'static str, Duration)> {
        self.state.borrow().done.clone()
    }

    fn head(&self) -> String {
        let state = self.state.borrow();
        format!("[{}/{}] {} … ", state.done.len() + 1, self.total.get(), state.running)
    }

    fn close_with(&self, end: &str) {
        let again = if self.is_terminal { "\r" } else { "" };
        let rest = if self.is_terminal { "\x1b[K" } else { "" };
        anstream::eprintln!("{again}{}{end}{rest}", self.head());
        self.state.borrow_mut().open = false;
    }

    fn interrupt(&self) {
        if std::mem::take(&mut self.state.borrow_mut().open) {
            anstream::eprint!("\r\x1b[K");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_counted_and_one_that_fails_is_not_done() {
        let steps = Steps::new(2);
        assert_eq!(steps.run("reading", || Ok(7)).unwrap(), 7);
        assert_eq!(steps.head(), "[2/2] reading … ");
        let failed = steps.run("compiling", || anyhow::bail!("no compiler")) as anyhow::Result<()>;
        assert_eq!(failed.unwrap_err().to_string(), "no compiler");
        let done: Vec<_> = steps.done().into_iter().map(|(name, _)| name).collect();
        assert_eq!(done, ["reading"]);
    }
}
