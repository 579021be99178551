//! A steady load of keep-alive and fresh connections that checks every answer whole.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use http::header;
use tokio::task::JoinSet;

use crate::client::{Connection, Failure, fresh};

/// What a load has seen.
#[derive(Debug, Default)]
pub struct Seen {
    /// Requests on keep-alive connections.
    pub kept: u64,
    /// Requests on a connection of their own.
    pub fresh: u64,
    /// Requests that failed, connections that broke, answers of two builds.
    pub failures: Vec<String>,
    /// The builds that answered.
    pub builds: BTreeSet<String>,
}

#[derive(Default)]
struct Shared {
    stop: AtomicBool,
    /// A client that is told that its connection closes opens another one.
    reconnects: bool,
    kept: AtomicU64,
    fresh: AtomicU64,
    failures: Mutex<Vec<String>>,
    builds: Mutex<BTreeSet<String>>,
}

/// A load that runs until it is told to end.
pub struct Load {
    shared: Arc<Shared>,
    clients: JoinSet<()>,
}

impl Load {
    /// Starts `kept` clients with one connection each, and `fresh` clients with one for each
    /// request, all against the pages of the fixture `good`.
    #[must_use]
    pub fn start(address: SocketAddr, kept: usize, fresh: usize) -> Self {
        Self::start_with(Shared::default(), address, kept, fresh)
    }

    /// The same where a client connects again that was told so by an answer.
    #[must_use]
    pub fn start_reconnecting(address: SocketAddr, kept: usize, fresh: usize) -> Self {
        let shared = Shared { reconnects: true, ..Shared::default() };
        Self::start_with(shared, address, kept, fresh)
    }

    fn start_with(shared: Shared, address: SocketAddr, kept: usize, fresh: usize) -> Self {
        let shared = Arc::new(shared);
        let mut clients = JoinSet::new();
        for _ in 0..kept {
            clients.spawn(keep_alive(address, shared.clone()));
        }
        for _ in 0..fresh {
            clients.spawn(one_by_one(address, shared.clone()));
        }
        Self { shared, clients }
    }

    /// How many requests have been answered.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.shared.kept.load(Ordering::Relaxed) + self.shared.fresh.load(Ordering::Relaxed)
    }

    /// Ends the load after the requests that are under way.
    ///
    /// # Panics
    /// If a client panicked.
    pub async fn end(mut self) -> Seen {
        self.shared.stop.store(true, Ordering::Relaxed);
        while let Some(client) = self.clients.join_next().await {
            client.expect("a client does not panic");
        }
        let shared = &self.shared;
        Seen {
            kept: shared.kept.load(Ordering::Relaxed),
            fresh: shared.fresh.load(Ordering::Relaxed),
            failures: std::mem::take(&mut shared.failures.lock().expect("no panic")),
            builds: std::mem::take(&mut shared.builds.lock().expect("no panic")),
        }
    }
}

/// The pages in turn: a megabyte in pieces, a page with a component, a line.
const PAGES: [&str; 3] = ["/stream", "/", "/build"];

async fn keep_alive(address: SocketAddr, shared: Arc<Shared>) {
    let mut connection = match Connection::open(address).await {
        Ok(connection) => connection,
        Err(error) => return shared.failed(&error),
    };
    for page in PAGES.iter().cycle() {
        if shared.stop.load(Ordering::Relaxed) {
            return;
        }
        let answered = async {
            let answer = connection.get(page).await?;
            let (head, body) = answer.into_parts();
            if head.status != 200 {
                return Err(format!("GET {page}: {}", head.status).into());
            }
            let build = one_build(page, str::from_utf8(&body)?)?;
            Ok::<_, Failure>((build, head.headers.contains_key(header::CONNECTION)))
        };
        // Unless it is told so, a connection is never opened again: a host that swaps must not cut
        // it.
        let closes = match answered.await {
            Ok((build, closes)) => {
                shared.answered(&shared.kept, build);
                closes
            }
            Err(error) => return shared.failed(&error),
        };
        if closes && shared.reconnects {
            connection = match Connection::open(address).await {
                Ok(connection) => connection,
                Err(error) => return shared.failed(&error),
            };
        }
    }
}

async fn one_by_one(address: SocketAddr, shared: Arc<Shared>) {
    for page in PAGES.iter().cycle() {
        if shared.stop.load(Ordering::Relaxed) {
            return;
        }
        match fresh(address, page).await.and_then(|body| one_build(page, &body)) {
            Ok(build) => shared.answered(&shared.fresh, build),
            Err(error) => shared.failed(&error),
        }
    }
}

impl Shared {
    fn answered(&self, counter: &AtomicU64, build: String) {
        counter.fetch_add(1, Ordering::Relaxed);
        self.builds.lock().expect("no panic").insert(build);
    }

    fn failed(&self, error: &Failure) {
        self.failures.lock().expect("no panic").push(error.to_string());
    }
}

/// The one build that an answer names, in each of its pieces.
///
/// # Errors
/// If it names none, or more than one, or is not complete.
pub fn one_build(page: &str, body: &str) -> Result<String, Failure> {
    let is_build = |word: &&str| word.len() == 32 && word.bytes().all(|b| b.is_ascii_hexdigit());
    let mut words = body.split(|c: char| !c.is_ascii_alphanumeric()).filter(is_build);
    let build = words.next().ok_or_else(|| format!("{page} names no build: {body:.80}"))?;
    let mut pieces = 1;
    for other in words {
        if other != build {
            return Err(format!("{page} is of two builds: {build} and {other}").into());
        }
        pieces += 1;
    }
    // 64 pieces of 16 KiB, each of whole lines.
    if page == "/stream" && pieces < 10_000 {
        return Err(format!("{page} ends after {pieces} lines").into());
    }
    Ok(build.to_owned())
}
