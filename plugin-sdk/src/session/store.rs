//! Sessions that are kept in a store, of which the browser has the key.

use std::fmt;
use std::sync::Arc;

use cookie::time::OffsetDateTime;
use serde_json::{Value, json};
use tokio::sync::Mutex;
use tower_sessions_core::SessionStore;
use tower_sessions_core::session::{Id, Record};

use super::cookie::{kept_for, removed};
use super::data::{Changes, Times, Values, now};
use super::handle::Stored;
use super::setup::Sessions;
use crate::cookies::{Cookies, Flags};
use crate::error::Error;
use crate::request::RequestContext;

/// Where a record has its times: the trait of stores has room for the end alone.
const TIMES: &str = "_times";

/// How many sessions can be saved at once.
const LOCKS: usize = 64;

/// A store, and what makes the requests of one session save it one after the other.
pub(super) struct Store {
    store: Arc<dyn SessionStore>,
    locks: [Mutex<()>; LOCKS],
}

impl Store {
    pub(super) fn new(store: impl SessionStore) -> Self {
        Store { store: Arc::new(store), locks: [const { Mutex::const_new(()) }; LOCKS] }
    }

    /// The session whose key the browser has sent.
    pub(super) async fn load(
        &self,
        sessions: &Sessions,
        head: &RequestContext<'_>,
    ) -> Result<Option<Stored>, Error> {
        let cookies = Cookies::of_head(head);
        let cookie = cookies.get(&sessions.cookie_name(Flags::of(head)));
        let Some(id) = cookie.and_then(|cookie| cookie.value().parse::<Id>().ok()) else {
            return Ok(None);
        };
        self.read(id).await
    }

    async fn read(&self, id: Id) -> Result<Option<Stored>, Error> {
        let record = self.store.load(&id).await.map_err(failed)?;
        let Some(mut record) = record else { return Ok(None) };
        let times = record.data.remove(TIMES);
        // A record that Nova has not written has begun now.
        let times = times.as_ref().and_then(read_times).unwrap_or_else(Times::new);
        Ok(Some(Stored { values: record.data.into_iter().collect(), times, id: Some(id) }))
    }

    /// Puts the changes into what is in the store now, and gives the cookie with the key.
    pub(super) async fn save(
        &self,
        sessions: &Sessions,
        head: &RequestContext<'_>,
        before: Option<Stored>,
        changes: &Changes,
    ) -> Result<Option<Cookies>, Error> {
        let Some(id) = before.and_then(|stored| stored.id) else {
            let values = changes.apply(Values::new());
            if values.is_empty() {
                return Ok(None);
            }
            return self.create(sessions, head, values).await.map(Some);
        };
        let _one_by_one = self.locks[id.0.rem_euclid(LOCKS as i128) as usize].lock().await;
        let Some(Stored { values, times, .. }) = self.read(id).await? else {
            // Another request has ended or renewed it in the meantime, or it has expired. What this one
            // has put into a new one after it has ended it, too, is kept all the same.
            let values = changes.apply(Values::new());
            if changes.cleared && !values.is_empty() {
                return self.create(sessions, head, values).await.map(Some);
            }
            // Nothing is said: the browser may have the key of the new one, as beside a login.
            return Ok(None);
        };
        let values = changes.apply(values);
        if values.is_empty() || changes.cleared || changes.renewed {
            // The new one first: where that fails, the visitor still has the old one.
            let set = match values.is_empty() {
                true => removed(sessions, head),
                false => self.create(sessions, head, values).await?,
            };
            self.store.delete(&id).await.map_err(failed)?;
            return Ok(Some(set));
        }
        let times = Times { saved: now(), ..times };
        let Some(record) = record(sessions, id, times, values) else {
            return Ok(Some(removed(sessions, head)));
        };
        self.store.save(&record).await.map_err(failed)?;
        Ok(Some(key(sessions, head, &record)))
    }

    async fn create(
        &self,
        sessions: &Sessions,
        head: &RequestContext<'_>,
        values: Values,
    ) -> Result<Cookies, Error> {
        let record = record(sessions, Id::default(), Times::new(), values);
        let Some(mut record) = record else { return Ok(removed(sessions, head)) };
        self.store.create(&mut record).await.map_err(failed)?;
        Ok(key(sessions, head, &record))
    }
}

#[expect(clippy::needless_pass_by_value, reason = "what `map_err` hands over")]
fn failed(error: tower_sessions_core::session_store::Error) -> Error {
    Error::internal(format!("the store of sessions failed: {error}"))
}

fn read_times(value: &Value) -> Option<Times> {
    Some(Times { began: value.get(0)?.as_u64()?, saved: value.get(1)?.as_u64()? })
}

/// `None` where sessions end at once.
fn record(sessions: &Sessions, id: Id, times: Times, values: Values) -> Option<Record> {
    let left = times.left(sessions.idle, sessions.absolute)?;
    let expiry_date = OffsetDateTime::now_utc() + left;
    let mut data: std::collections::HashMap<_, _> = values.into_iter().collect();
    data.insert(TIMES.to_owned(), json!([times.began, times.saved]));
    Some(Record { id, data, expiry_date })
}

/// The cookie that says which record it is.
fn key(sessions: &Sessions, head: &RequestContext<'_>, record: &Record) -> Cookies {
    let left = (record.expiry_date - OffsetDateTime::now_utc()).unsigned_abs();
    let cookie = kept_for(sessions, head, left, record.id.to_string());
    Cookies::of_head(head).add(cookie)
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.store.fmt(f)
    }
}
