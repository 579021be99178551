//! Recycling: a host gives back what it has kept, and stays the same process.
//!
//! No library is ever unmapped, so each swap leaves something behind. When that passes a budget, or
//! when SIGUSR2 says so, the host is recycled. Here is what the process does that leaves:
//! [`Recycler::work`] starts the stand-in and hands over; [`Recycler::give_back`] is the stand-in's
//! part of the second step.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nova_abi::guarded;
use tokio::process::Child;
use tokio::sync::{Mutex, Notify};

use super::{PeerFailure, PeerOrder, Program, SuccessionPeer, Successor};
use crate::operate::admin::{AdminServer, Budget};
use crate::operate::operator::Operator;
use crate::process::footprint::Footprint;
use crate::server::SocketHandles;
use crate::server::forward::{self, Forwarder};
use crate::swap::{Hold, SwapTurn};

/// How long connections are kept that were open before, so that each can be told with an answer
/// that it is the last one.
const LAST_ANSWERS: Duration = Duration::from_secs(2);

/// How long another process may take until its libraries are mapped, and then until its apps have
/// started, besides the time that their `init` may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long the apps of a process that is not wanted may take to end, before they start here again.
const ENDING: Duration = Duration::from_secs(10);

/// How often the budget is looked at, and whether the place can be given back.
const LOOK: Duration = Duration::from_secs(1);

/// A host that is this young, and has loaded nothing since its start, is not recycled for its
/// budget: the next one would be no smaller.
const YOUNG: Duration = Duration::from_secs(600);

/// How long a process may take that starts so many apps, one after the other, each within a limit.
fn with_init(patience: Duration, init: Duration, libraries: usize) -> Duration {
    let libraries = u32::try_from(libraries).unwrap_or(u32::MAX);
    patience.saturating_add(init.saturating_mul(libraries))
}

/// Gives up on a process that does not come on.
async fn in_time<T>(
    limit: Duration,
    step: impl Future<Output = Result<T, PeerFailure>>,
) -> Result<T, PeerFailure> {
    tokio::time::timeout(limit, step)
        .await
        .unwrap_or_else(|_| Err(PeerFailure::passing(format!("it did not serve within {limit:?}"))))
}

/// What still comes to a process in whose place another one serves.
struct PassedOn {
    /// The apps that have ended, and who waits for them.
    hold: Hold,
    forwarder: Arc<Forwarder>,
}

/// Why another process does not go on.
#[derive(Debug)]
struct NotTaken {
    failure: PeerFailure,
    /// The apps that have ended for it: they start again once it has let go of what they hold.
    hold: Option<Hold>,
}

impl From<PeerFailure> for NotTaken {
    fn from(failure: PeerFailure) -> Self {
        Self { failure, hold: None }
    }
}

impl From<io::Error> for NotTaken {
    fn from(error: io::Error) -> Self {
        PeerFailure::from(error).into()
    }
}

/// Waits for the end of a process that does not serve; for a moment, then it is killed.
async fn end(child: &mut Child) {
    if tokio::time::timeout(LAST_ANSWERS, child.wait()).await.is_err() {
        child.start_kill().ok();
        child.wait().await.ok();
    }
}

/// Replaces this process by a fresh one, when what it keeps has become too much.
#[derive(Debug)]
pub struct Recycler {
    operator: Arc<Operator>,
    program: io::Result<Program>,
    budget: Budget,
    /// More handles of the sockets that the server accepts on.
    sockets: SocketHandles,
    /// Another handle of the admin socket, and what answers on it.
    admin: Option<OwnedFd>,
    answering: parking_lot::Mutex<Option<AdminServer>>,
    wanted: Notify,
    /// The way to the stand-in, and the process.
    stand_in: Mutex<Option<SuccessionPeer>>,
    child: parking_lot::Mutex<Option<Child>>,
    patience: Duration,
}

impl Recycler {
    /// A recycler of this process, which listens on `sockets` and, for its administration, on
    /// `admin`.
    #[must_use]
    pub fn new(
        operator: Arc<Operator>,
        budget: Budget,
        sockets: SocketHandles,
        admin: Option<AdminServer>,
    ) -> Self {
        Self {
            operator,
            program: Program::current(),
            budget,
            sockets,
            admin: admin.as_ref().and_then(|admin| admin.socket().ok()),
            answering: parking_lot::Mutex::new(admin),
            wanted: Notify::new(),
            stand_in: Mutex::default(),
            child: parking_lot::Mutex::default(),
            patience: PATIENCE,
        }
    }

