//! An app of a thousand pages beside one of eight, and the starter: edits in turns, a warm start,
//! memory.

use std::time::{Duration, Instant};

use nova_benches::stats::ratio;
use nova_route_template::{SourceCache, prepare, prepare_with};
use nova_tests::client::Failure;
use nova_tests::workspace::App;
use tokio::time::sleep;

use crate::proc;
use crate::report::{Report, megabytes, p50};
use crate::scenario::edits::starter_session;
use crate::session::{Course, Session, WARM_UP};
use crate::slot::{Slot, marker};
use nova_benches::apps::{self, HEADING, nova_file};

/// The page that is edited; any would do.
pub(crate) const PAGE: usize = 7;

/// How often the memory of processes is looked at while something compiles.
const GLANCE: Duration = Duration::from_millis(5);

/// Starts `nova dev` on a generated app, with the course in one of its pages.
pub(crate) async fn session(app: App) -> Result<Session, Failure> {
    let (file, path) = (nova_file(PAGE), apps::url(PAGE));
    Session::start(app, Course { file: &file, text: HEADING, path: &path }).await
}

/// The pages of the app with the same page that is compared: what the number of pages costs.
const FEW: usize = 8;

/// Edits in an app of so many pages, in the same page of an app of few, and in the starter, whose
/// page is a smaller one; in turns.
pub(crate) async fn pages(report: &mut Report, pages: usize, edits: usize) -> Result<(), Failure> {
    let cold = session(apps::nova(pages)).await?;
    cold.settle().await?;
    let cold_start = cold.first;
    let mut large = session(cold.stop().await).await?;
    large.settle().await?;
    let mut few = session(apps::nova(FEW)).await?;
    few.settle().await?;
    let mut small = starter_session().await?;
    small.settle().await?;
    while large.times.len() < edits {
        small.edit().await?;
        few.edit().await?;
        large.edit().await?;
    }

    report.heading(&format!("{pages} pages, an edit inside one: {edits} edits after {WARM_UP}"));
    report.row(&format!("nova dev, {pages} pages"), &large.times);
    report.phases(&large.phases());
    report.row(&format!("nova dev, the same page of {FEW}"), &few.times);
    report.row("nova dev, starter", &small.times);
    for (name, other) in [("the same page of few", &few), ("the starter's", &small)] {
        let compared = ratio(&large.times, &other.times);
        let (low, high) = compared.interval;
        println!("ratio to {name}: {:.2} ({low:.2}-{high:.2})", compared.median);
    }

    let milliseconds = |time: Duration| time.as_secs_f64() * 1000.0;
    let ready = milliseconds(large.listening);
    report.fact("cold start, exec to first 200", &format!("{:.0} ms", milliseconds(cold_start)));
    report.fact("warm start, exec to listening", &format!("{ready:.0} ms"));
    report.fact("warm start, exec to first 200", &format!("{:.0} ms", milliseconds(large.first)));
    let resident: u64 = large.servers().iter().map(|&pid| proc::bytes(pid, "VmRSS")).sum();
    let anonymous: u64 = large.servers().iter().map(|&pid| proc::bytes(pid, "RssAnon")).sum();
    report.fact("nova's processes, resident", &megabytes(resident));
    report.fact("nova's processes, anonymous", &megabytes(anonymous));
    report.fact("largest compiler, resident", &megabytes(compiler(&mut large).await?));

    let large_p50 = p50(&large.times);
    let against = large_p50 / p50(&few.times);
    report.at_most(&format!("{pages} pages: p50 by that of {FEW}"), against, 1.15, "");
    let against = large_p50 / p50(&small.times);
    report.at_most(&format!("{pages} pages: p50 by the starter's"), against, 1.15, "");
    report.at_most(&format!("{pages} pages: warm start to listening"), ready, 300.0, " ms");
    Ok(())
}

/// Reading the pages of an app, which every start and every save does first: with nothing known,
/// with what the last process left on the disk, and again after one edit.
pub(crate) fn scan(report: &mut Report, pages: usize, scans: usize) -> Result<(), Failure> {
    let app = apps::nova(pages);
    let slot = Slot::find(&app.path, &nova_file(PAGE), HEADING)?;
    prepare(&app.path)?;
    let (mut cold, mut warm, mut edited) = (Vec::new(), Vec::new(), Vec::new());
    let timed = |times: &mut Vec<f64>, cache: &mut dyn FnMut() -> SourceCache| {
        let began = Instant::now();
        let mut cache = cache();
        prepare_with(&app.path, &mut cache)?;
        times.push(began.elapsed().as_secs_f64() * 1000.0);
        Ok::<_, Failure>(cache)
    };
    for number in 0..scans {
        timed(&mut cold, &mut SourceCache::default)?;
        let mut known = timed(&mut warm, &mut || SourceCache::open(&app.path))?;
        slot.write(&marker(number))?;
        timed(&mut edited, &mut || std::mem::take(&mut known))?;
    }
    report.heading(&format!("{pages} pages, reading what they export: {scans} times"));
    report.row("nothing known", &cold);
    let warm = report.row("what is known from the disk", &warm);
    let edited = report.row("known in the process, one edit", &edited);
    report.at_most("scan from the disk's cache", warm, 30.0, " ms");
    report.at_most("scan after one edit", edited, 10.0, " ms");
    Ok(())
}

/// The most memory that one process which is not `nova` had at once, in a few edits more.
async fn compiler(session: &mut Session) -> Result<u64, Failure> {
    let root = session.process.id();
    let mut most = 0;
    for _ in 0..3 {
        let watching = async {
            loop {
                let compilers =
                    proc::tree(root).into_iter().filter(|&pid| proc::name(pid) != "nova");
                most = compilers.map(|pid| proc::bytes(pid, "VmHWM")).fold(most, u64::max);
                sleep(GLANCE).await;
            }
        };
        tokio::select! {
            edited = session.edit() => edited?,
            () = watching => {}
        }
    }
    Ok(most)
}
