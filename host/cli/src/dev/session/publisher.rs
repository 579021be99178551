//! What the engine has compiled, on its way to the server: one after the other, while the session
//! goes on with everything else.

use std::collections::VecDeque;
use std::time::Instant;

use nova_host::library::loader::BuildId;
use nova_host::library::start::StartInfo;
use tokio::task::JoinHandle;

use crate::dev::build::engine::Publication;
use crate::dev::child::handle::ServerHandle;
use crate::dev::wire::protocol::{Load, LoadOutcome, Refusal};

/// Publications for the server to take.
#[derive(Debug)]
pub(crate) struct Publisher {
    server: ServerHandle,
    /// The app library that serves.
    serves: Option<BuildId>,
    /// How often open pages were told to look again.
    updates: u64,
    waiting: VecDeque<(Publication, StartInfo)>,
    current: Option<PendingPublication>,
}

/// A publication that the server is taking.
#[derive(Debug)]
struct PendingPublication {
    publication: Publication,
    asked: Instant,
    answer: JoinHandle<Result<LoadOutcome, Refusal>>,
}

/// What became of a publication.
#[derive(Debug)]
pub(crate) struct PublishReport {
    pub(crate) publication: Publication,
    /// When the server was asked.
    pub(crate) asked: Instant,
    pub(crate) result: Result<LoadOutcome, Refusal>,
}

impl Publisher {
    /// A publisher for a server that has nothing yet.
    pub(crate) fn new(server: ServerHandle) -> Self {
        let (serves, updates, waiting, current) = (None, 0, VecDeque::new(), None);
        Self { server, serves, updates, waiting, current }
    }

    /// The server shall take this when it has taken all before it; apps are started with `info`.
    pub(crate) fn add(&mut self, publication: Publication, info: StartInfo) {
        self.waiting.push_back((publication, info));
        self.go_on();
    }

    /// Nothing that waits is to be brought to the server.
    pub(crate) fn forget(&mut self) {
        self.waiting.clear();
    }

    /// What served is gone, and will not be started again.
    pub(crate) fn nothing_serves(&mut self) {
        self.serves = None;
    }

    /// Waits until the server has answered. A call that is given up loses nothing.
    pub(crate) async fn next_report(&mut self) -> PublishReport {
        let Some(pending) = &mut self.current else {
            return std::future::pending().await;
        };
        let result = match (&mut pending.answer).await {
            Ok(result) => result,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        };
        let pending = self.current.take().expect("it was there just now");
        let PendingPublication { publication, asked, answer: _ } = pending;
        if result.is_ok() {
            self.serves = Some(publication.app.build.clone());
        }
        self.go_on();
        PublishReport { publication, asked, result }
    }

    /// Asks the server to take the next, if it has nothing else to take.
    fn go_on(&mut self) {
        if self.current.is_some() {
            return;
        }
        let Some((publication, info)) = self.waiting.pop_front() else { return };
        let pages = publication.pages.clone();
        let is_same_app = self.serves.as_ref() == Some(&publication.app.build);
        // A page that was asked for is nothing new for those that are open.
        if !is_same_app || !publication.changes.is_empty() {
            self.updates += 1;
        }
        // With the session in it: the next one may begin with this very app library, and a page
        // that stayed open over both must notice what was saved between them.
        let session = std::process::id();
        let version = format!("{}.{session}.{}", publication.app.build.short(), self.updates);
        let load = if is_same_app {
            Load::Attach { pages, version }
        } else {
            Load::Open { app: publication.app.clone(), pages, version, info }
        };
        let server = self.server.clone();
        let answer = tokio::spawn(async move { server.load(load).await });
        self.current = Some(PendingPublication { publication, asked: Instant::now(), answer });
    }
}
