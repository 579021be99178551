//! What every open page is told, and what a page that comes later must know.
//!
//! The hub keeps the present state (the version that serves, the stylesheet, what is wrong) and
//! a broadcast channel. A subscriber first gets the state, then every change; one that fell
//! behind gets the state again, which is as good as everything it missed.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;
use futures_core::Stream;
use http_body::Frame;
use http_body_util::StreamBody;
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use super::paths::is_own;
use crate::dev::wire::message::{Message, Problem};
use crate::dev::wire::progress::Progress;
use crate::dev::wire::protocol::Topic;
use crate::dev::wire::public_file::PublicFile;

/// Proxies and browsers give up on a silent connection.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// A page that lost its connection asks again after this long; short, for a host that restarts.
const RETRY: &str = "retry: 300\n\n";

/// A subscriber that is this many events behind is given the state instead.
const BACKLOG: usize = 64;

/// The state and the channel. One per server.
pub(crate) struct Hub {
    inner: Mutex<HubInner>,
}

struct HubInner {
    state: HubState,
    /// The pages that are on screen, by subscription, the latest last.
    screens: BTreeMap<u64, String>,
    subscriptions: u64,
    /// `None` once the hub is closed.
    events: Option<broadcast::Sender<Bytes>>,
}

#[derive(Default)]
struct HubState {
    build: Option<String>,
    revision: u64,
    style: Option<String>,
    problems: BTreeMap<Topic, Vec<Problem>>,
    progress: Option<Progress>,
    note: Option<String>,
}

/// What a page is told about itself when it is served.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PageVersion {
    /// The version whose change makes the page reload; none before the first good build.
    pub(crate) version: Option<String>,
    /// The address of its stylesheet.
    pub(crate) style: Option<String>,
}

impl Hub {
    /// A hub before the first build.
    pub(crate) fn new() -> Self {
        Self {
            inner: Mutex::new(HubInner {
                state: HubState::default(),
                screens: BTreeMap::new(),
                subscriptions: 0,
                events: Some(broadcast::Sender::new(BACKLOG)),
            }),
        }
    }

    /// What a page that is served now must remember.
    pub(crate) fn served(&self) -> PageVersion {
        let inner = self.lock();
        PageVersion { version: inner.state.version(), style: inner.state.style.clone() }
    }

    /// Another build serves.
    pub(crate) fn published(&self, build: &str) {
        let mut inner = self.lock();
        inner.state.progress = None;
        if inner.state.build.as_deref() != Some(build) {
            inner.state.build = Some(build.to_owned());
            inner.reload();
        }
    }

    /// The stylesheet has another address, which open pages load in its place.
    pub(crate) fn restyled(&self, href: &str) {
        let mut inner = self.lock();
        if inner.state.style.as_deref() != Some(href) {
            inner.state.style = Some(href.to_owned());
            let href = href.to_owned();
            inner.send(&Message::Css { href });
        }
    }

    /// These public files changed, which is the nth change of the kind.
    pub(crate) fn refreshed(&self, revision: u64, files: Vec<PublicFile>) {
        let mut inner = self.lock();
        if inner.state.revision != revision {
            inner.state.revision = revision;
            if let Some(version) = inner.state.version() {
                inner.send(&Message::Public { version, files });
            }
        }
    }

    /// These are now the problems of one topic; none means they are solved.
    pub(crate) fn problems(&self, topic: Topic, problems: Vec<Problem>) {
        let mut inner = self.lock();
        let before = inner.state.problems.remove(&topic).unwrap_or_default();
        let changed = before != problems;
        if !problems.is_empty() {
            inner.state.problems.insert(topic, problems);
        }
        if changed {
            let message = inner.state.condition();
            inner.send(&message);
        }
    }

    /// A handler panicked, or answered with an error: shown where a page is open, and not kept.
    pub(crate) fn request_failed(&self, problem: Problem) {
        self.lock().send(&Message::Panic { problem });
    }

    /// How far the first build is.
    pub(crate) fn progress(&self, progress: Progress) {
        let mut inner = self.lock();
        inner.send(&message(&progress));
        inner.state.progress = Some(progress);
    }

