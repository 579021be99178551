//! Recycling: a host gives back what it has kept, and stays the same process.
//!
//! No library is ever unmapped, so each swap leaves something behind. When that passes a budget, or
//! when SIGUSR2 says so, the host is recycled. Here is what the process does that leaves:
//! [`Recycler::work`] starts the stand-in and hands over; [`Recycler::give_back`] is the stand-in's
//! part of the second step.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
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
use crate::swap::Hold;

/// How long connections are kept that were open before, so that each can be told with an answer
/// that it is the last one.
const LAST_ANSWERS: Duration = Duration::from_secs(2);

/// How long a stand-in may take until it serves.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often the budget is looked at.
const LOOK: Duration = Duration::from_secs(1);

/// A host that is this young, and has loaded nothing since its start, is not recycled for its
/// budget: the next one would be no smaller.
const YOUNG: Duration = Duration::from_secs(600);

/// Gives up on a process that does not come on.
async fn in_time<T>(step: impl Future<Output = Result<T, PeerFailure>>) -> Result<T, PeerFailure> {
    tokio::time::timeout(PATIENCE, step).await.unwrap_or_else(|_| {
        Err(PeerFailure::passing(format!("it did not serve within {PATIENCE:?}")))
    })
}

/// What still comes to a process in whose place another one serves.
struct PassedOn {
    /// The apps that have ended, and who waits for them.
    hold: Hold,
    forwarder: Arc<Forwarder>,
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
    stand_in: Mutex<Option<(SuccessionPeer, Child)>>,
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
            Err(error) => {
                // It ends by itself when the conversation does.
                drop(stand_in);
                end(&mut child).await;
                return Err(io::Error::other(format!("the stand-in failed: {error}")));
            }
        };
        tracing::info!("process {} stands in", child.id().unwrap_or_default());
        // From here on there is no way back: swaps are the stand-in's.
        turn.keep_for_good();
        self.hand_over_admin();
        *self.stand_in.lock().await = Some((stand_in, child));
        self.leave(passed_on).await;
        Ok(())
    }

    /// Lets another process start what serves here. The apps that may not be alive twice end for
    /// that, and start again if the other process fails.
    async fn hand_to(&self, peer: &mut SuccessionPeer) -> Result<PassedOn, PeerFailure> {
        let (forward, name) = forward::bind()?;
        let sockets = self.sockets.more()?;
        if sockets.is_empty() {
            return Err(PeerFailure::passing("the host is stopping"));
        }
        let state = self.operator.succession_state(sockets.len(), self.admin.is_some());
        let admin = self.admin.iter().map(AsFd::as_fd);
        let mut descriptors: Vec<_> = sockets.iter().map(AsFd::as_fd).chain(admin).collect();
        descriptors.push(forward.as_fd());
        peer.hand_over(&descriptors, &state).await?;
        in_time(peer.loaded()).await?;
        let (hold, states) =
            self.operator.hold().await.map_err(|error| PeerFailure::passing(error.to_string()))?;
        // A job ends here before it begins there.
        let switch = self.operator.switch();
        switch.stand_by().await;
        peer.give(PeerOrder::Start(states)).await;
        match in_time(peer.serving()).await {
            Ok(_) => Ok(PassedOn { hold, forwarder: Arc::new(Forwarder::new(name)) }),
            Err(failure) => {
                switch.lead();
                hold.resume().await;
                Err(failure)
            }
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
        if let Some((stand_in, _)) = &mut *self.stand_in.lock().await {
            stand_in.give(order).await;
        }
    }

    /// Waits until the stand-in has ended, as it was told.
    pub async fn stand_in_ended(&self) {
        if let Some((_, child)) = &mut *self.stand_in.lock().await {
            child.wait().await.ok();
        }
    }

    /// Takes back from the stand-in what the recycled program needs: `None` without a stand-in.
    ///
    /// # Errors
    /// If the system refuses.
    pub async fn take_back(&self) -> io::Result<Option<(Program, OwnedFd)>> {
        let Some((mut stand_in, _)) = self.stand_in.lock().await.take() else { return Ok(None) };
        stand_in.give(PeerOrder::TakeBack).await;
        let program = self.program.as_ref().map_err(|error| io::Error::other(error.to_string()))?;
        Ok(Some((program.clone(), stand_in.into_socket()?)))
    }

    /// The stand-in's part: hands everything to the process that it stood in for, and leaves.
    ///
    /// # Errors
    /// If that process fails; this one serves on.
    pub async fn give_back(&self, first: &mut SuccessionPeer) -> io::Result<()> {
        let turn = self.operator.pause().await.map_err(io::Error::other)?;
        let passed_on = self.hand_to(first).await.map_err(io::Error::other)?;
        turn.keep_for_good();
        self.hand_over_admin();
        self.leave(passed_on).await;
        Ok(())
    }
}
