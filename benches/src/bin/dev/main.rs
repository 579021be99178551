//! The dev loop, measured from outside: from the write of a file to the first byte of its effect.
//!
//! `cargo run --release -p nova-benches --bin dev -- SCENARIO [EDITS]` drives the real `nova dev`
//! as an editor and a browser would. Each edit writes a text that was never there before, and a
//! keep-alive connection asks every 2 ms until an answer holds it. Each scenario prints a table
//! and the gates that it has to meet; a gate that is missed is printed, and does not fail the run.
//!
//! What is compared runs in turns, in one run. Absolute times are those of the machine.

mod axum;
mod floor;
mod phases;
mod probe;
mod proc;
mod report;
mod scenario;
mod session;
mod slot;

use nova_tests::client::Failure;

use self::report::Report;
use self::scenario::{edits, heavy, pages, peers, soak, storm};

const USAGE: &str = "usage: dev SCENARIO
  starter [EDITS]          an edit inside one page, beside rustc alone
  component [EDITS]        an edit of a component of the page on screen
  style [EDITS]            an edit of the stylesheet
  pages [PAGES [EDITS]]    a generated app of 1,000 pages, beside the starter
  heavy [EDITS]            an app with sqlx and reqwest, beside the starter
  scan [PAGES [TIMES]]     reading the pages of an app, cold and warm
  peers [EDITS]            generated apps of 8, 50 and 200 pages, beside plain axum
  soak [EDITS]             500 edits in a row under load, with open streams
  storm                    200 files at once, one with a mistake
  all [EDITS]              all of them, and a summary";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let mut args = std::env::args().skip(1);
    let scenario = args.next().ok_or(USAGE)?;
    let numbers = args.map(|number| number.parse()).collect::<Result<Vec<usize>, _>>()?;
    let number = |at: usize, default| numbers.get(at).copied().unwrap_or(default);
    let mut report = Report::default();
    let report = &mut report;
    match scenario.as_str() {
        "starter" => edits::starter(report, number(0, 50)).await,
        "component" => edits::component(report, number(0, 50)).await,
        "style" => edits::style(report, number(0, 50)).await,
        "pages" => pages::pages(report, number(0, 1000), number(1, 50)).await,
        "heavy" => heavy::heavy(report, number(0, 50)).await,
        "scan" => pages::scan(report, number(0, 1000), number(1, 50)),
        "peers" => peers::peers(report, number(0, 50)).await,
        "soak" => soak::soak(report, number(0, 500)).await,
        "storm" => storm::storm(report).await,
        "all" => {
            let count = number(0, 50);
            edits::starter(report, count).await?;
            edits::component(report, count).await?;
            edits::style(report, count).await?;
            pages::pages(report, 1000, count).await?;
            pages::scan(report, 1000, count)?;
            heavy::heavy(report, count).await?;
            peers::peers(report, count).await?;
            soak::soak(report, count * 10).await?;
            storm::storm(report).await?;
            report.summary();
            Ok(())
        }
        _ => Err(USAGE.into()),
    }
}