    /// Something to know, which each page shows once.
    pub(crate) fn note(&self, text: String) {
        let mut inner = self.lock();
        inner.state.note = Some(text.clone());
        inner.send(&Message::Note { text });
    }

    /// What the dev page shows is different.
    pub(crate) fn state_changed(&self) {
        self.lock().send(&Message::State);
    }

    /// Everything that is wrong at present.
    pub(crate) fn current(&self) -> Vec<Problem> {
        self.lock().state.problems.values().flatten().cloned().collect()
    }

    /// Ends every subscription, so that a graceful stop need not wait for open pages.
    pub(crate) fn close(&self) {
        self.lock().events = None;
    }

    /// The paths of the pages that are on screen, the latest last: what matters first.
    pub(crate) fn screens(&self) -> Vec<String> {
        self.lock().screens.values().cloned().collect()
    }

    /// The body of one `/__nova/events` response, with everything from now on. `page` is the path
    /// of the page that is on screen there.
    pub(crate) fn subscribe(
        self: Arc<Self>,
        page: Option<String>,
    ) -> StreamBody<impl Stream<Item = Result<Frame<Bytes>, Infallible>> + Send + use<>> {
        let (greeting, events) = self.join();
        let screen = self.screen(page);
        let mut greeting = Bytes::from([RETRY.as_bytes(), &greeting].concat());
        StreamBody::new(async_stream::stream! {
            // Dropped with the stream: then the page is not on screen any more.
            let _screen = screen;
            let Some(mut events) = events else { return };
            loop {
                yield Ok(Frame::data(std::mem::take(&mut greeting)));
                greeting = loop {
                    match tokio::time::timeout(KEEP_ALIVE, events.recv()).await {
                        Ok(Ok(event)) => yield Ok(Frame::data(event)),
                        Ok(Err(RecvError::Lagged(_))) => break self.lock().state.greeting(),
                        Ok(Err(RecvError::Closed)) => return,
                        Err(_) => yield Ok(Frame::data(Bytes::from_static(b":\n\n"))),
                    }
                };
            }
        })
    }

    /// The state, and every event from just after it.
    fn join(&self) -> (Bytes, Option<broadcast::Receiver<Bytes>>) {
        let inner = self.lock();
        let events = inner.events.as_ref().map(broadcast::Sender::subscribe);
        (inner.state.greeting(), events)
    }

    fn screen(self: &Arc<Self>, page: Option<String>) -> Option<Screen> {
        let page = page.filter(|page| !is_own(page))?;
        let mut inner = self.lock();
        inner.subscriptions += 1;
        let id = inner.subscriptions;
        inner.screens.insert(id, page);
        Some(Screen { hub: Arc::downgrade(self), id })
    }

    /// No code panics while it holds the lock, and the state is whole after every statement.
    fn lock(&self) -> MutexGuard<'_, HubInner> {
        self.inner.lock()
    }
}

/// A page that is on screen; dropping it takes it off.
struct Screen {
    hub: Weak<Hub>,
    id: u64,
}

impl Drop for Screen {
    fn drop(&mut self) {
        if let Some(hub) = self.hub.upgrade() {
            hub.lock().screens.remove(&self.id);
        }
    }
}

impl HubInner {
    fn send(&self, message: &Message) {
        if let Some(events) = &self.events {
            // Without a page that listens it goes nowhere.
            let _ = events.send(event(message));
        }
    }

    fn reload(&self) {
        if let Some(version) = self.state.version() {
            self.send(&Message::Reload { version });
        }
    }
}

impl HubState {
    fn version(&self) -> Option<String> {
        let build = self.build.as_ref()?;
        Some(format!("{build}.{}", self.revision))
    }

    fn condition(&self) -> Message {
        if self.problems.is_empty() {
            Message::Ok
        } else {
            let problems = self.problems.values().flatten().cloned().collect();
            Message::Error { problems }
        }
    }

    /// Everything that a page which just arrived must know.
    fn greeting(&self) -> Bytes {
        let mut bytes = Vec::new();
        bytes.extend(event(&Message::Hello { version: self.version(), style: self.style.clone() }));
        bytes.extend(event(&self.condition()));
        if let Some(progress) = &self.progress {
            bytes.extend(event(&message(progress)));
        }
        if let Some(text) = self.note.clone() {
            bytes.extend(event(&Message::Note { text }));
        }
        bytes.into()
    }
}

