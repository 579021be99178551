//! A connection that leaves HTTP: the service that answers 101 takes it over.
//!
//! The server keeps its place among the connections until it is closed, tells the one who speaks on
//! it that the server stops, and ends it when that took too long, or when the client takes nothing
//! of what is sent.

use http::Extensions;
use hyper::upgrade::OnUpgrade;
use tokio_util::sync::CancellationToken;

/// What is said to those who speak another protocol on a connection, and by them.
#[derive(Clone, Debug, Default)]
pub struct Signals {
    /// The server stops: the connection should end soon.
    pub leaving: CancellationToken,
    /// The connection has to end now.
    pub cut: CancellationToken,
    /// The connection is closed.
    pub(super) closed: CancellationToken,
}

/// In the extensions of a request that asks for another protocol: the connection, as soon as 101 was
/// answered.
#[derive(Clone, Debug)]
pub struct Upgradable {
    /// Ready when the connection has left HTTP.
    pub connection: OnUpgrade,
    /// What is said meanwhile.
    pub signals: Signals,
}

impl Upgradable {
    /// Puts what hyper says of an upgrade into our own words, for a request that is `at_end`: that
    /// has no body to come. Requests that ask for none have nothing of it, and cost nothing.
    pub(super) fn mark(
        extensions: &mut Extensions,
        at_end: bool,
        signals: impl FnOnce() -> Signals,
    ) {
        if let Some(connection) = extensions.remove::<OnUpgrade>()
            && at_end
        {
            extensions.insert(Self { connection, signals: signals() });
        }
    }
}
