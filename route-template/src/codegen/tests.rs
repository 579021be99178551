use std::io::Write as _;
use std::process::{Command, Stdio};

use super::*;
use crate::routes::tree::Sources;
use crate::source::file::SourceFile;

/// One of everything.
fn everything() -> Sources {
    let page = |path: &str, text: &str| SourceFile::new(format!("pages/{path}"), text);
    Sources {
        pages_root: Some("pages".into()),
        pages: vec![
            page("index.rs", "pub fn get() -> Html { page() }"),
            page(
                "users/[id].rs",
                "pub const BODY_LIMIT: usize = 1024;\npub const PRECOMPILE: bool = false;\n\
                 pub const SAMPLES: &[&str] = &[\"/users/1\"];\npub const PRERENDER: bool = true;\n\
                 pub async fn get(Path(id): Path<u64>, State(db): State<Db>) -> Html { page() }\n\
                 pub fn delete(Path(id): Path<u64>) -> StatusCode { gone() }\n",
            ),
            page("docs/[[...path]].rs", "pub fn handler(Path(p): Path<String>) -> Html { p }"),
            page("users/[id]/edit.rs", "pub fn get() -> impl Future<Output = Html> { f() }"),
            page("(shop)/type.rs", "pub fn get("),
            page("_layout.rs", "pub fn layout(page: Html) -> Html { page }"),
            page("(shop)/_layout.rs", "pub async fn layout(page: Html) -> Html { page }"),
            page("api/_middleware.rs", "pub async fn middleware(r: Request, n: Next) {}"),
            page(
                "legacy/_middleware.rs",
                "pub fn layers(State(db): State<Db>) -> impl Layers { cors(db) }\n\
                 pub async fn middleware(r: Request, n: Next) {}",
            ),
            page("legacy/[[...path]].rs", "pub fn service() -> Router { router() }"),
            page("_error.rs", "pub fn handler(error: Error) -> Html { page() }"),
            page("404.rs", "pub fn get() -> Html { page() }"),
            page("users/[id]/404.rs", "pub fn handler(error: Error) -> Html { page() }"),
        ],
        components_root: Some("components".into()),
        components: vec!["footer.rs".into(), "forms/input.rs".into(), "header.rs".into()],
        app: Some(SourceFile::new(
            "app.rs",
            "pub async fn init(purpose: Purpose) -> Result<Db> { db() }\n\
             pub fn subscriber(purpose: Purpose) -> impl Subscriber { all() }\n\
             pub async fn shutdown(db: Db) {}\npub fn export(db: &Db) -> Saved { db.save() }\n\
             pub async fn import(purpose: Purpose, saved: Saved) -> Db { db() }\n",
        )),
        precompile: Some(SourceFile::new(
            "precompile.rs",
            "pub fn requests() -> Vec<Request> { all() }\nfn all() {}\n\
             pub async fn warm(State(db): State<Db>) -> Result<()> { db.warm().await }\n",
        )),
        problems: Vec::new(),
    }
}

fn generated(sources: &Sources, destination: &Destination<'_>) -> GeneratedCode {
    let tree = RouteTree::build(sources).unwrap_or_else(|problems| panic!("{problems}"));
    generate(&tree, destination)
}

fn text(sources: &Sources, destination: &Destination<'_>) -> String {
    generated(sources, destination).text
}

/// The same app with everything in `src/`.
fn in_src(sources: &Sources) -> Sources {
    let moved =
        |file: &SourceFile| SourceFile { path: format!("src/{}", file.path), ..file.clone() };
    Sources {
        pages_root: Some("src/pages".into()),
        pages: sources.pages.iter().map(moved).collect(),
        components_root: Some("src/components".into()),
        components: sources.components.clone(),
        app: sources.app.as_ref().map(moved),
        precompile: sources.precompile.as_ref().map(moved),
        problems: Vec::new(),
    }
}

