//! The precompressed files beside a file, and which of them are as new as it is.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use tower_http::services::ServeDir;
use tower_http::services::fs::Backend;

/// So much older a variant may be than its original: copies of folders do not always keep the
/// times of files, and are made in any order; some file systems count in steps of two seconds.
const SLACK: Duration = Duration::from_secs(2);

/// Which precompressed files lie beside a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Variants {
    gzip: bool,
    brotli: bool,
    zstd: bool,
}

impl Variants {
    /// Only what was found when the folder was walked counts, so that a variant cannot be a link
    /// that leads out of it.
    pub(super) fn of(url: &str, exists: impl Fn(&str) -> bool) -> Self {
        let exists = |extension| exists(&format!("{url}.{extension}"));
        Self { gzip: exists("gz"), brotli: exists("br"), zstd: exists("zst") }
    }

    /// Whether there are any.
    pub(super) fn are_there(self) -> bool {
        self != Self::default()
    }

    /// Those that are not older than their original at `path`: what was compressed before the last
    /// change is another file's content. This blocks.
    pub(super) fn fresh(self, path: &Path) -> Self {
        let Some(original) = modified(path) else { return self };
        let is_fresh = |known: bool, extension: &str| {
            known
                && modified(&with_ending(path, extension))
                    .is_some_and(|variant| variant + SLACK >= original)
        };
        Self {
            gzip: is_fresh(self.gzip, "gz"),
            brotli: is_fresh(self.brotli, "br"),
            zstd: is_fresh(self.zstd, "zst"),
        }
    }

    /// The names of those that are here and not in `fresh`.
    pub(super) fn stale(self, fresh: Self) -> impl Iterator<Item = &'static str> {
        [
            (self.gzip && !fresh.gzip, "gz"),
            (self.brotli && !fresh.brotli, "br"),
            (self.zstd && !fresh.zstd, "zst"),
        ]
        .into_iter()
        .filter_map(|(is_stale, extension)| is_stale.then_some(extension))
    }

    /// Lets a file be answered with them.
    pub(super) fn add_to<F, B: Backend>(self, mut serve: ServeDir<F, B>) -> ServeDir<F, B> {
        if self.gzip {
            serve = serve.precompressed_gzip();
        }
        if self.brotli {
            serve = serve.precompressed_br();
        }
        if self.zstd {
            serve = serve.precompressed_zstd();
        }
        serve
    }
}

fn modified(path: &Path) -> Option<SystemTime> {
    path.metadata().and_then(|metadata| metadata.modified()).ok()
}

fn with_ending(path: &Path, extension: &str) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(".");
    path.push(extension);
    path.into()
}
