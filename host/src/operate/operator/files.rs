//! The public files of the releases: those of the one that serves first, then those of the ones
//! before it, which pages still name.
//!
//! A release brings its folder, which is followed as it changes. Behind the folders that were
//! brought come the copies that the ledger keeps: what was overwritten is found there.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Operator, locked};
use crate::release::public::public_folder;
use crate::release::watch::FolderWatch;
use crate::site::files::favicon_of;

/// How many folders that releases brought are served, the newest first.
const BROUGHT: usize = 5;

impl Operator {
    /// Serves public files as they change, for as long as this is polled.
    pub async fn follow_files(&self) {
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
                self.change_folders(|_| {}).await;
                tokio::select! {
                    () = watch.changed() => {}
                    // Other folders: the watch is set anew.
                    () = self.other_folders.notified() => break,
                }
            }
        }
    }

    /// Serves the files of a release that is about to serve, behind all others: its first page may
    /// be answered, and ask for them, before the swap is over.
    pub(super) async fn lend_folder_of(&self, release: &Path) {
        // What nobody has verified yet is not served.
        if self.public.is_some() || self.site.switch.settings().trust.wants_signatures() {
            return;
        }
        if let Some(folder) = public_folder(release) {
            self.change_folders(move |folders| {
                if !folders.contains(&folder) {
                    folders.push(folder);
                }
            })
            .await;
        }
    }

    /// Remembers a folder behind those that are known.
    pub(super) fn add_folder(&self, folder: Option<PathBuf>) {
        let mut brought = locked(&self.brought);
        if let Some(folder) = folder.filter(|folder| !brought.contains(folder)) {
            brought.push(folder);
        }
    }

    /// Serves the files in `folder` before those of the releases that were served so far.
    pub(super) async fn lead_with(&self, folder: Option<PathBuf>) {
        if self.public.is_some() {
            return;
        }
        if let Some(folder) = folder {
            let most = BROUGHT.max(self.site.switch.table().generations().len());
            // The guard does not live through the wait that follows.
            let mut brought = locked(&self.brought);
            brought.retain(|earlier| *earlier != folder);
            brought.insert(0, folder);
            brought.truncate(most);
        }
        self.arrange_folders().await;
    }

    /// Writes down what serves, keeps copies of it, and serves their files.
    pub(super) async fn keep(&self) {
        self.site.switch.keep().await;
        self.arrange_folders().await;
    }

    /// Serves the files that were brought, then those that are kept, and no others.
    pub(super) async fn arrange_folders(&self) {
        if self.public.is_some() {
            return;
        }
        let brought = locked(&self.brought).clone();
        let ledger = Arc::clone(self.site.switch.ledger());
        self.change_folders(move |folders| {
            *folders = brought;
            for kept in ledger.publics() {
                if !folders.contains(&kept) {
                    folders.push(kept);
                }
            }
        })
        .await;
        self.other_folders.notify_one();
    }

    /// Reading folders blocks; a large one must not hold a worker.
    pub(super) async fn change_folders(
        &self,
        change: impl FnOnce(&mut Vec<PathBuf>) + Send + 'static,
    ) {
        let site = Arc::clone(&self.site);
        tokio::task::spawn_blocking(move || site.assets.change(change)).await.ok();
    }

    pub(super) async fn favicon_of(&self, release: &Path) -> Option<&'static str> {
        self.favicon_in(public_folder(release).as_deref()).await
    }

    pub(super) async fn favicon_in(&self, public: Option<&Path>) -> Option<&'static str> {
        match public.filter(|_| self.public.is_none()).map(Path::to_owned) {
            Some(folder) => {
                tokio::task::spawn_blocking(move || favicon_of(&folder)).await.ok().flatten()
            }
            None => self.site.assets.favicon(),
        }
    }
}
