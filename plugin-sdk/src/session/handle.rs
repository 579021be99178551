//! The session of one request.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use http::header::{HeaderValue, VARY};
use serde_core::Serialize;
use serde_core::de::DeserializeOwned;
use serde_json::Value;

use super::cookie;
use super::data::{Changes, Times, Values};
use super::flash::Flash;
use super::setup::{Kept, Sessions};
use crate::cookies::Cookies;
use crate::error::Error;
use crate::extract::FromRequest;
use crate::request::{Head, RequestContext};
use crate::response::{IntoResponseParts, Response};

/// The key of the messages for the next page.
const FLASH: &str = "_flash";

/// The session of a visitor: values by their names, kept from one request to the next.
///
/// It is shared: the page, its layouts and its middleware see one another's changes.
///
/// ```
/// use nova::prelude::*;
///
/// pub fn get(session: Session) -> Result<String> {
///     let visits: u32 = session.get("visits")?.unwrap_or(0);
///     session.insert("visits", visits + 1)?;
///     Ok(format!("You have been here {visits} times."))
/// }
/// ```
///
/// Keys that begin with `_` are Nova's own. See the [module](super).
#[derive(Clone)]
pub struct Session {
    state: Arc<Mutex<State>>,
}

struct State {
    /// What was there when it was read, with the id that it has in a store.
    before: Option<Stored>,
    changes: Changes,
    /// Whether the answer has begun, so that nothing can be added to it.
    is_saved: bool,
}

/// A session that was kept.
#[derive(Clone)]
pub(super) struct Stored {
    pub(super) values: Values,
    pub(super) times: Times,
    #[cfg(feature = "sessions-store")]
    pub(super) id: Option<tower_sessions_core::session::Id>,
}

/// Where the session of a request is, once somebody has asked for it.
#[derive(Clone, Default)]
pub(crate) struct SessionSlot(Arc<OnceLock<Session>>);

impl Session {
    /// The session of a request: the one that was asked for before, or what the browser has sent.
    ///
    /// # Errors
    /// When there is no secret, or the store fails.
    pub(super) async fn of_head(cx: &mut RequestContext<'_>) -> Result<Self, Error> {
        let slot = cx.session_slot();
        if let Some(session) = slot.0.get() {
            return Ok(session.clone());
        }
        let before = load(Sessions::current()?, cx).await?;
        let state = State { before, changes: Changes::default(), is_saved: false };
        let session = Session { state: Arc::new(Mutex::new(state)) };
        Ok(slot.0.get_or_init(|| session).clone())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The value of this key; `None` if there is none.
    ///
    /// # Errors
    /// When there is one, and it is not a `T`. That may be of an earlier release of the app: a field
    /// that is added wants `#[serde(default)]`, or the value another key.
    pub fn get<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, Error> {
        let state = self.state();
        let Some(value) = state.get(key) else { return Ok(None) };
        T::deserialize(value).map(Some).map_err(|error| {
            Error::internal(format!("`{key}` in the session is of another type: {error}"))
        })
    }

    /// Sets the value of this key.
    ///
    /// # Errors
    /// When the value has no form in JSON; and when the answer has begun, as in a task that outlives
    /// the page, because then it is too late.
    pub fn insert<T: Serialize>(&self, key: &str, value: T) -> Result<(), Error> {
        let value = serde_json::to_value(value).map_err(|error| {
            Error::internal(format!("`{key}` cannot be put into the session: {error}"))
        })?;
        self.state().changes()?.set(key, Some(value));
        Ok(())
    }

    /// Removes this key.
    ///
    /// # Errors
    /// When the answer has begun.
    pub fn remove(&self, key: &str) -> Result<(), Error> {
        let mut state = self.state();
        let is_there = state.get(key).is_some();
        let changes = state.changes()?;
        if is_there {
            changes.set(key, None);
        }
        Ok(())
    }

    /// Whether nothing is in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let state = self.state();
        let before = state.before.as_ref().map(|stored| stored.values.clone());
        state.changes.apply(before.unwrap_or_default()).is_empty()
    }

    /// Gives it another key, and keeps what is in it: to be called when a visitor logs in or gains
    /// rights, so that a key that somebody else has planted, or seen, is worth nothing.
    ///
    /// # Errors
    /// When the answer has begun.
    pub fn renew(&self) -> Result<(), Error> {
        let mut state = self.state();
        let changes = state.changes()?;
        changes.renewed = true;
        changes.set(super::csrf::KEY, None);
        Ok(())
    }

    /// Ends it, and with it what is in it: to be called when a visitor logs out. What is put into it
    /// afterwards is in a new one.
    ///
    /// # Errors
    /// When the answer has begun.
    pub fn clear(&self) -> Result<(), Error> {
        self.state().changes()?.clear();
        Ok(())
    }

