//! `NOVA_SECRET`: what signs and encrypts.
//!
//! A variable of the environment with a secret of 32 characters or more, made of random bytes:
//! `openssl rand -hex 32` prints one. All processes that serve an app have the same, and keep it over
//! restarts. Whoever knows it can make any signed or private cookie: it belongs into the settings of
//! the machine, not into git. In development it stands in `.env`, which `nova new` writes.
//!
//! To replace it, put the new one before the old one, with a comma: `NOVA_SECRET=new,old`. The first
//! makes what is new, and all read what is there. When the oldest cookie has expired, the old one can
//! go.
//!
//! An app that is checked or exercised, as while it is built, and one in a test, have one made up where
//! there is none.

use std::fmt;
use std::sync::OnceLock;

use cookie::Key;

use crate::error::Error;
use crate::hooks::Purpose;
use crate::info;

/// The variable.
const VARIABLE: &str = "NOVA_SECRET";

/// How many bytes of a secret are few.
const LEAST: usize = 32;

/// How one is made.
const ADVICE: &str = "`openssl rand -hex 32` prints one; in development it stands in `.env`";

/// The keys of an app.
pub(crate) struct Secret {
    keys: Vec<Key>,
}

/// The secret of one start of an app, or why there is none.
#[derive(Debug, Default)]
pub(crate) struct AppSecret(OnceLock<Result<Secret, String>>);

/// Reads the secret of the app that starts here. One that serves nobody has one made up where there is
/// none.
///
/// # Errors
/// When there is one, and it is not fit.
pub(crate) fn read(purpose: Purpose) -> Result<(), Error> {
    match info::current() {
        Some(app) => app.secret().read(purpose != Purpose::Serve),
        None => Ok(()),
    }
}

impl AppSecret {
    /// Reads the secret of an app in a test.
    pub(crate) fn for_a_test(&self) -> Result<(), Error> {
        self.read(true)
    }

    fn read(&self, is_scratch: bool) -> Result<(), Error> {
        let value = std::env::var(VARIABLE).ok();
        let secret = match value.as_deref().map(str::trim).filter(|value| !value.is_empty()) {
            None if is_scratch => Ok(Secret { keys: vec![Key::generate()] }),
            None => Err(format!("{VARIABLE} is not set: {ADVICE}")),
            Some(value) => Ok(Secret::parse(value).map_err(Error::internal)?),
        };
        // That of a test is there already.
        self.0.get_or_init(|| secret);
        Ok(())
    }

    /// # Errors
    /// When there is none; the text says how to make one.
    pub(crate) fn get(&self) -> Result<&Secret, Error> {
        match self.0.get() {
            Some(Ok(secret)) => Ok(secret),
            Some(Err(missing)) => Err(Error::internal(missing.clone())),
            None => Err(Error::internal("the app has not been started")),
        }
    }
}

impl Secret {
    /// The secret of the app that this thread works for.
    ///
    /// # Errors
    /// When there is none; the text says how to make one.
    pub(super) fn current() -> Result<&'static Self, Error> {
        match info::current() {
            Some(app) => app.secret().get(),
            None => Err(Error::internal("cookies are signed and encrypted in an app alone")),
        }
    }

    pub(super) fn parse(value: &str) -> Result<Self, String> {
        let secrets: Vec<_> = value.split(',').map(str::trim).collect();
        if let Some(short) = secrets.iter().position(|secret| secret.len() < LEAST) {
            let which = if secrets.len() == 1 {
                String::new()
            } else {
                format!(", secret {} of {}", short + 1, secrets.len())
            };
            let length = secrets[short].len();
            return Err(format!(
                "{VARIABLE}{which}: {length} characters are too few, it takes {LEAST} or more: {ADVICE}"
            ));
        }
        let keys = secrets.iter().map(|secret| Key::derive_from(secret.as_bytes())).collect();
        Ok(Secret { keys })
    }

    /// All of them: a cookie may have been made with each.
    pub(super) fn keys(&self) -> impl Iterator<Item = &Key> {
        self.keys.iter()
    }

    /// The one that makes new cookies.
    pub(super) fn first(&self) -> &Key {
        &self.keys[0]
    }
}

/// Nothing of the keys.
impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secret").field("keys", &self.keys.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_that_is_too_short_is_refused() {
        let long = "x".repeat(LEAST);
        let table = [
            (long.clone(), Ok(1)),
            (format!("{long}, {long}y"), Ok(2)),
            (
                "hush".to_owned(),
                Err("NOVA_SECRET: 4 characters are too few, it takes 32 or more: \
                     `openssl rand -hex 32` prints one; in development it stands in `.env`"),
            ),
            (
                format!("{long},"),
                Err("NOVA_SECRET, secret 2 of 2: 0 characters are too few, it takes 32 or more: \
                     `openssl rand -hex 32` prints one; in development it stands in `.env`"),
            ),
        ];
        for (value, want) in table {
            let got = Secret::parse(&value).map(|secret| secret.keys.len());
            assert_eq!(got, want.map_err(str::to_owned), "{value}");
        }
    }
}
