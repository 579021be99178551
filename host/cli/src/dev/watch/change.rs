//! From changed files to what must be done about them.
//!
//! [`Area::of`] says what a path is to the app, [`plan`] adds up a batch of changes. Both are
//! pure; the snapshot decides which files really changed, and the session acts.

use std::path::{Component, Path, PathBuf};

use crate::dev::wire::save::SavedFiles;

/// What a file of the app is, by its path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Area {
    /// A `.rs` file under `pages/`.
    Page,
    /// A `.rs` file under `components/`.
    Component,
    /// `app.rs`.
    App,
    /// `lib.rs`, of which one block is written by Nova.
    CrateRoot,
    /// Any other Rust source.
    Source,
    /// `Cargo.toml`, `Cargo.lock`, the toolchain, cargo's own settings.
    Manifest,
    /// `nova.toml`.
    Settings,
    /// `.env`.
    Environment,
    /// What `cargo sqlx prepare` leaves, from which queries are checked.
    Queries,
    /// A stylesheet: one under `styles/`, or a partial that lies beside a component.
    Style,
    /// A file under `public/`.
    Public,
    /// Anything else: it matters if the compiler read it (`include_str!`).
    Other,
}

impl Area {
    /// The area of `path`, which is relative to the app's folder; `None` for what is never looked
    /// at: caches, compiler output, version control, what editors write beside a file.
    pub(crate) fn of(path: &Path) -> Option<Self> {
        let parts: Vec<&str> = path
            .components()
            .map(|part| match part {
                Component::Normal(part) => part.to_str(),
                _ => None,
            })
            .collect::<Option<_>>()?;
        let (name, folders) = parts.split_last()?;
        if is_temporary(name) {
            return None;
        }
        match (folders, *name) {
            ([], ".env") => return Some(Self::Environment),
            ([], "nova.toml") => return Some(Self::Settings),
            ([], "Cargo.toml" | "Cargo.lock" | "rust-toolchain.toml" | "rust-toolchain")
            | ([".cargo"], _) => return Some(Self::Manifest),
            ([".sqlx"], _) => return Some(Self::Queries),
            _ => {}
        }
        let (folders, name) = match folders {
            ["src", rest @ ..] => (rest, name),
            _ => (folders, name),
        };
        if let ["public", ..] = folders {
            return Some(Self::Public);
        }
        let hidden = |part: &&str| part.starts_with('.') && *part != ".well-known";
        if parts.iter().any(hidden) || is_ignored_folder(parts[0]) {
            return None;
        }
        let rust = name.ends_with(".rs");
        Some(match (folders, *name) {
            ([], "lib.rs") => Self::CrateRoot,
            ([], "app.rs") => Self::App,
            (["pages", ..], _) if rust => Self::Page,
            (["components", ..], _) if rust => Self::Component,
            _ if is_style(name) => Self::Style,
            _ if rust => Self::Source,
            _ => Self::Other,
        })
    }

    /// Whether a folder at the top of an app is worth watching.
    pub(crate) fn is_watched_folder(name: &str) -> bool {
        matches!(name, ".cargo" | ".sqlx") || !(name.starts_with('.') || is_ignored_folder(name))
    }

    /// Whether a path from the app's folder is one of the folders that have a meaning, or in one:
    /// a folder called `build` or `target` in there is the user's.
    pub(crate) fn is_own_folder(path: &Path) -> bool {
        let path = path.strip_prefix("src").unwrap_or(path);
        ["pages", "components", "styles", "public"].iter().any(|folder| path.starts_with(folder))
    }
}

impl Area {
    /// Whether a path from the app's folder is what a build writes.
    pub(crate) fn is_output(path: &Path) -> bool {
        ["target", ".nova", ".git"].iter().any(|folder| path.starts_with(folder))
    }
}

/// What compilers and package managers write at the top of an app.
///
/// `.gitignore` is not asked: it lists what a tool generates for the app (`public/app.css`, a page)
/// together with what is no part of it. The former must be seen, and the latter asks for nothing
/// unless the compiler has read it, in which case it must be seen as well.
fn is_ignored_folder(name: &str) -> bool {
    matches!(name, "target" | "build" | "node_modules")
}

fn is_style(name: &str) -> bool {
    [".scss", ".sass", ".css"].iter().any(|end| name.ends_with(end))
}

/// What an editor, a shell or a browser writes for a moment. `4913` is how Vim finds out whether
/// it may create a file.
fn is_temporary(name: &str) -> bool {
    name == "4913"
        || name == ".DS_Store"
        || name.starts_with(".#")
        || (name.starts_with('#') && name.ends_with('#'))
        || name.starts_with(".goutputstream-")
        || [
            "~",
            ".swp",
            ".swo",
            ".swx",
            ".tmp",
            ".temp",
            ".bak",
            ".orig",
            ".part",
            ".crdownload",
            "___jb_tmp___",
            "___jb_old___",
        ]
        .iter()
        .any(|end| name.ends_with(end))
}

