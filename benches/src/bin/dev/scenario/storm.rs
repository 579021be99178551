//! Two hundred files at once, one of them with a mistake; then that is mended.

use std::time::{Duration, Instant};

use nova_tests::client::Failure;

use super::pages::session;
use crate::probe::{Answer, Probe};
use crate::report::Report;
use crate::session::with_tail;
use nova_benches::apps::{self, HEADING, nova_file, nova_page, url};

/// How many pages change.
const PAGES: usize = 200;

/// The page with the mistake.
const BROKEN: usize = 120;

/// The pages that are looked at in the end.
const ASKED: [usize; 6] = [0, 1, 60, BROKEN, 150, PAGES - 1];

/// All of it may be compiled again.
const PATIENCE: Duration = Duration::from_secs(300);

/// Changes all pages of an app, one of them wrongly, and mends it.
pub(crate) async fn storm(report: &mut Report) -> Result<(), Failure> {
    let mut session = session(apps::nova(PAGES)).await?;
    session.settle().await?;
    let marked = |number: usize| nova_page(number).replace(HEADING, &format!("storm {number}"));
    let began = Instant::now();
    for number in 0..PAGES {
        let text = marked(number);
        let text = if number == BROKEN { text.replace("let found = ", "let found ") } else { text };
        session.app.write(&nova_file(number), &text);
    }
    // Of so many, nobody looks at the one with the mistake: the check of the whole app finds it.
    session.process.line(&format!("{} does not compile", nova_file(BROKEN))).await;
    let said = began.elapsed();

    let began = Instant::now();
    session.app.write(&nova_file(BROKEN), &marked(BROKEN));
    let mut probe = Probe::new(session.address);
    let mut first = None;
    let mut right = 0;
    // The mended one first, as its author looks at it.
    for number in [BROKEN].into_iter().chain(ASKED) {
        let (path, text) = (url(number), format!("storm {number}<"));
        let is_new = |answer: &Answer| answer.is_ok() && answer.text.contains(&text);
        match probe.until(&path, PATIENCE, is_new).await {
            Ok(_) => right += 1,
            Err(error) => println!("{}", with_tail(&error, &session.process)),
        }
        first.get_or_insert_with(|| began.elapsed());
    }
    let all = began.elapsed();

    println!("\nstorm: {PAGES} files at once, one with a mistake");
    let seconds = |time: Duration| format!("{:.2} s", time.as_secs_f64());
    report.fact("until the mistake was said", &seconds(said));
    report.fact("until the mended page was live", &seconds(first.unwrap_or(all)));
    report.fact("until all that were asked for were", &seconds(all));
    // An edit after it is as quick as any.
    session.edits(3).await?;
    report.row("edits after it, ms", &session.times);
    let found = format!("{right} of {}", ASKED.len() + 1);
    report.must("storm: ends in what is on disk", &found, right == ASKED.len() + 1);
    Ok(())
}
