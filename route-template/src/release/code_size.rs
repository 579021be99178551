//! What takes the room in a library: the machine code of each page and each crate, by the names in
//! its symbol table.
//!
//! A function belongs to the page that its name mentions first, wherever the function is written:
//! what a page makes the compiler generate, an extractor for its types, is that page's. What the
//! compiler has merged into another function counts there.

use std::collections::BTreeMap;

use object::elf::{STT_FUNC, STT_GNU_IFUNC};
use object::read::elf::{ElfFile64, Sym as _};
use object::{Endianness, Object as _, ObjectSection as _, SectionKind};
use serde::{Deserialize, Serialize};

use crate::release::library::LibraryError;
use crate::routes::route::Page;

/// How the bytes of a library are used.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CodeSizes {
    /// The bytes of machine code.
    pub code: u64,
    /// Those of each page, by its file.
    pub pages: BTreeMap<String, u64>,
    /// Those of each crate, the largest first. The pages' are among those of the app's crate or of
    /// the crate whose generic function was compiled for them.
    pub crates: Vec<CrateSize>,
}

/// The machine code of one crate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CrateSize {
    /// Its name; `(other)` for code that no symbol names, `(C)` for what is not Rust.
    pub name: String,
    /// Bytes.
    pub code: u64,
}

/// Measures a library that has its symbols still. `app` is the name of its crate.
///
/// # Errors
/// If the bytes are not an ELF file.
pub fn code_sizes(library: &[u8], app: &str, pages: &[Page]) -> Result<CodeSizes, LibraryError> {
    let elf = ElfFile64::<Endianness>::parse(library)
        .map_err(|error| LibraryError::NotElf(error.to_string()))?;
    let code = elf.sections().filter(|section| section.kind() == SectionKind::Text);
    let code = code.map(|section| section.size()).sum();
    let endian = elf.endian();
    // Several names may stand for one function.
    let mut functions = BTreeMap::new();
    let table = elf.elf_symbol_table();
    for symbol in table.iter() {
        let is_function = matches!(symbol.st_type(), STT_FUNC | STT_GNU_IFUNC);
        let size = symbol.st_size(endian);
        if is_function && size > 0 {
            let name = symbol.name(endian, table.strings()).ok();
            let name = name.and_then(|name| std::str::from_utf8(name).ok()).unwrap_or_default();
            functions.insert(symbol.st_value(endian), (name.to_owned(), size));
        }
    }
    let named = functions.into_values().map(|(name, size)| (demangled(&name), size));
    Ok(distribute(named, code, app, pages))
}

fn demangled(name: &str) -> Option<String> {
    // The alternate form leaves out the hash.
    rustc_demangle::try_demangle(name).ok().map(|name| format!("{name:#}"))
}

/// Adds up functions, of which those without a name are not Rust's.
fn distribute(
    functions: impl Iterator<Item = (Option<String>, u64)>,
    code: u64,
    app: &str,
    pages: &[Page],
) -> CodeSizes {
    let app = app.replace('-', "_");
    let mut by_page: BTreeMap<_, u64> = pages.iter().map(|page| (page.file.clone(), 0)).collect();
    let mut by_crate = BTreeMap::<String, u64>::new();
    let mut named = 0;
    for (name, size) in functions {
        named += size;
        let krate = name.as_deref().map_or("(C)", |name| krate(name));
        *by_crate.entry(krate.to_owned()).or_default() += size;
        let page = name.as_deref().and_then(|name| page_of(name, &app, pages));
        if let Some(bytes) = page.and_then(|page| by_page.get_mut(&page.file)) {
            *bytes += size;
        }
    }
    if code > named {
        by_crate.insert("(other)".to_owned(), code - named);
    }
    let mut crates: Vec<_> =
        by_crate.into_iter().map(|(name, code)| CrateSize { name, code }).collect();
    crates.sort_by(|a, b| b.code.cmp(&a.code).then_with(|| a.name.cmp(&b.name)));
    CodeSizes { code, pages: by_page, crates }
}

