//! The generated part of a crate root: module declarations, and the function that lists the
//! routes.
//!
//! It refers to the user's files and contains nothing of them, so that every message of rustc
//! and every position is the user's. The names of files and arguments stand behind the calls
//! as comments: rustc prints the line when a handler does not fit, and the comment then says
//! whose it is. Line numbers are left out, as the text is checked in and should change only
//! when a route does; [`crate::Origins`] finds them for a build.

pub(crate) mod calls;
pub(crate) mod crate_root;
pub(crate) mod writer;

use std::collections::BTreeMap;

use crate::codegen::calls::{calls, exercise_calls, hooks};
use crate::codegen::writer::CodeWriter;
use crate::routes::hooks::Hooks;
use crate::routes::modules::{Module, ModuleTree};
use crate::routes::tree::RouteTree;
use crate::source::place::Place;

/// Where the generated text will stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination<'a> {
    /// In the crate root of the app, at this path from the app's folder.
    CrateRoot(&'a str),
    /// In a file of its own; the app's folder seen from that file's folder, such as `..`.
    Aside(&'a str),
}

/// A function with more lines is too long for clippy, with a few for what is not a call.
const MANY_LINES: usize = 90;

/// Text, and whose functions it refers to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GeneratedCode {
    /// Rust, formatted as rustfmt leaves it.
    pub text: String,
    /// The function that a line names, by the line's number from 0.
    pub origins: BTreeMap<usize, Place>,
}

/// Writes the declarations and the `routes` function of an app.
pub fn generate(tree: &RouteTree, destination: &Destination<'_>) -> GeneratedCode {
    generate_as(tree, destination, RootKind::Whole)
}

/// Which crate root is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RootKind {
    /// The app's own, checked in.
    Whole,
    /// The one of an app library, to which pages are attached.
    Open,
}

pub(crate) fn generate_as(
    tree: &RouteTree,
    destination: &Destination<'_>,
    kind: RootKind,
) -> GeneratedCode {
    let mut out = CodeWriter::default();
    if let Some(hooks) = &tree.app {
        out.path_attribute(&module_path(destination, &hooks.file), "app.rs");
        out.line("pub mod app;");
        out.blank();
    }
    if let Some(root) = &tree.components_root {
        components(&mut out, &tree.components, &module_path(destination, root));
    }
    if let Some(root) = &tree.pages_root {
        pages(&mut out, tree, root, &module_path(destination, root));
    }
    // What is exercised at a build is no part of an app in development.
    let exercises = tree.precompile.as_ref().filter(|_| kind == RootKind::Whole);
    if let Some(exercises) = exercises {
        out.path_attribute(&module_path(destination, &exercises.file), "precompile.rs");
        out.line("pub mod precompile;");
        out.blank();
    }
    export(&mut out, tree.app.as_ref());
    out.blank();
    routes(&mut out, tree, kind);
    if let (Destination::CrateRoot(_), RootKind::Whole) = (destination, kind) {
        out.blank();
        test(&mut out, tree);
    }
    out.generated
}

/// The call that makes the crate a route library, and how the library is swapped as far as the text
/// of the app tells.
fn export(out: &mut CodeWriter, app: Option<&Hooks>) {
    match app {
        Some(Hooks { swap: Some(position), file, .. }) => {
            let place = Place { file: file.clone(), position: *position, function: None };
            out.line_about(place, "nova::export!(routes, swap = app::SWAP);");
        }
        Some(Hooks { export, .. }) if !export.is_empty() => {
            out.line("nova::export!(routes, least_swap = nova::Swap::Handover);");
        }
        _ => out.line("nova::export!(routes);"),
    }
}

