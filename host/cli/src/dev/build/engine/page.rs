//! One page, and how it is.
//!
//! ```text
//! NotBuilt --compiled--> Built --saved--> Outdated --compiled--> Built
//!     any of them --does not compile--> Failed --something changes--> what it was
//!     any of them --named elsewhere, or only fit for the crate--> InApp
//! ```

use std::path::Path;
use std::sync::Arc;

use super::inventory::PageBuild;
use crate::dev::build::failure::BuildFailure;
use crate::dev::wire::phases::micros;
use crate::dev::wire::state::{RouteInfo, RouteState};

/// What is shown of a page that another file names.
const NAMED: &str = "another file names it";

/// A page of the app.
#[derive(Debug, Default)]
pub(super) struct Page {
    /// What it answers; `None` until a scan has seen its file.
    route: Option<RouteInfo>,
    state: PageState,
    /// What is wrong with its file, whatever its state is: no handler, another page's route.
    mistake: Option<Arc<BuildFailure>>,
    /// Its library before the newest, for as long as the server may refuse that one.
    before: Option<OwnLibrary>,
    /// Whether it was saved in this session, and will be again.
    edited: bool,
}

/// How a page is.
#[derive(Debug, Default)]
enum PageState {
    /// It has no library.
    #[default]
    NotBuilt,
    /// Its library is what its file says.
    Built(OwnLibrary),
    /// It was saved since; an older version serves until the new one compiles.
    Outdated(Option<OwnLibrary>),
    /// It does not compile, until something changes.
    Failed {
        failure: Arc<BuildFailure>,
        /// Whether it was saved or asked for, so that it must be seen.
        shown: bool,
        /// Whether it was saved since its older version, which serves.
        saved: bool,
        older: Option<OwnLibrary>,
    },
    /// It is a module of the app library.
    InApp(InAppReason),
}

/// The library of a page.
#[derive(Debug)]
pub(super) struct OwnLibrary {
    pub(super) build: PageBuild,
    /// Whether it is published. After a start, the libraries of the session before wait until they
    /// are asked for: a thousand of them are not mapped in no time.
    pub(super) serves: bool,
}

#[derive(Debug)]
enum InAppReason {
    /// Another file names it.
    Named,
    /// It only compiles as a part of the crate, for this reason.
    Hazard(String),
}

impl Page {
    /// Its file was read: it answers this, and `named` says whether other files name it.
    pub(super) fn scanned(&mut self, route: RouteInfo, named: bool) {
        self.route = Some(route);
        match (&self.state, named) {
            (PageState::InApp(InAppReason::Hazard(_)), _) => {}
            (_, true) => self.state = PageState::InApp(InAppReason::Named),
            (PageState::InApp(InAppReason::Named), false) => self.state = PageState::NotBuilt,
            (_, false) => {}
        }
    }

    /// What the scan has found to be wrong with its file.
    pub(super) fn set_mistake(&mut self, mistake: Option<Arc<BuildFailure>>) {
        self.mistake = mistake;
    }

    /// It was saved. If it serves, it does so until its new version compiles.
    pub(super) fn saved(&mut self) {
        self.edited = true;
        if !self.is_inside() {
            self.state = PageState::Outdated(self.take_library());
        }
    }

    /// It was saved among so many that it is compiled when it is asked for.
    pub(super) fn saved_among_many(&mut self) {
        if !self.is_inside() {
            self.state = PageState::NotBuilt;
        }
    }

    /// It was compiled.
    pub(super) fn built(&mut self, build: PageBuild) {
        self.before = self.take_library().filter(|library| library.serves);
        self.state = PageState::Built(OwnLibrary { build, serves: true });
    }

    /// It does not compile; `shown`: it was saved or asked for.
    pub(super) fn failed(&mut self, failure: Arc<BuildFailure>, shown: bool) {
        let saved = self.is_outdated();
        let older = self.take_library();
        self.state = PageState::Failed { failure, shown, saved, older };
    }

    /// The server has refused this library of it, and what served before still does; `false` if
    /// there is another one by now.
    pub(super) fn refused(&mut self, library: &Path, failure: Arc<BuildFailure>) -> bool {
        if self.library().is_none_or(|newest| newest.build.library != library) {
            return false;
        }
        let older = self.before.take();
        self.state = PageState::Failed { failure, shown: true, saved: true, older };
        true
    }

    /// What it serves with was compiled from another text: it waits for its newest version.
    pub(super) fn outdate(&mut self) {
        if let PageState::Built(_) = self.state {
            self.state = PageState::Outdated(self.take_library());
        }
    }

    /// Something changed that may mend it, if it does not compile.
    pub(super) fn forget_failure(&mut self) {
        if let PageState::Failed { saved, older, .. } = &mut self.state {
            self.state = match (*saved, older.take()) {
                (true, older) => PageState::Outdated(older),
                (false, Some(library)) => PageState::Built(library),
                (false, None) => PageState::NotBuilt,
            };
        }
    }

    /// It only compiles as a part of the crate.
    pub(super) fn move_into_app(&mut self, reason: &str) {
        self.state = PageState::InApp(InAppReason::Hazard(reason.to_owned()));
    }

    /// Whether it compiles, and why not, is to be found out anew.
    pub(super) fn forget(&mut self) {
        if !matches!(self.state, PageState::InApp(InAppReason::Named)) {
            self.state = PageState::NotBuilt;
        }
    }

