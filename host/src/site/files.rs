//! Public files and stylesheets.
//!
//! The folders are walked once, and what was found then is served under the URL that it was found
//! for: what a client encodes or inserts either is one of those URLs or is not found. What comes
//! later is found by another walk or, where that is asked for, when it is asked for (`lookup.rs`).
//! The head of an answer is tower-http's (ranges, conditions, precompressed variants); the file is
//! opened and read in one go, and a small one is kept in memory (`cache.rs`).

mod backend;
mod cache;
mod file;
mod index;
mod local;
mod lookup;
mod opened;
mod pieces;
mod range;
mod stamp;
mod stylesheet;
mod types;
mod variants;

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use http::request::Parts;
use http::{HeaderValue, Method, Response, StatusCode, header};
use parking_lot::Mutex;
use percent_encoding::percent_decode_str;

use self::cache::Cache;
use self::index::{Index, Place};
use crate::generation::body::Body;

pub use self::stylesheet::stylesheet;
pub use self::types::{TypeRule, Types};

/// What may be kept of public files, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caching {
    /// A cache asks each time whether the file has changed: for development.
    Revalidate,
    /// A cache may keep a file for an hour without asking. HTML documents excepted: they name
    /// other files, and would go on naming those of the release before.
    Hour,
    /// A cache may keep a file for ever: its name carries a hash of its content.
    Forever,
}

impl Caching {
    /// The same for one file, whose name may carry a hash.
    fn of_file(self, hashed: bool) -> Self {
        match self {
            Self::Hour if hashed => Self::Forever,
            other => other,
        }
    }

    fn header(self, content_type: &HeaderValue) -> HeaderValue {
        let document = content_type.as_bytes().starts_with(b"text/html");
        HeaderValue::from_static(match self {
            Self::Hour if !document => "public, max-age=3600",
            Self::Forever => "public, max-age=31536000, immutable",
            _ => "no-cache",
        })
    }
}

/// What a request for a public file leads to.
#[derive(Debug)]
pub(super) struct Found(FoundPlace);

#[derive(Debug)]
enum FoundPlace {
    /// A file or a folder of the index.
    Known(Place),
    /// What may have come into these folders since they were walked.
    In(Arc<[PathBuf]>),
}

/// The public files of a host. See the [module](self).
#[derive(Debug)]
pub struct Assets {
    caching: Caching,
    types: Types,
    /// Whether a path that leads to nothing is looked up in the folders.
    finds_new: bool,
    /// Held while the index is made, so that the last change is the one that stays.
    folders: Mutex<Vec<PathBuf>>,
    cache: Arc<Cache>,
    index: ArcSwap<Index>,
}

impl Assets {
    /// The files of `folders`; of two with the same URL the one of the earlier folder is served.
    /// A folder that does not exist is an empty one.
    ///
    /// This reads the folders: it blocks.
    #[must_use]
    pub fn new(folders: Vec<PathBuf>, caching: Caching) -> Self {
        Self::with_types(folders, caching, Types::default())
    }

    /// The same, with media types that are said by name. This blocks.
    #[must_use]
    pub fn with_types(folders: Vec<PathBuf>, caching: Caching, types: Types) -> Self {
        Self::with_cache(folders, caching, types, Cache::default())
    }

    fn with_cache(folders: Vec<PathBuf>, caching: Caching, types: Types, cache: Cache) -> Self {
        let cache = Arc::new(cache);
        let index = ArcSwap::from_pointee(Index::of(&folders, caching, &types, &cache));
        Self { caching, types, finds_new: false, folders: Mutex::new(folders), cache, index }
    }

    /// Serves a file that comes into a folder as soon as it is there, if `finds_new`. A path that
    /// leads to no file that is known then costs a look at the folders, on a thread that may block.
    #[must_use]
    pub fn finding_new(self, finds_new: bool) -> Self {
        Self { finds_new, ..self }
    }

    /// Changes the list of folders, and looks at all of them again. This blocks.
    pub fn change(&self, change: impl FnOnce(&mut Vec<PathBuf>)) {
        let mut folders = self.folders.lock();
        change(&mut folders);
        self.index.store(Arc::new(Index::of(&folders, self.caching, &self.types, &self.cache)));
    }

