//! How an app keeps its sessions, and for how long.

use std::borrow::Cow;
use std::fmt;
use std::sync::OnceLock;
use std::time::Duration;

use crate::cookies::Flags;
use crate::error::Error;
use crate::hooks::Purpose;
use crate::info;
use crate::request::origin::is_same;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Browsers keep no cookie for longer (RFC 6265bis, section 5.5).
const LONGEST: Duration = Duration::from_secs(400 * DAY.as_secs());

/// How an app keeps its sessions; [`set_up`] in `init` of `app.rs` takes it.
///
/// ```
/// use std::time::Duration;
///
/// use nova::session::Sessions;
///
/// let hour = Duration::from_secs(60 * 60);
/// let sessions = Sessions::in_cookie().idle(hour).absolute(12 * hour).until_the_browser_is_closed();
/// # let _ = sessions;
/// ```
#[must_use = "`nova::session::set_up` takes it"]
pub struct Sessions {
    pub(super) kept: Kept,
    pub(super) idle: Duration,
    pub(super) absolute: Duration,
    pub(super) ends_with_browser: bool,
    name: Cow<'static, str>,
    origins: Vec<String>,
}

/// Where they are.
pub(super) enum Kept {
    Cookie,
    #[cfg(feature = "sessions-store")]
    Store(Box<super::store::Store>),
}

impl Sessions {
    fn new(kept: Kept) -> Self {
        Sessions {
            kept,
            idle: 14 * DAY,
            absolute: 90 * DAY,
            ends_with_browser: false,
            name: "session".into(),
            origins: Vec::new(),
        }
    }

    /// In an encrypted cookie: what an app does that sets up nothing.
    pub fn in_cookie() -> Self {
        Sessions::new(Kept::Cookie)
    }

    /// In a store, of which the browser has the key: any [`SessionStore`](super::SessionStore) of the
    /// crate tower-sessions-core 0.14, such as those of tower-sessions-sqlx-store (SQLite, Postgres,
    /// MySQL) and tower-sessions-redis-store (Redis, Valkey). It needs no secret.
    ///
    /// A store of which each process has its own, such as one in memory, forgets at each swap.
    #[cfg(feature = "sessions-store")]
    pub fn in_store(store: impl super::SessionStore) -> Self {
        Sessions::new(Kept::Store(Box::new(super::store::Store::new(store))))
    }

    /// How long a session lasts after the last request that asked for it; 14 days unless said
    /// otherwise, and 400 at most, as cookies do. It is kept to within a tenth of it, because a session that did not change is saved
    /// again once in that time.
    pub fn idle(mut self, limit: Duration) -> Self {
        self.idle = limit.min(LONGEST);
        self
    }

    /// How long a session lasts whatever happens; 90 days unless said otherwise, and 400 at most. It
    /// begins anew when
    /// the session is [renewed](super::Session::renew).
    pub fn absolute(mut self, limit: Duration) -> Self {
        self.absolute = limit.min(LONGEST);
        self
    }

    /// The browser forgets sessions when it is closed, if it is not set to restore them.
    pub fn until_the_browser_is_closed(mut self) -> Self {
        self.ends_with_browser = true;
        self
    }

    /// The name of the cookie; `session` unless said otherwise. Where cookies are
    /// [`Secure`](crate::cookies) it has `__Host-` before it, so that no other host can set it.
    pub fn name(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.name = name.into();
        self
    }

    /// Lets pages of another origin, such as `https://app.example.org`, post to this app; see
    /// [`Csrf`](super::Csrf).
    pub fn trust_origin(mut self, origin: impl Into<String>) -> Self {
        self.origins.push(origin.into());
        self
    }

    /// The cookie's name in an answer with these flags.
    pub(super) fn cookie_name(&self, flags: Flags) -> String {
        if flags.secure { format!("__Host-{}", self.name) } else { self.name.to_string() }
    }

    pub(super) fn trusts(&self, origin: &str) -> bool {
        self.origins.iter().any(|it| is_same(it, origin))
    }

    /// Those of the app that this thread works for.
    ///
    /// # Errors
    /// When it works for none.
    pub(super) fn current() -> Result<&'static Self, Error> {
        match info::current() {
            Some(app) => Ok(app.sessions().get()),
            None => Err(Error::internal("there are sessions in an app alone")),
        }
    }
}

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Sessions { kept, idle, absolute, ends_with_browser, name, origins } = self;
        let kept: &dyn fmt::Debug = match kept {
            Kept::Cookie => &"cookie",
            #[cfg(feature = "sessions-store")]
            Kept::Store(store) => store,
        };
        f.debug_struct("Sessions")
            .field("kept", kept)
            .field("idle", idle)
            .field("absolute", absolute)
            .field("ends_with_browser", ends_with_browser)
            .field("name", name)
            .field("origins", origins)
            .finish()
    }
}

/// The sessions of one start of an app.
#[derive(Debug, Default)]
pub(crate) struct AppSessions(OnceLock<Sessions>);

impl AppSessions {
    fn get(&self) -> &Sessions {
        self.0.get_or_init(Sessions::in_cookie)
    }
}

/// Says how this app keeps its sessions: to be called in `init` or `import` of `app.rs`.
///
/// # Errors
/// When the app has set them up before, or has begun to use them.
///
/// ```
/// use nova::prelude::*;
/// use nova::session::{self, Sessions};
///
/// pub fn init(_: Purpose) -> Result<()> {
///     session::set_up(Sessions::in_cookie().name("visit"))
/// }
/// ```
pub fn set_up(sessions: Sessions) -> Result<(), Error> {
    let app = info::current().ok_or(Error::internal("sessions are set up by an app alone"))?;
    let refused = app.sessions().0.set(sessions).is_err();
    if refused {
        return Err(Error::internal("the sessions are set up already: `init` does it once"));
    }
    Ok(())
}

/// Whether an app that serves has what its sessions need.
///
/// # Errors
/// When it has not; the text says what is missing.
pub(crate) fn check(purpose: Purpose) -> Result<(), Error> {
    if purpose == Purpose::Serve
        && let Some(app) = info::current()
        && matches!(app.sessions().get().kept, Kept::Cookie)
    {
        app.secret().get()?;
    }
    Ok(())
}
