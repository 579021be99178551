//! The names under which the crate root declares files.
//!
//! A page's name is flat and made from its path, since its file name need not be an
//! identifier. A component keeps its own name and place, since people write them in `use`.

use std::collections::{BTreeMap, HashSet};

use crate::routes::problem::Problem;

/// Hands out module names for pages, each one once.
#[derive(Debug)]
pub(crate) struct ModuleNames(HashSet<String>);

impl Default for ModuleNames {
    fn default() -> Self {
        // A lint wants that no module has the name of the one around it.
        Self(HashSet::from(["pages".to_owned()]))
    }
}

impl ModuleNames {
    /// A name for the page at `path` (from the pages' folder): `users/[id].rs` is `users_id`.
    ///
    /// Where two paths would give one name, the later one gets a number.
    pub(crate) fn take(&mut self, path: &str) -> String {
        let base = flatten(path);
        let mut name = base.clone();
        let mut number = 2;
        while !self.0.insert(name.clone()) {
            name = format!("{base}_{number}");
            number += 1;
        }
        as_identifier(&name)
    }
}

fn flatten(path: &str) -> String {
    let mut name = String::new();
    for c in path.strip_suffix(".rs").unwrap_or(path).chars() {
        match c {
            'a'..='z' | '0'..='9' => name.push(c),
            'A'..='Z' => name.push(c.to_ascii_lowercase()),
            // A lint wants single underscores, and brackets would only repeat them.
            _ if c.is_ascii() && name.ends_with('_') => {}
            '[' | ']' | '(' | ')' => {}
            _ if c.is_ascii() => name.push('_'),
            _ => name.push_str(&format!("u{:x}", u32::from(c))),
        }
    }
    let name = match name.trim_end_matches('_') {
        "" => "page",
        trimmed => trimmed,
    };
    match name.chars().next() {
        Some('0'..='9') => format!("_{name}"),
        _ => name.to_owned(),
    }
}

/// The name as it is written in source code.
fn as_identifier(name: &str) -> String {
    match name {
        // These alone cannot be raw identifiers.
        "crate" | "self" | "super" => format!("{name}_"),
        _ if is_keyword(name) => format!("r#{name}"),
        _ => name.to_owned(),
    }
}

fn is_keyword(name: &str) -> bool {
    // syn knows the keywords of edition 2021.
    name == "gen" || syn::parse_str::<syn::Ident>(name).is_err()
}

/// The modules under `components/`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ModuleTree {
    /// Whether the folder has a `mod.rs`, which then declares its modules itself.
    pub own_mod_file: bool,
    /// The modules by name, `r#` included.
    pub modules: BTreeMap<String, Module>,
}

/// A module under `components/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Module {
    /// A file, or a folder with a `mod.rs`: what is below it is its own business.
    File,
    /// A folder of modules.
    Folder(ModuleTree),
}

impl ModuleTree {
    /// The tree of the files at `paths`, which are relative to `root`.
    pub(crate) fn build(root: &str, paths: &[String], problems: &mut Vec<Problem>) -> Self {
        let mut tree = Self::default();
        for path in paths {
            if let Some(path) = path.strip_suffix(".rs") {
                tree.insert(root, path, problems);
            }
        }
        tree
    }

    fn insert(&mut self, root: &str, path: &str, problems: &mut Vec<Problem>) {
        let (name, rest) = match path.split_once('/') {
            Some((name, rest)) => (name, Some(rest)),
            None => (path, None),
        };
        if rest.is_none() && name == "mod" {
            self.own_mod_file = true;
            return;
        }
        let Some(identifier) = file_module(name) else {
            let path = format!("{root}/{name}{}", if rest.is_some() { "/" } else { ".rs" });
            let problem = Problem::BadModuleName { path, name: name.to_owned() };
            if !problems.contains(&problem) {
                problems.push(problem);
            }
            return;
        };
        match rest {
            None => {
                self.modules.insert(identifier, Module::File);
            }
            Some(rest) => {
                let folder = Module::Folder(Self::default());
                let module = self.modules.entry(identifier).or_insert(folder);
                if let Module::Folder(tree) = module {
                    tree.insert(&format!("{root}/{name}"), rest, problems);
                    if tree.own_mod_file {
                        *module = Module::File;
                    }
                }
            }
        }
    }
}

