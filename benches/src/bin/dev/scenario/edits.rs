//! The starter app: an edit inside one page, beside rustc alone; a component; the stylesheet.

use nova_benches::stats::quantile;
use nova_tests::client::Failure;
use nova_tests::workspace::App;

use crate::floor::Floor;
use crate::report::{Report, p50, p95};
use crate::session::{Course, Session, WARM_UP};

const PAGE: &str = "pages/about.rs";

/// Starts the starter app with the course that all others are compared with: a text in a page.
pub(crate) async fn starter_session() -> Result<Session, Failure> {
    let text = "One server, one library, swapped while it runs.";
    let course = Course { file: PAGE, text, path: "/about" };
    Session::start(App::example("starter", "bench"), course).await
}

/// An edit inside one page; after each, rustc alone on the same page with the same change.
pub(crate) async fn starter(report: &mut Report, edits: usize) -> Result<(), Failure> {
    let mut session = starter_session().await?;
    let mut floor = None;
    let mut bare = Vec::new();
    while session.times.len() < edits {
        session.edit().await?;
        if floor.is_none() {
            floor = Floor::of(&session.app, PAGE)?;
        }
        if let Some(floor) = &floor {
            let took = floor.compile().await?;
            if !session.times.is_empty() {
                bare.push(took);
            }
        }
    }
    report.heading(&format!("starter, an edit inside one page: {edits} edits after {WARM_UP}"));
    let median = report.row("nova dev, write to first byte", &session.times);
    report.phases(&session.phases());
    if bare.is_empty() {
        println!("no floor: the engine does not say how it compiles a page alone");
    } else {
        report.row("floor: rustc alone, same change", &bare);
        let above: Vec<f64> =
            session.times.iter().zip(&bare).map(|(all, bare)| all - bare).collect();
        report.row("above the floor", &above);
        report.at_most(
            "starter: p50 above the floor",
            quantile(&mut above.clone(), 0.5),
            30.0,
            " ms",
        );
    }
    report.at_most("starter: p50", median, 200.0, " ms");
    report.at_most("starter: p95", p95(&session.times), 350.0, " ms");
    Ok(())
}

/// An edit of a component that the page on screen uses.
pub(crate) async fn component(report: &mut Report, edits: usize) -> Result<(), Failure> {
    let text = "Made with Nova.";
    let course = Course { file: "components/footer.rs", text, path: "/about" };
    let mut session = Session::start(App::example("starter", "bench"), course).await?;
    session.edits(edits).await?;
    report.heading(&format!("starter, an edit of a component: {edits} edits after {WARM_UP}"));
    report.row("nova dev, write to first byte", &session.times);
    report.phases(&session.phases());
    report.at_most("component: p50 of the page on screen", p50(&session.times), 500.0, " ms");
    Ok(())
}

/// An edit of the stylesheet, until the new one is served.
pub(crate) async fn style(report: &mut Report, edits: usize) -> Result<(), Failure> {
    let app = App::example("starter", "bench");
    app.append("styles/main.scss", "\n.slot { order: 1; }\n");
    // The first answer is the page's: the stylesheet is there before the pages are.
    let course = Course { file: "styles/main.scss", text: "slot", path: "/__nova/style.css" };
    let mut session = Session::start(app, course).await?;
    session.edits(edits).await?;
    report.heading(&format!("starter, an edit of the stylesheet: {edits} edits after {WARM_UP}"));
    report.row("nova dev, write to first byte", &session.times);
    report.at_most("style: p50", p50(&session.times), 50.0, " ms");
    Ok(())
}
