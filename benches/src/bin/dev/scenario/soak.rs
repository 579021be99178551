//! Many edits in a row while others use the app: nobody may notice, and little may be kept.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use nova_host::operate::admin::{AdminClient, Status, default_socket};
use nova_tests::client::{Connection, Failure, Sipper};
use nova_tests::workspace::App;
use tokio::task::{JoinSet, LocalSet};
use tokio::time::interval;

use crate::proc;
use crate::report::{Report, megabytes};
use crate::session::{Course, Session, WARM_UP};

/// How often each of the connections that are kept asks.
const ASKED: Duration = Duration::from_millis(10);

/// Streams send something ten times a second; one that is silent for so long is broken.
const SILENT: Duration = Duration::from_secs(5);

/// A stream of events that never ends.
const EVENTS: &str = "use std::time::Duration;

use nova::prelude::*;
use nova::sse::{Event, Sse};

pub const PRECOMPILE: bool = false;

pub fn get() -> Sse {
    let (events, sse) = Sse::channel();
    tokio::spawn(async move {
        while events.send(Event::data(\"tick\")).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    });
    sse
}
";

const EVENTS_PATH: &str = "/events";

/// A body that never ends.
const LINES: &str = "use std::time::Duration;

use nova::prelude::*;

pub const PRECOMPILE: bool = false;

pub fn get() -> Body {
    let (lines, body) = Body::channel();
    tokio::spawn(async move {
        while lines.send(\"tick\\n\").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    });
    body
}
";

/// What the clients have seen.
#[derive(Default)]
struct Seen {
    requests: usize,
    failures: Vec<String>,
    /// When each of the two streams last had something.
    streams: [Option<Instant>; 2],
}

type Shared = Rc<RefCell<Seen>>;

/// So many edits under a steady load, with a stream of events and a streaming answer open.
pub(crate) async fn soak(report: &mut Report, edits: usize) -> Result<(), Failure> {
    LocalSet::new().run_until(edit_under_load(report, edits)).await
}

async fn edit_under_load(report: &mut Report, edits: usize) -> Result<(), Failure> {
    let app = App::example("starter", "bench");
    app.write("pages/events.rs", EVENTS);
    app.write("pages/lines.rs", LINES);
    let text = "One server, one library, swapped while it runs.";
    let course = Course { file: "pages/about.rs", text, path: "/about" };
    let mut session = Session::start(app, course).await?;
    // Every page that is asked for is built before it counts.
    for path in ["/users", "/docs"] {
        Connection::open(session.address).await?.text(path).await?;
    }
    session.edits(1).await?;

    let seen = Shared::default();
    let mut clients = JoinSet::new();
    for (at, path) in [EVENTS_PATH, "/lines"].into_iter().enumerate() {
        let stream = Sipper::ask(session.address, path).await?;
        clients.spawn_local(follow(session.address, stream, at, path, seen.clone()));
    }
    for path in ["/users", "/docs"] {
        clients.spawn_local(ask(session.address, path, seen.clone()));
    }
    session.times.clear();
    let admin = AdminClient::new(Some(default_socket(session.address.port())))?;
    let before = admin.status().await?;
    session.edits(edits).await?;
    let after = admin.status().await?;
    clients.shutdown().await;

    report.heading(&format!("{edits} edits in a row under load, after {WARM_UP}"));
    report.row("nova dev, write to first byte", &session.times);
    report.phases(&session.phases());
    let seen = seen.borrow();
    report.fact("requests answered meanwhile", &seen.requests.to_string());
    for failure in seen.failures.iter().take(5) {
        println!("    {failure}");
    }
    let lively = |at: &Option<Instant>| at.is_some_and(|at| at.elapsed() < SILENT);
    let open = seen.streams.iter().filter(|at| lively(at)).count();
    report.fact("libraries loaded", &after.loads.to_string());
    let grown = grown(report, &session, &before, &after, edits);

    let failed = seen.failures.len();
    report.must("soak: no failed request", &failed.to_string(), failed == 0);
    let broken = session.probe.broken;
    report.must("soak: no dropped connection", &broken.to_string(), broken == 0);
    report.must("soak: both streams still open", &format!("{open} of 2"), open == 2);
    report.must("soak: one server all the time", "", before.pid == after.pid);
    report.at_most("soak: memory kept for each edit", grown, 300.0, " KB");
    Ok(())
}

/// States what the server keeps, as `nova status` says. Gives back the kilobytes for each edit.
fn grown(report: &Report, session: &Session, before: &Status, after: &Status, edits: usize) -> f64 {
    let resident = |status: &Status| status.process.resident_bytes.unwrap_or(0);
    let anonymous = |status: &Status| status.process.anonymous_bytes.unwrap_or(0);
    #[allow(clippy::cast_precision_loss)]
    let each = |before: u64, after: u64| (after as f64 - before as f64) / 1024.0 / edits as f64;
    let [resident, anonymous] = [
        ("resident", resident(before), resident(after)),
        ("anonymous", anonymous(before), anonymous(after)),
    ]
    .map(|(name, before, after)| {
        let (from, to) = (megabytes(before), megabytes(after));
        let each = each(before, after);
        println!("server's {name} memory: {from}, then {to}: {each:.1} KB for each edit");
        each
    });
    for pid in session.servers().into_iter().filter(|&pid| pid != after.pid) {
        report.fact("another process of nova", &megabytes(proc::bytes(pid, "RssAnon")));
    }
    resident.max(anonymous)
}

/// A client that keeps its connection and asks for the same page all the time.
async fn ask(address: SocketAddr, path: &'static str, seen: Shared) {
    let mut connection = Connection::open(address).await;
    let mut clock = interval(ASKED);
    loop {
        clock.tick().await;
        let answered = match &mut connection {
            Ok(connection) => connection.text(path).await.map(drop),
            Err(error) => Err(error.to_string().into()),
        };
        match answered {
            Ok(()) => seen.borrow_mut().requests += 1,
            Err(error) => {
                seen.borrow_mut().failures.push(format!("GET {path}: {error}"));
                connection = Connection::open(address).await;
            }
        }
    }
}

/// A client that reads a stream. One of events ends in order when other code serves, and is asked
/// for again, as a browser does; the other one must not end.
async fn follow(
    address: SocketAddr,
    mut stream: Sipper,
    at: usize,
    path: &'static str,
    seen: Shared,
) {
    loop {
        match stream.sip(1).await {
            Ok(true) => seen.borrow_mut().streams[at] = Some(Instant::now()),
            Ok(false) if path == EVENTS_PATH && stream.received.ends_with(b"0\r\n\r\n") => {
                match Sipper::ask(address, path).await {
                    Ok(again) => stream = again,
                    Err(error) => {
                        break seen.borrow_mut().failures.push(format!("GET {path}: {error}"));
                    }
                }
            }
            Ok(false) => break seen.borrow_mut().failures.push(format!("GET {path}: it ended")),
            Err(error) => {
                break seen.borrow_mut().failures.push(format!("GET {path}: {error}"));
            }
        }
        let whole = stream.received.len();
        stream.received.drain(..whole.saturating_sub(8));
    }
}
