//! An app with heavy dependencies, SQLite through sqlx and an HTTP client, beside the starter.

use nova_benches::stats::ratio;
use nova_tests::client::Failure;
use nova_tests::workspace::{App, root};

use super::edits::starter_session;
use crate::floor::Floor;
use crate::report::{Report, p50};
use crate::session::{Course, Session, WARM_UP};
use nova_benches::apps::HEADING;

const USES_BOTH: &str = "pages/index.rs";

/// Edits in a page of an app that has both dependencies, in a page that uses both (with rustc alone
/// on the same change: it compiles their generic code for itself), in one that leaves them to
/// functions of `app.rs` with boxed futures, and in the starter, in turns.
pub(crate) async fn heavy(report: &mut Report, edits: usize) -> Result<(), Failure> {
    let course = |file, path| Course { file, text: HEADING, path };
    let mut plain = Session::start(app(), course("pages/about.rs", "/about")).await?;
    plain.settle().await?;
    let mut heavy = Session::start(app(), course(USES_BOTH, "/")).await?;
    heavy.settle().await?;
    let mut apart = Session::start(app(), course("pages/apart.rs", "/apart")).await?;
    apart.settle().await?;
    let mut small = starter_session().await?;
    small.settle().await?;
    let (mut floor, mut bare) = (None, Vec::new());
    while heavy.times.len() < edits {
        small.edit().await?;
        plain.edit().await?;
        heavy.edit().await?;
        apart.edit().await?;
        if floor.is_none() {
            floor = Floor::of(&heavy.app, USES_BOTH)?;
        }
        if let Some(floor) = &floor {
            let took = floor.compile().await?;
            if !heavy.times.is_empty() {
                bare.push(took);
            }
        }
    }
    report.heading(&format!("sqlx and reqwest, an edit inside one page: {edits} after {WARM_UP}"));
    report.row("nova dev, a page that uses neither", &plain.times);
    report.phases(&plain.phases());
    report.row("nova dev, a page that uses both", &heavy.times);
    if !bare.is_empty() {
        report.row("floor: rustc alone, the same change", &bare);
    }
    report.row("nova dev, a page that leaves both to app.rs", &apart.times);
    report.row("nova dev, starter", &small.times);
    let starter = p50(&small.times);
    let others =
        [("uses neither", &plain), ("uses both", &heavy), ("leaves both to app.rs", &apart)];
    for (name, session) in others {
        let compared = ratio(&session.times, &small.times);
        let (low, high) = compared.interval;
        println!("ratio of the page that {name}: {:.2} ({low:.2}-{high:.2})", compared.median);
    }
    report.at_most(
        "heavy dependencies: p50 by the starter's",
        p50(&plain.times) / starter,
        1.3,
        "",
    );
    let used = p50(&heavy.times) / starter;
    report.at_most("heavy dependencies, used: p50 by the starter's", used, 1.3, "");
    let apart = p50(&apart.times) / starter;
    report.at_most("heavy dependencies, used by app.rs: p50 by the starter's", apart, 1.3, "");
    Ok(())
}

fn app() -> App {
    let app = App::empty("heavy");
    let sdk = root().join("plugin-sdk").display().to_string();
    app.write("Cargo.toml", &MANIFEST.replace("SDK", &sdk));
    app.write("lib.rs", "//! A generated app.\n\n// nova:begin\n// nova:end\n");
    app.write("app.rs", STATE);
    app.write(USES_BOTH, &INDEX.replace("SHOWN", SHOWN));
    app.write("pages/apart.rs", &APART.replace("SHOWN", SHOWN));
    app.write("pages/about.rs", ABOUT);
    app
}

const MANIFEST: &str = r#"[package]
name = "bench-heavy"
version = "0.1.0"
edition = "2024"
publish = false

[lib]
path = "lib.rs"

