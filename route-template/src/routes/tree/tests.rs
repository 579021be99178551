use super::*;
use crate::source::place::Position;

const GET: &str = "pub fn get() {}";

/// An app whose pages are given as `(path from pages/, text)`.
fn sources(pages: &[(&str, &str)]) -> Sources {
    Sources {
        pages_root: Some("pages".into()),
        pages: pages
            .iter()
            .map(|(path, text)| SourceFile::new(format!("pages/{path}"), *text))
            .collect(),
        ..Sources::default()
    }
}

fn tree(pages: &[(&str, &str)]) -> RouteTree {
    RouteTree::build(&sources(pages)).unwrap_or_else(|problems| panic!("{problems}"))
}

fn problems(pages: &[(&str, &str)]) -> String {
    RouteTree::build(&sources(pages)).expect_err("no problem").to_string()
}

#[test]
fn paths_become_patterns() {
    for (path, expected) in [
        ("index.rs", "/"),
        ("about.rs", "/about"),
        ("users/index.rs", "/users"),
        ("users/[id].rs", "/users/{id}"),
        ("users/[id]/index.rs", "/users/{id}"),
        ("users/[id]/posts/[post].rs", "/users/{id}/posts/{post}"),
        ("docs/[...path].rs", "/docs/{*path}"),
        ("docs/[...path]/index.rs", "/docs/{*path}"),
        ("docs/[[...path]].rs", "/docs/{*path?}"),
        ("[[...path]].rs", "/{*path?}"),
        ("[[lang]]/index.rs", "/{lang?}"),
        ("[[lang]]/about.rs", "/{lang?}/about"),
        ("users/[id=u64].rs", "/users/{id=u64}"),
        ("users/[id].json.rs", "/users/{id}.json"),
        ("blog/post-[slug]/index.rs", "/blog/post-{slug}"),
        ("(shop)/cart.rs", "/cart"),
        ("(shop)/(checkout)/pay.rs", "/pay"),
        ("(shop)/index.rs", "/"),
        ("api/users.rs", "/api/users"),
        ("sitemap.xml.rs", "/sitemap.xml"),
        (".well-known/security.txt.rs", "/.well-known/security.txt"),
        ("index/index.rs", "/index"),
        ("About.rs", "/About"),
    ] {
        let tree = tree(&[(path, GET)]);
        assert_eq!(tree.pages[0].pattern.to_string(), expected, "{path}");
        assert_eq!(tree.pages[0].file, format!("pages/{path}"));
    }
}

#[test]
fn other_files_are_no_pages() {
    let tree = tree(&[
        ("index.rs", GET),
        ("_helper.rs", "fn x() {}"),
        ("_lib/deep/thing.rs", "fn x() {}"),
        ("_lib/_layout.rs", "fn x() {}"),
        ("notes.md", "# Notes"),
        ("index.html", "<p>"),
    ]);
    assert_eq!(tree.page_modules(), [("pages/index.rs", "index")]);
}

#[test]
fn handlers_are_listed_in_the_order_of_methods() {
    let tree = tree(&[(
        "index.rs",
        "pub fn handler() {} pub fn delete() {} pub async fn get() {} pub fn helper() {}
         pub const BODY_LIMIT: usize = 1; pub const PRECOMPILE: bool = false;",
    )]);
    let page = &tree.pages[0];
    let methods: Vec<_> = page.handlers.iter().map(|handler| handler.method).collect();
    assert_eq!(methods, [Method::Get, Method::Delete, Method::Any]);
    assert!(page.handlers[0].function.is_async);
    let consts: Vec<_> = page.consts.iter().map(|it| it.name).collect();
    assert_eq!(consts, ["PRECOMPILE", "BODY_LIMIT"]);
}

