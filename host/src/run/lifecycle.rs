//! What a host does about signals while it serves, and how it ends.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rustix::process::Signal;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::host_state::HostState;
use super::signals::{Action, ProcessSignals};
use super::{Error, Exit};
use crate::operate::operator::Operator;
use crate::operate::succession::{PeerOrder, Recycler};
use crate::process::service_manager::ServiceManager;
use crate::server::tls::Certificate;
use crate::server::unix_socket::SocketFile;
use crate::server::{Handle, StopReport};
use crate::site::Site;

/// How long the apps' `shutdown` may take after the last request, all of them together.
pub(super) const SHUTDOWN: Duration = Duration::from_secs(5);

/// How long a page that has nobody to answer any more, and a job, may take to end before that.
const LAST_WORK: Duration = Duration::from_secs(1);

/// A request that another worker has passed on just before it heard of the end of this one is on
/// its way for so long.
const LAST_PASSED_ON: Duration = Duration::from_millis(100);

/// The longest time after which no process passes anything on to a worker that has left.
const LEAVING: Duration = Duration::from_secs(5);

/// All that a signal may concern.
pub(super) struct Lifecycle {
    pub(super) site: Arc<Site>,
    pub(super) server: Handle,
    pub(super) operator: Arc<Operator>,
    pub(super) recycler: Recycler,
    pub(super) service_manager: ServiceManager,
    pub(super) certificate: Option<Arc<Certificate>>,
    pub(super) releases: Vec<PathBuf>,
    pub(super) stop_delay: Duration,
    pub(super) stream_grace: Duration,
    pub(super) is_stand_in: bool,
    pub(super) is_linked: bool,
    pub(super) is_worker: bool,
    /// Of a worker: cancelled when it has left, and nothing is passed on to it any more.
    pub(super) left: CancellationToken,
    /// Kept as long as the host serves, and left to the program that takes its place.
    pub(super) socket_file: Option<SocketFile>,
    /// Kept as long as the host serves: the lock of the state folder.
    pub(super) _state: HostState,
    /// Kept as long as the host serves: the files of a program that has its routes inside.
    pub(super) _unpacked: Option<TempDir>,
}

impl Lifecycle {
    /// Does what a signal asks for; `Some`: the process ends now.
    pub(super) async fn act(&self, action: Action, signals: &mut ProcessSignals) -> Option<Exit> {
        match action {
            Action::Stop(signal) if self.site.is_stopping() => {
                self.recycler.order(PeerOrder::Abort).await;
                return Some(Exit::Forced(signal));
            }
            Action::Stop(_) => {
                self.service_manager.stopping();
                self.recycler.order(PeerOrder::Stop).await;
                self.stop(self.stop_delay);
            }
            Action::StopAlone => self.stop(Duration::ZERO),
            Action::Abort => return Some(Exit::Forced(Signal::KILL)),
            Action::Reload if self.recycler.has_stand_in().await => {
                self.recycler.order(PeerOrder::Reload).await;
            }
            Action::Reload => self.reload(),
            Action::Recycle if self.is_stand_in => {}
            Action::Recycle if self.is_linked => {
                tracing::info!("nothing to recycle: the routes are part of this program");
            }
            Action::Recycle => self.recycler.want(),
            Action::GiveBack => signals.give_back(&self.recycler).await,
        }
        None
    }

    /// Waits until a worker is told to stop that accepts nothing; `Some`: it ends now.
    pub(super) async fn stopped_unopened(&self, signals: &mut ProcessSignals) -> Option<Exit> {
        while !self.site.is_stopping() {
            let action = signals.next().await;
            if let Some(exit) = self.act(action, signals).await {
                return Some(exit);
            }
        }
        None
    }

