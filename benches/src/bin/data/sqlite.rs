//! SQLite linked in: each way to use it, each journal, each event, each way to swap.

use nova_tests::client::Failure;
use nova_tests::data::app::DataApp;
use nova_tests::data::scenario::{Event, Scenario};
use nova_tests::data::server::Settings;
use nova_tests::data::writers::Load;

use crate::compiled;

/// Runs the whole table, or the rows of the events, journals and pages that are named.
pub(crate) async fn run(names: &[String]) -> Result<bool, Failure> {
    let shop = compiled("shop").await?;
    let sqlx = compiled("shop-sqlx").await?;
    let pages = [
        ("rusqlite", &shop, "/add", "a connection for each request"),
        ("kept", &shop, "/addp", "one connection in the state"),
        ("sqlx", &sqlx, "/add", "a pool"),
    ];
    for (name, _, page, what) in pages {
        println!("{name}: POST {page}, {what}");
    }
    println!(
        "\n{:<7}{:<9}{:<14}{:<9}{:>9}{:>6}{:>8}{:>8}{:>7}{:>8}{:>8}  integrity",
        "journal",
        "page",
        "event",
        "way",
        "acked",
        "lost",
        "doubled",
        "failed",
        "p50",
        "p99",
        "max"
    );
    let named = |name: &str| names.is_empty() || names.iter().any(|it| it == name);
    let any = |all: &[&str]| all.iter().any(|name| names.iter().any(|it| it == name));
    let mut sound = true;
    for journal in ["delete", "wal"] {
        for (page, app, path, _) in pages {
            for event in Event::ALL {
                // What is named is a filter for its own column.
                let events = Event::ALL.map(|event| event.to_string());
                let filtered = |name: &str, all: &[&str]| named(name) || !any(all);
                if !(filtered(journal, &["delete", "wal"])
                    && filtered(page, &["rusqlite", "kept", "sqlx"])
                    && filtered(&event.to_string(), &events.each_ref().map(String::as_str)))
                {
                    continue;
                }
                for way in ["chosen", "handover"] {
                    // A canary has two apps alive; a worker is what supervises a process.
                    let skipped = matches!(event, Event::Canary | Event::WorkerKilled);
                    if way == "handover" && skipped {
                        continue;
                    }
                    sound &= row(app, (journal, page, path, way), event).await?;
                }
            }
        }
    }
    Ok(sound)
}

async fn row(
    app: &DataApp,
    (journal, page, path, way): (&str, &str, &'static str, &str),
    event: Event,
) -> Result<bool, Failure> {
    let declared = app.clone().declaring(way);
    let app = if way == "chosen" { app } else { &declared };
    let args: &[&str] = if event == Event::WorkerKilled { &["--workers", "2"] } else { &[] };
    let scenario = Scenario {
        settings: Settings { args, env: &[("SHOP_JOURNAL", journal)] },
        load: Load { writers: 20, rate: None, page: path },
        event,
        times: 3,
        between: 100,
    };
    let outcome = match scenario.play(app).await {
        Ok(outcome) => outcome,
        Err(error) => {
            let why = error.to_string();
            let why = why.lines().find(|line| line.contains("error")).unwrap_or(&why);
            println!("{journal:<7}{page:<9}{event:<14}{way:<9} {why}");
            return Ok(false);
        }
    };
    let audit = &outcome.audit;
    println!("{journal:<7}{page:<9}{event:<14}{way:<9} {audit}");
    let failed = !audit.failures.is_empty() && !event.may_fail();
    if let Some(failure) = audit.failures.first().filter(|_| failed) {
        println!("        the first failure: {failure}");
    }
    for refused in &outcome.refused {
        println!("        not done: {refused}");
    }
    Ok(audit.is_whole() && !failed && outcome.refused.is_empty())
}