/// The page whose module a name mentions first.
fn page_of<'a>(name: &str, app: &str, pages: &'a [Page]) -> Option<&'a Page> {
    let prefix = format!("{app}::pages::");
    let mentioned = name.match_indices(&prefix).find(|(at, _)| {
        // `my_app::pages::` is not `app::pages::`.
        !name[..*at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':')
    });
    let rest = &name[mentioned?.0 + prefix.len()..];
    let is_in = |module: &str| {
        let module = module.replace("r#", "");
        rest.strip_prefix(&module)
            .is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
    };
    // A folder of the same name as a page holds other pages: the longest module is meant.
    pages.iter().filter(|page| is_in(&page.module)).max_by_key(|page| page.module.len())
}

/// The crate of a function: of `<a::T as b::Trait>::f` it is `a`.
fn krate(name: &str) -> &str {
    let is_sign = |c: char| !c.is_alphanumeric() && c != '_';
    let mut rest = name;
    loop {
        rest = rest.trim_start_matches(is_sign);
        let skipped = ["mut ", "const ", "dyn ", "impl "].iter().find_map(|w| rest.strip_prefix(w));
        match skipped {
            Some(after) => rest = after,
            None => break,
        }
    }
    let word = rest.split(is_sign).next().unwrap_or_default();
    // A primitive type has no crate, but a trait that it implements.
    let is_path = rest[word.len()..].starts_with("::") || rest[word.len()..].starts_with('[');
    match name.split_once(" as ") {
        Some((_, of)) if !is_path => krate(of),
        _ if !is_path => "(other)",
        _ => word,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routes::pattern::Pattern;

    fn page(file: &str, module: &str) -> Page {
        Page {
            file: file.to_owned(),
            pattern: Pattern::default(),
            module: module.to_owned(),
            handlers: Vec::new(),
            consts: Vec::new(),
        }
    }

    #[test]
    fn a_function_belongs_to_a_crate() {
        for (name, expected) in [
            ("tokio::runtime::spawn", "tokio"),
            ("<app::pages::index::User as serde::Serialize>::serialize", "app"),
            ("<&mut std::io::Stdin as std::io::Read>::read", "std"),
            ("<u64 as core::fmt::Display>::fmt", "core"),
            ("<[u8] as alloc::borrow::ToOwned>::to_owned", "alloc"),
            ("core::ptr::drop_in_place::<app::pages::index::User>", "core"),
            ("<dyn core::any::Any>::type_id", "core"),
            ("main", "(other)"),
        ] {
            assert_eq!(krate(name), expected, "{name}");
        }
    }

    #[test]
    fn a_function_belongs_to_the_page_that_it_mentions_first() {
        let pages = [
            page("pages/users.rs", "users"),
            page("pages/users/[id].rs", "users::_id"),
            page("pages/type.rs", "r#type"),
        ];
        let of = |name: &str| page_of(name, "app", &pages).map(|page| page.file.as_str());
        for (name, expected) in [
            ("app::pages::users::get", Some("pages/users.rs")),
            ("app::pages::users::_id::get::{closure#0}", Some("pages/users/[id].rs")),
            ("app::pages::type::get", Some("pages/type.rs")),
            (
                "core::ptr::drop_in_place::<(app::pages::users::A, app::pages::type::B)>",
                Some("pages/users.rs"),
            ),
            ("my_app::pages::users::get", None),
            ("app::pages::usersx::get", None),
            ("app::routes", None),
        ] {
            assert_eq!(of(name), expected, "{name}");
        }
    }

    #[test]
    fn what_no_symbol_names_is_other() {
        let pages = [page("pages/index.rs", "index"), page("pages/about.rs", "about")];
        let functions = [
            (Some("app::pages::index::get".to_owned()), 100),
            (Some("nova::call::<app::pages::index::get>".to_owned()), 50),
            (None, 7),
        ];
        let sizes = distribute(functions.into_iter(), 200, "app", &pages);
        assert_eq!(sizes.pages["pages/index.rs"], 150);
        assert_eq!(sizes.pages["pages/about.rs"], 0);
        let crates: Vec<_> =
            sizes.crates.iter().map(|size| (size.name.as_str(), size.code)).collect();
        assert_eq!(crates, [("app", 100), ("nova", 50), ("(other)", 43), ("(C)", 7)]);
    }

    #[test]
    fn this_test_is_measured() {
        let this_test = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let sizes = code_sizes(&this_test, "nova-route-template", &[]).unwrap();
        assert!(sizes.crates.iter().any(|size| size.name == "nova_route_template"), "{sizes:?}");
        assert!(sizes.code > 100_000);
    }
}
