//! Builds with a real cargo. The apps have no dependencies, so that each takes a moment.

use std::ffi::OsString;
use std::io::Read as _;
use std::os::unix::net::UnixListener;
use std::path::Path;

use nova_route_template::{
    Build, CargoError, Event, Level, Origins, Output, Position, Project, RouteTree, sync,
};
use tempfile::TempDir;

const MANIFEST: &str = "[package]\nname = \"my-app\"\nversion = \"0.3.0\"\nedition = \"2024\"\n\
     [lib]\npath = \"lib.rs\"\n[workspace]\n";

fn app(files: &[(&str, &str)]) -> (TempDir, Project) {
    let dir = tempfile::tempdir().unwrap();
    for (path, text) in [("Cargo.toml", MANIFEST)].iter().chain(files) {
        write(dir.path(), path, text);
    }
    let project = Project::open(dir.path()).unwrap();
    (dir, project)
}

fn write(dir: &Path, path: &str, text: &str) {
    let path = dir.join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

fn build(project: &Project, origins: Origins) -> Build {
    Build::new(project, origins)
        .profile("dev")
        .target_dir(Some(project.dir().join("target")))
        .output(Output::Capture)
}

#[test]
fn a_library_becomes_a_shared_object() {
    let (_dir, project) = app(&[("lib.rs", "pub fn f() {\n    let x = 1;\n}\n")]);
    let mut events = Vec::new();
    let running = build(&project, Origins::default()).start().unwrap();
    let built = running.wait(|event| events.push(event)).unwrap();

    assert_eq!(std::fs::read(&built.library).unwrap()[..4], *b"\x7fELF");
    let artifacts = events.iter().filter(|it| matches!(it, Event::Artifact(_))).count();
    assert_eq!(artifacts, 1, "{events:?}");
    assert!(
        events
            .iter()
            .any(|event| matches!(event, Event::Line(l) if l.contains("Compiling my-app")))
    );
    let [warning, ..] = &built.diagnostics[..] else { panic!("{events:?}") };
    assert_eq!(warning.level, Level::Warning);
    assert_eq!(warning.code.as_deref(), Some("unused_variables"));
    assert_eq!(warning.place.as_ref().unwrap().to_string(), "lib.rs:2:9");
}

#[test]
fn what_an_app_depends_on_is_counted_by_package() {
    let (dir, project) = app(&[
        ("lib.rs", "pub use model::f;\n"),
        (
            "model/Cargo.toml",
            "[package]\nname = \"model\"\nversion = \"0.1.0\"\nedition = \"2024\"\n",
        ),
        ("model/build.rs", "fn main() {}\n"),
        ("model/src/lib.rs", "pub fn f() {}\n"),
    ]);
    let manifest = std::fs::read_to_string(dir.path().join("Cargo.toml")).unwrap();
    let manifest = format!("{manifest}\n[dependencies]\nmodel = {{ path = \"model\" }}\n");
    write(dir.path(), "Cargo.toml", &manifest);
    let compiled = || {
        let mut compiled = Vec::new();
        let running = build(&project, Origins::default()).start().unwrap();
        let on_event = |event| {
            if let Event::Compiled { name, fresh, ready, total } = event {
                compiled.push((name, fresh, ready, total));
            }
        };
        running.wait(on_event).unwrap();
        compiled
    };
    // The build script is only the beginning of it, and the app depends on itself least of all.
    assert_eq!(compiled(), [("model".to_owned(), false, 1, Some(1))]);
    assert_eq!(compiled(), [("model".to_owned(), true, 1, None)]);
}

#[test]
fn a_mistake_in_a_page_is_shown_in_the_page() {
    let (_dir, project) = app(&[
        ("lib.rs", "pub mod pages {\n    #[path = \"users/[id].rs\"]\n    pub mod users_id;\n}\n"),
        ("pages/users/[id].rs", "pub fn get() -> u8 {\n    \"not a number\"\n}\n"),
    ]);
    let running = build(&project, Origins::default()).start().unwrap();
    let Err(CargoError::Failed { diagnostics, output }) = running.wait(|_| {}) else {
        panic!("it compiled");
    };
    let first = &diagnostics[0];
    assert_eq!((first.level, first.code.as_deref()), (Level::Error, Some("E0308")));
    assert_eq!(first.place.as_ref().unwrap().to_string(), "pages/users/[id].rs:2:5");
    assert!(
        first.plain().starts_with("error[E0308]: mismatched types\n --> pages/users/[id].rs:2:5\n")
    );
    assert!(first.rendered.contains("\u{1b}["));
    assert!(output.contains("could not compile `my-app`"), "{output}");
}

#[test]
fn a_handler_that_does_not_fit_is_placed_in_its_page() {
    let nova = "pub struct Routes;\n\
        pub struct App;\n\
        impl App {\n\
            pub fn new(_: ()) -> App { App }\n\
            pub fn page(&mut self, _: &str, _: &str) -> &mut App { self }\n\
            pub fn get(&mut self, _: u8) -> &mut App { self }\n\
            pub fn finish(self) -> Routes { Routes }\n\
        }\n\
        pub fn no_state() {}\n\
        pub mod handler { pub fn sync_1<A: Copy>(_: fn(A)) -> u8 { 0 } }\n\
        macro_rules! export { ($routes:ident) => {} }\n\
        pub(crate) use export;\n";
    let (_dir, project) = app(&[
        ("lib.rs", "mod nova;\n\n// nova:begin\n// nova:end\n"),
        ("nova.rs", nova),
        ("pages/index.rs", "//! Home.\n\npub fn get(name: String) {\n    drop(name);\n}\n"),
    ]);
    let tree = RouteTree::build(&project.scan()).unwrap();
    let synced = sync(&project, &tree).unwrap();
    assert!(synced.changed && !sync(&project, &tree).unwrap().changed);

    let running = build(&project, synced.origins).start().unwrap();
    let Err(CargoError::Failed { diagnostics, .. }) = running.wait(|_| {}) else {
        panic!("it compiled");
    };
    let place = diagnostics[0].place.as_ref().unwrap();
    assert_eq!(place.to_string(), "pages/index.rs:3:8");
    assert_eq!(place.function.as_deref(), Some("get"));
    let text = diagnostics[0].plain();
    assert!(text.contains("// pages/index.rs: get(name: String)"), "{text}");
}

#[test]
fn a_page_in_the_middle_of_an_edit_is_reported_by_rustc_alone() {
    let page = "pub fn get() -> u8 {\n    let x = ;\n    1\n}\n";
    let (_dir, project) = app(&[
        (
            "lib.rs",
            "mod nova { macro_rules! export { ($r:ident) => {} } pub(crate) use export; }\n\
                    // nova:begin\n// nova:end\n",
        ),
        ("pages/index.rs", page),
        ("pages/new.rs", "pub fn"),
    ]);
    let tree = RouteTree::build(&project.scan()).unwrap();
    let synced = sync(&project, &tree).unwrap();
    let running = build(&project, synced.origins).start().unwrap();
    let Err(CargoError::Failed { diagnostics, .. }) = running.wait(|_| {}) else {
        panic!("it compiled");
    };
    let places: Vec<_> =
        diagnostics.iter().filter_map(|d| Some(d.place.as_ref()?.to_string())).collect();
    assert!(places.contains(&"pages/index.rs:2:13".to_owned()), "{places:?}");
    assert!(places.iter().any(|place| place.starts_with("pages/new.rs:1:")), "{places:?}");
}

#[test]
fn an_app_in_a_workspace_names_its_own_files() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "Cargo.toml", "[workspace]\nmembers = [\"apps/site\"]\nresolver = \"3\"\n");
    write(dir.path(), "apps/site/Cargo.toml", &MANIFEST.replace("[workspace]\n", ""));
    write(dir.path(), "apps/site/lib.rs", "pub fn f() -> u8 {\n    ()\n}\n");
    let project = Project::open(&dir.path().join("apps/site")).unwrap();
    let running = build(&project, Origins::default()).start().unwrap();
    let Err(CargoError::Failed { diagnostics, .. }) = running.wait(|_| {}) else {
        panic!("it compiled");
    };
    let place = diagnostics[0].place.as_ref().unwrap();
    assert_eq!(place.file, "lib.rs");
    assert_eq!(place.position, Position { line: 2, column: 5 });
}