    /// Leaves a message for the next page that [takes](Self::take_flash) it, as after a redirect.
    ///
    /// # Errors
    /// As for [`insert`](Self::insert).
    pub fn flash(&self, kind: &str, text: impl Into<String>) -> Result<(), Error> {
        let mut messages: Vec<(String, String)> = self.get(FLASH)?.unwrap_or_default();
        messages.push((kind.to_owned(), text.into()));
        self.insert(FLASH, messages)
    }

    /// The messages that were left, in their order. They are gone then.
    ///
    /// ```
    /// use nova::prelude::*;
    ///
    /// pub fn layout(page: Html, session: Session) -> Result<Html> {
    ///     let messages = session.take_flash()?;
    ///     Ok(page.map(|body| html! {
    ///         @for message in messages { p class=(message.kind) { (message.text) } }
    ///         (body)
    ///     }))
    /// }
    /// ```
    ///
    /// # Errors
    /// When the answer has begun.
    pub fn take_flash(&self) -> Result<Vec<Flash>, Error> {
        let messages: Vec<(String, String)> = self.get(FLASH)?.unwrap_or_default();
        self.remove(FLASH)?;
        Ok(messages.into_iter().map(|(kind, text)| Flash { kind, text }).collect())
    }
}

impl State {
    fn get(&self, key: &str) -> Option<&Value> {
        match self.changes.get(key) {
            Some(changed) => changed,
            None => self.before.as_ref()?.values.get(key),
        }
    }

    fn changes(&mut self) -> Result<&mut Changes, Error> {
        if self.is_saved {
            return Err(Error::internal(
                "the session is saved, for the answer has begun: change it before the page returns",
            ));
        }
        Ok(&mut self.changes)
    }
}

/// Keys alone: a value may be a secret.
impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state();
        let before = state.before.as_ref().map(|stored| stored.values.clone());
        f.debug_set().entries(state.changes.apply(before.unwrap_or_default()).keys()).finish()
    }
}

#[diagnostic::do_not_recommend]
impl<S: Sync> FromRequest<S> for Session {
    type Part = Head;
    type Rejection = Error;

    async fn from_request(cx: &mut RequestContext<'_>, _: &S) -> Result<Self, Error> {
        Session::of_head(cx).await
    }
}

/// What the browser has sent, as far as it is still good.
async fn load(
    sessions: &'static Sessions,
    head: &RequestContext<'_>,
) -> Result<Option<Stored>, Error> {
    let stored = match &sessions.kept {
        Kept::Cookie => cookie::load(sessions, head)?,
        #[cfg(feature = "sessions-store")]
        Kept::Store(store) => store.load(sessions, head).await?,
    };
    Ok(stored.filter(|it| it.times.left(sessions.idle, sessions.absolute).is_some()))
}

/// Saves the session that this request has asked for, if it is to be saved; its cookie goes into the
/// response.
///
/// # Errors
/// When it cannot be saved: it is too large for a cookie, or the store fails. The answer is that then.
pub(crate) async fn save(
    cx: &RequestContext<'_>,
    mut response: Response,
) -> Result<Response, Error> {
    let Some(session) = cx.own_session().and_then(|slot| slot.0.get()) else { return Ok(response) };
    // What was made of a session is for this visitor alone, also to a cache.
    response.headers_mut().append(VARY, HeaderValue::from_static("cookie"));
    let sessions = Sessions::current()?;
    let (before, changes) = {
        let mut state = session.state();
        state.is_saved = true;
        let is_old = |stored: &Stored| stored.times.are_old(sessions.idle);
        let is_due = state.changes.are_there() || state.before.as_ref().is_some_and(is_old);
        if response.status().is_server_error() || !is_due {
            return Ok(response);
        }
        // Copies: what outlives the page, such as a stream, reads what the page has left.
        (state.before.clone(), state.changes.clone())
    };
    let set: Result<Option<Cookies>, Error> = match &sessions.kept {
        Kept::Cookie => cookie::save(sessions, cx, before, &changes),
        #[cfg(feature = "sessions-store")]
        Kept::Store(store) => store.save(sessions, cx, before, &changes).await,
    };
    // The error page is one like others: it may ask for a token, or take the messages.
    let set = set.inspect_err(|_| session.state().is_saved = false)?;
    let Some(set) = set else { return Ok(response) };
    let (mut parts, body) = response.into_parts();
    set.apply(&mut parts)?;
    cookie::make_private(&mut parts.headers);
    Ok(Response::from_parts(parts, body))
}

/// Ends the changes to the session of this request without saving them: the answer says that they could
/// not be saved.
pub(crate) fn close(cx: &RequestContext<'_>) {
    if let Some(session) = cx.own_session().and_then(|slot| slot.0.get()) {
        session.state().is_saved = true;
    }
}
