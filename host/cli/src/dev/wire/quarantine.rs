//! Pages that ended a server: not called again until their code changes or the developer asks for
//! it.
//!
//! A browser asks again for what it did not get, and an open page for what it shows. Without
//! this, each such request would end the server once more. The supervisor keeps the quarantine from
//! one server to the next, and each server has it, too: both follow the rules below.

use serde::{Deserialize, Serialize};

use super::message::Problem;

/// A page that ended a server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct QuarantinedPage {
    /// Its file; the path of the request where no page was meant.
    pub(crate) page: String,
    /// How it did that.
    pub(crate) problem: Problem,
}

/// The pages that are not called, in the order in which they ended servers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Quarantine(Vec<QuarantinedPage>);

impl Quarantine {
    /// A page ended a server.
    pub(crate) fn add(&mut self, page: QuarantinedPage) {
        self.release(&page.page);
        self.0.push(page);
    }

    /// A page may be called again.
    pub(crate) fn release(&mut self, page: &str) {
        self.0.retain(|known| known.page != page);
    }

    /// Other code serves: all may be called again but these, whose code is what it was.
    pub(crate) fn keep_only(&mut self, pages: &[String]) {
        self.0.retain(|known| pages.contains(&known.page));
    }

    /// What a page has done, if it is not to be called.
    pub(crate) fn problem_of(&self, page: &str) -> Option<&Problem> {
        self.0.iter().find(|known| known.page == page).map(|known| &known.problem)
    }

    /// What all of them have done.
    pub(crate) fn problems(&self) -> Vec<Problem> {
        self.0.iter().map(|known| known.problem.clone()).collect()
    }

    /// All of them.
    pub(crate) fn pages(&self) -> impl Iterator<Item = &QuarantinedPage> {
        self.0.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dev::wire::message::ProblemKind;

    #[test]
    fn a_page_is_released_by_its_name_and_by_other_code() {
        let page = |page: &str, title: &str| QuarantinedPage {
            page: page.into(),
            problem: Problem::new(ProblemKind::Crash, title, ""),
        };
        let mut quarantine = Quarantine::default();
        for (file, title) in [("a", "1"), ("b", "1"), ("a", "2"), ("c", "1")] {
            quarantine.add(page(file, title));
        }
        let names = |quarantine: &Quarantine| -> Vec<String> {
            quarantine.pages().map(|it| format!("{}{}", it.page, it.problem.title)).collect()
        };
        assert_eq!(names(&quarantine), ["b1", "a2", "c1"]);
        quarantine.release("c");
        quarantine.keep_only(&["a".into(), "c".into()]);
        assert_eq!(names(&quarantine), ["a2"]);
        assert!(quarantine.problem_of("a").is_some() && quarantine.problem_of("b").is_none());
    }
}
