use super::*;

#[test]
fn functions_are_read_with_place_and_arguments() {
    let items = Items::read(
        "use nova::prelude::*;\n\npub async fn get(\n    Path((user, post)): Path<(u64, u64)>,\n    \
         State(db): State<Db>,\n) -> Result<Html> {\n    todo()\n}\n\npub fn post() {}\nfn put() {}\n",
    );
    assert_eq!(
        items.functions,
        [
            Function {
                name: "get".into(),
                position: Position { line: 3, column: 14 },
                signature: "get(Path((user, post)): Path<(u64, u64)>, State(db): State<Db>)".into(),
                is_async: true,
                arity: 2,
                cfg: None,
            },
            Function {
                name: "post".into(),
                position: Position { line: 10, column: 8 },
                signature: "post()".into(),
                is_async: false,
                arity: 0,
                cfg: None,
            },
        ],
    );
    assert_eq!(items.private.len(), 1);
    assert!(items.complete);
}

#[test]
fn text_that_is_not_ascii_does_not_shift_the_arguments() {
    let items = Items::read("//! Grüße, 世界\npub fn get(größe: Query<Größe>) {}\n");
    assert_eq!(items.functions[0].signature, "get(größe: Query<Größe>)");
    let items = Items::read("\u{feff}//! Grüße, 世界\npub fn get(größe: Query<Größe>) {}\n");
    assert_eq!(items.functions[0].signature, "get(größe: Query<Größe>)");
    let items = Items::read("//! Grüße, 世界\npub fn get(größe: Query<Größe>) {}\nlet");
    assert_eq!(items.functions[0].signature, "get(größe: Query<Größe>)");
}

#[test]
fn a_return_type_may_be_a_future() {
    for (output, expected) in [
        ("-> Html", false),
        ("-> impl IntoResponse", false),
        ("-> Pin<Box<Html>>", false),
        ("-> impl Future<Output = Html>", true),
        ("-> impl Send + std::future::Future<Output = Html> + use<>", true),
        ("-> BoxFuture<'static, Html>", true),
        ("-> futures_util::future::BoxFuture<'static, Html>", true),
        ("-> Pin<Box<dyn Future<Output = Html> + Send>>", true),
        ("-> std::pin::Pin<std::boxed::Box<dyn Future<Output = Html>>>", true),
    ] {
        let items = Items::read(&format!("pub fn get() {output} {{ f() }}"));
        assert_eq!(items.functions[0].is_async, expected, "{output}");
    }
}

#[test]
fn only_pub_items_of_the_file_itself_count() {
    let items = Items::read(
        "pub(crate) fn get() {}\n#[cfg(test)]\npub fn post() {}\nmod inner { pub fn put() {} }\n\
         pub use other::{x as patch, head};\npub const PRECOMPILE: bool = false;\nconst BODY_LIMIT: usize = 1;\n",
    );
    assert_eq!(items.functions, []);
    assert_eq!(items.private[0].name, "get");
    let names: Vec<_> = items.reexports.iter().map(|named| named.name.as_str()).collect();
    assert_eq!(names, ["patch", "head"]);
    assert!(items.constant("PRECOMPILE").is_some());
    assert!(items.constant("BODY_LIMIT").is_none());
}

#[test]
fn types_of_a_signature_that_are_not_pub_are_found() {
    let items = Items::read(
        "struct A; struct B; enum C {} pub struct D; pub(crate) struct E; struct F; struct G;
         pub async fn get(Json(F): Json<A>, d: D, e: E) -> Result<(C, other::G)> { B }
         fn helper(b: B) {}",
    );
    let found: Vec<_> =
        items.private_types.iter().map(|private| private.ty.name.as_str()).collect();
    assert_eq!(found, ["A", "C"]);
    assert_eq!(items.private_types[0].function, "get");
    assert_eq!(items.private_types[0].ty.position, Position { line: 1, column: 8 });
}

#[test]
fn a_file_in_the_middle_of_an_edit_keeps_its_signatures() {
    let items = Items::read(
        "use nova::prelude::*;\npub const PRECOMPILE: bool = false;\n\npub async fn get(\n    Path(id): Path<u64>,\n) \
         -> Html {\n    let x = \n}\n\npub fn post(Json(x): Json<X>) -> Html { Html(\"\n",
    );
    assert!(!items.complete);
    assert!(items.constant("PRECOMPILE").is_some());
    let found: Vec<_> = items
        .functions
        .iter()
        .map(|f| (f.signature.as_str(), f.position.line, f.is_async))
        .collect();
    assert_eq!(
        found,
        [("get(Path(id): Path<u64>)", 4, true), ("post(Json(x): Json<X>)", 10, false)],
    );
}

#[test]
fn the_last_line_of_a_file_may_be_cut_anywhere() {
    let text = "use nova::prelude::*;\npub async fn get(Path(id): Path<u64>) -> Html { html! { \"é\" } }\n";
    for end in (0..text.len()).filter(|&end| text.is_char_boundary(end)) {
        let items = Items::read(&text[..end]);
        assert!(items.functions.len() <= 1);
    }
}
