//! Notifications to the service manager: the host is ready, reloads, stops, and lives.
//!
//! The protocol is systemd's `sd_notify`: a datagram of lines to the socket in `NOTIFY_SOCKET`.
//! Without that variable nothing is sent. The host keeps its process id when it is recycled, so the
//! manager need not learn of another one.
//!
//! The crate `sd-notify` (0.5) would do, but for managers that listen on a name in the abstract
//! namespace: it takes `NOTIFY_SOCKET` for a path, and such a manager never hears from it.

use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::Arc;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use super::worker_threads::WorkerThreadsStatus;

/// The service manager of this process, if it has one.
#[derive(Clone, Debug, Default)]
pub struct ServiceManager {
    address: Option<Arc<SocketAddr>>,
}

impl ServiceManager {
    /// No service manager: nothing is sent.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// As the environment says. If the manager wants signs of life, it gets them from now on, as
    /// long as any of the `workers` answers requests.
    #[must_use]
    pub fn of_this_process(workers: WorkerThreadsStatus) -> Self {
        let named = std::env::var("NOTIFY_SOCKET").ok();
        let address = named.filter(|name| !name.is_empty()).and_then(|name| match address(&name) {
            Ok(address) => Some(Arc::new(address)),
            Err(error) => {
                tracing::warn!(
                    "NOTIFY_SOCKET={name}: the service manager cannot be notified: {error}"
                );
                None
            }
        });
        let manager = Self { address };
        let limit = std::env::var("WATCHDOG_USEC").ok().and_then(|limit| limit.parse().ok());
        let ours =
            std::env::var("WATCHDOG_PID").map_or(true, |pid| pid == std::process::id().to_string());
        if let Some(limit @ 1..) = limit.filter(|_| ours && manager.address.is_some()) {
            tokio::spawn(manager.clone().live(Duration::from_micros(limit), workers));
        }
        manager
    }

    /// It serves.
    pub fn ready(&self) {
        self.notify("READY=1\nSTATUS=serving");
    }

    /// It reads its releases again; [`ready`](Self::ready) comes after it.
    pub fn reloading(&self) {
        let now = clock_gettime(ClockId::Monotonic);
        let micros = now.tv_sec * 1_000_000 + now.tv_nsec / 1_000;
        self.notify(&format!("RELOADING=1\nMONOTONIC_USEC={micros}\nSTATUS=swapping"));
    }

    /// It takes no more requests.
    pub fn stopping(&self) {
        self.notify("STOPPING=1\nSTATUS=finishing requests");
    }

    async fn live(self, limit: Duration, workers: WorkerThreadsStatus) {
        let mut beat = tokio::time::interval(limit / 2);
        loop {
            beat.tick().await;
            if workers.answer() {
                self.notify("WATCHDOG=1");
            }
        }
    }

    fn notify(&self, lines: &str) {
        let Some(address) = &self.address else { return };
        let sent = UnixDatagram::unbound()
            .and_then(|socket| socket.send_to_addr(lines.as_bytes(), address));
        if let Err(error) = sent {
            tracing::warn!("the service manager was not notified: {error}");
        }
    }
}

/// A path, or a name in the abstract namespace behind an `@`.
fn address(name: &str) -> io::Result<SocketAddr> {
    match name.strip_prefix('@') {
        Some(name) => SocketAddr::from_abstract_name(name),
        None => SocketAddr::from_pathname(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(socket: &UnixDatagram) -> String {
        let mut bytes = [0; 256];
        let length = socket.recv(&mut bytes).unwrap();
        String::from_utf8(bytes[..length].to_vec()).unwrap()
    }

    fn service(name: &str) -> ServiceManager {
        ServiceManager { address: Some(Arc::new(address(name).unwrap())) }
    }

    #[test]
    fn each_state_is_sent() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let manager = UnixDatagram::bind(&path).unwrap();
        let service = service(path.to_str().unwrap());
        service.ready();
        assert_eq!(heard(&manager), "READY=1\nSTATUS=serving");
        service.reloading();
        let message = heard(&manager);
        let time = message.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").unwrap();
        assert!(time.split_once('\n').unwrap().0.parse::<u64>().unwrap() > 0);
        service.stopping();
        assert!(heard(&manager).starts_with("STOPPING=1\n"));
        ServiceManager::none().ready();
    }

    #[test]
    fn a_name_in_the_abstract_namespace() {
        let name = format!("nova-test-{}", std::process::id());
        let manager = UnixDatagram::bind_addr(&address(&format!("@{name}")).unwrap()).unwrap();
        service(&format!("@{name}")).ready();
        assert!(heard(&manager).starts_with("READY=1"));
    }
}