/// How a file changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ChangeKind {
    Added,
    Edited,
    Removed,
}

/// One file whose content is not what it was.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Change {
    /// Relative to the app's folder.
    pub(crate) path: PathBuf,
    pub(crate) kind: ChangeKind,
}

impl Change {
    /// Whether it is about the stylesheet.
    pub(crate) fn is_style(&self) -> bool {
        Area::of(&self.path) == Some(Area::Style)
    }

    /// Whether it is about what a whole process is started with.
    pub(crate) fn is_settings(&self) -> bool {
        matches!(Area::of(&self.path), Some(Area::Settings | Area::Environment))
    }

    /// Whether it is about a public file.
    pub(crate) fn is_public(&self) -> bool {
        Area::of(&self.path) == Some(Area::Public)
    }
}

/// What a batch of changes asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    /// Settings or environment: they hold for a whole process.
    pub(crate) restart: bool,
    /// Compile the routes.
    pub(crate) build: bool,
    /// Compile the stylesheet.
    pub(crate) styles: bool,
    /// Look at `public/` again.
    pub(crate) public: bool,
}

impl Plan {
    /// What a session begins with.
    pub(crate) fn first() -> Self {
        Self { build: true, styles: true, ..Self::default() }
    }
}

/// What reads a file, wherever it lies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Readers {
    /// The compiler read it for the app the last time.
    pub(crate) compiler: bool,
    /// The stylesheet is made of it.
    pub(crate) stylesheet: bool,
    /// It is in a crate beside the app, and cargo alone knows what that is compiled from.
    pub(crate) crate_beside: bool,
}

/// What `changes` ask for; `readers` says what reads a file.
pub(crate) fn plan(changes: &[Change], readers: impl Fn(&Path) -> Readers) -> Plan {
    let mut plan = Plan::default();
    for Change { path, .. } in changes {
        // A template, a stylesheet or an image may be compiled into a page; what is elsewhere is
        // known by an absolute path, and asks for nothing else.
        let Readers { compiler, stylesheet, crate_beside } = readers(path);
        plan.build |= compiler || crate_beside && !stylesheet;
        plan.styles |= stylesheet;
        let Some(area) = Area::of(path) else { continue };
        match area {
            Area::Settings | Area::Environment => plan.restart = true,
            Area::Style => plan.styles = true,
            Area::Public => plan.public = true,
            Area::Page
            | Area::Component
            | Area::App
            | Area::CrateRoot
            | Area::Source
            | Area::Queries
            | Area::Manifest => plan.build = true,
            Area::Other => {}
        }
    }
    plan
}

impl From<&Vec<Change>> for SavedFiles {
    fn from(changes: &Vec<Change>) -> Self {
        Self::from(changes.as_slice())
    }
}

impl From<&[Change]> for SavedFiles {
    fn from(changes: &[Change]) -> Self {
        let files = changes.iter().map(|change| change.path.display().to_string());
        Self { headline: headline(changes), files: files.collect() }
    }
}

