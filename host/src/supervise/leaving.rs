//! The sets of workers that finish what they have, and what is left of those that have ended.

use std::sync::Arc;

use super::set::WorkerSet;
use crate::edge::metrics::sum;

/// See the [module](self).
#[derive(Debug, Default)]
pub(super) struct LeavingSets {
    pub(super) sets: Vec<Arc<WorkerSet>>,
    /// What those had counted that have ended: a count never falls.
    pub(super) counted: String,
}

impl LeavingSets {
    /// A set has ended.
    pub(super) fn forget(&mut self, set: &Arc<WorkerSet>) {
        self.sets.retain(|other| !Arc::ptr_eq(other, set));
        self.counted = sum("", &[std::mem::take(&mut self.counted), set.counted()]);
    }
}
