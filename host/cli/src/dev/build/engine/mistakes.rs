//! The mistakes in the app's files that a scan has found: names, missing handlers, two pages with one
//! route. What is right goes on being compiled; a mistake is listed for as long as it is there.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use nova_route_template::{Problem, Reach};

use crate::dev::build::failure::BuildFailure;

/// What is wrong with the files.
#[derive(Debug, Default)]
pub(super) struct Mistakes {
    /// What was left out of the scan that is known.
    problems: Vec<Problem>,
    /// Why there is no newer scan: which files the app is made of cannot be told.
    fatal: Option<Arc<BuildFailure>>,
}

impl Mistakes {
    /// The files were read; gives those of their mistakes that must be told: the new ones, and those
    /// in files that `was_saved`.
    pub(super) fn found(
        &mut self,
        problems: Vec<Problem>,
        was_saved: impl Fn(&Path) -> bool,
    ) -> Vec<Problem> {
        self.fatal = None;
        let must_be_told = |it: &&Problem| {
            !self.problems.contains(it) || culprit(it).is_some_and(|it| was_saved(Path::new(it)))
        };
        let told = problems.iter().filter(must_be_told).cloned().collect();
        self.problems = problems;
        told
    }

    /// The files could not be read.
    pub(super) fn found_fatal(&mut self, failure: Arc<BuildFailure>) {
        self.fatal = Some(failure);
    }

    /// Whether nothing can be compiled from what is known.
    pub(super) fn are_fatal(&self) -> bool {
        self.fatal.is_some()
    }

    /// Whether what all pages share can be compiled.
    pub(super) fn allow_app(&self) -> bool {
        self.problems.iter().all(|problem| problem.reach() == Reach::File)
    }

    /// Why pages that are not in the app library that serves have to wait.
    pub(super) fn of_app(&self) -> Option<Arc<BuildFailure>> {
        let shared = self.problems.iter().filter(|problem| problem.reach() == Reach::Shared);
        let shared = BuildFailure::of_mistakes(shared.cloned().collect());
        self.fatal.clone().or(shared.map(Arc::new))
    }

    /// What is wrong with each page, by its file.
    pub(super) fn of_pages(&self) -> BTreeMap<String, Arc<BuildFailure>> {
        let mut pages = BTreeMap::<String, Vec<Problem>>::new();
        for problem in self.problems.iter().filter(|problem| problem.reach() == Reach::File) {
            if let Some(file) = culprit(problem) {
                pages.entry(file.to_owned()).or_default().push(problem.clone());
            }
        }
        let failure = |problems| BuildFailure::of_mistakes(problems).map(Arc::new);
        let pages = pages.into_iter();
        pages.filter_map(|(file, problems)| Some((file, failure(problems)?))).collect()
    }

    /// All that is wrong.
    pub(super) fn failures(&self) -> Vec<Arc<BuildFailure>> {
        let rest = BuildFailure::of_mistakes(self.problems.clone()).map(Arc::new);
        self.fatal.iter().cloned().chain(rest).collect()
    }
}

/// Whether one of `problems` is in the file at `path`.
pub(super) fn are_in(problems: &[Problem], path: &Path) -> bool {
    problems.iter().filter_map(culprit).any(|file| path.starts_with(file))
}

/// The file to mend. The first one of two pages with one route answers, and nothing is wrong with it.
fn culprit(problem: &Problem) -> Option<&str> {
    problem.places().last().map(|(file, _)| *file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn saved(path: &'static str) -> impl Fn(&Path) -> bool {
        move |saved| saved == Path::new(path)
    }

    #[test]
    fn a_mistake_is_new_once_and_listed_while_it_is_there() {
        let half = Problem::NoHandler { file: "pages/half.rs".into(), private: None };
        let layout = Problem::NoFunction {
            file: "pages/_layout.rs".into(),
            function: "layout",
            private: None,
        };
        let mut mistakes = Mistakes::default();
        assert_eq!(mistakes.found(vec![half.clone()], saved("")), std::slice::from_ref(&half));
        assert_eq!(mistakes.found(vec![half.clone()], saved("pages/index.rs")), []);
        let again = mistakes.found(vec![half.clone()], saved("pages/half.rs"));
        assert_eq!(again, std::slice::from_ref(&half));
        assert!(mistakes.allow_app() && mistakes.of_app().is_none());
        assert_eq!(mistakes.of_pages().keys().collect::<Vec<_>>(), ["pages/half.rs"]);

        assert_eq!(mistakes.found(vec![half.clone(), layout.clone()], saved("")), [layout]);
        assert!(!mistakes.allow_app() && mistakes.of_app().is_some());
        let fatal = BuildFailure::of_mistakes(vec![half.clone()]).expect("a failure");
        mistakes.found_fatal(Arc::new(fatal));
        assert_eq!((mistakes.are_fatal(), mistakes.failures().len()), (true, 2));

        assert_eq!(mistakes.found(vec![half], saved("")), []);
        assert!(!mistakes.are_fatal() && mistakes.allow_app());
        mistakes.found(Vec::new(), saved(""));
        assert!(mistakes.failures().is_empty() && mistakes.of_pages().is_empty());
    }

    #[test]
    fn the_second_of_two_pages_is_the_one_with_a_mistake() {
        let file = |name: &str| nova_route_template::SourceFile::new(name, "pub fn get() {}");
        let sources = nova_route_template::Sources {
            pages_root: Some("pages".into()),
            pages: vec![file("pages/(x)/a.rs"), file("pages/a.rs")],
            ..Default::default()
        };
        let (_, problems) = nova_route_template::RouteTree::read(&sources, |_| false);
        let mut mistakes = Mistakes::default();
        mistakes.found(problems.clone(), |_| false);
        assert_eq!(mistakes.of_pages().keys().collect::<Vec<_>>(), ["pages/a.rs"]);
        assert!(are_in(&problems, Path::new("pages/a.rs")));
        assert!(!are_in(&problems, Path::new("pages/(x)/a.rs")));
    }
}
