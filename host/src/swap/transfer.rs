//! What a switch hands to the next process, and takes from the one before.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::gate::SwapTurn;
use super::{Hold, SwapError, Switch};
use crate::generation::GenerationId;
use crate::release::ledger::ReleaseLog;
use crate::release::{Release, Stylesheet};

/// What is known of releases and generations, for the process that goes on with them.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SwitchState {
    /// What is remembered of releases.
    pub log: ReleaseLog,
    /// The last generation's number.
    pub last_generation: GenerationId,
    /// Swaps that were published, and candidates that were refused.
    pub totals: (u64, u64),
    /// The stylesheets that pages may still name, oldest first: name and text.
    pub stylesheets: Vec<(String, String)>,
    /// The folder with copies of releases, where it goes with the host.
    #[serde(default)]
    pub copies: Option<PathBuf>,
    /// The state of each app that saves it.
    pub apps: Vec<Option<SavedState>>,
}

/// What an app has saved, on its way to another process.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SavedState(pub Vec<u8>);

/// As text where it is one, which most of them are: numbers take four times the room.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum SavedText<'s> {
    Text(Cow<'s, str>),
    Bytes(Cow<'s, [u8]>),
}

impl Serialize for SavedState {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match std::str::from_utf8(&self.0) {
            Ok(text) => SavedText::Text(text.into()),
            Err(_) => SavedText::Bytes(self.0.as_slice().into()),
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for SavedState {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(match SavedText::deserialize(deserializer)? {
            SavedText::Text(text) => text.into_owned().into_bytes(),
            SavedText::Bytes(bytes) => bytes.into_owned(),
        }))
    }
}

impl Switch {
    /// Lets no swap and no rollback begin for a while.
    ///
    /// # Errors
    /// When a swap is under way.
    pub(crate) async fn pause(&self) -> Result<SwapTurn, SwapError> {
        self.no_canary()?;
        self.gate.pause(Path::new("recycling")).await
    }

    /// Tells what stays open to end soon, before this process leaves its place to another.
    pub fn end_streams(&self) {
        self.table().generations().iter().for_each(|generation| generation.tell());
    }

    /// Ends the open streams that have no end of their own; those that have one are requests like any
    /// other, and finish.
    pub fn cut_endless(&self) {
        self.table().generations().iter().for_each(|generation| generation.cut_endless());
        self.drains.cut_endless();
    }

    /// Ends what the apps do besides answering requests, and gives back what they save, in the order
    /// of their libraries: for the process that takes the place of this one.
    pub async fn leave(&self) -> Vec<Option<Vec<u8>>> {
        self.leaders.all_stand_by().await;
        let mut apps = Vec::new();
        for generation in self.table().generations() {
            apps.push(self.saved(generation).await.map(|state| state.to_vec()));
        }
        apps
    }

    /// Ends the apps that must not be alive in two processes, and lets requests for them wait;
    /// nothing is held where there is no such app. No swap may begin until the caller has resumed
    /// or left it.
    ///
    /// # Errors
    /// If a page does not answer in time, or a state cannot be exported; what served serves on.
    pub async fn hold(self: &Arc<Self>) -> Result<Hold, SwapError> {
        let table = self.table();
        let slots = table.generations().iter().enumerate();
        let held = slots.filter(|(_, generation)| self.mode_of(generation).holds_door());
        let slots: Vec<_> = held.map(|(slot, _)| slot).collect();
        drop(table);
        self.hold_slots(&slots, Path::new("another process"), false, None).await
    }

    /// The state of each app that saves it: of those that are held what they have exported at their
    /// end, of the others what they export now.
    pub(crate) async fn states(&self, hold: &Hold) -> Vec<Option<SavedState>> {
        let mut apps = Vec::new();
        for (generation, held) in self.table().generations().iter().zip(hold.states()) {
            let state = match held {
                Some(state) => Some(state.to_vec()),
                None => self.saved(generation).await.map(|state| state.to_vec()),
            };
            apps.push(state.map(SavedState));
        }
        apps
    }

    /// What the next process has to know besides the states of the apps.
    pub(crate) fn facts(&self) -> SwitchState {
        let sheets = self.launcher.stylesheets.list();
        let text = |sheet: &Stylesheet| String::from_utf8(sheet.bytes.to_vec()).ok();
        let stylesheets =
            sheets.iter().filter_map(|sheet| Some((sheet.name.clone(), text(sheet)?))).collect();
        SwitchState {
            log: self.ledger.log(),
            copies: self.ledger.temporary_folder(),
            last_generation: self.launcher.last_id(),
            totals: self.totals(),
            stylesheets,
            apps: Vec::new(),
        }
    }

    /// Goes on where another process ended. Without a folder of its own, what is remembered is
    /// what the other one did.
    pub(crate) fn inherit(&self, state: &SwitchState) {
        self.launcher.count_from(state.last_generation);
        self.totals.set(state.totals);
        self.ledger.inherit(&state.log, state.copies.as_deref());
        for (name, text) in &state.stylesheets {
            let bytes = text.clone().into();
            self.launcher.stylesheets.add(Stylesheet { name: name.clone(), bytes });
        }
    }

    /// Reads the releases that served last.
    ///
    /// # Errors
    /// With the first that cannot be read.
    pub(crate) fn read_serving(&self) -> Result<Vec<Release>, SwapError> {
        let log = self.ledger.log();
        let serving = log.current.keys().filter_map(|slot| log.serving(*slot));
        let (store, trust) = (self.launcher.store(), &self.settings().trust);
        let read = |kept| Ok(self.ledger.read(kept, store, trust)?);
        serving.map(read).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_arrives_as_it_was() {
        for (state, json) in [(&b"{1}"[..], "\"{1}\""), (&[0xff, 0], "[255,0]"), (b"", "\"\"")] {
            let state = SavedState(state.to_vec());
            let text = serde_json::to_string(&state).unwrap();
            assert_eq!(text, json);
            assert_eq!(serde_json::from_str::<SavedState>(&text).unwrap(), state);
        }
    }
}
