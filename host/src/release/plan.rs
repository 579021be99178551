//! `precompile.json`: the requests that are sent, one after the other.
//!
//! The file is generated and then belongs to people: what they change, add or leave out stays
//! when it is generated again. See docs/precompile.md.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{fmt, fs, io};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, Uri, header};
use http_body_util::Full;
use serde::{Deserialize, Serialize};

/// The name of the file in a release, and in an app's folder.
pub const PLAN: &str = "precompile.json";

/// The version of the format.
const VERSION: u32 = 1;

const ABOUT: &str = "The requests that `nova precompile` sends, in this order. Yours to edit: \
                     what you change here stays. See docs/precompile.md";

/// What is exercised.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// The version of the format.
    pub version: u32,
    /// A line for who opens the file.
    #[serde(default)]
    pub about: String,
    /// The requests.
    pub requests: Vec<PlannedRequest>,
}

/// One request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannedRequest {
    /// GET, POST and so on.
    pub method: String,
    /// The path, perhaps with a query.
    pub target: String,
    /// Its headers.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// Its body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// What must come of it; without this, any answer below 500.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expect: Option<Expect>,
    /// Whether it changes something, where the method does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub writes: Option<bool>,
    /// Whether it is left out.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub skip: bool,
    /// Whether the answer becomes a file of the release.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub prerender: bool,
    /// What it was generated for; a request without this is its author's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
}

/// What must come of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Raw", into = "Raw")]
pub enum Expect {
    /// This status.
    Status(u16),
    /// A status of this class: 5 for 5xx.
    Class(u16),
    /// No answer within the time limit.
    Hang,
}

/// [`Expect`] as it is written.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Raw {
    Number(u16),
    Text(String),
}

impl TryFrom<Raw> for Expect {
    type Error = String;

    fn try_from(raw: Raw) -> Result<Self, String> {
        match raw {
            Raw::Number(status @ 100..=599) => Ok(Self::Status(status)),
            Raw::Text(text) if text == "hang" => Ok(Self::Hang),
            Raw::Text(text) if matches!(&*text, "1xx" | "2xx" | "3xx" | "4xx" | "5xx") => {
                Ok(Self::Class(u16::from(text.as_bytes()[0] - b'0')))
            }
            Raw::Number(number) => Err(expected(&number)),
            Raw::Text(text) => Err(expected(&format_args!("\"{text}\""))),
        }
    }
}

fn expected(found: &dyn fmt::Display) -> String {
    format!(
        "`expect` is {found}, and must be a status such as 404, a class such as \"5xx\", or \"hang\""
    )
}

impl From<Expect> for Raw {
    fn from(expect: Expect) -> Self {
        match expect {
            Expect::Status(status) => Self::Number(status),
            Expect::Class(class) => Self::Text(format!("{class}xx")),
            Expect::Hang => Self::Text("hang".into()),
        }
    }
}

impl fmt::Display for Expect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => write!(f, "{status}"),
            Self::Class(class) => write!(f, "{class}xx"),
            Self::Hang => f.write_str("no answer"),
        }
    }
}

/// Why a plan cannot be used.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)] // The messages say what the fields are.
pub enum PlanError {
    #[error("{}: cannot be {action}: {cause}", .path.display())]
    Io { path: PathBuf, action: &'static str, cause: io::Error },
    #[error(
        "{}: is not a plan of `nova precompile`: {cause}; correct it, or remove the file to have \
         it generated", .path.display()
    )]
    Json { path: PathBuf, cause: serde_json::Error },
    #[error(
        "{}: is a plan of version {found}, and this Nova knows version {VERSION}; \
         use the Nova that wrote it, or remove the file to have it generated",
        .path.display()
    )]
    Version { path: PathBuf, found: u32 },
    #[error("{}: request {number}, {method} {target}: {reason}", .path.display())]
    Request { path: PathBuf, number: usize, method: String, target: String, reason: String },
}

impl Plan {
    /// A plan of these requests.
    #[must_use]
    pub fn new(requests: Vec<PlannedRequest>) -> Self {
        Self { version: VERSION, about: ABOUT.to_owned(), requests }
    }

    /// Reads a plan; `None` if there is no such file.
    ///
    /// # Errors
    /// If it cannot be read, or a request in it cannot be sent.
    pub fn read(path: &Path) -> Result<Option<Self>, PlanError> {
        let text = match fs::read(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(cause) => {
                return Err(PlanError::Io { path: path.into(), action: "read", cause });
            }
        };
        Self::parse(&text, path).map(Some)
    }

    /// The paths whose GET is left out or expected to fail: a preflight does not
    /// ask for them.
    pub fn failing(&self) -> Vec<String> {
        let fails = |planned: &&PlannedRequest| planned.method == "GET" && !planned.is_well();
        self.requests.iter().filter(fails).map(|planned| planned.path().to_owned()).collect()
    }

    pub(crate) fn parse(text: &[u8], path: &Path) -> Result<Self, PlanError> {
        /// What can be said before anything else is understood.
        #[derive(Deserialize)]
        struct Header {
            version: u32,
        }
        let json = |cause| PlanError::Json { path: path.into(), cause };
        let Header { version } = serde_json::from_slice(text).map_err(json)?;
        if version != VERSION {
            return Err(PlanError::Version { path: path.into(), found: version });
        }
        let plan: Self = serde_json::from_slice(text).map_err(json)?;
        for (index, planned) in plan.requests.iter().enumerate() {
            planned.request().map_err(|reason| PlanError::Request {
                path: path.into(),
                number: index + 1,
                method: planned.method.clone(),
                target: planned.target.clone(),
                reason,
            })?;
        }
        Ok(plan)
    }