#[test]
fn what_tower_makes_is_built_at_once() {
    let found = tree(&[
        ("_middleware.rs", "pub fn layers(db: State<Db>) -> impl Layers {}"),
        ("a/_middleware.rs", "pub async fn middleware() {} pub fn layers() -> Cors {}"),
        ("[[...path]].rs", "pub fn service() -> Router {} pub fn get() {}"),
    ]);
    let names = |functions: &[Function]| -> Vec<_> {
        functions.iter().map(|function| (function.name.clone(), function.arity)).collect()
    };
    let special = |at: usize| names(&found.specials[at].functions);
    assert_eq!(special(0), [("layers".into(), 1)]);
    assert_eq!(special(1), [("layers".into(), 0), ("middleware".into(), 0)], "layers are outside");
    assert_eq!(found.pages[0].methods(), [Method::Get, Method::Any]);
    insta::assert_snapshot!(problems(&[
        ("_middleware.rs", "pub async fn layers() -> Cors {}"),
        ("a.rs", "pub fn service(a: State<A>, b: State<B>) -> Router {}"),
        ("b.rs", "pub fn service() -> Router {}\npub fn handler() {}"),
    ]));
}

#[test]
fn special_files_know_their_folder() {
    let tree = tree(&[
        ("_layout.rs", "pub fn layout(page: Html) -> Html { page }"),
        ("(shop)/_error.rs", "pub fn handler(error: Error) -> Html { todo() }"),
        ("users/[id]/_middleware.rs", "pub async fn middleware(r: Request, n: Next) {}"),
        ("404.rs", "pub fn get() {}"),
        ("api/404.rs", "pub fn get() {} pub fn handler(error: Error) -> Error { error }"),
    ]);
    let found: Vec<_> = tree
        .specials
        .iter()
        .map(|it| (it.kind, it.folder.as_str(), it.pattern.to_string()))
        .collect();
    assert_eq!(
        found,
        [
            (SpecialKind::Error, "/(shop)", "/"),
            (SpecialKind::NotFound, "/", "/"),
            (SpecialKind::Layout, "/", "/"),
            (SpecialKind::NotFound, "/api", "/api"),
            (SpecialKind::Middleware, "/users/[id]", "/users/{id}"),
        ]
        .map(|(kind, folder, pattern)| (kind, folder, pattern.to_owned())),
    );
    let not_found = |folder: &str| {
        let mut files = tree.specials.iter().filter(|it| it.kind == SpecialKind::NotFound);
        files.find(|it| it.folder == folder).unwrap().functions[0].name.clone()
    };
    assert_eq!((not_found("/"), not_found("/api")), ("get".into(), "handler".into()));
    assert_eq!(tree.pages, []);
}

#[test]
fn a_file_that_does_not_parse_is_left_to_rustc() {
    let tree = tree(&[
        ("index.rs", "pub async fn get() -> Html {\n    let x = ;\n"),
        ("new.rs", "pub fn"),
        ("_layout.rs", "pub fn lay"),
        ("404.rs", "pub fn"),
    ]);
    assert_eq!(tree.pages[0].handlers.len(), 1);
    assert_eq!(tree.pages[1].handlers, []);
    assert_eq!(tree.page_modules().len(), 4);
}

