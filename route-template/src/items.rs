//! What a page, a special file or `app.rs` exports, read with `syn`.
//!
//! Signatures are read from the text alone: a generated crate root must name each handler and
//! say whether it is async and how many arguments it takes, and nothing more. Types stay
//! rustc's business.
//!
//! A file that does not parse belongs to someone who is in the middle of a line. It is no
//! error here: what can be made out is kept, so that the crate root still declares the file
//! and rustc reports the mistake, at its place and in its words.

use syn::spanned::Spanned;
use syn::{FnArg, GenericArgument, Item, PathArguments, ReturnType, Type, TypeParamBound};

use crate::source::Position;

/// An exported function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Function {
    /// Its name.
    pub name: String,
    /// Where its name stands.
    pub position: Position,
    /// Name and arguments as written, on one line: `get(Path(id): Path<u64>)`.
    pub signature: String,
    /// Whether calling it gives a future: an `async fn`, or a return type that names one.
    pub is_async: bool,
    /// How many arguments it takes.
    pub arity: usize,
}

/// The top-level items of one file that matter here.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Items {
    /// `pub fn`, in the order of the file.
    pub(crate) functions: Vec<Function>,
    /// Functions without `pub`.
    pub(crate) private: Vec<Named>,
    /// Names that a `pub use` brings in.
    pub(crate) reexports: Vec<Named>,
    /// Names of `pub const`.
    pub(crate) consts: Vec<String>,
    /// Whether the whole file was understood. If not, more may be there than the lists tell.
    pub(crate) complete: bool,
}

/// A name and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) name: String,
    pub(crate) position: Position,
}

impl Items {
    /// Reads the text of a file.
    pub(crate) fn read(text: &str) -> Self {
        // syn skips a byte order mark, and its spans count from behind it.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let items = match syn::parse_file(text) {
            Ok(file) => Self::of(&file, text),
            Err(_) => Self::salvage(text),
        };
        // proc-macro2 keeps every text it ever parsed, for its spans.
        proc_macro2::extra::invalidate_current_thread_spans();
        items
    }

    /// The exported function of this name.
    pub(crate) fn function(&self, name: &str) -> Option<&Function> {
        self.functions.iter().find(|function| function.name == name)
    }

    /// Whether a `pub const` has this name.
    pub(crate) fn has_const(&self, name: &str) -> bool {
        self.consts.iter().any(|known| known == name)
    }

    fn of(file: &syn::File, text: &str) -> Self {
        let mut items = Self { complete: true, ..Self::default() };
        for item in &file.items {
            match item {
                Item::Fn(item) if is_test_only(&item.attrs) => {}
                Item::Fn(item) if is_public(&item.vis) => {
                    items.functions.push(function(&item.sig, text));
                }
                Item::Fn(item) => items.private.push(Named::new(&item.sig.ident)),
                Item::Const(item) if is_public(&item.vis) => {
                    items.consts.push(item.ident.to_string());
                }
                Item::Use(item) if is_public(&item.vis) => {
                    leaves(&item.tree, &mut items.reexports);
                }
                _ => {}
            }
        }
        items
    }

    /// Makes out the signatures of a file that does not parse: each line that begins with
    /// `pub` may begin one, and it ends before the body.
    fn salvage(text: &str) -> Self {
        let mut items = Self::default();
        let mut start = 0;
        for (index, line) in text.split_inclusive('\n').enumerate() {
            let rest = &text[start..];
            start += line.len();
            if !line.starts_with("pub ") {
                continue;
            }
            if let Some(name) = line.strip_prefix("pub const ").and_then(|l| l.split(':').next()) {
                items.consts.push(name.trim().to_owned());
            }
            let Some(head) = rest.find('{').map(|end| &rest[..end]) else { continue };
            if let Ok(item) = syn::parse_str::<syn::ItemFn>(&format!("{head}{{}}")) {
                let mut function = function(&item.sig, rest);
                function.position.line += index;
                items.functions.push(function);
            }
        }
        items
    }
}

