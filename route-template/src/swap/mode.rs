//! The ways in which one generation of an app takes the place of another.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How one generation of an app takes the place of another, as notes and manifests write it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum SwapMode {
    /// Both are alive for a while, in one process.
    #[default]
    #[serde(rename = "overlap")]
    Overlap,
    /// Never two at once: requests wait at the door.
    #[serde(rename = "handover")]
    Handover,
    /// Both are alive for a while, in two processes.
    #[serde(rename = "process")]
    Process,
    /// Never two at once, and each in a process of its own.
    #[serde(rename = "process+handover")]
    ProcessHandover,
}

impl SwapMode {
    const ALL: [Self; 4] = [Self::Overlap, Self::Handover, Self::Process, Self::ProcessHandover];

    /// As notes and manifests write it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Overlap => "overlap",
            Self::Handover => "handover",
            Self::Process => "process",
            Self::ProcessHandover => "process+handover",
        }
    }

    /// The mode of this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.as_str() == name)
    }

    fn holds_door(self) -> bool {
        matches!(self, Self::Handover | Self::ProcessHandover)
    }

    fn renews_process(self) -> bool {
        matches!(self, Self::Process | Self::ProcessHandover)
    }

    /// The mode that does both what this one and what `other` does.
    #[must_use]
    pub(crate) fn with(self, other: Self) -> Self {
        let door = self.holds_door() || other.holds_door();
        match (self.renews_process() || other.renews_process(), door) {
            (false, false) => Self::Overlap,
            (false, true) => Self::Handover,
            (true, false) => Self::Process,
            (true, true) => Self::ProcessHandover,
        }
    }

    /// Whether it does all that `other` does.
    pub(crate) fn covers(self, other: Self) -> bool {
        self.with(other) == self
    }
}

impl fmt::Display for SwapMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_add_up() {
        use SwapMode::{Handover, Overlap, Process, ProcessHandover};
        for (one, other, both) in [
            (Overlap, Overlap, Overlap),
            (Overlap, Handover, Handover),
            (Process, Overlap, Process),
            (Process, Handover, ProcessHandover),
            (ProcessHandover, Process, ProcessHandover),
        ] {
            assert_eq!((one.with(other), other.with(one)), (both, both));
            assert!(both.covers(one) && both.covers(other));
        }
        assert!(!Handover.covers(Process) && !Overlap.covers(Handover));
    }

    #[test]
    fn names_are_those_of_manifests() {
        for mode in SwapMode::ALL {
            assert_eq!(serde_json::to_value(mode).unwrap(), mode.as_str());
            assert_eq!(SwapMode::named(mode.as_str()), Some(mode));
        }
        assert_eq!(SwapMode::named("both"), None);
    }
}