    /// Its library fits the app library no more, and is given back.
    pub(super) fn leave_app_library(&mut self) -> Option<OwnLibrary> {
        let library = self.take_library();
        self.before = None;
        if self.is_outdated() {
            self.state = PageState::NotBuilt;
        }
        library
    }

    /// The same page without its library, which is given back.
    pub(super) fn take_library(&mut self) -> Option<OwnLibrary> {
        match &mut self.state {
            PageState::Outdated(older) | PageState::Failed { older, .. } => older.take(),
            PageState::NotBuilt | PageState::InApp(_) => None,
            PageState::Built(_) => match std::mem::take(&mut self.state) {
                PageState::Built(library) => Some(library),
                _ => None,
            },
        }
    }

    /// The same page with another library.
    pub(super) fn put_library(&mut self, library: OwnLibrary) {
        match &mut self.state {
            PageState::NotBuilt | PageState::Built(_) => self.state = PageState::Built(library),
            PageState::Outdated(older) | PageState::Failed { older, .. } => *older = Some(library),
            PageState::InApp(_) => {}
        }
    }

    /// Its library, of the newest version or an older one.
    pub(super) fn library(&self) -> Option<&OwnLibrary> {
        match &self.state {
            PageState::Built(library) => Some(library),
            PageState::Outdated(older) | PageState::Failed { older, .. } => older.as_ref(),
            PageState::NotBuilt | PageState::InApp(_) => None,
        }
    }

    /// Its library serves from now on; `false` if there is none.
    pub(super) fn serve(&mut self) -> bool {
        self.library_mut().map(|library| library.serves = true).is_some()
    }

    /// This library of it was refused together with others: it serves when it is asked for again.
    pub(super) fn withdraw(&mut self, library: &Path) {
        if let Some(own) = self.library_mut().filter(|own| own.build.library == library) {
            own.serves = false;
        }
    }

    fn library_mut(&mut self) -> Option<&mut OwnLibrary> {
        match &mut self.state {
            PageState::Built(library) => Some(library),
            PageState::Outdated(older) | PageState::Failed { older, .. } => older.as_mut(),
            PageState::NotBuilt | PageState::InApp(_) => None,
        }
    }

    /// Why it does not compile; that is shown now.
    pub(super) fn show_failure(&mut self) -> Option<Arc<BuildFailure>> {
        if let Some(mistake) = &self.mistake {
            return Some(mistake.clone());
        }
        match &mut self.state {
            PageState::Failed { failure, shown, .. } => {
                *shown = true;
                Some(failure.clone())
            }
            _ => None,
        }
    }

    /// Why it does not compile, if that must be seen.
    pub(super) fn shown_failure(&self) -> Option<&Arc<BuildFailure>> {
        match &self.state {
            PageState::Failed { failure, shown: true, .. } => Some(failure),
            _ => None,
        }
    }

    /// Why it only compiles as a part of the crate, if that is so.
    pub(super) fn hazard(&self) -> Option<&str> {
        match &self.state {
            PageState::InApp(InAppReason::Hazard(reason)) => Some(reason),
            _ => None,
        }
    }

    pub(super) fn is_failed(&self) -> bool {
        self.mistake.is_some() || matches!(self.state, PageState::Failed { .. })
    }

    /// Whether its file was read, and nothing is wrong with it.
    pub(super) fn is_sound(&self) -> bool {
        self.route.is_some() && !self.has_mistake()
    }

    pub(super) fn has_mistake(&self) -> bool {
        self.mistake.is_some()
    }

    pub(super) fn is_outdated(&self) -> bool {
        matches!(self.state, PageState::Outdated(_))
    }

    /// Whether it is, or will be, a module of the app library.
    pub(super) fn is_inside(&self) -> bool {
        matches!(self.state, PageState::InApp(_))
    }

    pub(super) fn is_edited(&self) -> bool {
        self.edited
    }

    /// Whether it can be compiled by itself: it is there, and may do better than the last time.
    pub(super) fn is_compilable(&self) -> bool {
        self.route.is_some() && !self.is_inside() && !self.is_failed()
    }

    /// Whether it could be compiled, and never was.
    pub(super) fn is_unbuilt(&self) -> bool {
        self.answers() && matches!(self.state, PageState::NotBuilt | PageState::Outdated(None))
    }

    /// Whether it has a handler.
    pub(super) fn answers(&self) -> bool {
        self.route.as_ref().is_some_and(|route| !route.methods.is_empty())
    }

    /// The page as people see it; `building` is the file that is compiled now.
    pub(super) fn view(&self, building: Option<&str>) -> Option<RouteInfo> {
        let route = self.route.clone()?;
        let (state, note) = match &self.state {
            _ if self.mistake.is_some() => (RouteState::Failed, None),
            PageState::Failed { .. } => (RouteState::Failed, None),
            PageState::InApp(InAppReason::Named) => (RouteState::InApp, Some(NAMED.to_owned())),
            PageState::InApp(InAppReason::Hazard(why)) => (RouteState::InApp, Some(why.clone())),
            PageState::Built(_) | PageState::Outdated(Some(_)) => (RouteState::Live, None),
            PageState::NotBuilt | PageState::Outdated(None) => {
                let is_building = building == Some(route.file.as_str());
                (if is_building { RouteState::Building } else { RouteState::NotBuilt }, None)
            }
        };
        let build = self.library().map(|library| &library.build);
        let (bytes, compile_us) = (build.map(|it| it.size), build.map(|it| micros(it.took)));
        Some(RouteInfo { state, note, bytes, compile_us, ..route })
    }
}
