//! The switch of a split app (`nova dev`): the app library as a whole, and single pages.
//!
//! *Open* starts an app library with its pages; that is a swap like any other, with the state
//! handed over. *Attach* gives the app that runs another set of pages: nothing is started, the
//! state stays where it is, and what is published is another view of the same app. Neither has a
//! preflight: in development a crash has a supervisor, and a page that was saved is asked for next.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use nova_abi::{App, NotAttached, PageEntry, Purpose};
use serde::{Deserialize, Serialize};

use super::lifecycle::CandidateGeneration;
use super::report::micros;
use super::{SwapError, SwapReport, Switch};
use crate::generation::{Generation, View};
use crate::library::loader::{BuildId, Library, LoadError};
use crate::library::start::{StartInfo, start};

/// The libraries that start a split app. None of the files is ever written again, and each has
/// a name of its own, which the libraries that need it know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SplitApp {
    /// Rust's std and the image, in the order in which they need each other.
    pub shared: Vec<PathBuf>,
    /// The app library.
    pub app: PathBuf,
    /// Its identity.
    pub build: BuildId,
}

/// One page of a split app, as a library.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageLibrary {
    /// The page's source file, relative to the app.
    pub file: String,
    /// The library; never written again, and named by what is in it.
    pub path: PathBuf,
    /// The function that it exports.
    pub symbol: String,
}

impl Switch {
    /// Starts an app library with these pages, in the place of the app that serves.
    ///
    /// # Errors
    /// With what is wrong with one of the libraries, with `init`, or with the routes.
    pub async fn open(
        &self,
        app: &SplitApp,
        pages: &[PageLibrary],
        info: &StartInfo,
    ) -> Result<SwapReport, SwapError> {
        let _turn = self.gate.enter(&app.app).await;
        self.counted(self.open_alone(app, pages, info).await)
    }

    /// Lets the app that serves go on with these pages and no others: the complete list.
    ///
    /// # Errors
    /// With what is wrong with a page, or if these are the pages that it has already.
    pub async fn attach(&self, pages: &[PageLibrary]) -> Result<SwapReport, SwapError> {
        let _turn = self.gate.enter(Path::new("pages")).await;
        let old = self.table().generations().first().cloned().ok_or(SwapError::NothingServes)?;
        self.counted(self.attach_alone(&old, pages).await)
    }

    async fn open_alone(
        &self,
        app: &SplitApp,
        pages: &[PageLibrary],
        info: &StartInfo,
    ) -> Result<SwapReport, SwapError> {
        let began = Instant::now();
        let old = self.table().generations().first().cloned();
        let (library, entries) = tokio::task::block_in_place(|| {
            for shared in &app.shared {
                self.launcher.loader.map_shared(shared)?;
            }
            let library = self.launcher.loader.load_app(&app.app, app.build.clone())?;
            let entries = self.load_pages(pages, &library)?;
            Ok::<_, LoadError>((library, entries))
        })?;
        let load_us = micros(began);
        let starting = Instant::now();
        let saved = match &old {
            Some(old) => Self::saved(old).await,
            None => None,
        };
        let info = StartInfo { dev: self.settings().dev, ..info.clone() };
        let started = start(&library, Purpose::Serve, info, saved, self.settings().init_limit)
            .await
            .map_err(|cause| SwapError::Start { path: app.app.clone(), cause })?;
        let build_id = view_id(&library.build_id, pages);
        let view = match view(&started, &app.app, build_id, pages, &entries) {
            Ok(view) => view,
            Err(error) => {
                started.shutdown().await;
                return Err(error);
            }
        };
        // The view keeps the app running.
        drop(started);
        let id = self.launcher.next_id();
        let generation = Generation::of_view(id, app.app.clone(), library, view);
        let init_us = micros(starting);
        self.serve(generation, Times { began, load_us, init_us }).await
    }

    async fn attach_alone(
        &self,
        old: &Arc<Generation>,
        pages: &[PageLibrary],
    ) -> Result<SwapReport, SwapError> {
        let began = Instant::now();
        let library = &old.library;
        let build_id = view_id(&library.build_id, pages);
        if build_id == *old.build_id() {
            let (path, generation) = (old.source.clone(), old.id);
            return Err(SwapError::AlreadyLive { path, build_id, generation });
        }
        let entries = tokio::task::block_in_place(|| self.load_pages(pages, library))?;
        let load_us = micros(began);
        let attaching = Instant::now();
        let view = view(old.app(), &old.source, build_id, pages, &entries)?;
        let (id, source) = (self.launcher.next_id(), old.source.clone());
        let generation = Generation::of_view(id, source, library.clone(), view);
        let init_us = micros(attaching);
        self.serve(generation, Times { began, load_us, init_us }).await
    }

    fn load_pages(
        &self,
        pages: &[PageLibrary],
        app: &Library,
    ) -> Result<Vec<PageEntry>, LoadError> {
        pages
            .iter()
            .map(|page| self.launcher.loader.load_page(&page.path, &page.symbol, app))
            .collect()
    }

    /// Publishes a view; one that makes no table is shut down, so that its app knows.
    async fn serve(
        &self,
        generation: Arc<Generation>,
        times: Times,
    ) -> Result<SwapReport, SwapError> {
        let candidate = CandidateGeneration::new(generation.clone());
        let replaced = self.publish(candidate, 0, Duration::ZERO).await?;
        let Times { began, load_us, init_us } = times;
        Ok(SwapReport { replaced, load_us, init_us, ..SwapReport::of(&generation, began) })
    }
}

/// The times of a swap's steps, as [`SwapReport`] reports them.
struct Times {
    began: Instant,
    load_us: u64,
    init_us: u64,
}

/// A view of a running app, which came from `source`, with these pages.
fn view(
    app: &App,
    source: &Path,
    build_id: BuildId,
    pages: &[PageLibrary],
    entries: &[PageEntry],
) -> Result<View, SwapError> {
    let (app, routes) = app.attach(entries).map_err(|NotAttached { page, failure }| {
        let page = page.into_option().and_then(|index| pages.get(index));
        let subject = page.map_or_else(|| source.display().to_string(), |page| page.file.clone());
        SwapError::Attach { subject, cause: failure.message.into() }
    })?;
    Ok(View { build_id, routes: routes.into(), app })
}

/// The identity of a view: its app library and its pages, whose files are named by their content.
fn view_id(app: &BuildId, pages: &[PageLibrary]) -> BuildId {
    let mut text = String::from(app.as_str());
    for PageLibrary { file, path, symbol } in pages {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        for part in [file.as_str(), &*name, symbol] {
            text.push('\n');
            text.push_str(part);
        }
    }
    BuildId::of(text.as_bytes())
}
