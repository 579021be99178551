//! What `nova swap`, `nova status` and the like ask of a host of several processes.

use std::path::PathBuf;
use std::sync::Arc;

use super::canary::Canary;
use super::supervisor::Supervisor;
use crate::operate::admin::{
    CanaryRequest, Control, RollbackRequest, RollbackResponse, Status, SwapFailure, SwapRequest,
    SwapResponse,
};
use crate::operate::operator::{done, failure_of};
use crate::operate::redeploy;

/// The supervisor, as the admin socket asks it.
#[derive(Debug)]
pub struct SupervisorControl(pub Arc<Supervisor>);

impl Control for SupervisorControl {
    async fn status(&self) -> Status {
        self.0.sum().await
    }

    async fn swap(&self, request: SwapRequest) -> Result<SwapResponse, SwapFailure> {
        redeploy::swap_all(&self.0, request).await
    }

    async fn canary(&self, request: CanaryRequest) -> Result<SwapResponse, SwapFailure> {
        redeploy::accepts_orders(&self.0)?;
        let spec = request.spec()?;
        let options = request.options();
        match self.0.start_canary(&request.path, options, spec).await {
            Ok(report) => Ok(SwapResponse { swapped: vec![done(request.path, report)] }),
            Err(error) => Err(failure_of(&error)),
        }
    }

    async fn rollback(&self, request: RollbackRequest) -> Result<RollbackResponse, SwapFailure> {
        redeploy::accepts_orders(&self.0)?;
        let canary = self.0.canary.lock().clone();
        if let Some(canary) = canary {
            return self.end_canary(&canary, request.to.is_some()).await;
        }
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

impl SupervisorControl {
    /// While there is a canary, a rollback is its end.
    async fn end_canary(
        &self,
        canary: &Arc<Canary>,
        is_named: bool,
    ) -> Result<RollbackResponse, SwapFailure> {
        if is_named {
            self.0.no_canary().map_err(|error| failure_of(&error))?;
        }
        let reason = "the canary was ended by `nova rollback`".to_owned();
        let ended = self.0.end_canary(canary, reason, false).await;
        ended.map_err(|error| failure_of(&error))?;
        let (source, report) =
            self.0.serving_at(canary).await.map_err(|error| failure_of(&error))?;
        Ok(RollbackResponse {
            refused: canary.build_id.as_str().to_owned(),
            serving: done(source, report),
        })
    }
}
