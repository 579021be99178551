//! What `nova swap`, `nova status` and the like ask of a host of several processes.

use std::path::PathBuf;
use std::sync::Arc;

use super::supervisor::Supervisor;
use crate::operate::admin::{
    CanaryRequest, Control, Reason, RollbackRequest, RollbackResponse, Status, SwapFailure,
    SwapRequest, SwapResponse,
};
use crate::operate::operator::{WhileBusy, done, failure_of};

/// The supervisor, as the admin socket asks it.
#[derive(Debug)]
pub struct SupervisorControl(pub Arc<Supervisor>);

impl Control for SupervisorControl {
    async fn status(&self) -> Status {
        self.0.sum().await
    }

    async fn swap(&self, request: SwapRequest) -> Result<SwapResponse, SwapFailure> {
        let mut response = SwapResponse::default();
        for source in request.paths {
            let failed = |failure| SwapFailure { swapped: response.swapped.clone(), ..failure };
            self.0.accepts_orders().map_err(failed)?;
            match self.0.swap(&source, request.force, WhileBusy::Refuse).await {
                Ok(report) => response.swapped.push(done(source, report)),
                Err(error) => return Err(failed(failure_of(&error))),
            }
        }
        Ok(response)
    }

    async fn canary(&self, request: CanaryRequest) -> Result<SwapResponse, SwapFailure> {
        self.0.accepts_orders()?;
        let path = request.path.display();
        let message = format!(
            "{path}: a canary answers beside the release that serves, in the same process, and \
             this host renews its processes with each swap; swap it in without --canary: the host \
             goes back if it fails"
        );
        Err(SwapFailure::new(Reason::Refused, message))
    }

    async fn rollback(&self, request: RollbackRequest) -> Result<RollbackResponse, SwapFailure> {
        self.0.accepts_orders()?;
        let log = self.0.switch.ledger().log();
        let to = log.wanted(request.to.as_deref()).cloned();
        let to = to.map_err(|error| failure_of(&error.into()))?;
        let source: PathBuf = to.source.clone();
        let reason = "rolled back by `nova rollback`".to_owned();
        match self.0.roll_back(to, reason, false, None).await {
            Ok((report, left)) => Ok(RollbackResponse {
                refused: left.as_str().to_owned(),
                serving: done(source, report),
            }),
            Err(error) => Err(failure_of(&error)),
        }
    }
}
