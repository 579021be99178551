//! What the server was told and must be told again when another takes its place.

use std::collections::BTreeMap;
use std::path::PathBuf;

use nova_host::generation::GenerationId;
use nova_host::library::start::StartInfo;

use crate::dev::wire::message::Problem;
use crate::dev::wire::progress::Progress;
use crate::dev::wire::protocol::{Load, Order, PageRoute, Topic};
use crate::dev::wire::quarantine::Quarantine;
use crate::dev::wire::state::DevState;

/// The sum of all orders.
#[derive(Debug, Default)]
pub(crate) struct ReplayState {
    /// What serves; for a library, its private copy.
    pub(crate) load: Option<Load>,
    /// The last number that was given.
    pub(crate) generation: GenerationId,
    pub(crate) quarantine: Quarantine,
    /// Why the server before ended, where no page is to blame.
    unexplained: Option<Problem>,
    problems: BTreeMap<Topic, Vec<Problem>>,
    style: Option<(String, String)>,
    revision: u64,
    progress: Option<Progress>,
    note: Option<String>,
    state: Option<Box<DevState>>,
    routes: Vec<PageRoute>,
    failed: BTreeMap<String, Problem>,
}

impl ReplayState {
    /// Keeps what lasts of an order.
    pub(crate) fn keep(&mut self, order: &Order) {
        match order.clone() {
            Order::Problems { topic, problems } => {
                self.problems.insert(topic, problems);
            }
            Order::Style { href, css } => self.style = Some((href, css)),
            Order::Refreshed { revision, .. } => self.revision = revision,
            Order::Progress(progress) => self.progress = Some(progress),
            Order::Routes(routes) => self.routes = routes,
            Order::PageFailed { file, problem } => {
                self.failed.insert(file, problem);
            }
            Order::State(state) => self.state = Some(state),
            Order::Quarantine(page) => self.quarantine.add(page),
            Order::Note(text) => self.note = Some(text),
            // Done at once, or kept where it is given.
            Order::Load { .. }
            | Order::Public
            | Order::Serve
            | Order::Control
            | Order::Leave { .. }
            | Order::Stop => {}
        }
    }

    /// This code serves now, as a generation of this number. In quarantine stay the pages that the
    /// server was told to leave there with the load.
    pub(crate) fn serves(&mut self, load: Load, generation: GenerationId, same: &[String]) {
        // Who waits for a page asks again.
        self.failed.clear();
        self.quarantine.keep_only(same);
        self.serves_again(load, generation);
        self.unexplained = None;
        self.problems.insert(Topic::Crash, self.crashes());
    }

    /// `load` in a form that needs nothing before it.
    pub(crate) fn whole(&self, load: Load) -> Load {
        match (load, &self.load) {
            (Load::Attach { pages, version }, Some(Load::Open { app, info, .. })) => {
                Load::Open { app: app.clone(), pages, version, info: info.clone() }
            }
            (load, _) => load,
        }
    }

    /// The pages whose libraries are the same in `load` and in what serves.
    pub(crate) fn unchanged(&self, load: &Load) -> Vec<String> {
        let (Some(Load::Open { app: old_app, pages: old, .. }), Load::Open { app, pages, .. }) =
            (&self.load, load)
        else {
            return Vec::new();
        };
        let same = pages.iter().filter(|page| old_app == app && old.contains(page));
        same.map(|page| page.file.clone()).collect()
    }

    /// The code that served before does so again, as a generation of this number.
    pub(crate) fn serves_again(&mut self, load: Load, generation: GenerationId) {
        self.load = Some(load);
        self.generation = generation;
        self.progress = None;
    }

    /// The server ended, and no page is to blame.
    pub(crate) fn ended_by_itself(&mut self, problem: Problem) {
        self.unexplained = Some(problem);
    }

    /// What the pages that are not called have done, and what is not explained.
    pub(crate) fn crashes(&self) -> Vec<Problem> {
        self.unexplained.iter().cloned().chain(self.quarantine.problems()).collect()
    }

    /// Everything but the code, as orders.
    pub(crate) fn orders(&self) -> Vec<Order> {
        let mut orders = Vec::new();
        if let Some((href, css)) = self.style.clone() {
            orders.push(Order::Style { href, css });
        }
        orders.push(Order::Refreshed { revision: self.revision, files: Vec::new() });
        orders.extend(self.progress.clone().map(Order::Progress));
        orders.extend(self.note.clone().map(Order::Note));
        if !self.routes.is_empty() {
            orders.push(Order::Routes(self.routes.clone()));
        }
        let failed = self.failed.clone().into_iter();
        orders.extend(failed.map(|(file, problem)| Order::PageFailed { file, problem }));
        orders.extend(self.state.clone().map(Order::State));
        orders.extend(self.quarantine.pages().cloned().map(Order::Quarantine));
        for (&topic, problems) in &self.problems {
            orders.push(Order::Problems { topic, problems: problems.clone() });
        }
        orders
    }
}