/// The identifier of a module that rustc finds by its file name: those are ASCII.
fn file_module(name: &str) -> Option<String> {
    let begins_well = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let is_identifier = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    match name {
        "_" | "crate" | "self" | "super" | "Self" => None,
        _ if begins_well && is_identifier => Some(as_identifier(name)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn page_names_are_flat_and_readable() {
        for (path, expected) in [
            ("index.rs", "index"),
            ("users/[id].rs", "users_id"),
            ("docs/[...path].rs", "docs_path"),
            ("docs/[[...path]].rs", "docs_path"),
            ("(shop)/cart-items.rs", "shop_cart_items"),
            ("sitemap.xml.rs", "sitemap_xml"),
            (".well-known/security.txt.rs", "_well_known_security_txt"),
            ("_layout.rs", "_layout"),
            ("users/_layout.rs", "users_layout"),
            ("404.rs", "_404"),
            ("About.rs", "about"),
            ("type.rs", "r#type"),
            ("gen.rs", "r#gen"),
            ("self.rs", "self_"),
            ("~.rs", "page"),
            ("über.rs", "ufcber"),
            ("[_].rs", "page"),
            ("pages.rs", "pages_2"),
        ] {
            assert_eq!(ModuleNames::default().take(path), expected, "{path}");
        }
    }

    #[test]
    fn equal_names_are_numbered_in_order() {
        let mut names = ModuleNames::default();
        let taken: Vec<_> = ["users/[id].rs", "users/id.rs", "users_id.rs", "users_id_2.rs"]
            .map(|path| names.take(path))
            .into();
        assert_eq!(taken, ["users_id", "users_id_2", "users_id_3", "users_id_2_2"]);
    }

    fn components(paths: &[&str]) -> (ModuleTree, Vec<Problem>) {
        let paths: Vec<_> = paths.iter().map(|&path| path.to_owned()).collect();
        let mut problems = Vec::new();
        (ModuleTree::build("components", &paths, &mut problems), problems)
    }

    #[test]
    fn components_keep_their_names_and_folders() {
        let (tree, problems) =
            components(&["header.rs", "forms/input.rs", "forms/type.rs", "notes.md"]);
        assert_eq!(problems, []);
        assert_eq!(tree.modules["header"], Module::File);
        let Module::Folder(forms) = &tree.modules["forms"] else { panic!("{tree:?}") };
        assert_eq!(forms.modules.keys().collect::<Vec<_>>(), ["input", "r#type"]);
    }

    #[test]
    fn a_file_of_the_same_name_declares_what_is_in_its_folder() {
        for paths in [
            &["forms.rs", "forms/input.rs"][..],
            &["forms/input.rs", "forms.rs"],
            &["forms/input.rs", "forms/mod.rs"],
            &["forms/mod.rs", "forms/not-a-module.rs"],
        ] {
            let (tree, problems) = components(paths);
            assert_eq!(problems, [], "{paths:?}");
            assert_eq!(tree.modules["forms"], Module::File, "{paths:?}");
        }
        assert!(components(&["header.rs", "mod.rs"]).0.own_mod_file);
    }

    #[test]
    fn a_component_that_is_no_module_name_is_named() {
        let (_, problems) = components(&["my-header.rs", "a b/x.rs", "a b/y.rs", "forms/2nd.rs"]);
        let bad = |path: &str, name: &str| Problem::BadModuleName {
            path: path.into(),
            name: name.into(),
        };
        assert_eq!(
            problems,
            [
                bad("components/my-header.rs", "my-header"),
                bad("components/a b/", "a b"),
                bad("components/forms/2nd.rs", "2nd"),
            ],
        );
    }
}
