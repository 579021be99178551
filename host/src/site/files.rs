//! Public files and stylesheets.
//!
//! A path of a request never becomes a path of the file system. The folders are walked once, and
//! what was found then, under the URL that it was found for, is all that is served: what a
//! client encodes or inserts either is one of those URLs or is not found. The files themselves
//! are answered by tower-http (ranges, conditions, precompressed variants).

mod content_type;
mod file;
mod index;
mod stylesheet;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use http::request::Parts;
use http::{HeaderValue, Method, Response, StatusCode, header};
use parking_lot::Mutex;
use percent_encoding::percent_decode_str;

use self::index::{Index, Place};
use crate::generation::body::Body;

pub use self::stylesheet::stylesheet;

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

/// The public files of a host. See the [module](self).
#[derive(Debug)]
pub struct Assets {
    caching: Caching,
    /// Held while the index is made, so that the last change is the one that stays.
    folders: Mutex<Vec<PathBuf>>,
    index: ArcSwap<Index>,
}

impl Assets {
    /// The files of `folders`; of two with the same URL the one of the earlier folder is served.
    /// A folder that does not exist is an empty one.
    ///
    /// This reads the folders: it blocks.
    #[must_use]
    pub fn new(folders: Vec<PathBuf>, caching: Caching) -> Self {
        let index = Index::of(&folders, caching);
        Self { caching, folders: Mutex::new(folders), index: ArcSwap::from_pointee(index) }
    }

    /// Changes the list of folders, and looks at all of them again. This blocks.
    pub fn change(&self, change: impl FnOnce(&mut Vec<PathBuf>)) {
        let mut folders = self.folders.lock();
        change(&mut folders);
        self.index.store(Arc::new(Index::of(&folders, self.caching)));
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

    /// Answers a request for a public file; `None` if it is for something else.
    pub async fn respond(&self, request: &Parts) -> Option<Response<Body>> {
        let index = self.index.load();
        if index.is_empty() || !matches!(request.method, Method::GET | Method::HEAD) {
            return None;
        }
        let place = find(&index, request.uri.path())?;
        // The index is not held while a file is read: it may be replaced.
        drop(index);
        match place {
            Place::File(file) => file.respond(request).await,
            Place::Folder => Some(redirect(request)),
        }
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
    favicon(&Index::of(&[folder.to_owned()], Caching::Revalidate))
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
    if !path.contains('%') {
        return index.get(path).cloned();
    }
    // An encoded slash is part of a name, and no file has one in its name.
    let decoded = percent_decode_str(path).decode_utf8().ok()?;
    let slashes = |text: &str| text.bytes().filter(|&byte| byte == b'/').count();
    (slashes(&decoded) == slashes(path)).then(|| index.get(&decoded).cloned())?
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
