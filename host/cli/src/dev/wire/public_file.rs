//! A file under `public/` that changed, as open pages must know it.
//!
//! A page that does not show the file, or that has loaded it since, is left alone: what a form of
//! the app itself uploads there is no reason to ask for anything again.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// Of more files than these, none is named: it was no upload.
const NAMED: usize = 64;

/// See the [module](self).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct PublicFile {
    /// The path of its address, not encoded.
    pub(crate) path: String,
    /// When it became what it is, in milliseconds since 1970.
    pub(crate) at: f64,
}

impl PublicFile {
    /// What changed of the app in `dir`; none of many.
    pub(crate) fn all(dir: &Path, changed: &[&Path]) -> Vec<Self> {
        let changed = if changed.len() > NAMED { &[] } else { changed };
        changed.iter().filter_map(|file| Self::of(dir, file)).collect()
    }

    fn of(dir: &Path, file: &Path) -> Option<Self> {
        let below = file.strip_prefix("src").unwrap_or(file).strip_prefix("public").ok()?;
        // A file that was moved here keeps the time at which it was written, and this one changes.
        let changed = dir.join(file).metadata().map(|it| {
            Duration::from_secs(u64::try_from(it.ctime()).unwrap_or_default())
                + Duration::from_nanos(u64::try_from(it.ctime_nsec()).unwrap_or_default())
        });
        let now = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let at = changed.unwrap_or_else(|_| now()).as_secs_f64() * 1000.0;
        Some(Self { path: format!("/{}", below.to_str()?), at })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_the_path_of_its_address() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let path = |file: &str| Some(PublicFile::of(dir.path(), Path::new(file))?.path);
        assert_eq!(path("public/a b.png").as_deref(), Some("/a b.png"));
        assert_eq!(path("src/public/up/ü.txt").as_deref(), Some("/up/ü.txt"));
        assert_eq!(path("pages/public/a.rs"), None);
        let file = Path::new("public/a.png");
        assert_eq!(PublicFile::all(dir.path(), &[file; NAMED]).len(), NAMED);
        assert_eq!(PublicFile::all(dir.path(), &[file; NAMED + 1]), []);
    }

    #[test]
    fn a_file_that_was_moved_is_new() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        std::fs::create_dir(dir.path().join("public")).expect("a folder");
        let before = SystemTime::now() - Duration::from_secs(60);
        let elsewhere = std::fs::File::create(dir.path().join("a.txt")).expect("a file");
        elsewhere.set_modified(before).expect("a time");
        std::fs::rename(dir.path().join("a.txt"), dir.path().join("public/a.txt")).expect("a file");
        let at = PublicFile::of(dir.path(), Path::new("public/a.txt")).expect("a file").at;
        let before = before.duration_since(UNIX_EPOCH).expect("a time").as_secs_f64() * 1000.0;
        assert!(at > before + 30_000.0, "{at} {before}");
    }
}