    /// Recycles, whatever the budget says.
    pub fn want(&self) {
        self.wanted.notify_one();
    }

    /// Waits until a recycling is wanted, and hands over to a stand-in. Comes back when the
    /// stand-in serves and this process has nothing more to accept.
    pub async fn work(&self) {
        loop {
            let reason = self.reason().await;
            let panicked = |panic| Err(io::Error::other(format!("a panic: {panic}")));
            match guarded(self.hand_over(&reason)).await.unwrap_or_else(panicked) {
                Ok(()) => return,
                Err(error) if self.operator.is_stopping() => {
                    tracing::info!("the host is not recycled: {error}");
                }
                Err(error) => tracing::error!("the host is not recycled: {error}; it serves on"),
            }
        }
    }

    async fn reason(&self) -> String {
        let began = Instant::now();
        let loads = || self.operator.loads();
        let (first, mut refused_until) = (loads(), began);
        let mut seen = first;
        loop {
            tokio::select! {
                () = self.wanted.notified() => return "as told by a signal".to_owned(),
                () = tokio::time::sleep(LOOK) => {}
            }
            let young = began.elapsed() < YOUNG && loads() == first;
            if young || Instant::now() < refused_until || self.budget == Budget::default() {
                continue;
            }
            // Counting mappings means reading all of them: only when there is something new.
            if loads() == seen && self.budget.memory.is_none() {
                continue;
            }
            seen = loads();
            let passed = tokio::task::spawn_blocking(Footprint::now).await.ok();
            if let Some(reason) = passed.and_then(|now| self.budget.passed_by(&now)) {
                if let Some(busy) = self.operator.busy() {
                    tracing::info!("{reason}; the host is recycled later: {busy}");
                    refused_until = Instant::now() + LOOK * 10;
                    continue;
                }
                return reason;
            }
        }
    }

    async fn hand_over(&self, reason: &str) -> io::Result<()> {
        let program = self.program.as_ref().map_err(|error| io::Error::other(error.to_string()))?;
        tracing::info!("recycling: {reason}");
        let turn = self.operator.pause().await.map_err(io::Error::other)?;
        let (mut stand_in, mut child) = program.start(Successor::StandIn)?;
        let passed_on = match self.hand_to(&mut stand_in).await {
            Ok(passed_on) => passed_on,
            Err(NotTaken { failure, hold }) => {
                stand_in.give(PeerOrder::NotWanted).await;
                // It ends by itself when the conversation does.
                drop(stand_in);
                end(&mut child).await;
                self.serve_on(hold).await;
                return Err(io::Error::other(format!("the stand-in failed: {failure}")));
            }
        };
        tracing::info!("process {} stands in", child.id().unwrap_or_default());
        // From here on there is no way back: swaps are the stand-in's.
        turn.keep_for_good();
        self.hand_over_admin();
        *self.child.lock() = Some(child);
        *self.stand_in.lock().await = Some(stand_in);
        // It came before there was a process that could be told.
        if self.operator.is_stopping() {
            self.order(PeerOrder::Stop).await;
        }
        self.leave(passed_on).await;
        Ok(())
    }

    /// How long another process may take for what is here.
    fn limit(&self) -> Duration {
        let switch = self.operator.switch();
        let libraries = switch.table().generations().len();
        with_init(self.patience, switch.settings().init_limit, libraries)
    }

    /// Lets another process start what serves here, and answer. The apps that may not be alive twice
    /// end for that; the caller has to [serve on](Self::serve_on) if the other one does not.
    async fn hand_to(&self, peer: &mut SuccessionPeer) -> Result<PassedOn, NotTaken> {
        peer.begin();
        let (forward, name) = forward::bind()?;
        let sockets = self.sockets.more()?;
        if sockets.is_empty() {
            return Err(PeerFailure::passing("the host is stopping").into());
        }
        let state = self.operator.succession_state(sockets.len(), self.admin.is_some());
        let admin = self.admin.iter().map(AsFd::as_fd);
        let mut descriptors: Vec<_> = sockets.iter().map(AsFd::as_fd).chain(admin).collect();
        let (ours, theirs) = UnixStream::pair()?;
        self.operator.switch().rooms().let_in(ours)?;
        descriptors.extend([forward.as_fd(), theirs.as_fd()]);
        peer.hand_over(&descriptors, &state).await?;
        let limit = self.limit();
        in_time(limit, peer.loaded()).await?;
        let (hold, states) =
            self.operator.hold().await.map_err(|error| PeerFailure::passing(error.to_string()))?;
        // A job ends here before it begins there.
        self.operator.switch().stand_by().await;
        peer.give(PeerOrder::Start(states)).await;
        let opened = async {
            in_time(limit, peer.serving()).await?;
            if self.operator.is_stopping() {
                return Err(PeerFailure::passing("the host is stopping"));
            }
            // From here on it answers.
            peer.open().await.map_err(PeerFailure::from)
        };
        match opened.await {
            Ok(()) => Ok(PassedOn { hold, forwarder: Arc::new(Forwarder::new(name)) }),
            Err(failure) => Err(NotTaken { failure, hold: Some(hold) }),
        }
    }

