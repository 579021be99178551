//! The public files of the releases: those of the one that serves first, then those of the ones
//! before it, which pages still name.
//!
//! A release brings its folder, which is followed as it changes. Behind the folders that were
//! brought come the copies that the ledger keeps: what was overwritten is found there.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::release::public::public_folder;
use crate::release::watch::FolderWatch;
use crate::site::Site;
use crate::site::files::favicon_of;

/// How many folders that releases brought are served, the newest first.
const MAX_BROUGHT: usize = 5;

/// See the [module](self).
#[derive(Debug)]
pub(super) struct PublicFolders {
    site: Arc<Site>,
    /// The folder that was named, instead of those of the releases.
    named: Option<PathBuf>,
    /// The folders as releases brought them, the newest first.
    brought: Mutex<Vec<PathBuf>>,
    /// Public files lie elsewhere now.
    moved: Notify,
}

impl PublicFolders {
    /// Those of a site; `named` is a folder to serve instead of those of the releases.
    pub(super) fn new(site: Arc<Site>, named: Option<PathBuf>) -> Self {
        Self { site, named, brought: Mutex::default(), moved: Notify::new() }
    }

    /// The folders that releases brought, the newest first.
    pub(super) fn brought(&self) -> Vec<PathBuf> {
        self.brought.lock().clone()
    }

    /// Serves the folders of the releases that a host starts with.
    pub(super) async fn start(&self, of_releases: Vec<PathBuf>) {
        let folders = self.named.clone().map_or(of_releases, |named| vec![named]);
        self.brought.lock().clone_from(&folders);
        self.change(move |served| *served = folders).await;
    }

    /// Serves what the process before served.
    pub(super) async fn inherit(&self, brought: &[PathBuf]) {
        match self.named.clone() {
            None => {
                *self.brought.lock() = brought.to_vec();
                self.arrange().await;
            }
            Some(named) => self.change(move |served| *served = vec![named]).await,
        }
    }

    /// Serves public files as they change, for as long as this is polled.
    pub(super) async fn follow(&self) {
        loop {
            let site = Arc::clone(&self.site);
            let folders = tokio::task::spawn_blocking(move || site.assets.folders()).await;
            let mut watch = match FolderWatch::new(&folders.unwrap_or_default()) {
                Ok(watch) => watch,
                Err(error) => {
                    tracing::error!("public files are not watched: {error}");
                    return;
                }
            };
            loop {
                // The first time for what has changed before the watch was there.
                self.change(|_| {}).await;
                tokio::select! {
                    () = watch.changed() => {}
                    // Other folders: the watch is set anew.
                    () = self.moved.notified() => break,
                }
            }
        }
    }

    /// Serves the files of a release that is about to serve, behind all others: its first page may
    /// be answered, and ask for them, before the swap is over.
    pub(super) async fn lend(&self, release: &Path) {
        // What is not verified yet is not served.
        if self.named.is_some() || self.site.switch.settings().trust.wants_signatures() {
            return;
        }
        if let Some(folder) = public_folder(release) {
            self.change(move |folders| {
                if !folders.contains(&folder) {
                    folders.push(folder);
                }
            })
            .await;
        }
    }

    /// Remembers a folder behind those that are known.
    pub(super) fn add(&self, folder: Option<PathBuf>) {
        let mut brought = self.brought.lock();
        if let Some(folder) = folder.filter(|folder| !brought.contains(folder)) {
            brought.push(folder);
        }
    }

    /// Serves the files in `folder` before those of the releases that were served so far.
    pub(super) async fn lead_with(&self, folder: Option<PathBuf>) {
        if self.named.is_some() {
            return;
        }
        if let Some(folder) = folder {
            let most = MAX_BROUGHT.max(self.site.switch.table().generations().len());
            // The guard does not live through the wait that follows.
            let mut brought = self.brought.lock();
            brought.retain(|earlier| *earlier != folder);
            brought.insert(0, folder);
            brought.truncate(most);
        }
        self.arrange().await;
    }

    /// Serves the files that were brought, then those that are kept, and no others.
    pub(super) async fn arrange(&self) {
        if self.named.is_some() {
            return;
        }
        let brought = self.brought();
        let ledger = Arc::clone(self.site.switch.ledger());
        self.change(move |folders| {
            *folders = brought;
            for kept in ledger.publics() {
                if !folders.contains(&kept) {
                    folders.push(kept);
                }
            }
        })
        .await;
        self.moved.notify_one();
    }

    /// Reading folders blocks; a large one must not hold a worker.
    async fn change(&self, change: impl FnOnce(&mut Vec<PathBuf>) + Send + 'static) {
        let site = Arc::clone(&self.site);
        tokio::task::spawn_blocking(move || site.assets.change(change)).await.ok();
    }

    /// The icon that the pages of a release link.
    pub(super) async fn favicon_of(&self, release: &Path) -> Option<&'static str> {
        self.favicon_in(public_folder(release).as_deref()).await
    }

    /// The icon that pages link whose public files are in this folder.
    pub(super) async fn favicon_in(&self, public: Option<&Path>) -> Option<&'static str> {
        match public.filter(|_| self.named.is_none()).map(Path::to_owned) {
            Some(folder) => {
                tokio::task::spawn_blocking(move || favicon_of(&folder)).await.ok().flatten()
            }
            None => self.site.assets.favicon(),
        }
    }
}
