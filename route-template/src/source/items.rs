//! What a page, a special file or `app.rs` exports, read with `syn`.
//!
//! Signatures are read from the text alone: a generated crate root must name each handler and
//! say whether it is async and how many arguments it takes, and nothing more. Types stay
//! rustc's business.
//!
//! A file that does not parse is in the middle of an edit. That is no
//! error here: what can be made out is kept, so that the crate root still declares the file
//! and rustc reports the mistake, at its place and in its words.

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens as _;
use serde::{Deserialize, Serialize};
use syn::spanned::Spanned;
use syn::{FnArg, GenericArgument, Item, PathArguments, ReturnType, Type, TypeParamBound};

use crate::source::cfg;
use crate::source::place::Position;

/// An exported function.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
    /// When it is there, as in `#[cfg(…)]`; `None`: always.
    pub cfg: Option<String>,
}

/// The top-level items of one file that matter here.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Items {
    /// `pub fn`, in the order of the file.
    pub(crate) functions: Vec<Function>,
    /// Functions without `pub`.
    pub(crate) private: Vec<ItemName>,
    /// Names that a `pub use` brings in.
    pub(crate) reexports: Vec<ItemName>,
    /// Constants and statics.
    pub(crate) consts: Vec<Constant>,
    /// Types without `pub` in the signatures of `functions`.
    pub(crate) private_types: Vec<PrivateType>,
    /// Whether the whole file was understood. If not, more may be there than the lists tell.
    pub(crate) complete: bool,
}

/// A name and where it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ItemName {
    pub(crate) name: String,
    pub(crate) position: Position,
}

/// A `const`, or a `static`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Constant {
    pub(crate) name: ItemName,
    /// Its type as written, on one line.
    pub(crate) ty: String,
    pub(crate) is_public: bool,
    pub(crate) is_static: bool,
    /// As that of a [`Function`].
    pub(crate) cfg: Option<String>,
}

/// A type of the file that the signature of a public function names, and that is not `pub`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PrivateType {
    pub(crate) function: String,
    pub(crate) ty: ItemName,
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

    /// Whether a function of this name is exported.
    pub(crate) fn has_function(&self, name: &str) -> bool {
        self.functions.iter().any(|function| function.name == name)
    }

    /// The exported functions of this name: of several under different conditions one for each way
    /// of calling them.
    pub(crate) fn functions(&self, name: &str) -> Vec<Function> {
        let mut found: Vec<Function> = Vec::new();
        for function in self.functions.iter().filter(|function| function.name == name) {
            let is_alike =
                |it: &&mut Function| (it.is_async, it.arity) == (function.is_async, function.arity);
            match found.iter_mut().find(is_alike) {
                Some(known) => known.cfg = cfg::any([&known.cfg, &function.cfg]),
                None => found.push(function.clone()),
            }
        }
        found
    }

    /// When there is a `pub const` of this name; `None`: never.
    pub(crate) fn constant(&self, name: &str) -> Option<Option<String>> {
        let is_it = |item: &&Constant| item.is_public && !item.is_static && item.name.name == name;
        let conditions: Vec<_> = self.consts.iter().filter(is_it).map(|it| &it.cfg).collect();
        (!conditions.is_empty()).then(|| cfg::any(conditions))
    }

    fn of(file: &syn::File, text: &str) -> Self {
        let mut items = Self { complete: true, ..Self::default() };
        let private_types: Vec<&syn::Ident> = file.items.iter().filter_map(private_type).collect();
        for item in &file.items {
            match item {
                Item::Fn(item) if cfg::is_test_only(&item.attrs) => {}
                Item::Fn(item) if is_public(&item.vis) => {
                    let cfg = cfg::of([&file.attrs, &item.attrs]);
                    items.functions.push(Function { cfg, ..function(&item.sig, text) });
                    let names =
                        private_types.iter().filter(|name| signature_names(&item.sig, name));
                    items.private_types.extend(names.map(|name| PrivateType {
                        function: item.sig.ident.to_string(),
                        ty: ItemName::new(name),
                    }));
                }
                Item::Fn(item) => items.private.push(ItemName::new(&item.sig.ident)),
                Item::Const(item) => items.consts.push(Constant {
                    name: ItemName::new(&item.ident),
                    ty: one_line(&*item.ty, text),
                    is_public: is_public(&item.vis),
                    is_static: false,
                    cfg: cfg::of([&file.attrs, &item.attrs]),
                }),
                Item::Static(item) => items.consts.push(Constant {
                    name: ItemName::new(&item.ident),
                    ty: one_line(&*item.ty, text),
                    is_public: is_public(&item.vis),
                    is_static: true,
                    cfg: cfg::of([&file.attrs, &item.attrs]),
                }),
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
            if let Some((name, rest)) =
                line.strip_prefix("pub const ").and_then(|line| line.split_once(':'))
            {
                let position = Position { line: index + 1, column: "pub const ".len() + 1 };
                items.consts.push(Constant {
                    name: ItemName { name: name.trim().to_owned(), position },
                    ty: rest.split('=').next().unwrap_or_default().trim().to_owned(),
                    is_public: true,
                    is_static: false,
                    cfg: None,
                });
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

impl ItemName {
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
        cfg: None,
    }
}

/// An argument or a type as its author wrote it, line breaks and indentation apart.
fn one_line(written: &impl Spanned, text: &str) -> String {
    let written = text.get(written.span().byte_range()).unwrap_or_default();
    written.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The name of a type that only its own file can name.
fn private_type(item: &Item) -> Option<&syn::Ident> {
    let (visibility, name) = match item {
        Item::Struct(item) => (&item.vis, &item.ident),
        Item::Enum(item) => (&item.vis, &item.ident),
        Item::Union(item) => (&item.vis, &item.ident),
        _ => return None,
    };
    matches!(visibility, syn::Visibility::Inherited).then_some(name)
}

/// Whether the types of a signature contain this name, other than behind a `::`.
fn signature_names(sig: &syn::Signature, name: &syn::Ident) -> bool {
    let typed = |argument: &FnArg| match argument {
        FnArg::Typed(argument) => argument.ty.to_token_stream(),
        FnArg::Receiver(_) => TokenStream::new(),
    };
    sig.inputs.iter().map(typed).any(|ty| contains(ty, name))
        || contains(sig.output.to_token_stream(), name)
}

fn contains(tokens: TokenStream, name: &syn::Ident) -> bool {
    let mut before = ' ';
    tokens.into_iter().any(|token| {
        let follows_path = std::mem::replace(&mut before, ' ') == ':';
        match token {
            TokenTree::Ident(ident) => ident == *name && !follows_path,
            TokenTree::Group(group) => contains(group.stream(), name),
            TokenTree::Punct(punct) => {
                before = punct.as_char();
                false
            }
            TokenTree::Literal(_) => false,
        }
    })
}

fn is_public(visibility: &syn::Visibility) -> bool {
    matches!(visibility, syn::Visibility::Public(_))
}

fn leaves(tree: &syn::UseTree, names: &mut Vec<ItemName>) {
    match tree {
        syn::UseTree::Path(path) => leaves(&path.tree, names),
        syn::UseTree::Name(name) => names.push(ItemName::new(&name.ident)),
        syn::UseTree::Rename(rename) => names.push(ItemName::new(&rename.rename)),
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
mod tests;