    /// Goes on, because another process does not; that one has let go of what it had.
    async fn serve_on(&self, hold: Option<Hold>) {
        self.operator.switch().lead();
        if let Some(hold) = hold {
            hold.resume().await;
        }
    }

    /// Lets the process answer that serves now, and closes what is left.
    async fn leave(&self, PassedOn { hold, forwarder }: PassedOn) {
        self.operator.turn_away(Some(forwarder.clone()));
        let waits = hold.leave(forwarder);
        if waits.count > 0 {
            let longest = waits.longest.as_secs_f64() * 1e3;
            tracing::info!("{} requests waited, at most {longest:.1} ms", waits.count);
        }
        // Their clients are to ask the process that serves now.
        self.operator.switch().end_streams();
        self.operator.leave(LAST_ANSWERS).await;
    }

    fn hand_over_admin(&self) {
        if let Some(admin) = self.answering.lock().take() {
            admin.hand_over();
        }
    }

    /// Whether another process serves already.
    pub async fn has_stand_in(&self) -> bool {
        self.stand_in.lock().await.is_some()
    }

    /// Gives the stand-in an order, if there is one.
    pub async fn order(&self, order: PeerOrder) {
        if let Some(stand_in) = &mut *self.stand_in.lock().await {
            stand_in.give(order).await;
        }
    }

    /// Waits until the stand-in has ended, as it was told. It can be told more meanwhile.
    pub async fn stand_in_ended(&self) {
        let child = self.child.lock().take();
        if let Some(mut child) = child {
            child.wait().await.ok();
        }
    }

    /// Takes back from the stand-in what the recycled program needs: `None` without a stand-in.
    ///
    /// # Errors
    /// If the system refuses.
    pub async fn take_back(&self) -> io::Result<Option<(Program, OwnedFd)>> {
        let Some(mut stand_in) = self.stand_in.lock().await.take() else { return Ok(None) };
        stand_in.give(PeerOrder::TakeBack).await;
        let program = self.program.as_ref().map_err(|error| io::Error::other(error.to_string()))?;
        Ok(Some((program.clone(), stand_in.into_socket()?)))
    }

    /// The stand-in's part: hands everything to the process that it stood in for, and leaves.
    ///
    /// # Errors
    /// If that process fails; this one serves on.
    pub async fn give_back(&self, first: &mut SuccessionPeer) -> io::Result<()> {
        let turn = self.next_pause(first).await?;
        let passed_on = match self.hand_to(first).await {
            Ok(passed_on) => passed_on,
            Err(NotTaken { failure, hold }) => {
                if tokio::time::timeout(ENDING, first.withdraw()).await.is_err() {
                    tracing::error!(
                        "the recycled process does not end its apps within {ENDING:?}; they start \
                         here all the same"
                    );
                }
                self.serve_on(hold).await;
                return Err(io::Error::other(failure));
            }
        };
        turn.keep_for_good();
        self.hand_over_admin();
        self.leave(passed_on).await;
        Ok(())
    }

    /// Waits until no swap and no canary is under way, and lets none begin: the process that wants
    /// its place back has nothing to go on with meanwhile.
    async fn next_pause(&self, first: &mut SuccessionPeer) -> io::Result<SwapTurn> {
        let mut is_said = false;
        loop {
            match self.operator.pause().await {
                Ok(turn) => return Ok(turn),
                Err(error) if !is_said => {
                    is_said = true;
                    tracing::info!("the place is given back later: {error}");
                }
                Err(_) => {}
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                // It says nothing before it has anything: this is its end.
                order = first.order() => if order.is_none() {
                    return Err(io::Error::other("the recycled process is gone"));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
