//! An app's folder: where its parts are, and reading its sources.

pub(crate) mod settings;
pub(crate) mod source_cache;

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::Deserialize;
use walkdir::{DirEntry, WalkDir};

use crate::files::is_gone;
use crate::project::source_cache::SourceCache;
use crate::routes::problem::Problem;
use crate::routes::tree::Sources;

/// An app on disk. Opening one looks at names only; it is cheap, and done again for each build.
#[derive(Debug, Clone)]
pub struct Project {
    dir: PathBuf,
    name: String,
    crate_root: String,
    pages: Option<String>,
    components: Option<String>,
    styles: Option<String>,
    app: Option<String>,
    precompile: Option<String>,
    problems: Vec<Problem>,
}

/// Why a folder is not an app.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// There is no such folder.
    #[error("{} is not a folder that can be opened", dir.display())]
    NoFolder {
        /// The folder.
        dir: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// No `Cargo.toml`.
    #[error(
        "there is no Cargo.toml in {}\n  help: `nova new PATH` makes an app; every command \
         takes the app's folder as its argument",
        dir.display()
    )]
    NoManifest {
        /// The folder.
        dir: PathBuf,
    },
    /// A `Cargo.toml` that cannot be read.
    #[error("{} cannot be read", path.display())]
    UnreadableManifest {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A `Cargo.toml` that is not TOML, or not a manifest.
    #[error("{}: {}", path.display(), cause.to_string().trim_end())]
    BadManifest {
        /// The file.
        path: PathBuf,
        /// Where in it, by one-based line and column.
        place: Option<(usize, usize)>,
        /// What is wrong with it, with its place; a part of the message.
        cause: Box<toml::de::Error>,
    },
    /// A workspace without a package.
    #[error(
        "{} has no [package]\n  help: name the folder of the app, not of its workspace",
        path.display()
    )]
    NoPackage {
        /// The file.
        path: PathBuf,
    },
}

#[derive(Deserialize)]
struct CargoManifest {
    package: Option<Package>,
    lib: Option<Lib>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
}

#[derive(Deserialize)]
struct Lib {
    path: Option<String>,
}

impl Project {
    /// Opens the app in `dir`.
    ///
    /// # Errors
    /// If the folder or its `Cargo.toml` cannot be read, or if that describes no package.
    pub fn open(dir: &Path) -> Result<Self, OpenError> {
        let dir = dir
            .canonicalize()
            .map_err(|source| OpenError::NoFolder { dir: dir.to_owned(), source })?;
        let manifest = read_manifest(&dir)?;
        let package = manifest
            .package
            .ok_or_else(|| OpenError::NoPackage { path: dir.join("Cargo.toml") })?;
        let crate_root = manifest.lib.and_then(|lib| lib.path).map(|path| plain(&path));
        let mut project = Self {
            name: package.name,
            crate_root: crate_root.unwrap_or_else(|| "src/lib.rs".to_owned()),
            pages: None,
            components: None,
            styles: None,
            app: None,
            precompile: None,
            problems: Vec::new(),
            dir,
        };
        project.pages = project.find("pages", Path::is_dir);
        project.components = project.find("components", Path::is_dir);
        project.styles = project.find("styles", Path::is_dir);
        project.app = project.find("app.rs", Path::is_file);
        project.precompile = project.find("precompile.rs", Path::is_file);
        Ok(project)
    }

    /// The app's folder, absolute.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The name of the package.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The file that holds the generated block, from the app's folder: `lib.rs`.
    pub fn crate_root(&self) -> &str {
        &self.crate_root
    }

    /// `pages` or `src/pages`, if there is such a folder.
    pub fn pages(&self) -> Option<&str> {
        self.pages.as_deref()
    }

    /// `styles` or `src/styles`, if there is such a folder.
    pub fn styles(&self) -> Option<&str> {
        self.styles.as_deref()
    }

