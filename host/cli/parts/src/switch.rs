//! Opening a parted app, and attaching pages to the one that runs.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use nova_abi::{App, OwnedBytes};
use nova_abi_parts::{NotAttached, PageEntry, attach};
use nova_host::generation::View;
use nova_host::library::start::StartInfo;
use nova_host::swap::{StartedApp, SwapReport};
use nova_host::{BuildId, Switch};
use parking_lot::Mutex;

use crate::error::PartError;
use crate::libraries::Libraries;
use crate::{PageLibrary, PartedApp};

/// A switch that takes parted apps, too.
#[derive(Debug)]
pub struct PartedSwitch {
    switch: Arc<Switch>,
    libraries: Mutex<Libraries>,
}

impl PartedSwitch {
    /// Parted apps for this switch.
    #[must_use]
    pub fn new(switch: Arc<Switch>) -> Self {
        Self { switch, libraries: Mutex::default() }
    }

    /// The switch, for whole libraries.
    #[must_use]
    pub fn switch(&self) -> &Arc<Switch> {
        &self.switch
    }

    /// How many libraries of parted apps this process has mapped, for good.
    #[must_use]
    pub fn loads(&self) -> usize {
        self.libraries.lock().len()
    }

    /// Starts an app library with these pages, in the place of the app that serves, with its state;
    /// where none serves, with what an app of another process has `saved`.
    ///
    /// # Errors
    /// With what is wrong with one of the libraries, with `init`, or with the routes.
    pub async fn open(
        &self,
        app: &PartedApp,
        pages: &[PageLibrary],
        info: &StartInfo,
        saved: Option<OwnedBytes>,
    ) -> Result<SwapReport, PartError> {
        let mut swap = self.switch.manual_swap(&app.app).await;
        let (library, entries) = tokio::task::block_in_place(|| {
            let mut libraries = self.libraries.lock();
            for shared in &app.shared {
                libraries.map_shared(shared)?;
            }
            let library = libraries.app(&app.app, app.build.clone())?;
            let entries = load(&mut libraries, pages, Some(&library.soname))?;
            Ok::<_, PartError>((library.library, entries))
        })?;
        let loaded = Instant::now();
        let started = swap.start(&library, &app.app, info, saved).await?;
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
        Ok(swap.publish(StartedApp { source: app.app.clone(), library, view, loaded }).await?)
    }

    /// Lets the app that serves go on with these pages and no others: the complete list.
    ///
    /// # Errors
    /// With what is wrong with a page, or if these are the pages that it has already.
    pub async fn attach(&self, pages: &[PageLibrary]) -> Result<SwapReport, PartError> {
        let mut swap = self.switch.manual_swap(Path::new("pages")).await;
        let old = swap.serving().ok_or(PartError::NothingServes)?;
        let build_id = view_id(&old.library.build_id, pages);
        swap.unless_live(&build_id)?;
        let entries = tokio::task::block_in_place(|| {
            let mut libraries = self.libraries.lock();
            let app = libraries.app_of(&old.library).map(|app| app.soname);
            load(&mut libraries, pages, app.as_deref())
        })?;
        let loaded = Instant::now();
        let app = old.app().ok_or(PartError::NothingServes)?;
        let source = old.origin.source.clone();
        let view = view(&app, &source, build_id, pages, &entries)?;
        let library = old.library.clone();
        Ok(swap.publish(StartedApp { source, library, view, loaded }).await?)
    }
}

fn load(
    libraries: &mut Libraries,
    pages: &[PageLibrary],
    app: Option<&str>,
) -> Result<Vec<PageEntry>, PartError> {
    let entry = |page: &PageLibrary| {
        let entry = libraries.page(&page.path, &page.symbol, app);
        entry.map_err(|error| error.of_page(&page.file))
    };
    pages.iter().map(entry).collect()
}

/// A view of a running app, which came from `source`, with these pages.
fn view(
    app: &App,
    source: &Path,
    build_id: BuildId,
    pages: &[PageLibrary],
    entries: &[PageEntry],
) -> Result<View, PartError> {
    let (app, routes) = attach(app, entries).map_err(|NotAttached { page, failure }| {
        let page = page.into_option().and_then(|index| pages.get(index));
        let cause = failure.message.into();
        match page {
            Some(page) => {
                PartError::Attach { subject: page.file.clone(), cause }.of_page(&page.file)
            }
            None => PartError::Attach { subject: source.display().to_string(), cause },
        }
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
