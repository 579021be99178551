//! Pages that are libraries of their own, on demand.
//!
//! The supervisor says which pages the app has; what serves is in the table. A request for a page
//! that is in the one and not in the other waits: the supervisor hears that it is wanted, once,
//! and then either the page is published or its failure comes. A client that goes away drops its
//! wait. With all pages in one library nothing waits.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, Response, StatusCode};
use nova_host::generation::body::Body;
use nova_host::site::Site;
use nova_routing::{Pattern, Router};
use parking_lot::Mutex;
use tokio::sync::watch;

use super::reporter::Reporter;
use super::waiting::{self, wants_page};
use crate::dev::wire::message::{Problem, ProblemKind};
use crate::dev::wire::protocol::{PageRoute, ServerEvent};
use crate::terminal::ansi::escaped;

/// What is known of the pages.
pub(crate) struct OnDemandPages {
    known: watch::Sender<PagesState>,
    reporter: Arc<Reporter>,
    /// The page that was asked for last.
    seen: Mutex<String>,
}

#[derive(Default)]
struct PagesState {
    /// Whether pages are libraries of their own.
    in_parts: bool,
    router: Router<String>,
    /// Pages that the library with all of them has in an old version, or not at all.
    stale: BTreeSet<String>,
    failed: BTreeMap<String, Problem>,
    /// Asked for, and not heard of since.
    wanted: BTreeSet<String>,
    /// Another server takes over, and waiting here is in vain.
    closed: bool,
}

impl OnDemandPages {
    pub(crate) fn new(reporter: Arc<Reporter>) -> Self {
        Self { known: watch::Sender::default(), reporter, seen: Mutex::default() }
    }

    /// A browser asked for the page in `file`.
    pub(crate) fn seen(&self, file: &str) {
        let mut seen = self.seen.lock();
        // A page that is asked for again and again is no news.
        if *seen != file {
            file.clone_into(&mut seen);
            self.reporter.report(ServerEvent::Seen { file: file.to_owned() });
        }
    }

    /// The app has these pages now.
    pub(crate) fn routes(&self, pages: Vec<PageRoute>) {
        let mut router = Router::new();
        let stale = pages.iter().filter(|page| page.stale).map(|page| page.file.clone()).collect();
        for PageRoute { pattern, file, .. } in pages {
            // The scan refuses patterns that are invalid, and two of a kind.
            if let Ok(pattern) = Pattern::parse(&pattern) {
                let _ = router.insert(pattern, file);
            }
        }
        self.known.send_modify(|known| {
            known.router = router;
            known.stale = stale;
        });
    }

    /// A page does not compile.
    pub(crate) fn failed(&self, file: String, problem: Problem) {
        self.known.send_modify(|known| {
            known.wanted.remove(&file);
            known.failed.insert(file, problem);
        });
    }

    /// The table is another one.
    pub(crate) fn published(&self, in_parts: bool) {
        self.known.send_modify(|known| {
            known.in_parts = in_parts;
            known.wanted.clear();
        });
    }

    /// Sends those who wait to the server that takes over: what they wait for comes there.
    pub(crate) fn close(&self) {
        self.known.send_modify(|known| known.closed = true);
    }

    /// Waits until the page at `path` serves, if there is one; gives back its failure otherwise.
    pub(crate) async fn ready(
        &self,
        app: &Site,
        path: &str,
        headers: &HeaderMap,
    ) -> Option<Response<Body>> {
        let mut changes = self.known.subscribe();
        loop {
            let file = changes.borrow_and_update().missing(app, path)?;
            if changes.borrow().closed {
                return Some(waiting::response(headers));
            }
            if let Some(problem) = changes.borrow().failed.get(&file) {
                return Some(failure(&file, problem, headers));
            }
            self.want(file);
            // The sender is ours.
            let _ = changes.changed().await;
        }
    }

    fn want(&self, file: String) {
        // No request waits for this set, so none is woken.
        let mut is_new = false;
        self.known.send_if_modified(|known| {
            is_new = known.wanted.insert(file.clone());
            false
        });
        if is_new {
            self.reporter.report(ServerEvent::Wanted { file });
        }
    }
}

