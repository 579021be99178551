//! The route tree: what a folder of pages means, worked out from paths and texts alone.
//!
//! Nothing here touches the disk. [`RouteTree::build`] takes the files as values and either
//! gives the whole tree or every mistake in it.

use std::collections::{HashMap, HashSet};

use crate::routes::exercises::Exercises;
use crate::routes::exports::{MOST_ARGUMENTS, building, exported, items};
use crate::routes::hooks::Hooks;
use crate::routes::modules::{ModuleNames, ModuleTree};
use crate::routes::pattern::{BadName, NamePart, Pattern, parse_part};
use crate::routes::problem::{Problem, Problems, Warning};
use crate::routes::route::{
    Handler, LAYERS, Method, Page, PageConst, SERVICE, Special, SpecialKind,
};
use crate::source::file::SourceFile;
use crate::source::items::{Function, Items};

/// The files of an app, as the scan found them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sources {
    /// `pages` or `src/pages`; none if there is no such folder.
    pub pages_root: Option<String>,
    /// Every file under it, hidden ones apart.
    pub pages: Vec<SourceFile>,
    /// `components` or `src/components`.
    pub components_root: Option<String>,
    /// Paths of the files under it, from it.
    pub components: Vec<String>,
    /// `app.rs` or `src/app.rs`.
    pub app: Option<SourceFile>,
    /// `precompile.rs` or `src/precompile.rs`.
    pub precompile: Option<SourceFile>,
    /// What went wrong on the way.
    pub problems: Vec<Problem>,
}

/// What an app answers, and from which files.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RouteTree {
    /// `pages` or `src/pages`; none if the app has no such folder.
    pub pages_root: Option<String>,
    /// The pages, sorted by file.
    pub pages: Vec<Page>,
    /// `_layout.rs`, `_middleware.rs`, `_error.rs` and `404.rs`, sorted by file.
    pub specials: Vec<Special>,
    /// `components` or `src/components`.
    pub components_root: Option<String>,
    /// The modules under it.
    pub components: ModuleTree,
    /// `app.rs` and its hooks.
    pub app: Option<Hooks>,
    /// `precompile.rs` and its functions.
    pub precompile: Option<Exercises>,
}

impl RouteTree {
    /// Works out what the files mean.
    ///
    /// # Errors
    /// Every mistake in them, in the order of the files.
    pub fn build(sources: &Sources) -> Result<Self, Problems> {
        let (tree, problems) = Self::read(sources, |_| false);
        if problems.is_empty() { Ok(tree) } else { Err(Problems(problems)) }
    }

    /// Works out as much as the files mean, and gives every mistake in them, in the order of the
    /// files. A page with a mistake has the handlers that are right; a file whose name is wrong, and
    /// the second of two pages with one route, are left out. `serves` says which of two such pages
    /// answers already, and is the first for that.
    pub fn read(sources: &Sources, serves: impl Fn(&str) -> bool) -> (Self, Vec<Problem>) {
        let root = sources.pages_root.as_deref().unwrap_or_default();
        let mut builder = Builder::new(root, sources.problems.clone());
        let mut pages: Vec<&SourceFile> = sources.pages.iter().collect();
        pages.sort_by(|a, b| a.path.cmp(&b.path));
        for file in pages {
            if let Err(problem) = builder.add(file) {
                builder.problems.push(problem);
            }
        }
        let duplicates = builder.leave_out_duplicates(serves);
        let Builder { mut tree, mut problems, .. } = builder;
        problems.extend(duplicates);

        let components_root = sources.components_root.clone();
        tree.pages_root.clone_from(&sources.pages_root);
        tree.components = ModuleTree::build(
            components_root.as_deref().unwrap_or_default(),
            &sources.components,
            &mut problems,
        );
        tree.components_root = components_root;
        if let Some(app) = &sources.app {
            match Hooks::read(app) {
                Ok(hooks) => tree.app = Some(hooks),
                Err(problem) => problems.push(problem),
            }
        }
        if let Some(precompile) = &sources.precompile {
            match Exercises::read(precompile) {
                Ok(exercises) => tree.precompile = Some(exercises),
                Err(problem) => problems.push(problem),
            }
        }
        (tree, problems)
    }

