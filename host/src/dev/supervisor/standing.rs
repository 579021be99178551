//! What the server was told and must be told again when another takes its place.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::dev::message::Problem;
use crate::dev::protocol::{Load, Mark, Order, Topic};
use crate::dev::state::DevState;
use crate::generation::GenerationId;
use crate::start::StartInfo;

/// The sum of all orders.
#[derive(Debug, Default)]
pub(crate) struct Standing {
    /// What serves; for a library, its private copy.
    pub(crate) load: Option<Load>,
    /// The last number that was given.
    pub(crate) generation: GenerationId,
    marks: Vec<Mark>,
    /// Why the server before ended, where no page is to blame.
    unexplained: Option<Problem>,
    problems: BTreeMap<Topic, Vec<Problem>>,
    style: Option<(String, String)>,
    revision: u64,
    progress: Option<String>,
    state: Option<Box<DevState>>,
}

impl Standing {
    /// Keeps what lasts of an order.
    pub(crate) fn keep(&mut self, order: &Order) {
        match order.clone() {
            Order::Problems { topic, problems } => {
                self.problems.insert(topic, problems);
            }
            Order::Style { href, css } => self.style = Some((href, css)),
            Order::Refreshed { revision } => self.revision = revision,
            Order::Progress(text) => self.progress = Some(text),
            Order::State(state) => self.state = Some(state),
            Order::Avoid(mark) => {
                self.marks.retain(|kept| kept.page != mark.page);
                self.marks.push(mark);
            }
            // Done at once, or kept by whoever gives it.
            Order::Load { .. } | Order::Public | Order::Serve | Order::Control | Order::Stop => {}
        }
    }

    /// This code serves now, as a generation of this number. Nothing is held against it yet; the
    /// server has forgotten by itself what was held against the code before.
    pub(crate) fn serves(&mut self, load: Load, generation: GenerationId) {
        self.serves_again(load, generation);
        self.marks.clear();
        self.unexplained = None;
        self.problems.remove(&Topic::Crash);
    }

    /// The code that served before does so again, as a generation of this number.
    pub(crate) fn serves_again(&mut self, load: Load, generation: GenerationId) {
        self.load = Some(load);
        self.generation = generation;
        self.progress = None;
    }

    /// The server ended, and no page is to blame.
    pub(crate) fn ended_by_itself(&mut self, problem: Problem) {
        self.unexplained = Some(problem);
    }

    /// A page may be called again.
    pub(crate) fn forgive(&mut self, page: &str) {
        self.marks.retain(|mark| mark.page != page);
    }

    /// What the pages that are not called have done, and what nobody explains.
    pub(crate) fn crashes(&self) -> Vec<Problem> {
        let marked = self.marks.iter().map(|mark| mark.problem.clone());
        self.unexplained.iter().cloned().chain(marked).collect()
    }

    /// Everything but the code, as orders.
    pub(crate) fn orders(&self) -> Vec<Order> {
        let mut orders = Vec::new();
        if let Some((href, css)) = self.style.clone() {
            orders.push(Order::Style { href, css });
        }
        orders.push(Order::Refreshed { revision: self.revision });
        orders.extend(self.progress.clone().map(Order::Progress));
        orders.extend(self.state.clone().map(Order::State));
        orders.extend(self.marks.iter().cloned().map(Order::Avoid));
        for (&topic, problems) in &self.problems {
            orders.push(Order::Problems { topic, problems: problems.clone() });
        }
        orders
    }
}

/// Where the private copy of a library lies.
pub(crate) fn copy_of(store: &std::path::Path, build_id: &str, info: StartInfo) -> Load {
    let path: PathBuf = store.join(format!("libnova_routes-{build_id}.so"));
    Load::Library { path, info }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dev::message::Kind;

    fn mark(page: &str) -> Mark {
        Mark { page: page.into(), problem: Problem::new(Kind::Crash, page, "") }
    }

    fn library(path: &str) -> Load {
        Load::Library { path: path.into(), info: StartInfo::default() }
    }

    #[test]
    fn the_last_word_on_each_subject_is_said_again() {
        let mut standing = Standing::default();
        for order in [
            Order::Style { href: "/1".into(), css: "a".into() },
            Order::Style { href: "/2".into(), css: "b".into() },
            Order::Refreshed { revision: 4 },
            Order::Progress("3 crates".into()),
            Order::Avoid(mark("pages/a.rs")),
            Order::Avoid(mark("pages/b.rs")),
            Order::Avoid(mark("pages/a.rs")),
            Order::Problems { topic: Topic::Build, problems: vec![] },
            Order::Public,
        ] {
            standing.keep(&order);
        }
        standing.forgive("pages/b.rs");
        let said: Vec<_> =
            standing.orders().iter().map(|it| serde_json::to_string(it).expect("JSON")).collect();
        insta::assert_snapshot!(said.join("\n"), @r#"
        {"Style":{"href":"/2","css":"b"}}
        {"Refreshed":{"revision":4}}
        {"Progress":"3 crates"}
        {"Avoid":{"page":"pages/a.rs","problem":{"kind":"crash","title":"pages/a.rs","file":null,"line":null,"column":null,"html":""}}}
        {"Problems":{"topic":"Build","problems":[]}}
        "#);
        assert_eq!(standing.crashes(), [mark("pages/a.rs").problem]);
    }

    #[test]
    fn other_code_is_not_to_blame_and_the_same_code_is() {
        let mut standing = Standing::default();
        standing.keep(&Order::Avoid(mark("pages/a.rs")));
        standing.keep(&Order::Progress("3 crates".into()));
        standing.ended_by_itself(Problem::new(Kind::Crash, "nobody", ""));
        standing.serves_again(library("/1"), GenerationId(1));
        assert_eq!(standing.crashes().len(), 2);
        standing.serves(library("/2"), GenerationId(2));
        assert!(standing.crashes().is_empty());
        assert_eq!(standing.generation, GenerationId(2));
        assert_eq!(standing.orders().len(), 1, "the first build is over");
    }
}