impl PagesState {
    /// The page that a request for `path` needs and that does not serve.
    fn missing(&self, app: &Site, path: &str) -> Option<String> {
        if !self.in_parts && self.stale.is_empty() {
            return None;
        }
        let found = self.router.find(path).ok()??;
        if !self.in_parts {
            return self.stale.contains(found.value).then(|| found.value.clone());
        }
        // As in production: a public file comes before a route with parameters.
        if !found.params.is_empty() && app.assets.holds(path) {
            return None;
        }
        let serves = app.switch.table().file_at(path) == Some(found.value.as_str());
        (!serves).then(|| found.value.clone())
    }
}

/// The answer for a page that does not compile, or does not load.
fn failure(file: &str, problem: &Problem, headers: &HeaderMap) -> Response<Body> {
    let what = if problem.kind == ProblemKind::Load { "does not load" } else { "does not compile" };
    let (kind, text) = if wants_page(headers) {
        let (file, title) = (escaped(file), escaped(&problem.title));
        let text = format!(
            "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>{file} \
             {what}</title>\n<style>:root {{ color-scheme: light dark; font: 16px/1.5 system-ui }} \
             body {{ max-width: 60rem; margin: 3rem auto; padding: 0 1rem }} pre {{ overflow-x: auto \
             }}</style>\n<h1>{file} {what}</h1>\n<p>{title}</p>\n<pre>{}</pre>\n</html>\n",
            problem.html
        );
        ("text/html; charset=utf-8", text)
    } else {
        let text = format!("{file} {what}: {}\n", problem.title);
        ("text/plain; charset=utf-8", text)
    };
    Response::builder()
        .status(StatusCode::INTERNAL_SERVER_ERROR)
        .header(CONTENT_TYPE, kind)
        .header(CACHE_CONTROL, "no-store")
        .body(Body::from(text))
        .expect("the headers are constants")
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Seek as _};

    use super::*;
    use nova_host::library::loader::Store;
    use nova_host::site::files::{Assets, Caching};
    use nova_host::swap::{SwapSettings, Switch};

    #[tokio::test]
    async fn a_missing_page_is_wanted_once_and_waited_for_until_it_fails() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        std::fs::write(dir.path().join("logo.svg"), "<svg/>").expect("a file");
        let store = Store::open(dir.path().join("store")).expect("a store");
        let assets = Assets::new(vec![dir.path().to_owned()], Caching::Revalidate);
        let switch = Switch::new(SwapSettings::default(), store);
        let app = Site::new(Arc::new(switch), Arc::new(assets));
        let mut events = tempfile::tempfile().expect("a file");
        let pages = OnDemandPages::new(Reporter::to(events.try_clone().expect("a descriptor")));
        let page = |pattern: &str, file: &str| PageRoute {
            pattern: pattern.into(),
            file: file.into(),
            stale: file == "pages/old.rs",
        };
        pages.routes(vec![
            page("/a", "pages/a.rs"),
            page("/old", "pages/old.rs"),
            page("/{id}", "pages/[id].rs"),
        ]);

        let none = HeaderMap::new();
        let waits = async |path: &str| {
            let ready = pages.ready(&app, path, &none);
            tokio::select! {
                biased;
                response = ready => response.map(|it| it.status().as_u16()),
                () = std::future::ready(()) => Some(0),
            }
        };
        assert_eq!(waits("/a").await, None, "all pages are in one library");
        assert_eq!(waits("/old").await, Some(0), "but this one is another by now");
        pages.published(true);
        assert_eq!(waits("/a").await, Some(0), "it waits");
        assert_eq!(waits("/a").await, Some(0), "another one does, too");
        assert_eq!(waits("/logo.svg").await, None, "a public file comes first");
        assert_eq!(waits("/a/b").await, None, "there is no such page");
        assert_eq!(waits("/7").await, Some(0));

        let (failed, ()) = tokio::join!(pages.ready(&app, "/a", &none), async {
            pages.failed("pages/a.rs".into(), Problem::new(ProblemKind::Compile, "mismatched", ""));
        });
        assert_eq!(failed.expect("a failure").status(), StatusCode::INTERNAL_SERVER_ERROR);

        let mut text = String::new();
        events.rewind().expect("a file");
        events.read_to_string(&mut text).expect("a text");
        assert_eq!(text.matches("pages/a.rs").count(), 1, "{text}");
        assert_eq!(text.matches("pages/[id].rs").count(), 1, "{text}");
    }
}
