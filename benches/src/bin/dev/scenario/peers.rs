//! The same pages in a Nova app and in a plain axum app, edited in turns.

use nova_benches::stats::ratio;
use nova_tests::client::Failure;

use super::pages::{PAGE, session};
use crate::axum::Peer;
use crate::report::Report;
use crate::session::WARM_UP;
use nova_benches::apps;

/// How many pages the apps have.
const SIZES: [usize; 3] = [8, 50, 200];

/// Edits in apps of each size.
pub(crate) async fn peers(report: &mut Report, edits: usize) -> Result<(), Failure> {
    for pages in SIZES {
        let mut nova = session(apps::nova(pages)).await?;
        nova.settle().await?;
        let mut axum = Peer::start(pages, PAGE).await?;
        while nova.times.len() < edits {
            nova.edit().await?;
            axum.edit().await?;
        }
        report.heading(&format!("{pages} pages, beside axum: {edits} edits after {WARM_UP}"));
        report.row("nova dev", &nova.times);
        report.phases(&nova.phases());
        report.row("axum, cargo build and restart", &axum.times);
        let compared = ratio(&axum.times, &nova.times);
        let (low, high) = compared.interval;
        println!("axum takes {:.2} times as long ({low:.2}-{high:.2})", compared.median);
        println!("broken connections: nova {}, axum {}", nova.probe.broken, axum.broken());
        let found = format!("{:.2}", compared.median);
        report.must(&format!("{pages} pages: faster than axum"), &found, compared.median > 1.0);
    }
    Ok(())
}