#[test]
fn an_app_with_one_of_everything() {
    insta::assert_snapshot!(text(&everything(), &Destination::CrateRoot("lib.rs")));
}

/// Functions, and files, that are not always there.
fn conditional() -> Sources {
    let page = |path: &str, text: &str| SourceFile::new(format!("pages/{path}"), text);
    Sources {
        pages_root: Some("pages".into()),
        pages: vec![
            page(
                "admin.rs",
                "#![cfg(feature = \"admin\")]\npub const PRERENDER: bool = true;\npub fn get() {}\n\
                 #[cfg(not(any(unix, windows)))]\npub fn post(body: Body) {}\n",
            ),
            page(
                "debug.rs",
                "pub fn get() {}\n#[cfg(debug_assertions)]\npub async fn post() {}\n\
                 #[cfg(not(debug_assertions))]\npub fn post() {}\n",
            ),
            page("plain.rs", "pub fn get() {}"),
            page(
                "same.rs",
                "#[cfg(unix)]\npub fn get() -> u8 { 1 }\n#[cfg(not(unix))]\npub fn get() -> u8 { 2 }",
            ),
            page("_layout.rs", "#[cfg(feature = \"look\")]\npub fn layout(page: Html) -> Html {}"),
            page("404.rs", "#![cfg(unix)]\npub fn get() {}"),
        ],
        app: Some(SourceFile::new(
            "app.rs",
            "#[cfg(feature = \"db\")]\npub async fn init() -> Db { db() }\n\
             #[cfg(not(feature = \"db\"))]\npub fn init() {}\n\
             #[cfg(feature = \"db\")]\npub fn shutdown(db: Db) {}\n",
        )),
        precompile: Some(SourceFile::new(
            "precompile.rs",
            "#[cfg(feature = \"warm\")]\npub fn warm() {}\npub fn more() {}",
        )),
        ..Sources::default()
    }
}

#[test]
fn what_is_not_always_there_is_named_when_it_is() {
    insta::assert_snapshot!(text(&conditional(), &Destination::CrateRoot("lib.rs")));
}

