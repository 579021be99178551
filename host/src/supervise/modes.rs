//! How the libraries that a host serves are replaced, each in the place of itself or of another release.

use nova_abi::SwapMode;

/// See the [module](self); in the order of the libraries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Modes(Vec<SwapMode>);

impl Modes {
    pub(super) fn new(each: Vec<SwapMode>) -> Self {
        Self(each)
    }

    /// How a library is replaced here, where each new release has a new process.
    pub(super) fn of(&self, slot: usize) -> SwapMode {
        self.0.get(slot).copied().unwrap_or_default().with(SwapMode::Process)
    }

    /// The libraries whose apps have to end before others begin.
    pub(super) fn held(&self) -> Vec<usize> {
        let slots = self.0.iter().enumerate().filter(|(_, mode)| mode.holds_door());
        slots.map(|(slot, _)| slot).collect()
    }
}