/// `changes` in the width of a terminal line.
pub(crate) fn headline(changes: &[Change]) -> String {
    let Some(first) = changes.first() else {
        return String::new();
    };
    let kind = match first.kind {
        ChangeKind::Added => " (new)",
        ChangeKind::Edited => "",
        ChangeKind::Removed => " (deleted)",
    };
    let rest = match changes.len() {
        1 => String::new(),
        many => format!(" and {} more", many - 1),
    };
    format!("{}{kind}{rest}", first.path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_has_one_area() {
        for (path, area) in [
            ("pages/index.rs", Some(Area::Page)),
            ("pages/users/[id].rs", Some(Area::Page)),
            ("pages/_layout.rs", Some(Area::Page)),
            ("pages/build/index.rs", Some(Area::Page)),
            ("src/pages/index.rs", Some(Area::Page)),
            ("pages/.well-known/webfinger.rs", Some(Area::Page)),
            ("pages/notes.md", Some(Area::Other)),
            ("components/header.rs", Some(Area::Component)),
            ("src/components/ui/button.rs", Some(Area::Component)),
            ("app.rs", Some(Area::App)),
            ("src/app.rs", Some(Area::App)),
            ("lib.rs", Some(Area::CrateRoot)),
            ("src/lib.rs", Some(Area::CrateRoot)),
            ("model/lib.rs", Some(Area::Source)),
            ("build.rs", Some(Area::Source)),
            ("src/db/query.rs", Some(Area::Source)),
            ("Cargo.toml", Some(Area::Manifest)),
            ("Cargo.lock", Some(Area::Manifest)),
            ("rust-toolchain.toml", Some(Area::Manifest)),
            (".cargo/config.toml", Some(Area::Manifest)),
            (".sqlx/query-1f.json", Some(Area::Queries)),
            ("nova.toml", Some(Area::Settings)),
            (".env", Some(Area::Environment)),
            ("styles/main.scss", Some(Area::Style)),
            ("styles/parts/_colours.scss", Some(Area::Style)),
            ("styles/plain.css", Some(Area::Style)),
            ("components/_card.scss", Some(Area::Style)),
            ("src/theme/_colours.scss", Some(Area::Style)),
            ("styles/README.md", Some(Area::Other)),
            ("public/logo.svg", Some(Area::Public)),
            ("public/.well-known/security.txt", Some(Area::Public)),
            ("public/main.css", Some(Area::Public)),
            ("templates/mail.txt", Some(Area::Other)),
            ("data.db-wal", Some(Area::Other)),
            ("target/debug/x.rs", None),
            ("build/routes_generated.rs", None),
            (".nova/cache/x.rs", None),
            (".git/index", None),
            (".env.example", None),
            ("node_modules/x/y.css", None),
            ("pages/.index.rs.swp", None),
            ("pages/index.rs~", None),
            ("pages/#index.rs#", None),
            ("pages/.#index.rs", None),
            ("pages/4913", None),
            ("pages/index.rs___jb_tmp___", None),
            ("styles/.goutputstream-X1Y2", None),
            ("public/film.mp4.part", None),
            ("public/.DS_Store", None),
            ("", None),
            ("../other/pages/index.rs", None),
        ] {
            assert_eq!(Area::of(Path::new(path)), area, "{path}");
        }
    }

    #[test]
    fn plans_add_up() {
        let compiled = ["templates/mail.txt", "/src/model/both.scss", "public/both.css"];
        let styled = [
            "/src/ui/_colours.scss",
            "/src/model/_colours.scss",
            "/src/model/both.scss",
            "public/both.css",
        ];
        let readers = |path: &Path| {
            let is_one_of = |files: &[&str]| files.iter().any(|file| path == Path::new(file));
            Readers {
                compiler: is_one_of(&compiled),
                stylesheet: is_one_of(&styled),
                crate_beside: path.starts_with("/src/model"),
            }
        };
        let build = Plan { build: true, ..Plan::default() };
        let styles = Plan { styles: true, ..Plan::default() };
        for (paths, expected) in [
            (&["pages/index.rs"][..], build.clone()),
            (&["Cargo.lock", "components/a.rs"], build.clone()),
            (&["templates/mail.txt"], build.clone()),
            (&["templates/other.txt", "data.db-wal", ".git/index"], Plan::default()),
            (&["styles/main.scss"], styles.clone()),
            (&["public/a.png"], Plan { public: true, ..Plan::default() }),
            (&[".env"], Plan { restart: true, ..Plan::default() }),
            (&["nova.toml", "pages/a.rs"], Plan { restart: true, ..build.clone() }),
            (&["styles/a.css", "public/a.png", "app.rs"], Plan { public: true, ..Plan::first() }),
            (&["/src/model/src/lib.rs"], build.clone()),
            (&["/src/model/other.scss"], build.clone()),
            (&["theme/_colours.scss"], styles.clone()),
            (&["/src/ui/_colours.scss"], styles.clone()),
            (&["/src/model/_colours.scss"], styles.clone()),
            (&["/src/model/both.scss"], Plan::first()),
            (&["public/both.css"], Plan { public: true, ..Plan::first() }),
            (&["/src/elsewhere.txt"], Plan::default()),
            (&[".sqlx/query-1f.json"], build.clone()),
            (&[], Plan::default()),
        ] {
            let changes: Vec<_> = paths
                .iter()
                .map(|path| Change { path: path.into(), kind: ChangeKind::Edited })
                .collect();
            assert_eq!(plan(&changes, readers), expected, "{paths:?}");
        }
    }

    #[test]
    fn a_headline_names_the_first_file() {
        let change = |path: &str, kind| Change { path: path.into(), kind };
        let changes = [
            change("pages/a.rs", ChangeKind::Removed),
            change("pages/b.rs", ChangeKind::Added),
            change("pages/c.rs", ChangeKind::Edited),
        ];
        assert_eq!(headline(&[]), "");
        assert_eq!(headline(&changes[..1]), "pages/a.rs (deleted)");
        assert_eq!(headline(&changes[1..]), "pages/b.rs (new) and 1 more");
        assert_eq!(headline(&changes[2..]), "pages/c.rs");
    }
}
