//! What the child does: it asks pages, several at once, each for a while, all of them until the
//! time is over.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use nova_abi::abi_stable::std_types::RArc;
use nova_abi::{Purpose, Route};
use parking_lot::Mutex;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::time::{timeout, timeout_at};

use super::{AskedPage, Finding, Findings, PreflightJob, PreflightMessage};
use crate::generation::exercise::{self, HEAD_LIMIT, Outcome};
use crate::generation::{Generation, GenerationId, Origin};
use crate::library::loader::{Loader, Store};
use crate::library::start::start;
use crate::process::Answers;
use crate::rooms::SharedRooms;

/// How long it is waited for a page that is not waited for any more to let go of its thread.
const LET_GO: Duration = Duration::from_millis(100);

/// The child's side.
pub(super) fn run(job: PreflightJob, answers: Answers) {
    let answers = Arc::new(Mutex::new(answers));
    // A page that does not let go of its thread leaves one for the clock.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(job.at_once + 1)
        .enable_all()
        .build();
    let verdict = match runtime {
        Ok(runtime) => {
            let verdict = runtime.block_on(examine(job, &answers));
            // The verdict goes out first: what the library left running may not want to end.
            runtime.shutdown_background();
            verdict
        }
        Err(error) => Err(error.to_string()),
    };
    answers.lock().send(match verdict {
        Ok(findings) => PreflightMessage::Done(findings),
        Err(reason) => PreflightMessage::Refused(reason),
    });
}

async fn examine(job: PreflightJob, answers: &Arc<Mutex<Answers>>) -> Result<Findings, String> {
    // The parent's clock began before, and the verdict has to be there in time.
    let deadline = Instant::now() + job.limit.mul_f32(0.9);
    let store = match job.store {
        Some(folder) => Store::open(folder).map_err(|error| error.to_string())?,
        None => Store::in_memory(),
    };
    let library =
        Loader::new(store).load_staged(&job.library).map_err(|error| error.to_string())?;
    answers.lock().send(PreflightMessage::Doing("running `init` of app.rs".into()));
    // Rooms of its own: what a candidate says there does not reach the clients.
    let rooms = SharedRooms::default().for_library();
    let app = start(&library, Purpose::Preflight, job.info, rooms, None, job.init_limit)
        .await
        .map_err(|error| error.to_string())?;
    let origin = Origin::of_file(job.library);
    let generation = Generation::new(GenerationId(0), origin, library.clone(), app);
    if !job.exercise {
        return Ok(Findings::default());
    }
    let is_wanted = |route: &Route| {
        let is = |path: &String| *path == *route.pattern;
        !job.spared.iter().any(is) && job.only.as_ref().is_none_or(|only| only.iter().any(is))
    };
    let pages = exercise::routes(&library.routes).filter(|(_, route)| is_wanted(route));
    let pages =
        pages.map(|(index, _)| Page { index, route: library.routes[index as usize].clone() });
    let round = Round {
        generation: Arc::clone(&generation),
        pages: pages.collect(),
        next: AtomicUsize::new(0),
        answers: Arc::clone(answers),
        // As much as one may take, unless all have less.
        page_limit: HEAD_LIMIT.min(job.limit / 2),
        deadline,
    };
    let findings = Arc::new(round).ask(job.at_once).await;
    // The app's `shutdown` may write; nothing may be written here. The process ends instead.
    std::mem::forget(generation);
    Ok(findings)
}

/// A page that is to be asked.
struct Page {
    index: u32,
    route: RArc<Route>,
}

impl Page {
    fn name(&self) -> AskedPage {
        AskedPage { path: self.route.pattern.to_string(), file: self.route.file.to_string() }
    }
}

/// The pages, and who asks the next one.
struct Round {
    generation: Arc<Generation>,
    pages: Vec<Page>,
    next: AtomicUsize,
    answers: Arc<Mutex<Answers>>,
    page_limit: Duration,
    deadline: Instant,
}

impl Round {
    async fn ask(self: Arc<Self>, at_once: usize) -> Findings {
        let (sender, mut answered) = unbounded_channel();
        for _ in 0..at_once {
            tokio::spawn(Arc::clone(&self).ask_in_turn(sender.clone()));
        }
        drop(sender);
        let mut outcomes: Vec<_> = self.pages.iter().map(|_| None).collect();
        let mut left_out = 0;
        // What is still asked when the time is over has shown neither.
        while let Ok(Some((place, outcome))) =
            timeout_at(self.deadline.into(), answered.recv()).await
        {
            left_out += usize::from(outcome.is_none());
            outcomes[place] = outcome;
        }
        self.findings(outcomes, left_out)
    }

    /// Asks one page after the other, until there are no more, or one keeps its thread.
    async fn ask_in_turn(self: Arc<Self>, answered: UnboundedSender<(usize, Option<Outcome>)>) {
        while Instant::now() < self.deadline {
            let place = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(page) = self.pages.get(place) else { return };
            // It is said before the page runs, which may end the process.
            self.answers.lock().send(PreflightMessage::Asks(page.name()));
            let (generation, limit) = (Arc::clone(&self.generation), self.page_limit);
            let (index, route) = (page.index, page.route.clone());
            // In a task of its own: one that blocks its thread ends no clock of ours.
            let mut asking =
                tokio::spawn(
                    async move { exercise::exercise(&generation, index, &route, limit).await },
                );
            let longest = limit + exercise::BODY_LIMIT + LET_GO;
            let outcome = timeout(longest, &mut asking).await;
            self.answers.lock().send(PreflightMessage::HasAsked(page.name()));
            let Ok(outcome) = outcome else {
                answered.send((place, Some(Outcome::Hung(limit)))).ok();
                asking.abort();
                if timeout(LET_GO, asking).await.is_err() {
                    return;
                }
                continue;
            };
            answered.send((place, outcome.ok().flatten())).ok();
        }
    }

    fn findings(&self, outcomes: Vec<Option<Outcome>>, left_out: usize) -> Findings {
        let mut findings = Findings::default();
        for (page, outcome) in self.pages.iter().zip(outcomes) {
            let (name, path) = (page.name(), page.route.pattern.to_string());
            let Some(outcome) = outcome else {
                findings.untried += 1;
                continue;
            };
            findings.exercised += 1;
            match outcome {
                Outcome::Answered(status) if status.is_server_error() => {
                    findings.unwell.push(Finding { path, text: format!("{name}: {status}") });
                }
                Outcome::Answered(_) => {}
                Outcome::Panicked(panic) => findings.failed.push(Finding {
                    path,
                    text: format!("{name} panicked: {} at {}", panic.message, panic.location),
                }),
                Outcome::Hung(limit) => findings.failed.push(Finding {
                    path,
                    text: format!("{name} did not answer within {limit:?}"),
                }),
            }
        }
        findings.untried -= left_out;
        findings
    }
}