    /// Looks at the folders again. This blocks.
    pub fn refresh(&self) {
        self.change(|_| {});
    }

    /// The folders, as they were given. This waits while they are looked at.
    #[must_use]
    pub fn folders(&self) -> Vec<PathBuf> {
        self.folders.lock().clone()
    }

    /// What a request is for, if it is for a public file, or may be.
    pub(super) fn find(&self, request: &Parts) -> Option<Found> {
        let index = self.index.load();
        let has_none = index.is_empty() && !self.finds_new;
        if has_none || !matches!(request.method, Method::GET | Method::HEAD) {
            return None;
        }
        match find(&index, request.uri.path()) {
            Some(place) => Some(Found(FoundPlace::Known(place))),
            None => self.finds_new.then(|| Found(FoundPlace::In(index.roots()))),
        }
    }

    /// Answers a request with what was found for it; `None` if there is no file after all.
    pub(super) async fn respond(&self, found: Found, request: &Parts) -> Option<Response<Body>> {
        let place = match found.0 {
            FoundPlace::Known(place) => place,
            FoundPlace::In(roots) => self.look_up(roots, request.uri.path()).await?,
        };
        match place {
            Place::File(file) => file.respond(request).await,
            Place::Folder => Some(redirect(request)),
        }
    }

    /// What a path leads to that came after the walk.
    async fn look_up(&self, roots: Arc<[PathBuf]>, path: &str) -> Option<Place> {
        let url = decoded(path)?.into_owned();
        let (caching, types, cache) = (self.caching, self.types.clone(), Arc::clone(&self.cache));
        let look = move || lookup::look_up(&roots, &url, caching, &types, &cache);
        tokio::task::spawn_blocking(look).await.ok().flatten()
    }

    /// Whether a path leads to a public file.
    pub fn holds(&self, path: &str) -> bool {
        find(&self.index.load(), path).is_some()
    }

    /// The URL of the icon that pages link to, if there is one at the top of the folders.
    #[must_use]
    pub fn favicon(&self) -> Option<&'static str> {
        favicon(&self.index.load())
    }
}

/// The URL of the icon in `folder` that pages link to. This reads the folder: it blocks.
#[must_use]
pub fn favicon_of(folder: &Path) -> Option<&'static str> {
    let (types, cache) = (Types::default(), Arc::default());
    favicon(&Index::of(&[folder.to_owned()], Caching::Revalidate, &types, &cache))
}

fn favicon(index: &Index) -> Option<&'static str> {
    [
        "/logo.svg",
        "/favicon.svg",
        "/favicon.ico",
        "/favicon.png",
        "/icon.svg",
        "/icon.ico",
        "/icon.png",
    ]
    .into_iter()
    .find(|url| matches!(index.get(url), Some(Place::File(_))))
}

fn find(index: &Index, path: &str) -> Option<Place> {
    index.get(&decoded(path)?).cloned()
}

/// The path that a URL's names; `None` if no file can have it.
fn decoded(path: &str) -> Option<Cow<'_, str>> {
    if !path.contains('%') {
        return Some(path.into());
    }
    // An encoded slash is part of a name, and no file has one in its name.
    let decoded = percent_decode_str(path).decode_utf8().ok()?;
    let slashes = |text: &str| text.bytes().filter(|&byte| byte == b'/').count();
    (slashes(&decoded) == slashes(path)).then_some(decoded)
}

/// From `/docs` to `/docs/`, so that the relative links of its `index.html` work.
fn redirect(request: &Parts) -> Response<Body> {
    let path = request.uri.path();
    let target = match request.uri.query() {
        Some(query) => format!("{path}/?{query}"),
        None => format!("{path}/"),
    };
    let mut response = Response::new(Body::empty());
    // It was part of a request's head, so it is a header value.
    if let Ok(target) = HeaderValue::try_from(target) {
        *response.status_mut() = StatusCode::PERMANENT_REDIRECT;
        response.headers_mut().insert(header::LOCATION, target);
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    }
    response
}

#[cfg(test)]
mod tests;
