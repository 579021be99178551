//! A connection that a page takes over in a test: a pipe in memory.

use std::pin::Pin;
use std::task::{Context, Poll};

use nova_abi::{Connection, Failure, HostConnection};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};
use tokio::sync::watch;

use crate::upgrade::connection::{TakeOver, Upgraded};

/// How many bytes a pipe holds before the one who writes waits.
const CAPACITY: usize = 64 * 1024;

/// The host's side, as the page has it.
struct TestConnection {
    stream: DuplexStream,
    drains: watch::Receiver<bool>,
}

/// The client's side of a page that runs on its connection.
pub(super) struct ClientEnd {
    pub(super) stream: DuplexStream,
    /// Says that the generation leaves.
    pub(super) drains: watch::Sender<bool>,
}

/// Runs what a page does with its connection in a task.
pub(super) fn take_over(take_over: TakeOver) -> ClientEnd {
    let (ours, theirs) = tokio::io::duplex(CAPACITY);
    let (drains, told) = watch::channel(false);
    let connection = Connection::new(TestConnection { stream: theirs, drains: told });
    tokio::spawn(take_over.run(Upgraded::new(connection)));
    ClientEnd { stream: ours, drains }
}

fn answered<T>(polled: Poll<std::io::Result<T>>) -> Poll<Result<T, Failure>> {
    polled.map_err(|error| Failure::disconnected(error.to_string()))
}

impl HostConnection for TestConnection {
    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<Result<usize, Failure>> {
        let mut buffer = ReadBuf::new(buffer);
        let polled = Pin::new(&mut self.stream).poll_read(cx, &mut buffer);
        answered(polled.map_ok(|()| buffer.filled().len()))
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize, Failure>> {
        answered(Pin::new(&mut self.stream).poll_write(cx, bytes))
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        answered(Pin::new(&mut self.stream).poll_flush(cx))
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        answered(Pin::new(&mut self.stream).poll_shutdown(cx))
    }

    fn draining(&self) -> impl Future<Output = ()> + Send + 'static {
        let mut drains = self.drains.clone();
        async move {
            // A test that is over lets nothing drain.
            if drains.wait_for(|drains| *drains).await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }
}