[dependencies]
maud = "0.27"
nova = { package = "nova-plugin-sdk", path = "SDK" }
reqwest = { version = "0.13", default-features = false, features = ["json"] }
serde = { version = "1", features = ["derive"] }
sqlx = { version = "0.8", default-features = false, features = ["derive", "macros", "runtime-tokio", "sqlite"] }

[profile.dev]
debug = "line-tables-only"

[workspace]
"#;

const STATE: &str = r#"use std::pin::Pin;

use nova::prelude::*;
use serde::{Deserialize, Serialize};
use sqlx::sqlite::{SqlitePool, SqlitePoolOptions};

/// A database in memory, and a client for other servers.
#[derive(Clone)]
pub struct Services {
    pub database: SqlitePool,
    pub client: reqwest::Client,
}

pub async fn init(_purpose: Purpose) -> Result<Services> {
    let database = SqlitePoolOptions::new().max_connections(1).connect("sqlite::memory:").await?;
    sqlx::query("create table notes (id integer primary key, text text not null)")
        .execute(&database)
        .await?;
    sqlx::query("insert into notes (text) values ('one'), ('two')").execute(&database).await?;
    Ok(Services { database, client: reqwest::Client::new() })
}

/// A row of the table, and what another server is told of it.
#[derive(Debug, Serialize, Deserialize, sqlx::FromRow)]
pub struct Note {
    pub id: i64,
    pub text: String,
}

/// A future of this kind is compiled here; one of an `async fn` by each page that waits for it.
type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'a>>;

impl Services {
    pub fn notes(&self) -> Answer<'_, Vec<Note>> {
        Box::pin(async {
            let query = sqlx::query_as("select id, text from notes order by id");
            Ok(query.fetch_all(&self.database).await?)
        })
    }

    pub fn add<'a>(&'a self, text: &'a str) -> Answer<'a, ()> {
        Box::pin(async move {
            let query = sqlx::query("insert into notes (text) values (?)").bind(text);
            query.execute(&self.database).await?;
            Ok(())
        })
    }

    pub fn telling(&self, notes: &[Note]) -> Result<reqwest::Request> {
        Ok(self.client.post("http://127.0.0.1:9/notes").json(notes).build()?)
    }
}
"#;

const ABOUT: &str = r#"use nova::prelude::*;

pub fn get() -> Html {
    page("About", html! {
        h1 { "a heading" }
        p { "A page of an app that has a database and talks to other servers." }
    })
}
"#;

/// What both pages show.
const SHOWN: &str = r#"    Ok(page("Notes", html! {
        h1 { "a heading" }
        p { (request.method()) " " (request.url()) }
        ul {
            @for note in &notes {
                li { (note.id) ": " (note.text) }
            }
        }
    }))
"#;

const APART: &str = r#"use nova::prelude::*;

use crate::app::{Note, Services};

pub async fn get(State(services): State<Services>) -> Result<Html> {
    let notes = services.notes().await?;
    let request = services.telling(&notes)?;
SHOWN}

pub async fn post(State(services): State<Services>, Json(note): Json<Note>) -> Result<StatusCode> {
    services.add(&note.text).await?;
    Ok(StatusCode::CREATED)
}
"#;

const INDEX: &str = r#"use nova::prelude::*;
use serde::{Deserialize, Serialize};

use crate::app::Services;

/// A row of the table, and what another server is told of it.
#[derive(Debug, Serialize, Deserialize, sqlx::FromRow)]
pub struct Note {
    id: i64,
    text: String,
}

pub async fn get(State(services): State<Services>) -> Result<Html> {
    let notes: Vec<Note> = sqlx::query_as("select id, text from notes order by id")
        .fetch_all(&services.database)
        .await?;
    let request = services.client.post("http://127.0.0.1:9/notes").json(&notes).build()?;
SHOWN}

pub async fn post(State(services): State<Services>, Json(note): Json<Note>) -> Result<StatusCode> {
    sqlx::query("insert into notes (text) values (?)")
        .bind(&note.text)
        .execute(&services.database)
        .await?;
    Ok(StatusCode::CREATED)
}
"#;