#[test]
fn an_app_without_pages() {
    insta::assert_snapshot!(text(&Sources::default(), &Destination::CrateRoot("lib.rs")), @r#"
    nova::export!(routes);

    /// The routes of `pages/`.
    #[must_use]
    #[rustfmt::skip]
    pub fn routes() -> nova::Routes {
        let app = nova::App::new(nova::no_state());
        app.finish()
    }

    #[test]
    #[rustfmt::skip]
    fn routes_are_in_step() {
        nova::testing::assert_in_step(env!("CARGO_MANIFEST_DIR"), &[
        ]);
    }
    "#);
}

/// Only what refers to files may differ between two places.
fn path_attributes(text: &str) -> Vec<&str> {
    text.lines().filter(|line| line.starts_with("#[path")).collect()
}

#[test]
fn paths_are_written_only_where_rustc_would_look_elsewhere() {
    let plain = everything();
    let src = in_src(&plain);

    let none: &[&str] = &[];
    assert_eq!(path_attributes(&text(&plain, &Destination::CrateRoot("lib.rs"))), none);
    assert_eq!(path_attributes(&text(&src, &Destination::CrateRoot("src/lib.rs"))), none);
    assert_eq!(
        path_attributes(&text(&plain, &Destination::CrateRoot("src/lib.rs"))),
        [
            r#"#[path = "../app.rs"]"#,
            r#"#[path = "../components"]"#,
            r#"#[path = "../pages"]"#,
            r#"#[path = "../precompile.rs"]"#,
        ],
    );
    assert_eq!(
        path_attributes(&text(&src, &Destination::Aside(".."))),
        [
            r#"#[path = "../src/app.rs"]"#,
            r#"#[path = "../src/components"]"#,
            r#"#[path = "../src/pages"]"#,
            r#"#[path = "../src/precompile.rs"]"#,
        ],
    );
}

#[test]
fn components_with_a_mod_file_declare_themselves() {
    let mut sources = everything();
    sources.components.push("mod.rs".into());
    let plain = text(&sources, &Destination::CrateRoot("lib.rs"));
    assert!(plain.contains("\npub mod components;\n"), "{plain}");
    let aside = text(&sources, &Destination::Aside(".."));
    assert!(aside.contains("#[path = \"../components/mod.rs\"]\npub mod components;\n"), "{aside}");
}

#[test]
fn the_text_is_the_same_each_time() {
    let mut sources = everything();
    let first = text(&sources, &Destination::CrateRoot("lib.rs"));
    sources.pages.reverse();
    sources.components.reverse();
    assert_eq!(text(&sources, &Destination::CrateRoot("lib.rs")), first);
}

/// rustfmt follows `mod` declarations, so the text goes through its standard input.
#[test]
fn the_text_is_as_rustfmt_leaves_it() {
    for (sources, destination) in [
        (everything(), Destination::CrateRoot("lib.rs")),
        (everything(), Destination::Aside("..")),
        (conditional(), Destination::CrateRoot("lib.rs")),
        (Sources::default(), Destination::CrateRoot("lib.rs")),
    ] {
        let text = text(&sources, &destination);
        for edition in ["2021", "2024"] {
            let mut rustfmt = Command::new("rustfmt")
                .args(["--edition", edition, "--config", "skip_children=true"])
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            rustfmt.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
            let output = rustfmt.wait_with_output().unwrap();
            assert_eq!(String::from_utf8(output.stdout).unwrap(), text);
        }
    }
}

#[test]
fn each_line_that_hands_over_a_function_knows_whose_it_is() {
    let GeneratedCode { text, origins } =
        generated(&everything(), &Destination::CrateRoot("lib.rs"));
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(origins.len(), lines.iter().filter(|line| line.contains(" // ")).count());
    for (line, Place { file, position: _, function }) in &origins {
        let function = function.as_deref().unwrap();
        assert!(lines[*line].contains(&format!("::{function})")), "{}", lines[*line]);
        assert!(lines[*line].contains(&format!("// {file}: {function}(")), "{}", lines[*line]);
    }
    let delete = origins.values().find(|place| place.function.as_deref() == Some("delete"));
    assert_eq!(delete.unwrap().position.to_string(), "6:8");
}

/// What `app.rs` says of it comes first; the state that it hands over asks for the door.
#[test]
fn the_library_says_how_it_is_swapped() {
    let call = |app: &str| {
        let app = Some(SourceFile::new("app.rs", app));
        let GeneratedCode { text, origins } =
            generated(&Sources { app, ..Sources::default() }, &Destination::CrateRoot("lib.rs"));
        let line = text.lines().position(|line| line.starts_with("nova::export!")).unwrap();
        let place = origins.get(&line).map(Place::to_string).unwrap_or_default();
        format!("{} <{place}>", text.lines().nth(line).unwrap())
    };
    let state = "pub fn init() {}\npub fn export(s: &()) {}\npub fn import(p: Purpose, s: ()) {}\n";
    let swap = "pub const SWAP: nova::Swap = nova::Swap::Overlap;\n";
    insta::assert_snapshot!(
        [call("pub fn init() {}"), call(state), call(swap), call(&format!("{state}{swap}"))].join("\n"),
        @"
    nova::export!(routes); <>
    nova::export!(routes, least_swap = nova::Swap::Handover); <>
    nova::export!(routes, swap = app::SWAP); <app.rs:1:11>
    nova::export!(routes, swap = app::SWAP); <app.rs:4:11>
    "
    );
}

#[test]
fn what_is_exercised_is_no_part_of_an_open_app() {
    let tree = RouteTree::build(&everything()).unwrap();
    let open = generate_as(&tree, &Destination::CrateRoot("lib.rs"), RootKind::Open);
    assert!(!open.text.contains("precompile::") && !open.text.contains("mod precompile"));
}