#[test]
fn two_files_for_one_route_are_both_named() {
    insta::assert_snapshot!(problems(&[
        ("users.rs", GET),
        ("users/index.rs", GET),
        ("a/[x].rs", GET),
        ("a/[y].rs", "pub fn post() {}"),
        ("b/[x]/one.rs", GET),
        ("b/[y]/two.rs", GET),
        ("c/[...x].rs", GET),
        ("c/[[...x]].rs", GET),
        ("c/index.rs", GET),
        ("(shop)/cart.rs", GET),
        ("cart.rs", GET),
        ("[[lang]]/about.rs", GET),
        ("about.rs", GET),
        ("d/[x=u8].rs", GET),
        ("d/[y=u8].rs", GET),
        ("d/[y=u16].rs", GET),
    ]), @"
    two pages answer /a/{x}
      --> pages/a/[x].rs
      --> pages/a/[y].rs
      help: keep one of the two, or move one

    two pages answer /{lang?}/about
      --> pages/[[lang]]/about.rs
      --> pages/about.rs
      help: keep one of the two, or move one

    two pages answer /cart
      --> pages/(shop)/cart.rs
      --> pages/cart.rs
      help: keep one of the two, or move one

    two pages answer /d/{x=u8}
      --> pages/d/[x=u8].rs
      --> pages/d/[y=u8].rs
      help: keep one of the two, or move one

    two pages answer /users
      --> pages/users.rs
      --> pages/users/index.rs
      help: keep one of the two, or move one
    ");
}

#[test]
fn every_mistake_is_reported_in_one_go() {
    insta::assert_snapshot!(problems(&[
        ("a/[id]/b/[id].rs", GET),
        ("b/[...rest]/edit.rs", GET),
        ("c/[[id]]/[[x]].rs", GET),
        ("c/[id=float].rs", GET),
        ("c/a-[[id]].rs", GET),
        ("d/user [id].rs", GET),
        ("e/{id}.rs", GET),
        ("g.rs", "//! Nothing yet.\n"),
        ("h.rs", "use nova::prelude::*;\n\nasync fn get() {}\n"),
        ("i.rs", "pub use crate::components::form::show as get;\n"),
        (
            "i2.rs",
            "#[derive(Deserialize)]\nstruct New;\npub fn post(Json(new): Json<New>) {}\n\
                   pub fn put(new: New) {}\n"
        ),
        ("j.rs", "pub fn get(a: A, b: A, c: A, d: A, e: A, f: A, g: A, h: A, i: A) {}\n"),
        ("k/_layout.rs", "pub fn layot(page: Html) -> Html { page }\n"),
        ("k/_middleware.rs", "fn middleware() {}\n"),
    ]));
}

#[test]
fn unreadable_files_are_reported() {
    let mut sources = sources(&[("index.rs", GET)]);
    sources.pages.push(SourceFile {
        path: "pages/binary.rs".into(),
        content: Err("stream did not contain valid UTF-8".into()),
    });
    sources.problems.push(Problem::NameNotUtf8 { path: "pages/\u{fffd}.rs".into() });
    insta::assert_snapshot!(RouteTree::build(&sources).unwrap_err(), @"
    this name is not UTF-8
      --> pages/\u{fffd}.rs
      help: rename it

    cannot be read: stream did not contain valid UTF-8
      --> pages/binary.rs
      help: check its permissions and its encoding (UTF-8)
    ");
}

fn with_app(text: &str) -> Result<RouteTree, Problems> {
    let app = Some(SourceFile::new("app.rs", text));
    RouteTree::build(&Sources { app, ..sources(&[]) })
}

#[test]
fn hooks_are_found() {
    let tree = with_app(
        "pub async fn init(purpose: Purpose) -> Result<Db> { todo() }
         pub fn shutdown(db: Db) {}",
    )
    .unwrap();
    let hooks = tree.app.unwrap();
    let init = &hooks.init[0];
    assert_eq!((init.is_async, init.arity), (true, 1));
    assert_eq!(init.position, Position { line: 1, column: 14 });
    assert!(!hooks.shutdown[0].is_async);
    assert_eq!(hooks.export, []);
}

#[test]
fn hooks_that_can_never_run_are_reported() {
    let problem = |text: &str| with_app(text).unwrap_err().to_string();
    insta::assert_snapshot!(problem("pub fn shutdown(state: ()) {}"), @"
    `shutdown` needs `init`
      --> app.rs:1:8
      help: write a `pub fn init` too
    ");
    insta::assert_snapshot!(problem("pub fn init() {}\npub fn import(p: Purpose, x: X) {}"), @"
    `import` needs `export`
      --> app.rs:2:8
      help: write a `pub fn export` too
    ");
    insta::assert_snapshot!(problem("pub fn init(a: A, b: B) {}"), @"
    `init` takes 2 arguments, and 1 is the most
      --> app.rs:1:8
      help: take several values in one argument, as a tuple or a struct
    ");
    assert!(with_app("pub fn shutdown(state: ()) {").is_ok(), "rustc reports a file mid-edit");
}

#[test]
fn how_an_app_is_swapped_is_found_or_reported() {
    let swap = |text: &str| with_app(text).map(|tree| tree.app.unwrap().swap);
    let at = |line, column| Ok(Some(Position { line, column }));
    assert_eq!(swap("pub fn init() {}"), Ok(None));
    assert_eq!(swap("\npub const SWAP: Swap = Swap::Process;"), at(2, 11));
    assert_eq!(swap("pub const SWAP: nova::Swap = how();\nfn half("), at(1, 11), "mid-edit");
    assert_eq!(swap("pub use crate::settings::{NAME, SWAP};"), at(1, 33));

    let problem = |text: &str| swap(text).unwrap_err().to_string();
    let texts = [
        "use nova::prelude::*;\n\nconst SWAP: Swap = Swap::Process;",
        "pub const SWAP: &'static str = \"process\";",
        "pub static SWAP: Swap = Swap::Process;",
    ];
    insta::assert_snapshot!(texts.map(problem).join("\n\n"), @"
    `SWAP` is not public, so it does not say how the app is swapped
      --> app.rs:3:7
      help: write `pub const SWAP: nova::Swap = nova::Swap::Handover;`, or another of its modes

    `SWAP` has the type `&'static str`, so it does not say how the app is swapped
      --> app.rs:1:11
      help: write `pub const SWAP: nova::Swap = nova::Swap::Handover;`, or another of its modes

    `SWAP` is a `static`, so it does not say how the app is swapped
      --> app.rs:1:12
      help: write `pub const SWAP: nova::Swap = nova::Swap::Handover;`, or another of its modes
    ");
}

#[test]
fn no_pages_folder_is_an_empty_tree() {
    let tree = RouteTree::build(&Sources::default()).unwrap();
    assert_eq!(tree, RouteTree::default());
}

#[test]
fn a_mistake_leaves_the_other_files_what_they_are() {
    let read = |pages: &[(&str, &str)], serves: &str| {
        let (tree, problems) = RouteTree::read(&sources(pages), |file| file == serves);
        let page = |page: &Page| format!("{} {}", page.file, page.handlers.len());
        let pages: Vec<_> = tree.pages.iter().map(page).collect();
        let reach = problems.iter().map(|it| format!("{:?} {}", it.reach(), it.places()[0].0));
        (pages.join(", "), reach.collect::<Vec<_>>().join(", "))
    };
    for (file, text, pages, problems) in [
        ("b.rs", "// todo", "pages/a.rs 1, pages/b.rs 0", "File pages/b.rs"),
        ("b.rs", "fn get() {}", "pages/a.rs 1, pages/b.rs 0", "File pages/b.rs"),
        (
            "b.rs",
            "pub use x::get; pub fn put() {}",
            "pages/a.rs 1, pages/b.rs 1",
            "File pages/b.rs",
        ),
        ("b c.rs", GET, "pages/a.rs 1", "File pages/b c.rs"),
        ("[id].[x].rs", GET, "pages/a.rs 1", "File pages/[id].[x].rs"),
        ("b/404.rs", "// todo", "pages/a.rs 1", "Shared pages/b/404.rs"),
        ("_layout.rs", "// todo", "pages/a.rs 1", "Shared pages/_layout.rs"),
        (
            "b/_middleware.rs",
            "pub use x::middleware;",
            "pages/a.rs 1",
            "Shared pages/b/_middleware.rs",
        ),
        ("404.rs", "// todo", "pages/a.rs 1", "Shared pages/404.rs"),
    ] {
        let (read, found) = read(&[("a.rs", GET), (file, text)], "");
        assert_eq!((read.as_str(), found.as_str()), (pages, problems), "{file}: {text}");
    }
    let two = [("(x)/a.rs", GET), ("a.rs", GET)];
    assert_eq!(read(&two, "").0, "pages/(x)/a.rs 1");
    assert_eq!(read(&two, "pages/a.rs").0, "pages/a.rs 1", "what answers goes on answering");
}

#[test]
fn what_pages_share_is_compared_without_them() {
    let one = tree(&[("a.rs", GET)]);
    assert!(one.shares_with(&tree(&[("b.rs", GET)])));
    for file in ["_layout.rs", "404.rs", "x/_error.rs"] {
        let text = "pub fn layout() {} pub fn get() {} pub fn handler() {}";
        assert!(!one.shares_with(&tree(&[("a.rs", GET), (file, text)])), "{file}");
    }
}