    /// The folder of static files, if there is one.
    pub fn public(&self) -> Option<&'static str> {
        self.dir.join("public").is_dir().then_some("public")
    }

    /// The URL of the favicon: the first of a few names in the folder of static files.
    pub fn favicon(&self) -> Option<String> {
        const NAMES: [&str; 7] = [
            "logo.svg",
            "favicon.svg",
            "favicon.ico",
            "favicon.png",
            "icon.svg",
            "icon.ico",
            "icon.png",
        ];
        let public = self.dir.join(self.public()?);
        NAMES.iter().find(|name| public.join(name).is_file()).map(|name| format!("/{name}"))
    }

    /// Reads the sources. What cannot be read becomes a problem among them.
    pub fn scan(&self) -> Sources {
        self.scan_with(&mut SourceCache::default())
    }

    /// As [`scan`](Self::scan), without reading again what the cache knows.
    pub fn scan_with(&self, cache: &mut SourceCache) -> Sources {
        let now = SystemTime::now();
        let mut problems = self.problems.clone();
        let mut pages = Vec::new();
        if let Some(root) = &self.pages {
            for path in self.walk(root, is_private, &mut problems) {
                let path = format!("{root}/{path}");
                pages.extend(cache.read(&self.dir, path, now));
            }
        }
        let components = match &self.components {
            Some(root) => self.walk(root, |_| false, &mut problems),
            None => Vec::new(),
        };
        let mut read = |path: &Option<String>| cache.read(&self.dir, path.clone()?, now);
        let (app, precompile) = (read(&self.app), read(&self.precompile));
        cache.end_scan();
        Sources {
            pages_root: self.pages.clone(),
            pages,
            components_root: self.components.clone(),
            components,
            app,
            precompile,
            problems,
        }
    }

    /// `name`, or `src/name`; both are a mistake.
    fn find(&mut self, name: &str, is_there: fn(&Path) -> bool) -> Option<String> {
        let in_src = format!("src/{name}");
        let first = is_there(&self.dir.join(name));
        let second = is_there(&self.dir.join(&in_src));
        if first && second {
            let first = name.to_owned();
            self.problems.push(Problem::TwoPlaces { first, second: in_src.clone() });
        }
        match (first, second) {
            (true, _) => Some(name.to_owned()),
            (false, true) => Some(in_src),
            (false, false) => None,
        }
    }

    /// The `.rs` files under `root`, from it and sorted.
    fn walk(
        &self,
        root: &str,
        skip_folder: fn(&str) -> bool,
        problems: &mut Vec<Problem>,
    ) -> Vec<String> {
        let top = self.dir.join(root);
        let wanted = |entry: &DirEntry| {
            let name = entry.file_name().to_string_lossy();
            let is_skipped = is_hidden(&name) || entry.file_type().is_dir() && skip_folder(&name);
            entry.depth() == 0 || !is_skipped
        };
        let walk = WalkDir::new(&top).follow_links(true).sort_by_file_name();
        let mut files = Vec::new();
        for entry in walk.into_iter().filter_entry(wanted) {
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) if is_gone(error.io_error()) => continue,
                Err(error) => {
                    let path = error.path().unwrap_or(&top);
                    let cause =
                        error.io_error().map_or_else(|| error.to_string(), io::Error::to_string);
                    problems.push(Problem::Unreadable { path: self.relative(path), cause });
                    continue;
                }
            };
            let path = entry.path();
            let is_source =
                !entry.file_type().is_dir() && path.extension() == Some(OsStr::new("rs"));
            if entry.file_name().to_str().is_none() {
                if is_source || entry.file_type().is_dir() {
                    problems.push(Problem::NameNotUtf8 { path: self.relative(path) });
                }
                continue;
            }
            // A folder that is not UTF-8 has been reported, and what is in it need not be.
            if let (true, Some(path)) =
                (is_source, path.strip_prefix(&top).ok().and_then(Path::to_str))
            {
                files.push(path.to_owned());
            }
        }
        files
    }

    fn relative(&self, path: &Path) -> String {
        path.strip_prefix(&self.dir).unwrap_or(path).display().to_string()
    }
}

fn read_manifest(dir: &Path) -> Result<CargoManifest, OpenError> {
    let path = dir.join("Cargo.toml");
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(OpenError::NoManifest { dir: dir.to_owned() });
        }
        Err(source) => return Err(OpenError::UnreadableManifest { path, source }),
    };
    toml::from_str(&text).map_err(|cause: toml::de::Error| {
        let before = cause.span().and_then(|span| text.get(..span.start));
        let place = before.map(|before| {
            let column = before.chars().rev().take_while(|letter| *letter != '\n').count() + 1;
            (before.matches('\n').count() + 1, column)
        });
        OpenError::BadManifest { path, place, cause: Box::new(cause) }
    })
}

/// A path without `.` in it, as rustc names the file.
fn plain(path: &str) -> String {
    path.split('/').filter(|part| !matches!(*part, "" | ".")).collect::<Vec<_>>().join("/")
}

/// Editors and systems leave files that begin with a dot; the web has one such folder.
fn is_hidden(name: &str) -> bool {
    name.starts_with('.') && name != ".well-known"
}

fn is_private(folder: &str) -> bool {
    folder.starts_with('_')
}
