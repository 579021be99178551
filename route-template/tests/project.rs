//! Reading apps from a real disk.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;
use std::path::Path;

use nova_route_template::{OpenError, PrepareError, Problem, Project, RouteTree, Warning, prepare};
use tempfile::TempDir;

const GET: &str = "pub fn get() {}\n";

fn app(files: &[(&str, &str)]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let manifest = "[package]\nname = \"app\"\nversion = \"0.1.0\"\n[lib]\npath = \"lib.rs\"\n";
    for (path, text) in [("Cargo.toml", manifest)].iter().chain(files) {
        write(dir.path(), path, text);
    }
    dir
}

fn write(dir: &Path, path: impl AsRef<Path>, text: impl AsRef<[u8]>) {
    let path = dir.join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

fn problems(dir: &Path) -> Vec<Problem> {
    match prepare(dir) {
        Err(PrepareError::Problems(problems)) => problems.0,
        other => panic!("{other:?}"),
    }
}

#[test]
fn pages_and_what_is_beside_them_are_found() {
    let dir = app(&[
        ("pages/index.rs", GET),
        ("pages/users/[id].rs", GET),
        ("pages/.well-known/security.txt.rs", GET),
        ("pages/_private/x.rs", "nonsense"),
        ("pages/.#index.rs", "an editor's lock"),
        ("pages/index.rs~", "an editor's copy"),
        ("pages/data.json", "{}"),
        ("components/forms/input.rs", ""),
        ("app.rs", "pub fn init() {}\n"),
    ]);
    let sources = Project::open(dir.path()).unwrap().scan();
    let paths: Vec<_> = sources.pages.iter().map(|file| file.path.as_str()).collect();
    let expected = ["pages/.well-known/security.txt.rs", "pages/index.rs", "pages/users/[id].rs"];
    assert_eq!(paths, expected);
    assert_eq!(sources.components, ["forms/input.rs"]);
    assert_eq!(sources.app.unwrap().path, "app.rs");
}

#[test]
fn everything_may_be_in_src() {
    let dir = app(&[("src/pages/index.rs", GET), ("src/components/x.rs", ""), ("src/app.rs", "")]);
    let sources = Project::open(dir.path()).unwrap().scan();
    assert_eq!(sources.pages[0].path, "src/pages/index.rs");
    assert_eq!(sources.components_root.as_deref(), Some("src/components"));
    assert_eq!(sources.app.unwrap().path, "src/app.rs");
}

#[test]
fn two_folders_of_pages_are_both_named() {
    let dir = app(&[("pages/index.rs", GET), ("src/pages/index.rs", GET)]);
    let expected = Problem::TwoPlaces { first: "pages".into(), second: "src/pages".into() };
    assert_eq!(problems(dir.path()), [expected]);
}

#[test]
fn the_crate_root_is_made_and_then_left_alone() {
    let dir = app(&[("pages/index.rs", GET)]);
    assert!(prepare(dir.path()).unwrap().crate_root.changed);
    let written = std::fs::metadata(dir.path().join("lib.rs")).unwrap().modified().unwrap();
    assert!(!prepare(dir.path()).unwrap().crate_root.changed);
    let now = std::fs::metadata(dir.path().join("lib.rs")).unwrap().modified().unwrap();
    assert_eq!(now, written);

    write(dir.path(), "pages/about.rs", GET);
    assert!(prepare(dir.path()).unwrap().crate_root.changed);
    let text = std::fs::read_to_string(dir.path().join("lib.rs")).unwrap();
    assert!(text.starts_with("//! app\n"));
    assert!(text.contains("app.page(\"/about\", \"pages/about.rs\")"), "{text}");
}

#[test]
fn a_crate_root_without_markers_says_what_to_add() {
    let dir = app(&[("pages/index.rs", GET), ("lib.rs", "pub mod mine;\n")]);
    let error = prepare(dir.path()).unwrap_err().to_string();
    assert!(error.starts_with("lib.rs has no marker lines\n"), "{error}");
    assert!(error.ends_with("\n// nova:begin\n// nova:end\n"), "{error}");
    assert_eq!(std::fs::read_to_string(dir.path().join("lib.rs")).unwrap(), "pub mod mine;\n");
}

#[test]
fn the_crate_root_may_be_written_in_another_way() {
    let dir = app(&[("pages/index.rs", GET)]);
    write(dir.path(), "Cargo.toml", "[package]\nname = \"app\"\n[lib]\npath = \"./lib.rs\"\n");
    let prepared = prepare(dir.path()).unwrap();
    assert_eq!(prepared.project.crate_root(), "lib.rs");
    let text = std::fs::read_to_string(dir.path().join("lib.rs")).unwrap();
    assert!(text.contains("\npub mod pages {\n"), "{text}");
    let line = text.lines().position(|line| line.contains("pages::index::get")).unwrap() + 1;
    let place = prepared.crate_root.origins.find("lib.rs", line).unwrap();
    assert_eq!(place.to_string(), "pages/index.rs:1:8");
}

#[test]
fn no_pages_are_a_warning() {
    let dir = app(&[]);
    assert_eq!(prepare(dir.path()).unwrap().warnings, [Warning::NoPages]);
    std::fs::create_dir(dir.path().join("pages")).unwrap();
    let root = "pages".to_owned();
    assert_eq!(prepare(dir.path()).unwrap().warnings, [Warning::NoRoutes { root }]);
}

#[test]
fn what_cannot_be_read_is_named_with_everything_else() {
    let dir = app(&[("pages/index.rs", "fn get() {}\n")]);
    write(dir.path(), "pages/binary.rs", b"\xff\xfe");
    let bad_name = Path::new("pages").join(OsStr::from_bytes(b"caf\xe9.rs"));
    write(dir.path(), &bad_name, GET);
    write(dir.path(), Path::new("pages").join(OsStr::from_bytes(b"\xe9/x.rs")), GET);
    symlink(".", dir.path().join("pages/loop")).unwrap();

    let problems = problems(dir.path());
    let kinds: Vec<_> = problems
        .iter()
        .map(|problem| {
            let place = problem.places()[0].0.to_owned();
            (problem.to_string().split(':').next().unwrap().to_owned(), place)
        })
        .collect();
    let expected = [
        ("this name is not UTF-8", "pages/caf\u{fffd}.rs"),
        ("cannot be read", "pages/loop"),
        ("this name is not UTF-8", "pages/\u{fffd}"),
        ("cannot be read", "pages/binary.rs"),
        ("this page exports no handler", "pages/index.rs"),
    ];
    assert_eq!(kinds, expected.map(|(what, place)| (what.to_owned(), place.to_owned())));
}

#[test]
fn a_linked_page_is_a_page() {
    let dir = app(&[("shared/index.rs", GET)]);
    symlink("shared", dir.path().join("pages")).unwrap();
    symlink("nowhere.rs", dir.path().join("shared/broken.rs")).unwrap();
    let tree = RouteTree::build(&Project::open(dir.path()).unwrap().scan()).unwrap();
    assert_eq!(tree.page_modules(), [("pages/index.rs", "index")]);
}

#[test]
fn a_folder_that_is_not_an_app_says_why() {
    let empty = tempfile::tempdir().unwrap();
    let open = |dir: &Path| Project::open(dir).unwrap_err();
    assert!(matches!(open(&empty.path().join("missing")), OpenError::NoFolder { .. }));
    assert!(open(empty.path()).to_string().contains("`nova new PATH` makes an app"));
    write(empty.path(), "Cargo.toml", "[workspace]\n");
    assert!(open(empty.path()).to_string().contains("name the folder of the app"));
    write(empty.path(), "Cargo.toml", "[package\n");
    let cause = anyhow::Error::new(open(empty.path()));
    let text = format!("{cause:#}");
    assert_eq!(text.matches("unclosed table").count(), 1, "{text}");
    assert!(text.contains("Cargo.toml: TOML parse error at line 1, column 9"), "{text}");
}
