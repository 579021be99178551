//! The calls that tell the SDK of an app's functions.
//!
//! A function under `#[cfg]` is named under the same condition. A chain of calls cannot have
//! attributes in its middle, so such a page is given its functions one by one.

use std::collections::BTreeMap;

use crate::routes::exercises::Exercises;
use crate::routes::hooks::Hooks;
use crate::routes::route::{Handler, LAYERS, Method, Page, PageConst, SERVICE, SpecialKind};
use crate::routes::tree::RouteTree;
use crate::source::cfg;
use crate::source::items::Function;

/// A line of the `routes` function.
pub(crate) struct Statement<'a> {
    pub(super) text: String,
    /// When it is compiled; `None`: always.
    pub(super) cfg: Option<String>,
    /// The file and the function that the line names.
    pub(super) about: Option<(&'a str, &'a Function)>,
    /// The function of `nova::handler` that it needs in scope.
    pub(super) handler_function: Option<String>,
}

impl<'a> Statement<'a> {
    fn plain(text: impl Into<String>) -> Self {
        Self { text: text.into(), cfg: None, about: None, handler_function: None }
    }

    fn about(file: &'a str, function: &'a Function, text: String) -> Self {
        Self { cfg: function.cfg.clone(), about: Some((file, function)), ..Self::plain(text) }
    }

    /// The same for a line in which `handler` stands.
    fn handing_over(file: &'a str, function: &'a Function, text: String) -> Self {
        // A name that is brought into scope must be used, so where it may not be it is written out.
        let is_certain = function.cfg.is_none() && !is_of_tower(function);
        let handler_function = is_certain.then(|| handler_function(function));
        Self { handler_function, ..Self::about(file, function, text) }
    }
}

/// What takes the app in a page library: `init` alone says which type the state has.
pub(crate) fn attached(app: Option<&Hooks>) -> Vec<Statement<'_>> {
    let take = |state: &str| format!("let mut app = pages.of({state});");
    inits(app, |function| {
        take(&format!("nova::parts::init_{}_{}(app::init)", colour(function), function.arity))
    })
    .unwrap_or_else(|| vec![Statement::plain(take("nova::parts::no_state()"))])
    .into_iter()
    .map(|call| match call.about {
        Some(_) => call,
        None => Statement { text: take("nova::parts::no_state()"), ..call },
    })
    .collect()
}

/// What makes the value of the hooks; nothing without an `init`.
pub(super) fn hooks(app: &Hooks) -> Vec<Statement<'_>> {
    let Hooks { file, init, subscriber, shutdown, export, import, swap: _ } = app;
    let made = inits(Some(app), |function| {
        let (colour, arity) = (colour(function), function.arity);
        format!("let hooks = nova::hooks::init_{colour}_{arity}(app::init)")
    });
    let Some(mut calls) = made else { return Vec::new() };
    let subscriber = subscriber.iter().map(|hook| {
        let text = format!("subscriber_{}_{}(app::subscriber)", colour(hook), hook.arity);
        Statement::about(file, hook, text)
    });
    let more = [shutdown, export, import].into_iter().flatten().map(|hook| {
        let text = format!("{0}_{1}(app::{0})", hook.name, colour(hook));
        Statement::about(file, hook, text)
    });
    let more: Vec<_> = subscriber.chain(more).collect();
    if calls.len() == 1 && more.iter().all(|call| call.cfg.is_none()) {
        let first = calls.remove(0);
        return chain(first, more);
    }
    let has_state = cfg::any(init.iter().map(|function| &function.cfg));
    calls.iter_mut().for_each(|call| call.text.push(';'));
    calls.extend(more.into_iter().map(|call| Statement {
        text: format!("let hooks = hooks.{};", call.text),
        cfg: cfg::all([&has_state, &call.cfg]),
        ..call
    }));
    calls
}

/// A line for each `init`, and one for when there is none; `None` without any.
fn inits<'a>(
    app: Option<&'a Hooks>,
    text: impl Fn(&Function) -> String,
) -> Option<Vec<Statement<'a>>> {
    let Hooks { file, init, .. } = app.filter(|app| !app.init.is_empty())?;
    let lines = init.iter().map(|function| Statement::about(file, function, text(function)));
    let mut lines: Vec<_> = lines.collect();
    if let Some(cfg) = cfg::any(init.iter().map(|function| &function.cfg)) {
        let none = Statement::plain("let hooks = nova::no_state()");
        lines.push(Statement { cfg: Some(format!("not({cfg})")), ..none });
    }
    Some(lines)
}

