//! What is asked of one swap besides its release.

/// See the module. `true` stands for a swap by force, `false` for one as usual.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SwapOptions {
    /// Starts a build anew that is live already, or was refused, and goes on without the state of
    /// the app where that cannot be carried over.
    pub force: bool,
    /// Whether the candidate is tried in a child process first, where the host does that.
    pub preflight: bool,
}

impl Default for SwapOptions {
    fn default() -> Self {
        Self { force: false, preflight: true }
    }
}

impl From<bool> for SwapOptions {
    fn from(force: bool) -> Self {
        Self { force, ..Self::default() }
    }
}
