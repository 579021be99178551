//! How a host swaps.

use std::path::PathBuf;
use std::time::Duration;

use nova_abi::{Purpose, SwapMode};
use tokio::runtime::Handle;

use crate::release::trust::Trust;

/// How a host swaps.
#[derive(Debug, Clone)]
pub struct SwapSettings {
    /// Whether a developer is watching: error pages show what is inside.
    pub dev: bool,
    /// The executable whose `main` calls [`child_main`](crate::process::child_main); `None`
    /// swaps without preflight.
    pub preflight: Option<PathBuf>,
    /// Whether preflight and warm-up exercise the routes, or only run `init`.
    pub exercise: bool,
    /// Whether the public files of a release are served with it, so that its pages may link the
    /// hashed names of them.
    pub release_files: bool,
    /// How long a whole preflight may take.
    pub preflight_limit: Duration,
    /// How long `init` may take.
    pub init_limit: Duration,
    /// How long the warm-up of a new generation may take before it is published.
    pub warm_limit: Duration,
    /// How long open streams of an old generation may go on; `None`: for ever.
    pub drain_limit: Option<Duration>,
    /// What is asked of a release before it is taken.
    pub trust: Trust,
    /// What apps are started for: to serve, unless this host only tries them.
    pub purpose: Purpose,
    /// How long the app of an old generation is kept running after its last request, so that it
    /// can serve again at once; zero shuts it down.
    pub standby: Duration,
    /// The threads on which pages run; those of the caller by default.
    pub workers: Option<Handle>,
    /// How generations are changed; `None`: as each release says.
    pub mode: Option<SwapMode>,
    /// How long pages may take to answer while the door is held.
    pub hold_limit: Duration,
    /// How many requests may wait at the door.
    pub hold_queue: usize,
    /// How long streams may take to end by themselves before the door is held.
    pub stream_grace: Duration,
    /// How long `export` and `shutdown` may take, each.
    pub hook_limit: Duration,
}

impl Default for SwapSettings {
    fn default() -> Self {
        Self {
            dev: false,
            preflight: None,
            exercise: true,
            release_files: false,
            preflight_limit: Duration::from_secs(30),
            init_limit: Duration::from_secs(10),
            warm_limit: Duration::from_millis(50),
            drain_limit: Some(Duration::from_secs(600)),
            trust: Trust::default(),
            purpose: Purpose::Serve,
            standby: Duration::ZERO,
            workers: None,
            mode: None,
            hold_limit: Duration::from_secs(10),
            hold_queue: 10_000,
            stream_grace: Duration::from_secs(1),
            hook_limit: Duration::from_secs(10),
        }
    }
}
