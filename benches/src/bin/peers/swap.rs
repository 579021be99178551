//! A swap each second, as `nova swap` asks for it.

use std::path::PathBuf;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use nova_host::operate::admin::{AdminClient, SwapRequest};
use nova_tests::client::Failure;

use crate::build::{App, Builds, OTHER_ROUTES};

/// From one swap to the next.
const PAUSE: Duration = Duration::from_secs(1);

/// Swaps that go on until they are told to end.
pub(crate) struct Swapping {
    stop: Sender<()>,
    thread: JoinHandle<Result<Vec<f64>, Failure>>,
}

impl Swapping {
    /// Begins with the other release, then the first one again, and so on; the last is the first one.
    pub(crate) fn start(socket: PathBuf, builds: &Builds) -> Result<Self, Failure> {
        let (stop, stopped) = channel();
        let admin = AdminClient::new(Some(socket))?;
        let releases = [builds.built(App::Pages(OTHER_ROUTES)), builds.built(App::Pages(0))];
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let mut times = Vec::new();
            for release in releases.iter().cycle() {
                let is_back = times.len() % releases.len() == 0;
                match stopped.recv_timeout(PAUSE) {
                    Err(RecvTimeoutError::Timeout) => {}
                    _ if is_back && !times.is_empty() => break,
                    _ => {}
                }
                let request =
                    SwapRequest { paths: vec![release.clone()], force: false, no_preflight: false };
                let report = runtime.block_on(admin.swap(request))?;
                let total = report.swapped.first().ok_or("a swap swaps something")?.total_us;
                #[allow(clippy::cast_precision_loss)]
                times.push(total as f64 / 1000.0);
            }
            Ok(times)
        });
        Ok(Self { stop, thread })
    }

    /// Ends them; gives back the milliseconds that each took.
    pub(crate) fn end(self) -> Result<Vec<f64>, Failure> {
        // A client that has failed hears nothing any more, and says so below.
        let _ = self.stop.send(());
        drop(self.stop);
        self.thread.join().map_err(|_| "the thread that swaps has panicked")?
    }
}
