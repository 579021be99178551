//! Passwords: what is kept of them, and how one is checked.

use std::sync::{Arc, LazyLock};
use std::thread::available_parallelism;

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{Error as HashError, PasswordHasher, PasswordVerifier};
use tokio::sync::Semaphore;

use crate::error::Error;

/// A hash of no password, with the parameters of those that are made here.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$bm92YS1ub2JvZHktc2FsdA$FERpZa4yYTDCpD0o8nmxRxfLmZ0oTLXJ3zM9X0FLpTk";

/// Hashes of passwords: Argon2id with the parameters that OWASP names first (19 MiB, 2 passes).
///
/// Each call takes some hundredths of a second of a core, on a thread where it holds nobody up. In
/// development it takes ten times as long, unless `Cargo.toml` has the crate optimised:
///
/// ```toml
/// [profile.dev.package]
/// argon2 = { opt-level = 3 }
/// blake2 = { opt-level = 3 }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Password;

impl Password {
    /// What is kept of a password: a text of about 100 characters with salt and parameters.
    ///
    /// ```
    /// # async fn sign_up() -> nova::Result<()> {
    /// let hash = nova::auth::Password::hash("correct horse battery staple").await?;
    /// assert!(hash.starts_with("$argon2id$"));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// When the system has no random bytes for the salt.
    pub async fn hash(password: impl Into<String>) -> Result<String, Error> {
        let password = password.into();
        run(move || {
            let hash = Argon2::default().hash_password(password.as_bytes());
            hash.map(|hash| hash.to_string()).map_err(Error::internal)
        })
        .await
    }

    /// Whether this is the password that the hash was made of. Without a hash, because nobody has that
    /// name, it is not; that takes as long.
    ///
    /// # Errors
    /// When the hash is not one of Argon2.
    pub async fn verify(password: impl Into<String>, hash: Option<&str>) -> Result<bool, Error> {
        let (password, hash) = (password.into(), hash.map(str::to_owned));
        run(move || {
            let hash = hash.as_deref();
            let parsed = PasswordHash::new(hash.unwrap_or(NOBODY)).map_err(Error::internal)?;
            match Argon2::default().verify_password(password.as_bytes(), &parsed) {
                Ok(()) => Ok(hash.is_some()),
                Err(HashError::PasswordInvalid) => Ok(false),
                Err(error) => Err(Error::internal(error)),
            }
        })
        .await
    }
}

/// As many at a time as there are cores: more would take no less time, and 19 MiB each.
static TURNS: LazyLock<Arc<Semaphore>> = LazyLock::new(|| {
    let cores = available_parallelism().map_or(1, std::num::NonZero::get);
    Arc::new(Semaphore::new(cores))
});

/// On a thread where it holds nobody up, when it is its turn.
async fn run<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let turn = Arc::clone(&TURNS).acquire_owned().await.map_err(Error::internal)?;
    // It has its turn until it is done, also where the request has gone away.
    let in_turn = move || {
        let _turn = turn;
        work()
    };
    tokio::task::spawn_blocking(in_turn).await.map_err(Error::internal)?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_is_its_own_alone() {
        let hash = Password::hash("secret").await.unwrap();
        assert_ne!(hash, Password::hash("secret").await.unwrap(), "each has a salt of its own");
        for (password, hash, want) in [
            ("secret", Some(&*hash), true),
            ("Secret", Some(&*hash), false),
            ("secret", None, false),
        ] {
            assert_eq!(Password::verify(password, hash).await.unwrap(), want, "{password}");
        }
        assert!(Password::verify("secret", Some("plain text")).await.is_err());
    }

    #[tokio::test]
    async fn no_more_than_there_are_cores_are_made_at_a_time() {
        use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

        let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let cores = available_parallelism().map_or(1, std::num::NonZero::get);
        let tasks: Vec<_> = (0..4 * cores)
            .map(|_| {
                let (running, most) = (Arc::clone(&running), Arc::clone(&most));
                tokio::spawn(run(move || {
                    most.fetch_max(running.fetch_add(1, SeqCst) + 1, SeqCst);
                    std::thread::sleep(std::time::Duration::from_millis(5));
                    running.fetch_sub(1, SeqCst);
                    Ok(())
                }))
            })
            .collect();
        for task in tasks {
            task.await.unwrap().unwrap();
        }
        assert!(most.load(SeqCst) <= cores, "{} on {cores} cores", most.load(SeqCst));
    }

    /// Nobody's hash asks for the same work as a real one: then it takes the same time.
    #[tokio::test]
    async fn a_name_that_nobody_has_takes_as_long() {
        let hash = Password::hash("secret").await.unwrap();
        let real = PasswordHash::new(&hash).unwrap();
        let nobody = PasswordHash::new(NOBODY).unwrap();
        assert_eq!(
            (nobody.algorithm, nobody.version, nobody.params.to_string()),
            (real.algorithm, real.version, real.params.to_string())
        );
        let output =
            |hash: &PasswordHash| hash.hash.as_ref().map(argon2::password_hash::phc::Output::len);
        assert_eq!(output(&nobody), output(&real));
    }
}