pub(super) fn calls(tree: &RouteTree) -> Vec<Statement<'_>> {
    let mut calls = folders(tree);
    for special in &tree.specials {
        let method = match special.kind {
            SpecialKind::Layout => "layout",
            SpecialKind::Middleware => "middleware",
            SpecialKind::Error => "error",
            SpecialKind::NotFound => "not_found",
        };
        calls.extend(special.functions.iter().map(|function| {
            let handler = handler(&special.module, function);
            let text = format!("app.{method}({:?}, {handler});", special.folder);
            Statement::handing_over(&special.file, function, text)
        }));
    }
    for page in &tree.pages {
        calls.append(&mut page_calls(page));
    }
    calls
}

/// Where the folders of special files are in addresses, if their names do not say it.
fn folders(tree: &RouteTree) -> Vec<Statement<'_>> {
    let named = tree.specials.iter().map(|special| (&special.folder, special.pattern.to_string()));
    let other: BTreeMap<_, _> = named.filter(|(folder, pattern)| *folder != pattern).collect();
    let call = |(folder, pattern)| format!("app.folder({folder:?}, {pattern:?});");
    other.into_iter().map(|folder| Statement::plain(call(folder))).collect()
}

pub(crate) fn page_calls(page: &Page) -> Vec<Statement<'_>> {
    // A file in the middle of an edit may have no handler to show.
    if page.handlers.is_empty() {
        return Vec::new();
    }
    let consts = page.consts.iter().map(|PageConst { name, cfg }| {
        let text = format!("{}(pages::{}::{name})", name.to_lowercase(), page.module);
        Statement { cfg: cfg.clone(), ..Statement::plain(text) }
    });
    let handlers = page.handlers.iter().map(|Handler { method, function }| {
        let name = if *method == Method::Any { "any" } else { method.function() };
        let text = format!("{name}({})", handler(&page.module, function));
        Statement::handing_over(&page.file, function, text)
    });
    let more: Vec<_> = consts.chain(handlers).collect();
    let first = format!("app.page(\"{}\", {:?})", page.pattern, page.file);
    if more.iter().all(|call| call.cfg.is_none()) {
        return chain(Statement::plain(first), more);
    }
    let first = Statement::plain(format!("let page = {first};"));
    let more = more
        .into_iter()
        .map(|call| Statement { text: format!("let page = page.{};", call.text), ..call });
    std::iter::once(first).chain(more).chain([Statement::plain("let _ = page;")]).collect()
}

/// The functions of `precompile.rs`.
pub(super) fn exercise_calls(exercises: &Exercises) -> impl Iterator<Item = Statement<'_>> {
    exercises.functions.iter().map(|function| {
        let name = &function.name;
        let text = format!("app.precompile({name:?}, {});", wrapped("precompile", function));
        let is_certain = function.cfg.is_none();
        let handler_function = is_certain.then(|| handler_function(function));
        Statement { handler_function, ..Statement::about(&exercises.file, function, text) }
    })
}

/// One call behind the other.
fn chain<'a>(first: Statement<'a>, more: Vec<Statement<'a>>) -> Vec<Statement<'a>> {
    let more =
        more.into_iter().map(|call| Statement { text: format!("    .{}", call.text), ..call });
    let mut calls: Vec<_> = std::iter::once(first).chain(more).collect();
    if let Some(last) = calls.last_mut() {
        last.text.push(';');
    }
    calls
}

/// Whether it makes something of tower's, and is no handler itself. A page and a `_middleware.rs`
/// hand over no other functions of these names.
fn is_of_tower(function: &Function) -> bool {
    [SERVICE, LAYERS].contains(&function.name.as_str())
}

fn handler(module: &str, function: &Function) -> String {
    if is_of_tower(function) {
        let Function { name, arity, .. } = function;
        return format!("nova::tower::{name}_{arity}(pages::{module}::{name})");
    }
    wrapped(&format!("pages::{module}"), function)
}

fn wrapped(module: &str, function: &Function) -> String {
    let path = if function.cfg.is_some() { "nova::handler::" } else { "" };
    format!("{path}{}({module}::{})", handler_function(function), function.name)
}

/// The function of `nova::handler` for functions like this.
fn handler_function(function: &Function) -> String {
    format!("{}_{}", colour(function), function.arity)
}

fn colour(function: &Function) -> &'static str {
    if function.is_async { "async" } else { "sync" }
}