/// Where the private copy of a library lies.
pub(crate) fn copy_of(store: &std::path::Path, build_id: &str, info: StartInfo) -> Load {
    let path: PathBuf = store.join(format!("libnova_routes-{build_id}.so"));
    Load::Library { path, info }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dev::wire::message::ProblemKind;
    use crate::dev::wire::quarantine::QuarantinedPage;
    use nova_host::library::loader::BuildId;
    use nova_parts::{PageLibrary, PartedApp};

    fn page_in_quarantine(page: &str) -> QuarantinedPage {
        QuarantinedPage { page: page.into(), problem: Problem::new(ProblemKind::Crash, page, "") }
    }

    fn library(path: &str) -> Load {
        Load::Library { path: path.into(), info: StartInfo::default() }
    }

    #[test]
    fn the_last_word_on_each_subject_is_said_again() {
        let mut replay = ReplayState::default();
        for order in [
            Order::Style { href: "/1".into(), css: "a".into() },
            Order::Style { href: "/2".into(), css: "b".into() },
            Order::Refreshed { revision: 4, files: Vec::new() },
            Order::Progress(Progress::App),
            Order::Quarantine(page_in_quarantine("pages/a.rs")),
            Order::Quarantine(page_in_quarantine("pages/b.rs")),
            Order::Quarantine(page_in_quarantine("pages/a.rs")),
            Order::Problems { topic: Topic::Build, problems: vec![] },
            Order::Public,
        ] {
            replay.keep(&order);
        }
        replay.quarantine.release("pages/b.rs");
        let said: Vec<_> =
            replay.orders().iter().map(|it| serde_json::to_string(it).expect("JSON")).collect();
        insta::assert_snapshot!(said.join("\n"), @r#"
        {"Style":{"href":"/2","css":"b"}}
        {"Refreshed":{"revision":4,"files":[]}}
        {"Progress":"App"}
        {"Quarantine":{"page":"pages/a.rs","problem":{"kind":"crash","title":"pages/a.rs","file":null,"line":null,"column":null,"html":""}}}
        {"Problems":{"topic":"Build","problems":[]}}
        "#);
        assert_eq!(replay.crashes(), [page_in_quarantine("pages/a.rs").problem]);
    }

    #[test]
    fn other_code_is_not_to_blame_and_the_same_code_is() {
        let mut replay = ReplayState::default();
        replay.keep(&Order::Quarantine(page_in_quarantine("pages/a.rs")));
        replay.keep(&Order::Progress(Progress::App));
        replay.ended_by_itself(Problem::new(ProblemKind::Crash, "unexplained", ""));
        replay.serves_again(library("/1"), GenerationId(1));
        assert_eq!(replay.crashes().len(), 2);
        replay.serves(library("/2"), GenerationId(2), &[]);
        assert!(replay.crashes().is_empty());
        assert_eq!(replay.generation, GenerationId(2));
        let over = replay.orders().iter().all(|order| !matches!(order, Order::Progress(_)));
        assert!(over, "the first build is over");
        replay.keep(&Order::Quarantine(page_in_quarantine("pages/a.rs")));
        replay.serves(library("/3"), GenerationId(3), &["pages/a.rs".into()]);
        assert_eq!(replay.crashes().len(), 1, "this code has done it already");
    }

    #[test]
    fn attached_pages_are_kept_with_their_app_and_only_other_code_is_forgiven() {
        let app = PartedApp {
            shared: vec!["/std.so".into()],
            app: "/app.so".into(),
            build: BuildId::of(b"app"),
        };
        let page = |file: &str, build: &str| PageLibrary {
            file: file.into(),
            path: build.into(),
            symbol: "page".into(),
        };
        let info = StartInfo::default();
        let mut replay = ReplayState::default();
        let pages = vec![page("pages/a.rs", "/a1.so"), page("pages/b.rs", "/b1.so")];
        let version = "1".to_owned();
        let load = Load::Open { app: app.clone(), pages, version, info };
        replay.serves(load, GenerationId(1), &[]);
        replay.keep(&Order::Quarantine(page_in_quarantine("pages/a.rs")));
        replay.keep(&Order::Quarantine(page_in_quarantine("pages/b.rs")));
        let pages = vec![page("pages/a.rs", "/a2.so"), page("pages/b.rs", "/b1.so")];
        let whole = replay.whole(Load::Attach { pages: pages.clone(), version: "2".into() });
        assert!(
            matches!(&whole, Load::Open { app: it, pages: them, .. } if *it == app && *them == pages)
        );
        assert_eq!(replay.unchanged(&whole), ["pages/b.rs"]);
        let same = replay.unchanged(&whole);
        replay.serves(whole, GenerationId(2), &same);
        assert_eq!(replay.crashes(), [page_in_quarantine("pages/b.rs").problem]);
    }
}
