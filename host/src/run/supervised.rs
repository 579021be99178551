//! A host whose requests are answered by workers: this process has the sockets, hears the signals,
//! and loads no library.

use std::sync::Arc;

use super::bound::{Bound, ReadReleases};
use super::serving::admin_socket;
use super::signals::Action;
use super::{Error, Exit};
use crate::operate::succession::Program;
use crate::process::log::announce;
use crate::supervise::{Supervisor, SupervisorControl, SupervisorSettings};

/// Starts the workers, and looks after them until the host is told to stop.
pub(super) async fn run(mut bound: Bound<'_>) -> Result<Exit, Error> {
    let config = bound.config;
    let Some(ReadReleases { releases, watch }) = bound.read.take() else {
        return Err("a host of several processes has nothing to start with".into());
    };
    // The workers accept; what is left are the handles to give to them.
    let sockets = bound.server.sockets();
    drop(bound.server);
    let settings = SupervisorSettings {
        workers: config.workers.map_or(1, usize::from),
        policy: config.rollback.limits(),
        budget: config.recycling.budget(),
        url: bound.url.clone(),
        public_is_named: bound.public.is_some(),
    };
    let switch = Arc::clone(&bound.state.switch);
    let supervisor = Supervisor::new(switch, settings, Program::current()?, sockets);
    let mut signals = bound.signals;
    tokio::select! {
        started = supervisor.start(releases) => started?,
        signal = signals.stop() => {
            supervisor.stop().await;
            return Ok(Exit::Forced(signal));
        }
    }
    if bound.state.owns_store {
        supervisor.sweep().await;
    }
    let admin = admin_socket(config, &bound.name, None)?;
    let control = Arc::new(SupervisorControl(Arc::clone(&supervisor)));
    let _admin = admin.map(|socket| socket.serve(control));
    if let Some(metrics) = bound.edge.into_metrics() {
        tracing::info!("metrics are at http://{}/metrics", metrics.address());
        let supervisor = Arc::clone(&supervisor);
        metrics.serve_text(move || {
            let supervisor = Arc::clone(&supervisor);
            async move { supervisor.metrics().await }
        })?;
    }
    tokio::spawn(Arc::clone(&supervisor).follow_budget());
    if let Some(watch) = watch {
        tokio::spawn(Arc::clone(&supervisor).follow_releases(watch));
    }
    announce(&bound.url);
    bound.service_manager.ready();
    let mut ended = std::pin::pin!(supervisor.ended());
    loop {
        tokio::select! {
            () = &mut ended => break,
            action = signals.next() => match action {
                Action::Stop(signal) if supervisor.is_stopping() => {
                    supervisor.abort().await;
                    return Ok(Exit::Forced(signal));
                }
                Action::Stop(_) => {
                    bound.service_manager.stopping();
                    tracing::info!("stopping: requests that are under way finish");
                    supervisor.stop().await;
                }
                Action::Reload => {
                    let (supervisor, releases) = (Arc::clone(&supervisor), bound.releases.clone());
                    let service_manager = bound.service_manager.clone();
                    tokio::spawn(async move {
                        service_manager.reloading();
                        supervisor.reload(&releases).await;
                        service_manager.ready();
                    });
                }
                Action::Recycle => {
                    let supervisor = Arc::clone(&supervisor);
                    tokio::spawn(async move { supervisor.recycle("as told by a signal").await });
                }
                Action::Abort | Action::StopAlone | Action::GiveBack => {}
            }
        }
    }
    tracing::info!("stopped");
    Ok(Exit::Stopped)
}