    /// Says that no request is wanted any more, gives load balancers the time to hear it, and
    /// closes.
    fn stop(&self, delay: Duration) {
        self.site.stopping();
        let (server, site) = (self.server.clone(), Arc::clone(&self.site));
        // What concerns all workers is said by the supervisor.
        let (is_worker, stream_grace) = (self.is_worker, self.stream_grace);
        if !is_worker && !delay.is_zero() {
            tracing::info!(
                "stopping in {delay:?}: until then requests are answered, and /readyz says 503"
            );
        }
        let close = move || {
            server.stop();
            site.switch.end_streams();
            if !is_worker {
                tracing::info!("stopping: requests that are under way finish");
            }
            tokio::spawn(async move {
                tokio::time::sleep(stream_grace).await;
                site.switch.cut_endless();
                server.end_upgraded();
            });
        };
        if delay.is_zero() {
            return close();
        }
        tokio::spawn(async move {
            tokio::time::sleep(delay).await;
            close();
        });
    }

    /// Reads the certificate and the releases again.
    fn reload(&self) {
        if let Some(certificate) = self.certificate.clone() {
            tokio::task::spawn_blocking(move || certificate.reload());
        }
        let (operator, releases) = (Arc::clone(&self.operator), self.releases.clone());
        let service_manager = self.service_manager.clone();
        tokio::spawn(async move {
            service_manager.reloading();
            operator.reload(&releases).await;
            service_manager.ready();
        });
    }

    /// Ends a host whose server has stopped, or has accepted nothing; a second signal to stop ends it
    /// at once.
    pub(super) async fn end(
        mut self,
        stopped: Option<StopReport>,
        signals: &mut ProcessSignals,
    ) -> Result<Exit, Error> {
        let mut socket_file = self.socket_file.take();
        let ended = async {
            self.server.stopping().await;
            match stopped {
                Some(StopReport { cut, .. }) if cut > 0 => {
                    tracing::warn!("{cut} connections were cut at the deadline");
                }
                // It may have had no connections of its own, but those who left before it pass on
                // what comes to them.
                Some(_) if self.is_worker && !self.site.is_stopping() => {
                    let _ = tokio::time::timeout(LEAVING, self.left.cancelled()).await;
                }
                Some(_) => {}
                None => tokio::time::sleep(LAST_PASSED_ON).await,
            }
            // What another process has passed on is on no connection of the server, and may be passed
            // on once more.
            let is_empty = async {
                self.site.switch.until_empty().await;
                self.site.passed_on.finish().await;
            };
            tokio::select! {
                biased;
                () = is_empty => {}
                () = self.server.overdue() => {
                    tracing::warn!("requests that are still inside are cut at the deadline");
                }
            }
            self.shut_down().await;
            if !self.site.is_stopping() {
                self.site.switch.rooms().hand_over().await;
                return self.recycler.take_back().await;
            }
            self.recycler.stand_in_ended().await;
            Ok(None)
        };
        let mut ended = std::pin::pin!(ended);
        loop {
            tokio::select! {
                ended = &mut ended => return Ok(match ended? {
                    Some((program, stand_in)) => {
                        socket_file.iter_mut().for_each(SocketFile::leave);
                        Exit::Recycle(program, stand_in)
                    }
                    None => Exit::Stopped,
                }),
                signal = signals.stop() => {
                    // The first one, for a process that leaves its place: what it still answers has
                    // the time of a stop from now on, and so has what the stand-in answers.
                    if !self.site.is_stopping() {
                        self.service_manager.stopping();
                        self.recycler.order(PeerOrder::Stop).await;
                        self.stop(Duration::ZERO);
                        continue;
                    }
                    self.recycler.order(PeerOrder::Abort).await;
                    return Ok(Exit::Forced(signal));
                }
            }
        }
    }

    /// Shuts the apps down.
    async fn shut_down(&self) {
        self.site.switch.stop(LAST_WORK, SHUTDOWN).await;
        if self.site.is_stopping() {
            self.site.switch.ledger().close();
        }
        if !self.is_worker {
            tracing::info!("stopped");
        }
    }
}
