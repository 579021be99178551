//! The state that all pages share: some people, and a guestbook, both in memory.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nova::prelude::*;
use serde::{Deserialize, Serialize};

/// How many entries the guestbook keeps.
const MOST_ENTRIES: usize = 100;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct User {
    pub id: u64,
    pub name: String,
    pub known_for: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    pub name: String,
    pub message: String,
}

/// Everything that is stored.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Data {
    users: Vec<User>,
    entries: Vec<Entry>,
}

/// The state. Every clone of it is the same store.
#[derive(Clone)]
pub struct Store(Arc<Mutex<Data>>);

/// Makes the state, once for each version of the code.
///
/// The purpose tells whether real requests will follow: a preflight or a build only tries the
/// app, so whatever changes the world outside belongs behind `Purpose::Serve`.
pub fn init(_purpose: Purpose) -> Store {
    let people = [
        (
            "Ada Lovelace",
            "The first published program, for a machine that was never built.",
        ),
        (
            "Grace Hopper",
            "The first compiler, and COBOL's forebear FLOW-MATIC.",
        ),
        ("Alan Turing", "What can be computed at all."),
        (
            "Barbara Liskov",
            "Data abstraction, and the principle of substitution.",
        ),
        (
            "Edsger Dijkstra",
            "Shortest paths, semaphores, structured programming.",
        ),
        ("Frances Allen", "Optimising compilers."),
    ];
    let users = (1..).zip(people).map(|(id, (name, known_for))| User {
        id,
        name: name.to_owned(),
        known_for: known_for.to_owned(),
    });
    Store::new(Data {
        users: users.collect(),
        entries: Vec::new(),
    })
}

/// What the next version of the code gets of this one's state, as JSON.
pub fn export(store: &Store) -> Data {
    store.lock().clone()
}

/// Runs instead of `init` when the version before exported something: the guestbook survives
/// a save.
pub fn import(_purpose: Purpose, saved: Data) -> Store {
    Store::new(saved)
}

impl Store {
    fn new(data: Data) -> Self {
        Self(Arc::new(Mutex::new(data)))
    }

    pub fn users(&self) -> Vec<User> {
        self.lock().users.clone()
    }

    pub fn user(&self, id: u64) -> Option<User> {
        self.lock().users.iter().find(|user| user.id == id).cloned()
    }

    /// Adds a person, unless one of this name is there.
    pub fn add_user(&self, name: String, known_for: String) -> Option<User> {
        let mut data = self.lock();
        if data.users.iter().any(|user| user.name == name) {
            return None;
        }
        let id = data.users.last().map_or(1, |last| last.id + 1);
        let user = User {
            id,
            name,
            known_for,
        };
        data.users.push(user.clone());
        Some(user)
    }

    /// The guestbook, the newest entry first.
    pub fn entries(&self) -> Vec<Entry> {
        self.lock().entries.iter().rev().cloned().collect()
    }

    pub fn sign(&self, entry: Entry) {
        let entries = &mut self.lock().entries;
        if entries.len() == MOST_ENTRIES {
            entries.remove(0);
        }
        entries.push(entry);
    }

    fn lock(&self) -> MutexGuard<'_, Data> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
