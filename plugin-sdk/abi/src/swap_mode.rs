//! How one generation of an app takes the place of another.

use std::fmt;
use std::str::FromStr;

/// How one generation of an app takes the place of another: whether both are alive at once, and
/// whether they share a process.
///
/// ```
/// use nova_abi::SwapMode;
///
/// let mode: SwapMode = "process+handover".parse().unwrap();
/// assert!(mode.holds_door() && mode.renews_process());
/// assert_eq!(SwapMode::Handover.with(SwapMode::Process), mode);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum SwapMode {
    /// Both are alive for a while, in one process: for apps that share nothing but what is made for
    /// several processes, such as a database server.
    #[default]
    Overlap,
    /// Never two at once: requests wait at the door while the old app exports its state and ends,
    /// and the new one imports it.
    Handover,
    /// Both are alive for a while, in two processes: for libraries that bring what a process may
    /// have only once, such as SQLite linked in.
    Process,
    /// Never two at once, and each in a process of its own.
    ProcessHandover,
}

impl SwapMode {
    /// All of them.
    pub const ALL: [Self; 4] =
        [Self::Overlap, Self::Handover, Self::Process, Self::ProcessHandover];

    /// As notes, manifests and settings write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Overlap => "overlap",
            Self::Handover => "handover",
            Self::Process => "process",
            Self::ProcessHandover => "process+handover",
        }
    }

    /// Whether requests wait at the door, so that no two apps are alive at once.
    #[must_use]
    pub const fn holds_door(self) -> bool {
        matches!(self, Self::Handover | Self::ProcessHandover)
    }

    /// Whether the new generation lives in a process of its own.
    #[must_use]
    pub const fn renews_process(self) -> bool {
        matches!(self, Self::Process | Self::ProcessHandover)
    }

    /// The mode that does both what this one and what `other` does.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        match (
            self.renews_process() || other.renews_process(),
            self.holds_door() || other.holds_door(),
        ) {
            (false, false) => Self::Overlap,
            (false, true) => Self::Handover,
            (true, false) => Self::Process,
            (true, true) => Self::ProcessHandover,
        }
    }
}

impl fmt::Display for SwapMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A text that names no [`SwapMode`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownSwapMode(String);

impl fmt::Display for UnknownSwapMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = SwapMode::ALL.map(SwapMode::as_str).join(", ");
        write!(f, "`{}` is no way to swap; there are {known}", self.0)
    }
}

impl std::error::Error for UnknownSwapMode {}

impl FromStr for SwapMode {
    type Err = UnknownSwapMode;

    fn from_str(text: &str) -> Result<Self, UnknownSwapMode> {
        let mut all = Self::ALL.into_iter();
        all.find(|mode| mode.as_str() == text).ok_or_else(|| UnknownSwapMode(text.to_owned()))
    }
}