impl Named {
    fn new(ident: &syn::Ident) -> Self {
        Self { name: ident.to_string(), position: Position::of(ident.span()) }
    }
}

fn function(sig: &syn::Signature, text: &str) -> Function {
    let arguments: Vec<String> =
        sig.inputs.iter().map(|argument| one_line(argument, text)).collect();
    Function {
        name: sig.ident.to_string(),
        position: Position::of(sig.ident.span()),
        signature: format!("{}({})", sig.ident, arguments.join(", ")),
        is_async: sig.asyncness.is_some() || returns_future(&sig.output),
        arity: arguments.len(),
    }
}

/// The argument as its author wrote it, line breaks and indentation apart.
fn one_line(argument: &FnArg, text: &str) -> String {
    let written = text.get(argument.span().byte_range()).unwrap_or_default();
    written.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn is_public(visibility: &syn::Visibility) -> bool {
    matches!(visibility, syn::Visibility::Public(_))
}

fn is_test_only(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute.parse_args::<syn::Path>().is_ok_and(|path| path.is_ident("test"))
    })
}

fn leaves(tree: &syn::UseTree, names: &mut Vec<Named>) {
    match tree {
        syn::UseTree::Path(path) => leaves(&path.tree, names),
        syn::UseTree::Name(name) => names.push(Named::new(&name.ident)),
        syn::UseTree::Rename(rename) => names.push(Named::new(&rename.rename)),
        syn::UseTree::Group(group) => group.items.iter().for_each(|tree| leaves(tree, names)),
        _ => {}
    }
}

/// Whether a return type says in so many words that it is a future.
fn returns_future(output: &ReturnType) -> bool {
    match output {
        ReturnType::Default => false,
        ReturnType::Type(_, ty) => is_future(ty),
    }
}

fn is_future(ty: &Type) -> bool {
    match ty {
        Type::ImplTrait(ty) => ty.bounds.iter().any(is_future_bound),
        Type::TraitObject(ty) => ty.bounds.iter().any(is_future_bound),
        Type::Paren(ty) => is_future(&ty.elem),
        Type::Path(ty) => ty.path.segments.last().is_some_and(|last| {
            last.ident == "BoxFuture"
                || (last.ident == "Pin" || last.ident == "Box")
                    && argument_is_future(&last.arguments)
        }),
        _ => false,
    }
}

fn argument_is_future(arguments: &PathArguments) -> bool {
    let PathArguments::AngleBracketed(arguments) = arguments else { return false };
    arguments.args.iter().any(|argument| match argument {
        GenericArgument::Type(ty) => is_future(ty),
        _ => false,
    })
}

fn is_future_bound(bound: &TypeParamBound) -> bool {
    match bound {
        TypeParamBound::Trait(bound) => {
            bound.path.segments.last().is_some_and(|last| last.ident == "Future")
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
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
                    signature: "get(Path((user, post)): Path<(u64, u64)>, State(db): State<Db>)"
                        .into(),
                    is_async: true,
                    arity: 2,
                },
                Function {
                    name: "post".into(),
                    position: Position { line: 10, column: 8 },
                    signature: "post()".into(),
                    is_async: false,
                    arity: 0,
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
        assert!(items.has_const("PRECOMPILE"));
        assert!(!items.has_const("BODY_LIMIT"));
    }

    #[test]
    fn a_file_in_the_middle_of_an_edit_keeps_its_signatures() {
        let items = Items::read(
            "use nova::prelude::*;\npub const PRECOMPILE: bool = false;\n\npub async fn get(\n    Path(id): Path<u64>,\n) \
             -> Html {\n    let x = \n}\n\npub fn post(Json(x): Json<X>) -> Html { Html(\"\n",
        );
        assert!(!items.complete);
        assert!(items.has_const("PRECOMPILE"));
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
}