fn message(progress: &Progress) -> Message {
    Message::Progress { text: progress.to_string(), share: progress.share() }
}

/// One server-sent event. JSON escapes line breaks, so a message is a single `data` line.
fn event(message: &Message) -> Bytes {
    let json = serde_json::to_string(message).expect("a message has only string keys");
    format!("data: {json}\n\n").into()
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;
    use crate::dev::wire::message::ProblemKind;

    /// Reads the frames of a closed hub's subscription, as text.
    async fn all(body: impl http_body::Body<Data = Bytes, Error = Infallible>) -> String {
        let bytes = body.collect().await.expect("infallible").to_bytes();
        String::from_utf8(bytes.to_vec()).expect("UTF-8")
    }

    fn problem(title: &str) -> Problem {
        Problem::new(ProblemKind::Compile, title, "")
    }

    #[tokio::test]
    async fn a_late_joiner_learns_the_state() {
        let hub = Arc::new(Hub::new());
        hub.published("abc");
        hub.restyled("/style.css?1");
        hub.problems(Topic::Build, vec![problem("mismatched types")]);
        let mut body = Box::pin(hub.clone().subscribe(None));
        let hello = body.frame().await.expect("a frame").expect("infallible");
        insta::assert_snapshot!(
            String::from_utf8_lossy(&hello.into_data().expect("data")),
            @r#"
        retry: 300

        data: {"type":"hello","version":"abc.0","style":"/style.css?1"}

        data: {"type":"error","problems":[{"kind":"compile","title":"mismatched types","file":null,"line":null,"column":null,"html":""}]}
        "#
        );
        hub.close();
        assert_eq!(all(body).await, "");
    }

    #[tokio::test]
    async fn changes_arrive_in_order_and_only_changes() {
        let hub = Arc::new(Hub::new());
        let mut body = Box::pin(hub.clone().subscribe(None));
        body.frame().await.expect("a frame").expect("infallible");
        hub.published("a");
        hub.published("a");
        hub.problems(Topic::Build, vec![problem("one")]);
        hub.problems(Topic::Build, vec![problem("one")]);
        hub.problems(Topic::Build, vec![]);
        hub.restyled("/1.css");
        hub.restyled("/2.css");
        hub.restyled("/2.css");
        hub.refreshed(1, Vec::new());
        hub.close();
        let types: Vec<_> = all(body)
            .await
            .split_terminator("\n\n")
            .map(|event| {
                let json = event.strip_prefix("data: ").expect("a data line");
                let value: serde_json::Value = serde_json::from_str(json).expect("JSON");
                let part = |key: &str| value[key].as_str().unwrap_or_default().to_owned();
                [part("type"), part("version"), part("href")].join(" ").trim().to_owned()
            })
            .collect();
        assert_eq!(
            types,
            ["reload a.0", "error", "ok", "css  /1.css", "css  /2.css", "public a.1"]
        );
    }

    #[tokio::test]
    async fn what_is_on_screen_is_known_as_long_as_it_is() {
        let hub = Arc::new(Hub::new());
        let first = hub.clone().subscribe(Some("/a".to_owned()));
        let second = hub.clone().subscribe(Some("/b".to_owned()));
        let unnamed = hub.clone().subscribe(None);
        assert_eq!(hub.screens(), ["/a", "/b"]);
        drop((first, unnamed));
        assert_eq!(hub.screens(), ["/b"]);
        drop(second);
        assert!(hub.screens().is_empty());
    }

    #[tokio::test]
    async fn a_subscriber_that_fell_behind_gets_the_state_again() {
        let hub = Arc::new(Hub::new());
        let mut body = Box::pin(hub.clone().subscribe(None));
        body.frame().await.expect("a frame").expect("infallible");
        for build in 0..=BACKLOG {
            hub.published(&build.to_string());
        }
        let frame = body.frame().await.expect("a frame").expect("infallible");
        let text = String::from_utf8(frame.into_data().expect("data").to_vec()).expect("UTF-8");
        assert!(text.starts_with(r#"data: {"type":"hello","version":"64.0""#), "{text}");
    }
}
