//! What came of a precompile, request by request.

use http::StatusCode;
use nova_host::release::plan::{Expect, PlannedRequest};
use serde::{Deserialize, Serialize};

/// What came of all requests.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct PrecompileReport {
    /// The build id of the library.
    pub(crate) build_id: String,
    /// Whether only requests that change nothing were sent.
    pub(crate) read_only: bool,
    /// How many requests did not end as they should.
    pub(crate) failed: usize,
    /// The requests, in the order in which they were sent.
    pub(crate) requests: Vec<RequestReport>,
}

/// What came of one request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RequestReport {
    pub(crate) method: String,
    pub(crate) target: String,
    /// The route that answered, if one did.
    pub(crate) route: Option<String>,
    /// Its file.
    pub(crate) file: Option<String>,
    #[serde(flatten)]
    pub(crate) outcome: RequestOutcome,
    /// Why that is not as it should be.
    pub(crate) failure: Option<String>,
}

/// How a request ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "result", rename_all = "lowercase")]
pub(crate) enum RequestOutcome {
    /// With an answer.
    Answered {
        status: u16,
        kind: AnswerKind,
        /// Of the body, as far as it was read.
        bytes: u64,
        /// How long the first answer took, in microseconds.
        first_us: u64,
        /// The fastest of a few; the first, where only one was asked for.
        us: u64,
    },
    /// With a panic.
    Panicked { status: u16, message: String, location: String },
    /// With an answer whose body broke off.
    Broken { status: u16, message: String },
    /// Not within the time limit.
    Hung { limit_ms: u64 },
    /// With the process.
    Crashed { how: String },
}

/// What kind of answer it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum AnswerKind {
    /// A file.
    Static,
    /// Made by code, at once.
    Dynamic,
    /// Made by code, piece by piece.
    Streaming,
}

impl AnswerKind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Static => "static",
            Self::Dynamic => "dynamic",
            Self::Streaming => "streaming",
        }
    }
}

impl RequestOutcome {
    /// The status, if there was an answer.
    pub(crate) fn status(&self) -> Option<u16> {
        match self {
            Self::Answered { status, .. }
            | Self::Panicked { status, .. }
            | Self::Broken { status, .. } => Some(*status),
            Self::Hung { .. } | Self::Crashed { .. } => None,
        }
    }

    /// Why this is not what `planned` expects, as the end of a sentence; `None` if it is.
    pub(crate) fn failure(&self, planned: &PlannedRequest) -> Option<String> {
        let met = match planned.expect {
            None => self.status().is_some_and(|status| status < 500) && self.is_whole(),
            Some(Expect::Status(expected)) => self.status() == Some(expected),
            Some(Expect::Class(class)) => self.status().is_some_and(|it| it / 100 == class),
            Some(Expect::Hang) => matches!(self, Self::Hung { .. }),
        };
        if met {
            return None;
        }
        let happened = self.happened();
        Some(match planned.expect {
            None => happened,
            Some(expected) => format!("{happened}, and {expected} was expected"),
        })
    }

    fn is_whole(&self) -> bool {
        matches!(self, Self::Answered { .. })
    }

    fn happened(&self) -> String {
        match self {
            Self::Answered { status, .. } => format!("answered {}", named(*status)),
            Self::Panicked { message, location, .. } if location.is_empty() => {
                format!("panicked: {message}")
            }
            Self::Panicked { message, location, .. } => {
                format!("panicked: {message} at {location}")
            }
            Self::Broken { status, message } => {
                format!("answered {}, and its body broke off: {message}", named(*status))
            }
            Self::Hung { limit_ms } => {
                let limit = std::time::Duration::from_millis(*limit_ms);
                format!("did not answer within {limit:?}")
            }
            Self::Crashed { how } => format!("ended the process: {how}"),
        }
    }
}

fn named(status: u16) -> String {
    StatusCode::from_u16(status).map_or_else(|_| status.to_string(), |status| status.to_string())
}

impl RequestReport {
    /// The request and what is wrong with it, as one sentence.
    pub(crate) fn complaint(&self) -> Option<String> {
        let failure = self.failure.as_ref()?;
        let Self { method, target, file, .. } = self;
        Some(match file {
            Some(file) => format!("{method} {target} ({file}) {failure}"),
            None => format!("{method} {target} {failure}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(status: u16) -> RequestOutcome {
        RequestOutcome::Answered { status, kind: AnswerKind::Dynamic, bytes: 1, first_us: 2, us: 1 }
    }

    #[test]
    fn outcomes_are_held_against_what_was_expected() {
        let panicked = RequestOutcome::Panicked {
            status: 500,
            message: "oh".into(),
            location: "a.rs:1:2".into(),
        };
        let hung = RequestOutcome::Hung { limit_ms: 1500 };
        let broken = RequestOutcome::Broken { status: 200, message: "gone".into() };
        let crashed = RequestOutcome::Crashed { how: "it was ended by SIGSEGV".into() };
        let (five, hang) = (Some(Expect::Class(5)), Some(Expect::Hang));
        for (outcome, expect, failure) in [
            (answered(404), None, None),
            (answered(503), None, Some("answered 503 Service Unavailable")),
            (answered(503), five, None),
            (answered(503), Some(Expect::Status(503)), None),
            (
                answered(200),
                Some(Expect::Status(201)),
                Some("answered 200 OK, and 201 was expected"),
            ),
            (answered(200), five, Some("answered 200 OK, and 5xx was expected")),
            (answered(200), hang, Some("answered 200 OK, and no answer was expected")),
            (panicked.clone(), None, Some("panicked: oh at a.rs:1:2")),
            (panicked, five, None),
            (hung.clone(), None, Some("did not answer within 1.5s")),
            (hung.clone(), five, Some("did not answer within 1.5s, and 5xx was expected")),
            (hung, hang, None),
            (broken, None, Some("answered 200 OK, and its body broke off: gone")),
            (crashed, None, Some("ended the process: it was ended by SIGSEGV")),
        ] {
            let planned = PlannedRequest { expect, ..PlannedRequest::default() };
            assert_eq!(outcome.failure(&planned).as_deref(), failure, "{outcome:?} {expect:?}");
        }
    }
}
