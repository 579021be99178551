//! What is left of a recycled host that does not serve: the process whose id is known outside, which
//! passes on what it is told to the stand-in, and ends with it.

use super::signals::{Action, ProcessSignals};
use super::{Error, Exit};
use crate::operate::succession::{PeerFailure, PeerOrder, Program, Succession};

/// Passes signals on until the stand-in has ended. With `is_stopping` the first one of them, to
/// stop, was heard before.
pub(super) async fn forward_to_stand_in(
    left: Succession,
    failure: PeerFailure,
    mut is_stopping: bool,
    signals: &mut ProcessSignals,
) -> Result<Exit, Error> {
    let pid = left.state.pid;
    let mut stand_in = left.failed(failure).await?;
    if is_stopping {
        stand_in.give(PeerOrder::Stop).await;
    } else {
        tracing::warn!("process {pid} goes on; SIGUSR2 tries again");
    }
    loop {
        tokio::select! {
            // What it still says was for a process that wants to serve; the end is its own.
            order = stand_in.order() => if order.is_none() {
                return Ok(Exit::Stopped);
            },
            action = signals.next() => match action {
                Action::Stop(signal) if is_stopping => {
                    stand_in.give(PeerOrder::Abort).await;
                    return Ok(Exit::Forced(signal));
                }
                Action::Stop(_) => {
                    is_stopping = true;
                    stand_in.give(PeerOrder::Stop).await;
                }
                Action::Recycle if !is_stopping => {
                    stand_in.give(PeerOrder::TakeBack).await;
                    return Ok(Exit::Recycle(Program::current()?, stand_in.into_socket()?));
                }
                Action::Reload => stand_in.give(PeerOrder::Reload).await,
                Action::Recycle | Action::Abort | Action::StopAlone | Action::GiveBack => {}
            },
        }
    }
}
