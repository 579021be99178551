//! The state that all routes share. This one keeps notes in memory: put a database here.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nova::prelude::*;
use serde::{Deserialize, Serialize};

/// What is stored of a note.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Note {
    pub id: u64,
    pub text: String,
    pub done: bool,
}

/// The notes. Every clone is the same store.
#[derive(Clone, Default)]
pub struct Notes(Arc<Mutex<BTreeMap<u64, Note>>>);

/// Runs before the first request, and once more for each new version of the code.
///
/// The purpose tells whether real requests will follow: a preflight or a build only tries the
/// app, so whatever changes the world outside belongs behind `Purpose::Serve`.
pub fn init(_purpose: Purpose) -> Notes {
    Notes::default()
}

/// What the next version of the code gets of this one's state, as JSON.
pub fn export(notes: &Notes) -> Vec<Note> {
    notes.all()
}

/// Runs instead of `init` when the version before exported something.
pub fn import(_purpose: Purpose, saved: Vec<Note>) -> Notes {
    let notes = saved.into_iter().map(|note| (note.id, note)).collect();
    Notes(Arc::new(Mutex::new(notes)))
}

impl Notes {
    pub fn all(&self) -> Vec<Note> {
        self.lock().values().cloned().collect()
    }

    pub fn find(&self, id: u64) -> Option<Note> {
        self.lock().get(&id).cloned()
    }

    pub fn add(&self, text: String) -> Note {
        let mut notes = self.lock();
        let id = notes.last_key_value().map_or(1, |(last, _)| last + 1);
        let note = Note {
            id,
            text,
            done: false,
        };
        notes.insert(id, note.clone());
        note
    }

    /// Changes a note, and gives the new one.
    pub fn change(&self, id: u64, change: impl FnOnce(&mut Note)) -> Option<Note> {
        let mut notes = self.lock();
        let note = notes.get_mut(&id)?;
        change(note);
        Some(note.clone())
    }

    pub fn remove(&self, id: u64) -> Option<Note> {
        self.lock().remove(&id)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, Note>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