    /// Whether what all pages share is made of the same files and functions in both.
    pub fn shares_with(&self, other: &Self) -> bool {
        self.specials == other.specials
            && self.components_root == other.components_root
            && self.components == other.components
            && self.app == other.app
    }

    /// What the app's owner may want to know.
    pub fn warnings(&self) -> Vec<Warning> {
        match &self.pages_root {
            None => vec![Warning::NoPages],
            Some(root) if self.pages.is_empty() => {
                vec![Warning::NoRoutes { root: root.clone() }]
            }
            Some(_) => Vec::new(),
        }
    }

    /// Every file under `pages/` that the crate root declares, with its module, sorted.
    pub fn page_modules(&self) -> Vec<(&str, &str)> {
        let pages = self.pages.iter().map(|page| (page.file.as_str(), page.module.as_str()));
        let specials = self.specials.iter().map(|file| (file.file.as_str(), file.module.as_str()));
        let mut files: Vec<_> = pages.chain(specials).collect();
        files.sort_unstable();
        files
    }
}

struct Builder<'a> {
    root: &'a str,
    names: ModuleNames,
    tree: RouteTree,
    problems: Vec<Problem>,
}

impl<'a> Builder<'a> {
    fn new(root: &'a str, problems: Vec<Problem>) -> Self {
        Self { root, names: ModuleNames::default(), tree: RouteTree::default(), problems }
    }

    fn add(&mut self, source: &SourceFile) -> Result<(), Problem> {
        let Some(path) = source.path.strip_prefix(self.root).and_then(|p| p.strip_prefix('/'))
        else {
            return Ok(());
        };
        let Some(stem_path) = path.strip_suffix(".rs") else { return Ok(()) };
        let (folders, stem) = match stem_path.rsplit_once('/') {
            Some((folders, stem)) => (folders.split('/').collect(), stem),
            None => (Vec::new(), stem_path),
        };
        if folders.iter().any(|folder| folder.starts_with('_')) {
            return Ok(());
        }
        let special = SpecialKind::of(stem);
        if special.is_none() && stem.starts_with('_') {
            return Ok(());
        }

        let pattern = pattern(&folders, stem)
            .map_err(|cause| Problem::BadName { file: source.path.clone(), cause })?;
        let items = match items(source) {
            Ok(items) => items,
            Err(problem) if special.is_none() => {
                self.add_unreadable(pattern, &source.path, path);
                return Err(problem);
            }
            Err(problem) => return Err(problem),
        };
        let file = File { path: &source.path, items };
        match special {
            Some(kind) => self.add_special(kind, pattern, &file, path),
            None => self.add_page(pattern, &file, path),
        }
    }

    fn add_special(
        &mut self,
        kind: SpecialKind,
        pattern: Pattern,
        file: &File<'_>,
        path: &str,
    ) -> Result<(), Problem> {
        let names = kind.functions();
        let present = names.iter().find(|name| file.items.has_function(name));
        let function = present.unwrap_or(&names[names.len() - 1]);
        let mut functions = Vec::new();
        if kind == SpecialKind::Middleware {
            functions = building(file.items, file.path, LAYERS)?;
        }
        if functions.is_empty() || present.is_some() {
            functions.extend(file.functions(function)?);
        }
        self.tree.specials.push(Special {
            file: file.path.to_owned(),
            kind,
            folder: format!("/{}", path.rsplit_once('/').map_or("", |(folder, _)| folder)),
            pattern,
            module: self.names.take(path),
            functions,
        });
        Ok(())
    }