#[test]
fn what_cargo_itself_refuses_is_in_its_output() {
    let (dir, _) = app(&[("lib.rs", "")]);
    write(dir.path(), "Cargo.toml", &format!("{MANIFEST}[dependencies]\nx = {{ path = \"x\" }}\n"));
    let project = Project::open(dir.path()).unwrap();
    let running = build(&project, Origins::default()).start().unwrap();
    let Err(CargoError::Failed { diagnostics, output }) = running.wait(|_| {}) else {
        panic!("it compiled");
    };
    assert_eq!(diagnostics, []);
    assert!(output.contains("failed to load manifest for dependency `x`"), "{output}");
}

#[test]
fn without_cargo_the_error_says_what_to_do() {
    let (dir, project) = app(&[("lib.rs", "")]);
    for path in [None, Some(OsString::new()), Some(dir.path().into())] {
        let error = build(&project, Origins::default()).search_path(path).start().unwrap_err();
        assert!(matches!(error, CargoError::NotFound));
        assert!(error.to_string().contains("https://rustup.rs"));
    }
}

/// The build script never ends, so only a stop can end it: its end of the socket then closes.
#[test]
fn a_build_can_be_stopped_with_all_that_it_started() {
    let (dir, project) = app(&[
        ("lib.rs", ""),
        (
            "build.rs",
            "fn main() {
                let socket = std::os::unix::net::UnixStream::connect(\"socket\").unwrap();
                loop { std::thread::park() }
            }",
        ),
    ]);
    let listener = UnixListener::bind(dir.path().join("socket")).unwrap();
    let running = build(&project, Origins::default()).own_process_group().start().unwrap();
    let stopper = running.stopper();
    let script = std::thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        stopper.stop();
        socket.read_to_end(&mut Vec::new()).unwrap();
        stopper.stop();
    });
    let ended = running.wait(|_| {});
    assert!(matches!(ended, Err(CargoError::Stopped)), "{ended:?}");
    script.join().unwrap();
}

#[test]
fn a_build_that_is_dropped_is_stopped() {
    let (_dir, project) =
        app(&[("lib.rs", ""), ("build.rs", "fn main() { loop { std::thread::park() } }\n")]);
    // This returns only when cargo has ended.
    drop(build(&project, Origins::default()).own_process_group().start().unwrap());
}
