//! Requests that a page is answering, told to the session together with their connections: where the
//! server ends before it has answered them, the session does.

use serde::{Deserialize, Serialize};

/// The longest message, in bytes. A request that does not fit is not told.
pub(crate) const LONGEST: usize = 16 * 1024;

/// What a server says of its requests, a line each.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum InFlightMessage {
    /// A page is about to answer; the connection comes beside it.
    Begun { number: u64, request: InFlightRequest },
    /// The head of the answer is there, or the client has gone.
    Answered { number: u64 },
}

/// What an answer depends on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct InFlightRequest {
    pub(crate) method: String,
    pub(crate) path: String,
    /// The page's file, if a page is meant.
    pub(crate) file: Option<String>,
    /// Whether the client reads pages.
    pub(crate) wants_page: bool,
    /// Whether it shows one as a document, in which the script of `nova dev` runs; of these versions
    /// then.
    pub(crate) is_document: bool,
    pub(crate) version: Option<String>,
    pub(crate) style: Option<String>,
}