    fn add_page(&mut self, pattern: Pattern, file: &File<'_>, path: &str) -> Result<(), Problem> {
        let known = self.problems.len();
        let mut handlers = Vec::new();
        for method in Method::ALL {
            match exported(file.items, file.path, method.function(), MOST_ARGUMENTS) {
                Ok(functions) => {
                    let handler = |function| Handler { method, function };
                    handlers.extend(functions.into_iter().map(handler));
                }
                Err(problem) => self.problems.push(problem),
            }
        }
        match building(file.items, file.path, SERVICE) {
            Ok(services) => {
                if let Some(service) = services.first()
                    && handlers.iter().any(|handler| handler.method == Method::Any)
                {
                    let (file, position) = (file.path.to_owned(), service.position);
                    self.problems.push(Problem::HandlerAndService { file, position });
                } else {
                    let any = |function| Handler { method: Method::Any, function };
                    handlers.extend(services.into_iter().map(any));
                }
            }
            Err(problem) => self.problems.push(problem),
        }
        if handlers.is_empty() && self.problems.len() == known && file.items.complete {
            self.problems.push(file.no_handler());
        }
        self.tree.pages.push(Page {
            file: file.path.to_owned(),
            pattern,
            module: self.names.take(path),
            handlers,
            consts: PageConst::NAMES
                .into_iter()
                .filter_map(|name| Some(PageConst { name, cfg: file.items.constant(name)? }))
                .collect(),
        });
        Ok(())
    }

    /// A page of which nothing but the route is known.
    fn add_unreadable(&mut self, pattern: Pattern, file: &str, path: &str) {
        self.tree.pages.push(Page {
            file: file.to_owned(),
            pattern,
            module: self.names.take(path),
            handlers: Vec::new(),
            consts: Vec::new(),
        });
    }

    fn leave_out_duplicates(&mut self, serves: impl Fn(&str) -> bool) -> Vec<Problem> {
        let mut seen: HashMap<Pattern, &Page> = HashMap::new();
        let (served, others): (Vec<&Page>, Vec<&Page>) =
            self.tree.pages.iter().partition(|page| serves(&page.file));
        let (mut problems, mut left_out) = (Vec::new(), HashSet::new());
        for page in served.into_iter().chain(others) {
            let shapes = page.pattern.shapes();
            match shapes.iter().find_map(|shape| seen.get(shape)) {
                None => seen.extend(shapes.into_iter().map(|shape| (shape, page))),
                Some(first) => {
                    problems.push(Problem::DuplicateRoute {
                        pattern: first.pattern.clone(),
                        first: first.file.clone(),
                        second: page.file.clone(),
                    });
                    left_out.insert(page.file.clone());
                }
            }
        }
        self.tree.pages.retain(|page| !left_out.contains(&page.file));
        problems
    }
}

fn pattern(folders: &[&str], stem: &str) -> Result<Pattern, BadName> {
    let mut pattern = Pattern::default();
    for folder in folders {
        if let NamePart::Segment(segment) = parse_part(folder, true)? {
            pattern.push(segment)?;
        }
    }
    let is_named = stem != "index" && SpecialKind::of(stem).is_none();
    if is_named && let NamePart::Segment(segment) = parse_part(stem, false)? {
        pattern.push(segment)?;
    }
    Ok(pattern)
}

/// A file whose items are known.
struct File<'a> {
    path: &'a str,
    items: &'a Items,
}

impl File<'_> {
    fn no_handler(&self) -> Problem {
        let is_handler = |name: &str| Method::ALL.iter().any(|method| method.function() == name);
        let private = self.items.private.iter().find(|named| is_handler(&named.name));
        Problem::NoHandler {
            file: self.path.to_owned(),
            private: private.map(|named| (named.name.clone(), named.position)),
        }
    }

    /// The functions that a special file is there for; none if the file does not parse.
    fn functions(&self, name: &'static str) -> Result<Vec<Function>, Problem> {
        let found = exported(self.items, self.path, name, MOST_ARGUMENTS)?;
        if found.is_empty() && self.items.complete {
            let private = self.items.private.iter().find(|named| named.name == name);
            return Err(Problem::NoFunction {
                file: self.path.to_owned(),
                function: name,
                private: private.map(|named| named.position),
            });
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests;
