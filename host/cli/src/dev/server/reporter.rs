//! Reporting events to the supervisor, from any thread.

use std::sync::{Mutex, PoisonError};

use nova_host::process::Answers;

use crate::dev::wire::protocol::Event;

/// The way to the supervisor.
pub(crate) struct Reporter(Mutex<Answers>);

impl Reporter {
    pub(crate) fn new(answers: Answers) -> Self {
        Self(Mutex::new(answers))
    }

    /// A reporter that nobody listens to.
    #[cfg(test)]
    pub(crate) fn to_nobody() -> std::sync::Arc<Self> {
        Self::to(tempfile::tempfile().expect("a file"))
    }

    /// A reporter that writes into a file.
    #[cfg(test)]
    pub(crate) fn to(file: std::fs::File) -> std::sync::Arc<Self> {
        std::sync::Arc::new(Self::new(Answers::to(file)))
    }

    /// Reports an event.
    pub(crate) fn report(&self, event: Event) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).send(event);
    }
}
