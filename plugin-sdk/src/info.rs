//! What a page may know about the library it is in.
//!
//! Usually a process has one started app for each copy of this crate. In development the crate is
//! in an image that the app libraries share, and while one drains, the next one serves: then the
//! app is the one that the thread works for, which [`enter`] says around every poll.

use std::cell::Cell;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

thread_local! {
    /// The app that this thread works for.
    static CURRENT: Cell<Option<&'static Info>> = const { Cell::new(None) };
}

/// One for each build that was ever started here, the latest start last. A library is never
/// unmapped, so neither is this given back.
static STARTED: Mutex<Vec<&'static Info>> = Mutex::new(Vec::new());

/// What hosts have said of the public files of a build, the latest last; kept like [`STARTED`].
static TOLD: Mutex<Vec<(String, &'static PublicFiles)>> = Mutex::new(Vec::new());

/// The URLs of public files, each with that of the copy whose name carries a hash.
type PublicFiles = HashMap<String, String>;

/// What is known about a started app.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Info {
    build_id: String,
    dev: bool,
    public: Option<&'static PublicFiles>,
}

/// Takes what a host says before it starts a build; see [`nova_abi::told`].
pub(crate) fn told(text: &[u8]) {
    let Ok(said) = serde_json::from_slice::<serde_json::Value>(text) else { return };
    let Some(build_id) = said.get("build_id").and_then(serde_json::Value::as_str) else { return };
    let pairs = said.get("public").and_then(serde_json::Value::as_object).into_iter().flatten();
    let public: PublicFiles = pairs
        .filter_map(|(url, hashed)| Some((url.clone(), hashed.as_str()?.to_owned())))
        .collect();
    let mut told = TOLD.lock().unwrap_or_else(PoisonError::into_inner);
    match told.iter_mut().find(|(known, _)| known == build_id) {
        Some((_, known)) if **known == public => {}
        Some((_, known)) => *known = Box::leak(Box::new(public)),
        None if public.is_empty() => {}
        None => told.push((build_id.to_owned(), Box::leak(Box::new(public)))),
    }
}

fn public_of(build_id: &str) -> Option<&'static PublicFiles> {
    let told = TOLD.lock().unwrap_or_else(PoisonError::into_inner);
    told.iter().find(|(known, _)| known == build_id).map(|(_, public)| *public)
}

/// Notes that an app starts.
pub(crate) fn started(build_id: &str, dev: bool) -> &'static Info {
    let new = Info { build_id: build_id.to_owned(), dev, public: public_of(build_id) };
    let mut started = STARTED.lock().unwrap_or_else(PoisonError::into_inner);
    let info = match started.iter().position(|info| **info == new) {
        Some(known) => started.remove(known),
        None => Box::leak(Box::new(new)),
    };
    started.push(info);
    info
}

/// The thread works for this app until the guard is dropped.
pub(crate) fn enter(info: &'static Info) -> BuildGuard {
    BuildGuard(CURRENT.replace(Some(info)))
}

/// The thread works for this app for as long as it lives.
pub(crate) fn settle(info: &'static Info) {
    CURRENT.set(Some(info));
}

/// See [`enter`].
#[must_use]
pub(crate) struct BuildGuard(Option<&'static Info>);

impl Drop for BuildGuard {
    fn drop(&mut self) {
        CURRENT.set(self.0);
    }
}

/// The app of this thread; a thread that a page has started by itself works for the latest one.
fn current() -> Option<&'static Info> {
    // While a thread ends, its locals are gone.
    CURRENT
        .try_with(Cell::get)
        .ok()
        .flatten()
        .or_else(|| STARTED.lock().unwrap_or_else(PoisonError::into_inner).last().copied())
}

/// The id of the build that is running: 32 hexadecimal digits, or empty before `init` and in
/// tests.
#[must_use]
pub fn build_id() -> &'static str {
    current().map_or("", |info| &info.build_id)
}

/// Whether this is the development server, where error pages show causes.
#[must_use]
pub fn is_dev() -> bool {
    current().is_some_and(|info| info.dev)
}

/// The URL of the copy of a public file whose name carries a hash, if the app's release has one.
pub(crate) fn hashed(url: &str) -> Option<&'static str> {
    current()?.public?.get(url).map(String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_host_says_holds_for_the_build_that_it_names() {
        told(br#"{"build_id":"with","public":{"/a.svg":"/a-1.svg","/odd":7},"later":[1]}"#);
        for unreadable in [&b""[..], b"{", b"[]", b"{\"public\":{}}", b"\xff"] {
            told(unreadable);
        }
        let (with, without) = (started("with", false), started("without", false));
        {
            let _with = enter(with);
            assert_eq!(hashed("/a.svg"), Some("/a-1.svg"));
            assert_eq!(hashed("/odd"), None);
            let _without = enter(without);
            assert_eq!(hashed("/a.svg"), None);
        }
        // The same build without its public files: a host that serves others.
        told(br#"{"build_id":"with","public":{}}"#);
        let bare = started("with", false);
        let _bare = enter(bare);
        assert_eq!(hashed("/a.svg"), None);
        let _before = enter(with);
        assert_eq!(hashed("/a.svg"), Some("/a-1.svg"), "a draining generation links what it did");
    }

    #[test]
    fn two_apps_of_one_image_know_their_own_build() {
        let (old, new) = (started("old", false), started("new", false));
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
        assert!(std::ptr::eq(started("old", false), old), "a build that starts again is known");
    }
}
