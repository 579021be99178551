//! What is left of a recycled host that does not start: the process whose id is known outside, which
//! passes on what it is told to the stand-in, and ends with it.

use super::signals::{Action, ProcessSignals};
use super::{Error, Exit};
use crate::operate::succession::{PeerFailure, PeerOrder, Program, Succession};

/// Passes signals on until the stand-in has ended.
pub(super) async fn forward_to_stand_in(
    left: Succession,
    failure: PeerFailure,
    signals: &mut ProcessSignals,
) -> Result<Exit, Error> {
    tracing::warn!("process {} goes on; SIGUSR2 tries again", left.state.pid);
    let mut stand_in = left.failed(failure)?;
    let mut is_stopping = false;
    loop {
        tokio::select! {
            // It says nothing: this is its end.
            _ = stand_in.order() => return Ok(Exit::Stopped),
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
