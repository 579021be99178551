//! The page at `/__nova`: what a session is made of, and where its time goes.
//!
//! It is HTML from the first byte on, rendered from values ([`DevState`], and the host's status) at
//! each request. An open page is told when something is different and takes up the new rendering
//! as every page does.

mod chart;
pub(crate) mod render;

use std::sync::Arc;

use parking_lot::Mutex;

use super::hub::Hub;
use crate::dev::wire::state::DevState;

pub(crate) use self::render::{View, render};

/// Keeps the state of a session, and tells open pages that it is another.
pub(crate) struct Board {
    state: Mutex<DevState>,
    hub: Arc<Hub>,
}

impl Board {
    pub(crate) fn new(hub: Arc<Hub>) -> Self {
        Self { state: Mutex::default(), hub }
    }

    /// Shows another state.
    pub(crate) fn show(&self, state: DevState) {
        *self.state.lock() = state;
        self.hub.state_changed();
    }

    /// The state now.
    pub(crate) fn state(&self) -> DevState {
        self.state.lock().clone()
    }
}
