//! Tokens, which say who sends a request to the API (JWT, RFC 7519).

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use nova::prelude::*;
use serde::{Deserialize, Serialize};

/// How long a token holds.
const LIFE: Duration = Duration::from_secs(60 * 24 * 3600);

/// How long a secret is at least, in bytes: as the hash of HS256.
const SECRET: usize = 32;

/// Who has logged in. It holds until the password is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogIn {
    pub user: i64,
    pub password_changes: i64,
}

#[derive(Serialize, Deserialize)]
struct Claims {
    /// The id of the user.
    sub: i64,
    /// How often their password had been changed.
    pwd: i64,
    /// When it ends, in seconds since 1970.
    exp: u64,
}

/// Makes tokens, and reads them.
#[derive(Clone)]
pub struct Tokens(Arc<Keys>);

struct Keys {
    encoding: EncodingKey,
    decoding: DecodingKey,
}

impl Tokens {
    pub fn from_env() -> Result<Self> {
        let secret = std::env::var("JWT_SECRET").unwrap_or_default();
        if secret.len() < SECRET {
            return Err(Error::internal(format!(
                "JWT_SECRET must have {SECRET} bytes at least: `openssl rand -hex 32` makes one"
            )));
        }
        Self::new(secret.as_bytes())
    }

    /// With a secret that nothing else knows.
    pub fn random() -> Result<Self> {
        let mut secret = [0; SECRET];
        getrandom::fill(&mut secret)?;
        Self::new(&secret)
    }

    fn new(secret: &[u8]) -> Result<Self> {
        let encoding = EncodingKey::from_secret(secret)?;
        Ok(Self(Arc::new(Keys {
            encoding,
            decoding: DecodingKey::from_secret(secret)?,
        })))
    }

    pub fn issue(&self, login: LogIn) -> Result<String> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
        let claims = Claims {
            sub: login.user,
            pwd: login.password_changes,
            exp: (now + LIFE).as_secs(),
        };
        Ok(encode(
            &Header::new(Algorithm::HS256),
            &claims,
            &self.0.encoding,
        )?)
    }

    /// Whom it was issued for; `None` for one that is forged, or over.
    pub fn read(&self, token: &str) -> Option<LogIn> {
        let validation = Validation::new(Algorithm::HS256);
        let read = decode::<Claims>(token, &self.0.decoding, &validation);
        let Claims { sub, pwd, .. } = read.ok()?.claims;
        Some(LogIn {
            user: sub,
            password_changes: pwd,
        })
    }
}
