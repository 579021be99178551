//! A connection that a page has taken over: bytes in both directions, within a generation.
//!
//! The page's future runs in a task of the host, and ends with the page, with the drain limit of its
//! generation, or when the server cuts the connection. The page may hand the connection on to a task
//! of its own, so it ends when both the future and the connection are gone. What the library holds
//! after that answers with an error, and holds neither socket nor generation.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker};

use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use nova_abi::{Connection, Failure, FailureKind, HostConnection, Upgrade};
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use crate::generation::Sending;
use crate::generation::answered::AnsweredRequest;
use crate::process::record;
use crate::server::linger;
use crate::server::upgrade::{Signals, Upgradable};

type Stream = TokioIo<Upgraded>;

/// What a page does with its connection.
pub(super) struct Page {
    upgrade: Upgrade,
    /// The request that it answered.
    request: AnsweredRequest,
    pin: Sending,
}

impl Page {
    pub(super) fn new(upgrade: Upgrade, request: AnsweredRequest, pin: Sending) -> Self {
        Self { upgrade, request, pin }
    }
}

/// Runs a page on its connection as soon as the client has been told.
pub(super) fn spawn(page: Page, upgradable: Upgradable) {
    tokio::spawn(run(page, upgradable));
}

async fn run(page: Page, upgradable: Upgradable) {
    let Upgradable { connection, signals: Signals { leaving, cut, .. } } = upgradable;
    let Page { upgrade, request, pin } = page;
    let expired = pin.expired();
    let upgraded = tokio::select! {
        upgraded = connection => upgraded.map_err(|error| error.to_string()),
        // The drain limit holds for a client that does not take the answer, too.
        () = expired.cancelled() => Err("its generation has ended".to_owned()),
    };
    let stream = match upgraded {
        Ok(stream) => TokioIo::new(stream),
        Err(cause) => {
            tracing::debug!("{request}: the client did not hear of the upgrade: {cause}");
            // What the library has of it, while the generation is held.
            drop(upgrade);
            drop(pin);
            return;
        }
    };
    let (generation, counters) = (pin.id, pin.counters.clone());
    let (activity, draining) = (request.activity(), pin.draining());
    let open = Arc::new(Mutex::new(State::Open { stream, _pin: pin, reader: None, writer: None }));
    let (alive, dropped) = oneshot::channel();
    let lent = Lent { open: Arc::clone(&open), draining, leaving, _alive: alive };
    let mut page = upgrade.run(Connection::new(lent));
    let spoken = async {
        let spoken = poll_fn(|cx| record::run(&activity, || Pin::new(&mut page).poll(cx)));
        if let Err(failure) = spoken.await {
            if failure.kind == FailureKind::Panic {
                counters.panics.fetch_add(1, Ordering::Relaxed);
            }
            tracing::error!("{request}: the page panicked after its upgrade: {failure}");
        }
        // It may have handed the connection on.
        let _ = dropped.await;
    };
    let is_cut = tokio::select! {
        () = spoken => false,
        () = expired.cancelled() => {
            tracing::debug!("{request}: ended by the drain limit of generation {generation}");
            false
        }
        () = cut.cancelled() => true,
    };
    // First what the library has of it, while the generation is held.
    drop(page);
    let ended = std::mem::replace(&mut *open.lock(), State::Ended);
    let State::Open { mut stream, _pin: pin, reader, writer } = ended else { return };
    drop(pin);
    // A task of the library that still waits is told.
    [reader, writer].into_iter().flatten().for_each(Waker::wake);
    if !is_cut {
        tokio::select! {
            () = linger::close(&mut stream) => {}
            () = cut.cancelled() => {}
        }
    }
}

/// A connection, as the library's calls find it.
enum State {
    Open {
        stream: Stream,
        _pin: Sending,
        /// Who waits to read, and who to write.
        reader: Option<Waker>,
        writer: Option<Waker>,
    },
    /// Given back by the host, whatever the library still does with it.
    Ended,
}

/// A connection in the hands of a library.
struct Lent {
    open: Arc<Mutex<State>>,
    draining: CancellationToken,
    leaving: CancellationToken,
    /// Says that the library has dropped it.
    _alive: oneshot::Sender<()>,
}

impl Lent {
    fn write<T>(
        &self,
        cx: &mut Context<'_>,
        poll: impl FnOnce(Pin<&mut Stream>, &mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> Poll<Result<T, Failure>> {
        match &mut *self.open.lock() {
            State::Open { stream, writer, .. } => {
                let polled = poll(Pin::new(stream), cx);
                answered(polled, writer, cx)
            }
            State::Ended => Poll::Ready(Err(ended())),
        }
    }
}

/// Remembers who waits.
fn answered<T>(
    polled: Poll<io::Result<T>>,
    waits: &mut Option<Waker>,
    cx: &mut Context<'_>,
) -> Poll<Result<T, Failure>> {
    *waits = polled.is_pending().then(|| cx.waker().clone());
    polled.map_err(|error| Failure::disconnected(error.to_string()))
}

fn ended() -> Failure {
    Failure::disconnected("the host has ended the connection")
}

impl HostConnection for Lent {
    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<Result<usize, Failure>> {
        match &mut *self.open.lock() {
            State::Open { stream, reader, .. } => {
                let mut buffer = ReadBuf::new(buffer);
                let polled = Pin::new(stream).poll_read(cx, &mut buffer);
                answered(polled.map_ok(|()| buffer.filled().len()), reader, cx)
            }
            State::Ended => Poll::Ready(Err(ended())),
        }
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize, Failure>> {
        self.write(cx, |stream, cx| stream.poll_write(cx, bytes))
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        self.write(cx, AsyncWrite::poll_flush)
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        self.write(cx, AsyncWrite::poll_shutdown)
    }

    fn draining(&self) -> impl Future<Output = ()> + Send + 'static {
        let (draining, leaving) = (self.draining.clone(), self.leaving.clone());
        async move {
            tokio::select! {
                () = draining.cancelled() => {}
                () = leaving.cancelled() => {}
            }
        }
    }
}
