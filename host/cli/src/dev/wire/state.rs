//! What the dev page shows of a session.
//!
//! The session fills it; the server keeps the latest, and renders it together with its own
//! [`Status`](nova_host::operate::admin::Status), which has generations and memory.

use std::collections::VecDeque;

use nova_route_template::{Method, Page, RouteTree};
use serde::{Deserialize, Serialize};

use super::save::{Save, SaveOutcome, Scope};

/// How many saves are remembered.
const KEPT: usize = 60;

/// Everything about a session that is not in the host's status.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DevState {
    /// The app's package name.
    pub(crate) app: String,
    /// How the app is built.
    pub(crate) mode: BuildMode,
    /// The one library of an app that is built as a whole.
    pub(crate) shared: Vec<SharedLibrary>,
    /// Every route that the files of the app declare, by pattern.
    pub(crate) routes: Vec<RouteInfo>,
    /// The latest saves, oldest first; the first build is one of them.
    pub(crate) saves: VecDeque<Save>,
}

/// How the app is built.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum BuildMode {
    /// Nothing was built yet.
    #[default]
    Undecided,
    /// Each page is a library of its own.
    Parts,
    /// All pages are one library.
    Whole {
        /// Why they are not compiled one by one.
        reason: String,
    },
}

/// A library that more than one page needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SharedLibrary {
    /// Such as `system image`, `app library`.
    pub(crate) name: String,
    /// The size of its file.
    pub(crate) bytes: u64,
    /// How long its latest build took; `None` if it came from a cache.
    pub(crate) compile_us: Option<u64>,
}

/// One route.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RouteInfo {
    /// Such as `/users/{id}`.
    pub(crate) pattern: String,
    /// The methods that the page answers; `any` for a `handler`.
    pub(crate) methods: Vec<String>,
    /// Its page, from the app's folder.
    pub(crate) file: String,
    /// How far it is.
    pub(crate) state: RouteState,
    /// Why it is in that state, where there is something to say.
    pub(crate) note: Option<String>,
    /// The size of its own library; `None` if it has none.
    pub(crate) bytes: Option<u64>,
    /// How long its latest compilation took, in microseconds; `None` if it was not compiled for
    /// itself.
    pub(crate) compile_us: Option<u64>,
}

/// How far a route is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RouteState {
    /// Its first request compiles it.
    NotBuilt,
    /// The compiler is at it.
    Building,
    /// It serves, as its file is.
    Live,
    /// Its file does not compile; an older version of it may serve.
    Failed,
    /// It serves, and is part of the app library ([`RouteInfo::note`] says why): its edit rebuilds
    /// that.
    InApp,
}

impl RouteInfo {
    /// The routes of `tree`, not built.
    pub(crate) fn all(tree: &RouteTree) -> Vec<Self> {
        let mut routes: Vec<_> = tree.pages.iter().map(Self::new).collect();
        routes.sort_by(|a, b| a.pattern.cmp(&b.pattern));
        routes
    }

    fn new(page: &Page) -> Self {
        let methods = page.methods().into_iter();
        Self {
            pattern: page.pattern.to_string(),
            methods: methods
                .map(|method| Method::http_name(method).unwrap_or("any").to_owned())
                .collect(),
            file: page.file.clone(),
            state: RouteState::NotBuilt,
            note: None,
            bytes: None,
            compile_us: None,
        }
    }
}

impl DevState {
    /// The files of the app were read: these are its routes now. What was known of a page stays.
    pub(crate) fn scanned(&mut self, routes: Vec<RouteInfo>) {
        let before = std::mem::take(&mut self.routes);
        self.routes = routes;
        for route in &mut self.routes {
            if let Some(known) = before.iter().find(|known| known.file == route.file) {
                let RouteInfo { state, note, bytes, compile_us, .. } = known.clone();
                *route = RouteInfo { state, note, bytes, compile_us, ..route.clone() };
            }
        }
    }

    /// A whole build goes on.
    pub(crate) fn building(&mut self) {
        for route in &mut self.routes {
            if route.state != RouteState::Live {
                route.state = RouteState::Building;
            }
        }
    }

    /// A save came to something; `failed` are the files that have problems.
    pub(crate) fn saved(&mut self, save: Save, failed: &[&str]) {
        if save.scope == Scope::Code && self.mode != BuildMode::Parts {
            let live = matches!(save.outcome, SaveOutcome::Live | SaveOutcome::Same);
            for route in &mut self.routes {
                route.state = match route.state {
                    _ if live => RouteState::Live,
                    _ if failed.contains(&&*route.file) => RouteState::Failed,
                    RouteState::Building => RouteState::NotBuilt,
                    state => state,
                };
            }
        }
        self.saves.push_back(save);
        while self.saves.len() > KEPT {
            self.saves.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use nova_route_template::{SourceFile, Sources};

    use super::super::phases::Phases;
    use super::super::save::SavedFiles;
    use super::*;

    fn scan(files: &[&str]) -> Vec<RouteInfo> {
        let page = |path: &&str| SourceFile::new(*path, "pub fn get() {} pub fn handler() {}");
        let sources = Sources {
            pages_root: Some("pages".into()),
            pages: files.iter().map(page).collect(),
            ..Sources::default()
        };
        RouteInfo::all(&RouteTree::build(&sources).unwrap_or_else(|problems| panic!("{problems}")))
    }

    fn states(state: &DevState) -> Vec<(&str, RouteState)> {
        state.routes.iter().map(|route| (&*route.pattern, route.state)).collect()
    }

    #[test]
    fn a_whole_build_makes_every_route_live_or_says_which_is_not() {
        use RouteState::{Building, Failed, Live, NotBuilt};
        let save =
            |outcome| Save::now(Scope::Code, outcome, SavedFiles::default(), Phases::default());
        let mut state = DevState::default();
        state.scanned(scan(&["pages/b.rs", "pages/a.rs"]));
        assert_eq!(states(&state), [("/a", NotBuilt), ("/b", NotBuilt)]);
        assert_eq!(state.routes[0].methods, ["GET", "any"]);
        state.building();
        assert_eq!(states(&state), [("/a", Building), ("/b", Building)]);
        state.saved(save(SaveOutcome::Failed), &["pages/b.rs"]);
        assert_eq!(states(&state), [("/a", NotBuilt), ("/b", Failed)]);
        state.building();
        state.saved(save(SaveOutcome::Live), &[]);
        assert_eq!(states(&state), [("/a", Live), ("/b", Live)]);

        // A page that is there already stays what it was; a new one is not built.
        state.scanned(scan(&["pages/b.rs", "pages/c.rs"]));
        assert_eq!(states(&state), [("/b", Live), ("/c", NotBuilt)]);
        state.saved(save(SaveOutcome::Failed), &["pages/b.rs"]);
        assert_eq!(states(&state), [("/b", Failed), ("/c", NotBuilt)]);
        let styles =
            Save::now(Scope::Styles, SaveOutcome::Live, SavedFiles::default(), Phases::default());
        state.saved(styles, &[]);
        assert_eq!(states(&state), [("/b", Failed), ("/c", NotBuilt)]);
    }

    #[test]
    fn old_saves_are_forgotten_first() {
        let mut state = DevState::default();
        for generation in 0..100 {
            let save =
                Save::now(Scope::Code, SaveOutcome::Live, SavedFiles::default(), Phases::default());
            state.saved(save.in_generation(generation, 1), &[]);
        }
        assert_eq!(state.saves.len(), KEPT);
        assert_eq!(state.saves[0].generation, Some(40));
    }
}
