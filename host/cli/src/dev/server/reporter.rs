//! Reporting events to the supervisor, from any thread.

use parking_lot::Mutex;

use nova_host::process::Answers;

use crate::dev::wire::protocol::ServerEvent;

/// The way to the supervisor.
pub(crate) struct Reporter(Mutex<Answers>);

impl Reporter {
    pub(crate) fn new(answers: Answers) -> Self {
        Self(Mutex::new(answers))
    }

    /// A reporter without a listener.
    #[cfg(test)]
    pub(crate) fn unheard() -> std::sync::Arc<Self> {
        Self::to(tempfile::tempfile().expect("a file"))
    }

    /// A reporter that writes into a file.
    #[cfg(test)]
    pub(crate) fn to(file: std::fs::File) -> std::sync::Arc<Self> {
        std::sync::Arc::new(Self::new(Answers::to(file)))
    }

    /// Reports an event.
    pub(crate) fn report(&self, event: ServerEvent) {
        self.0.lock().send(event);
    }
}
