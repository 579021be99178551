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

/// Libraries that the server shall take.
#[derive(Debug, Default)]
pub(crate) struct Publisher {
    /// The app library that serves.
    serves: Option<BuildId>,
    /// How often open pages were told to look again.
    updates: u64,
    waiting: VecDeque<Publication>,
    current: Option<CurrentPublication>,
}

/// Libraries that the server is taking.
#[derive(Debug)]
struct CurrentPublication {
    publication: Publication,
    at: Instant,
    answer: JoinHandle<Result<LoadOutcome, Refusal>>,
}

/// What became of them.
#[derive(Debug)]
pub(crate) struct PublishReport {
    pub(crate) publication: Publication,
    /// When the server was asked.
    pub(crate) asked: Instant,
    pub(crate) result: Result<LoadOutcome, Refusal>,
}

impl Publisher {
    /// The server shall take these when it has taken all before them.
    pub(crate) fn add(
        &mut self,
        publication: Publication,
        server: &ServerHandle,
        info: &StartInfo,
    ) {
        self.waiting.push_back(publication);
        self.go_on(server, info);
    }

    /// Asks the server for the next, if it has nothing else to take.
    pub(crate) fn go_on(&mut self, server: &ServerHandle, info: &StartInfo) {
        if self.current.is_some() {
            return;
        }
        let Some(publication) = self.waiting.pop_front() else { return };
        let pages = publication.pages.clone();
        let is_same_app = self.serves.as_ref() == Some(&publication.app.build);
        // A page that was asked for is nothing new for those that are open.
        if !is_same_app || !publication.changes.is_empty() {
            self.updates += 1;
        }
        let version = format!("{}.{}", publication.app.build.short(), self.updates);
        let load = if is_same_app {
            Load::Attach { pages, version }
        } else {
            Load::Open { app: publication.app.clone(), pages, version, info: info.clone() }
        };
        let server = server.clone();
        let answer = tokio::spawn(async move { server.load(load).await });
        self.current = Some(CurrentPublication { publication, at: Instant::now(), answer });
    }

    /// What served is gone, and will not be started again.
    pub(crate) fn nothing_serves(&mut self) {
        self.serves = None;
    }

    /// Waits until the server has answered. A call that is given up loses nothing.
    pub(crate) async fn next(&mut self) -> PublishReport {
        let Some(CurrentPublication { answer, .. }) = &mut self.current else {
            return std::future::pending().await;
        };
        let result = match answer.await {
            Ok(result) => result,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        };
        let CurrentPublication { publication, at: asked, .. } =
            self.current.take().expect("it was there just now");
        if result.is_ok() {
            self.serves = Some(publication.app.build.clone());
        }
        PublishReport { publication, asked, result }
    }
}
