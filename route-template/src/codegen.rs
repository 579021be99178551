//! The generated part of a crate root: module declarations, and the function that lists the
//! routes.
//!
//! It refers to the user's files and contains nothing of them, so that every message of rustc
//! and every position is the user's. The names of files and arguments stand behind the calls
//! as comments: rustc prints the line when a handler does not fit, and the comment then says
//! whose it is. Line numbers are left out, as the text is checked in and should change only
//! when a route does; [`crate::Origins`] finds them for a build.

pub(crate) mod crate_root;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::routes::exercises::Exercises;
use crate::routes::hooks::Hooks;
use crate::routes::modules::{Module, ModuleTree};
use crate::routes::route::{Handler, Method, Page, SpecialKind};
use crate::routes::tree::RouteTree;
use crate::source::items::Function;
use crate::source::place::Place;

/// Where the generated text will stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination<'a> {
    /// In the crate root of the app, at this path from the app's folder.
    CrateRoot(&'a str),
    /// In a file of its own; the app's folder seen from that file's folder, such as `..`.
    Aside(&'a str),
}

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
            out.generated.origins.insert(out.lines, place);
            out.line("nova::export!(routes, swap = app::SWAP);");
        }
        Some(Hooks { export: Some(_), .. }) => {
            out.line("nova::export!(routes, least_swap = nova::Swap::Handover);");
        }
        _ => out.line("nova::export!(routes);"),
    }
}

/// Text with an indentation.
#[derive(Default)]
pub(crate) struct CodeWriter {
    pub(crate) generated: GeneratedCode,
    lines: usize,
    depth: usize,
}

impl CodeWriter {
    pub(crate) fn line(&mut self, line: &str) {
        if line.starts_with('}') || line.starts_with(']') {
            self.depth -= 1;
        }
        let indent = self.depth * 4;
        let _ = writeln!(self.generated.text, "{:indent$}{line}", "");
        self.lines += 1;
        if line.ends_with('{') || line.ends_with('[') {
            self.depth += 1;
        }
    }

    pub(crate) fn blank(&mut self) {
        self.generated.text.push('\n');
        self.lines += 1;
    }

    /// A call that hands over a function, and whose function it is.
    pub(crate) fn call(&mut self, call: &Statement<'_>) {
        let Some((file, function)) = call.about else { return self.line(&call.text) };
        let place = Place {
            file: file.to_owned(),
            position: function.position,
            function: Some(function.name.clone()),
        };
        self.generated.origins.insert(self.lines, place);
        self.line(&format!("{} // {file}: {}", call.text, function.signature));
    }

    /// `#[path]`, where rustc would look elsewhere.
    fn path_attribute(&mut self, path: &str, default: &str) {
        if path != default {
            self.line(&format!("#[path = {path:?}]"));
        }
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
    // The comments are longer than a line may be.
    out.line("#[rustfmt::skip]");
    out.line("pub fn routes() -> nova::Routes {");
    if !calls.is_empty() {
        out.line("use nova::handler::*;");
        out.blank();
    }
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

/// A line of the `routes` function.
pub(crate) struct Statement<'a> {
    text: String,
    /// The file and the function that the line names.
    about: Option<(&'a str, &'a Function)>,
}

/// What takes the app in a page library: `init` alone says which type the state has.
pub(crate) fn attached(app: Option<&Hooks>) -> Statement<'_> {
    let Some(Hooks { file, init: Some(init), .. }) = app else {
        let text = "let mut app = pages.of(nova::parts::no_state());".to_owned();
        return Statement { text, about: None };
    };
    let (colour, arity) = (colour(init), init.arity);
    let text = format!("let mut app = pages.of(nova::parts::init_{colour}_{arity}(app::init));");
    Statement { text, about: Some((file, init)) }
}

/// What makes the value of the hooks; nothing without an `init`.
fn hooks(hooks: &Hooks) -> Vec<Statement<'_>> {
    let Hooks { file, init: Some(init), shutdown, export, import, swap: _ } = hooks else {
        return Vec::new();
    };
    let text = format!("let hooks = nova::hooks::init_{}_{}(app::init)", colour(init), init.arity);
    let mut calls = vec![Statement { text, about: Some((file, init)) }];
    for hook in [shutdown, export, import].into_iter().flatten() {
        let text = format!("    .{0}_{1}(app::{0})", hook.name, colour(hook));
        calls.push(Statement { text, about: Some((file, hook)) });
    }
    finish(&mut calls);
    calls
}

fn calls(tree: &RouteTree) -> Vec<Statement<'_>> {
    let mut calls = Vec::new();
    for special in &tree.specials {
        let Some(function) = &special.function else { continue };
        let method = match special.kind {
            SpecialKind::Layout => "layout",
            SpecialKind::Middleware => "middleware",
            SpecialKind::Error => "error",
        };
        let handler = handler(&special.module, function);
        let text = format!("app.{method}({:?}, {handler});", special.folder);
        calls.push(Statement { text, about: Some((&special.file, function)) });
    }
    if let Some(not_found) = &tree.not_found
        && let Some(function) = &not_found.function
    {
        let text = format!("app.not_found({});", handler(&not_found.module, function));
        calls.push(Statement { text, about: Some((&not_found.file, function)) });
    }
    for page in &tree.pages {
        calls.append(&mut page_calls(page));
    }
    calls
}

pub(crate) fn page_calls(page: &Page) -> Vec<Statement<'_>> {
    let mut calls = Vec::new();
    // A file in the middle of an edit may have no handler to show.
    if page.handlers.is_empty() {
        return calls;
    }
    let mut plain = |text| calls.push(Statement { text, about: None });
    plain(format!("app.page(\"{}\", {:?})", page.pattern, page.file));
    if page.has_precompile {
        plain(format!("    .precompile(pages::{}::PRECOMPILE)", page.module));
    }
    if page.has_samples {
        plain(format!("    .samples(pages::{}::SAMPLES)", page.module));
    }
    if page.has_prerender {
        plain(format!("    .prerender(pages::{}::PRERENDER)", page.module));
    }
    if page.has_body_limit {
        plain(format!("    .body_limit(pages::{}::BODY_LIMIT)", page.module));
    }
    for Handler { method, function } in &page.handlers {
        let name = if *method == Method::Any { "any" } else { method.function() };
        let text = format!("    .{name}({})", handler(&page.module, function));
        calls.push(Statement { text, about: Some((&page.file, function)) });
    }
    finish(&mut calls);
    calls
}

/// The functions of `precompile.rs`.
fn exercise_calls(exercises: &Exercises) -> impl Iterator<Item = Statement<'_>> {
    exercises.functions.iter().map(|function| {
        let Function { name, arity, .. } = function;
        let handler = format!("{}_{arity}(precompile::{name})", colour(function));
        let text = format!("app.precompile({name:?}, {handler});");
        Statement { text, about: Some((&exercises.file, function)) }
    })
}

/// Ends a chain of calls.
fn finish(calls: &mut [Statement<'_>]) {
    if let Some(last) = calls.last_mut() {
        last.text.push(';');
    }
}

fn handler(module: &str, function: &Function) -> String {
    let Function { name, arity, .. } = function;
    format!("{}_{arity}(pages::{module}::{name})", colour(function))
}

fn colour(function: &Function) -> &'static str {
    if function.is_async { "async" } else { "sync" }
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