/// The path of a file or folder of the app, seen from the folder of the generated text.
fn module_path(destination: &Destination<'_>, path: &str) -> String {
    match destination {
        Destination::Aside(up) => format!("{up}/{path}"),
        Destination::CrateRoot(root) => {
            let folder = root.rsplit_once('/').map_or("", |(folder, _)| folder);
            let mut from = folder.split('/').filter(|part| !part.is_empty()).peekable();
            let mut to = path.split('/').peekable();
            while from.peek().is_some() && from.peek() == to.peek() {
                from.next();
                to.next();
            }
            from.map(|_| "..").chain(to).collect::<Vec<_>>().join("/")
        }
    }
}

fn components(out: &mut CodeWriter, tree: &ModuleTree, path: &str) {
    if tree.own_mod_file {
        if path != "components" {
            out.line(&format!("#[path = \"{path}/mod.rs\"]"));
        }
        out.line("pub mod components;");
        out.blank();
    } else if !tree.modules.is_empty() {
        out.line("/// What pages share.");
        out.path_attribute(path, "components");
        out.line("pub mod components {");
        modules(out, tree);
        out.line("}");
        out.blank();
    }
}

/// An empty line between two modules keeps rustfmt from sorting them in an order of its own.
fn modules(out: &mut CodeWriter, tree: &ModuleTree) {
    for (index, (name, module)) in tree.modules.iter().enumerate() {
        if index > 0 {
            out.blank();
        }
        match module {
            Module::File => out.line(&format!("pub mod {name};")),
            Module::Folder(tree) => {
                out.line(&format!("/// The folder `{name}`."));
                out.line(&format!("pub mod {name} {{"));
                modules(out, tree);
                out.line("}");
            }
        }
    }
}

fn pages(out: &mut CodeWriter, tree: &RouteTree, root: &str, path: &str) {
    let files = tree.page_modules();
    if files.is_empty() {
        return;
    }
    out.line("/// The pages.");
    out.path_attribute(path, "pages");
    out.line("pub mod pages {");
    for (index, (file, module)) in files.iter().enumerate() {
        if index > 0 {
            out.blank();
        }
        let file = file.strip_prefix(root).and_then(|file| file.strip_prefix('/')).unwrap_or(file);
        out.line(&format!("#[path = {file:?}]"));
        out.line(&format!("pub mod {module};"));
    }
    out.line("}");
    out.blank();
}

fn routes(out: &mut CodeWriter, tree: &RouteTree, kind: RootKind) {
    let root = tree.pages_root.as_deref().unwrap_or("pages");
    let mut calls = calls(tree);
    if kind == RootKind::Whole {
        calls.extend(tree.precompile.iter().flat_map(exercise_calls));
    }
    out.line(&format!("/// The routes of `{root}/`."));
    out.line("#[must_use]");
    // The comments are longer than a line may be.
    out.line("#[rustfmt::skip]");
    if calls.len() > MANY_LINES {
        out.line("#[allow(clippy::too_many_lines)]");
    }
    out.line("pub fn routes() -> nova::Routes {");
    out.handler_functions(&calls);
    let mutable = if calls.is_empty() { "" } else { "mut " };
    let hooks = tree.app.as_ref().map(hooks).unwrap_or_default();
    let state = if hooks.is_empty() { "nova::no_state()" } else { "hooks" };
    hooks.iter().for_each(|call| out.call(call));
    out.line(&format!("let {mutable}app = nova::App::new({state});"));
    calls.iter().for_each(|call| out.call(call));
    out.line(match kind {
        RootKind::Whole => "app.finish()",
        RootKind::Open => "app.open()",
    });
    out.line("}");
}

/// A clone of the app that lost or gained a page without `nova` fails this test.
fn test(out: &mut CodeWriter, tree: &RouteTree) {
    out.line("#[test]");
    out.line("#[rustfmt::skip]");
    out.line("fn routes_are_in_step() {");
    out.line("nova::testing::assert_in_step(env!(\"CARGO_MANIFEST_DIR\"), &[");
    for (file, _) in tree.page_modules() {
        out.line(&format!("{file:?},"));
    }
    out.line("]);");
    out.line("}");
}

#[cfg(test)]
mod tests;