    /// The file's text.
    #[must_use]
    pub fn to_json(&self) -> String {
        // One request a line: so they are read, compared and merged.
        let requests = self.requests.iter().map(|planned| {
            let line = serde_json::to_string(planned).expect("a request is plain data");
            format!("    {line}")
        });
        let requests = requests.collect::<Vec<_>>().join(",\n");
        let about = serde_json::Value::from(&*self.about);
        let version = self.version;
        format!(
            "{{\n  \"version\": {version},\n  \"about\": {about},\n  \"requests\": [\n{requests}\n  ]\n}}\n"
        )
    }
}

impl PlannedRequest {
    /// Whether it is sent, and is to be answered.
    pub(crate) fn is_well(&self) -> bool {
        let fails =
            matches!(self.expect, Some(Expect::Hang | Expect::Class(5) | Expect::Status(500..)));
        !self.skip && !fails
    }

    /// Whether it may change something: whether it needs scratch state.
    #[must_use]
    pub fn writes(&self) -> bool {
        self.writes.unwrap_or(!matches!(&*self.method, "GET" | "HEAD"))
    }

    /// Whether two are the same request, as far as merging goes.
    #[must_use]
    pub fn is_like(&self, other: &Self) -> bool {
        self.method == other.method && self.target == other.target
    }

    /// The path of the target.
    #[must_use]
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// The request itself.
    ///
    /// # Errors
    /// If it is none.
    pub fn request(&self) -> Result<Request<Full<Bytes>>, String> {
        let body = self.body.clone().map(Bytes::from).unwrap_or_default();
        let length = body.len();
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = Method::from_bytes(self.method.as_bytes())
            .map_err(|_| format!("invalid method `{}`", self.method))?;
        if !self.target.starts_with('/') {
            return Err("a target begins with a slash, such as /users/1".into());
        }
        *request.uri_mut() =
            self.target.parse::<Uri>().map_err(|error| format!("the target: {error}"))?;
        let headers = request.headers_mut();
        for (name, value) in &self.headers {
            let parsed = name.parse::<HeaderName>().ok().zip(HeaderValue::from_str(value).ok());
            let (name, value) =
                parsed.ok_or_else(|| format!("invalid header `{name}: {value}`"))?;
            headers.append(name, value);
        }
        for (name, value) in [
            (header::HOST, "localhost"),
            (header::USER_AGENT, "nova-precompile"),
            (header::ACCEPT, "text/html, */*;q=0.8"),
        ] {
            headers.entry(name).or_insert(HeaderValue::from_static(value));
        }
        if self.body.is_some() {
            headers.entry(header::CONTENT_LENGTH).or_insert_with(|| length.into());
        }
        Ok(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(requests: &str) -> Result<Plan, String> {
        let text = format!(r#"{{"version": 1, "requests": [{requests}]}}"#);
        Plan::parse(text.as_bytes(), Path::new("plan.json")).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_written_is_read_again() {
        let text = r#"{"method":"POST","target":"/a?b=c","headers":{"x":"y"},"body":"{}","expect":"5xx","skip":true},
                      {"method":"GET","target":"/","expect":404,"writes":true,"prerender":true,"from":"pages/index.rs"},
                      {"method":"GET","target":"/slow","expect":"hang"}"#;
        let mut plan = parse(text).unwrap();
        plan.about = ABOUT.into();
        assert_eq!(Plan::parse(plan.to_json().as_bytes(), Path::new("")).unwrap(), plan);
        assert_eq!(plan.requests[0].expect, Some(Expect::Class(5)));
        assert!(plan.requests[0].writes() && plan.requests[1].writes());
        assert!(!plan.requests[2].writes());
        assert_eq!(Plan::new(Vec::new()).requests, []);
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        for (request, reason) in [
            (
                r#"{"method":"GET","target":"users"}"#,
                "plan.json: request 1, GET users: a target begins with a slash, such as /users/1",
            ),
            (
                r#"{"method":"G T","target":"/"}"#,
                "plan.json: request 1, G T /: invalid method `G T`",
            ),
            (r#"{"method":"GET","target":"/a b"}"#, "the target: invalid uri character"),
            (r#"{"method":"GET","target":"/","headers":{"a b":"c"}}"#, "invalid header `a b: c`"),
            (r#"{"method":"GET","target":"/","expects":200}"#, "unknown field `expects`"),
            (
                r#"{"method":"GET","target":"/","expect":700}"#,
                "`expect` is 700, and must be a status",
            ),
            (
                r#"{"method":"GET","target":"/","expect":"fine"}"#,
                "`expect` is \"fine\", and must be",
            ),
        ] {
            let error = parse(request).unwrap_err();
            assert!(error.contains(reason), "{error}");
        }
        let newer = Plan::parse(br#"{"version": 2, "lines": []}"#, Path::new("p")).unwrap_err();
        assert!(newer.to_string().starts_with("p: is a plan of version 2"), "{newer}");
    }
}
