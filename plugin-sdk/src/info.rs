//! What a page may know about the library it is in.
//!
//! Usually a process has one started app for each copy of this crate. In development the crate is
//! in an image that the app libraries share, and while one drains, the next one serves: then the
//! app is the one that the thread works for, which [`enter`] says around every poll.

use std::cell::Cell;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use nova_abi::Rooms;

use crate::leadership::Leadership;

thread_local! {
    /// The app that this thread works for.
    static CURRENT: Cell<Option<&'static Started>> = const { Cell::new(None) };
}

/// One for each build that was ever started here. A library is never unmapped, so neither is this
/// given back.
static INFOS: Mutex<Vec<&'static Info>> = Mutex::new(Vec::new());

/// The latest start.
static LATEST: Mutex<Option<&'static Started>> = Mutex::new(None);

/// The URLs of public files, each with that of the copy whose name carries a hash.
pub(crate) type PublicFiles = HashMap<String, String>;

/// What is known about the build of an app.
#[derive(Debug, PartialEq, Eq)]
struct Info {
    build_id: String,
    dev: bool,
    public: PublicFiles,
}

/// One start of an app. Some words for each, which are kept as the build is: threads of the app may
/// outlive it.
#[derive(Debug)]
pub(crate) struct Started {
    info: &'static Info,
    leadership: Leadership,
    /// Those of its host, if that has some.
    rooms: Option<Rooms>,
    #[cfg(feature = "cookies-private")]
    secret: crate::cookies::secret::AppSecret,
    #[cfg(feature = "sessions")]
    sessions: crate::session::AppSessions,
}

/// Notes that an app starts.
pub(crate) fn started(
    build_id: &str,
    dev: bool,
    public: PublicFiles,
    rooms: Option<Rooms>,
) -> &'static Started {
    let new = Info { build_id: build_id.to_owned(), dev, public };
    let mut infos = INFOS.lock().unwrap_or_else(PoisonError::into_inner);
    let info = infos.iter().copied().find(|info| **info == new).unwrap_or_else(|| {
        let info: &'static Info = Box::leak(Box::new(new));
        infos.push(info);
        info
    });
    let started = Box::leak(Box::new(Started {
        info,
        leadership: Leadership::new(),
        rooms,
        #[cfg(feature = "cookies-private")]
        secret: Default::default(),
        #[cfg(feature = "sessions")]
        sessions: Default::default(),
    }));
    *LATEST.lock().unwrap_or_else(PoisonError::into_inner) = Some(started);
    started
}

impl Started {
    /// Whether this start leads.
    pub(crate) fn leadership(&self) -> &Leadership {
        &self.leadership
    }

    /// The rooms of its host.
    pub(crate) fn rooms(&self) -> Option<&Rooms> {
        self.rooms.as_ref()
    }

    /// What signs and encrypts its cookies.
    #[cfg(feature = "cookies-private")]
    pub(crate) fn secret(&self) -> &crate::cookies::secret::AppSecret {
        &self.secret
    }

    /// How it keeps its sessions.
    #[cfg(feature = "sessions")]
    pub(crate) fn sessions(&self) -> &crate::session::AppSessions {
        &self.sessions
    }
}

/// The thread works for this app until the guard is dropped.
pub(crate) fn enter(app: &'static Started) -> BuildGuard {
    BuildGuard(CURRENT.replace(Some(app)))
}

/// The thread works for this app for as long as it lives.
pub(crate) fn settle(app: &'static Started) {
    CURRENT.set(Some(app));
}

/// See [`enter`].
#[must_use]
pub(crate) struct BuildGuard(Option<&'static Started>);

impl Drop for BuildGuard {
    fn drop(&mut self) {
        CURRENT.set(self.0);
    }
}

/// The app of this thread; a thread that a page has started by itself works for the latest one.
pub(crate) fn current() -> Option<&'static Started> {
    // While a thread ends, its locals are gone.
    let current = CURRENT.try_with(Cell::get).ok().flatten();
    current.or_else(|| *LATEST.lock().unwrap_or_else(PoisonError::into_inner))
}

/// The id of the build that is running: 32 hexadecimal digits, or empty before `init` and in
/// tests.
#[must_use]
pub fn build_id() -> &'static str {
    current().map_or("", |app| &app.info.build_id)
}

/// Whether this is the development server, where error pages show causes.
#[must_use]
pub fn is_dev() -> bool {
    current().is_some_and(|app| app.info.dev)
}

/// The URL of the copy of a public file whose name carries a hash, if the app's release has one.
pub(crate) fn hashed(url: &str) -> Option<&'static str> {
    current()?.info.public.get(url).map(String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_start_links_the_public_files_that_it_was_told_of() {
        let public: PublicFiles = [("/a.svg".to_owned(), "/a-1.svg".to_owned())].into();
        let with = started("with", false, public, None);
        let without = started("without", false, PublicFiles::new(), None);
        {
            let _with = enter(with);
            assert_eq!(hashed("/a.svg"), Some("/a-1.svg"));
            let _without = enter(without);
            assert_eq!(hashed("/a.svg"), None);
        }
        // The same build without its public files: a host that serves others.
        let _bare = enter(started("with", false, PublicFiles::new(), None));
        assert_eq!(hashed("/a.svg"), None);
        let _before = enter(with);
        assert_eq!(hashed("/a.svg"), Some("/a-1.svg"), "a draining generation links what it did");
    }

    #[test]
    fn two_apps_of_one_image_know_their_own_build() {
        let start = |build_id| started(build_id, false, PublicFiles::new(), None);
        let (old, new) = (start("old"), start("new"));
        {
            let _old = enter(old);
            assert_eq!(build_id(), "old");
            {
                let _new = enter(new);
                assert_eq!(build_id(), "new");
            }
            assert_eq!(build_id(), "old");
        }
        let worker = std::thread::spawn(move || {
            settle(old);
            build_id()
        });
        assert_eq!(worker.join().unwrap(), "old");
        assert!(std::ptr::eq(start("old").info, old.info), "a build that starts again is known");
    }
}
