//! What runs code of an app when it is dropped: a state that may not be needed any more.

use std::thread;

use crate::process::record::{self, Activity};

/// A value that is dropped on a thread of its own: that may take as long as it likes.
#[derive(Debug)]
pub(super) struct Apart<T: Send + 'static>(Option<T>);

impl<T: Send + 'static> Default for Apart<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T: Send + 'static> From<Option<T>> for Apart<T> {
    fn from(value: Option<T>) -> Self {
        Self(value)
    }
}

impl<T: Send + 'static> Apart<T> {
    pub(super) fn get(&self) -> Option<&T> {
        self.0.as_ref()
    }
}

impl<T: Send + 'static> Drop for Apart<T> {
    fn drop(&mut self) {
        let Some(value) = self.0.take() else { return };
        let run = move || record::run(&Activity::hook("shutdown"), || drop(value));
        if let Err(error) = thread::Builder::new().name("nova-drop".to_owned()).spawn(run) {
            tracing::warn!("the state of an app has no thread to be dropped on: {error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Sender, channel};
    use std::thread::ThreadId;

    use super::*;

    struct State(Sender<ThreadId>);

    impl Drop for State {
        fn drop(&mut self) {
            self.0.send(thread::current().id()).unwrap();
        }
    }

    #[test]
    fn it_is_dropped_elsewhere() {
        let (sender, dropped) = channel();
        let apart = Apart::from(Some(State(sender)));
        assert!(apart.get().is_some());
        drop(apart);
        assert_ne!(dropped.recv().unwrap(), thread::current().id());
    }
}
