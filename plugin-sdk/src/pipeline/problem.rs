//! The built-in answer to an error: HTML for people, problem details for programs.

use http::StatusCode;
use http::header::{ACCEPT, CONTENT_TYPE, HeaderValue, VARY};
use maud::{DOCTYPE, html};
use serde_core::ser::{Serialize, SerializeMap as _, Serializer};

use crate::body::Body;
use crate::error::{Error, RejectionKind, reason};
use crate::request::RequestContext;
use crate::response::Response;
#[cfg(feature = "validation")]
use crate::validation::FieldErrors;

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:40rem;margin:15vh auto;\
    padding:0 1.5rem;color:#222;background:#fff}h1{font-size:1.5rem;margin:0}p{margin:.5rem 0}\
    pre{white-space:pre-wrap;padding:1rem;background:#f4f4f4;border-radius:.5rem}\
    @media(prefers-color-scheme:dark){body{color:#ddd;background:#161616}pre{background:#262626}}";

/// Renders an error that no page of the app took, as the client wants it. `dev` shows its causes.
pub(crate) fn render(wants: &Wants, error: &Error, dev: bool) -> Response {
    let status = error.status();
    // What is inside is not for clients; that their version of HTTP does not do is.
    let tells_nothing = error.rejection() == Some(RejectionKind::NotUpgradable);
    let hidden = status.is_server_error() && !dev && !tells_nothing;
    let detail = Some(error.message()).filter(|message| !hidden && *message != reason(status));
    let causes: Vec<String> =
        if dev { error.chain().map(ToString::to_string).collect() } else { Vec::new() };
    let (body, media_type) = if wants.prefers_html() {
        (html(status, detail, &causes), "text/html; charset=utf-8")
    } else {
        (Problem::new(error, detail, &causes).to_json(), "application/problem+json")
    };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(VARY, HeaderValue::from_static("accept"));
    response
}

fn html(status: StatusCode, detail: Option<&str>, causes: &[String]) -> String {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (reason(status)) }
                style { (maud::PreEscaped(STYLE)) }
            }
            body {
                h1 { (status.as_u16()) " " (reason(status)) }
                @if let Some(detail) = detail { p { (detail) } }
                @if !causes.is_empty() {
                    pre { @for cause in causes { (cause) "\n" } }
                }
            }
        }
    }
    .into_string()
}

/// Problem details (RFC 9457).
struct Problem<'a> {
    causes: &'a [String],
    detail: Option<&'a str>,
    #[cfg(feature = "validation")]
    fields: Option<&'a FieldErrors>,
    status: StatusCode,
}

impl<'a> Problem<'a> {
    fn new(error: &'a Error, detail: Option<&'a str>, causes: &'a [String]) -> Self {
        Problem {
            causes,
            detail,
            #[cfg(feature = "validation")]
            fields: error.source().and_then(|source| source.downcast_ref()),
            status: error.status(),
        }
    }

    fn to_json(&self) -> String {
        // Texts and a number are never refused.
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl Serialize for Problem<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_map(None)?;
        if !self.causes.is_empty() {
            object.serialize_entry("causes", self.causes)?;
        }
        if let Some(detail) = self.detail {
            object.serialize_entry("detail", detail)?;
        }
        #[cfg(feature = "validation")]
        if let Some(fields) = self.fields {
            object.serialize_entry("errors", fields)?;
        }
        object.serialize_entry("status", &self.status.as_u16())?;
        object.serialize_entry("title", reason(self.status))?;
        object.end()
    }
}

/// How much a client wants HTML and JSON, in thousandths (RFC 9110, section 12.5.1).
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Wants {
    html: u16,
    json: u16,
    /// Whether HTML was named, as a browser does, rather than covered by `*/*`.
    html_named: bool,
}

impl Wants {
    /// What the client says in `Accept`; without it, it takes anything.
    pub(crate) fn of(head: &RequestContext<'_>) -> Self {
        match head.header(ACCEPT.as_str()) {
            Some(accept) => Self::parse(accept),
            None => Self { html: 1000, json: 1000, html_named: false },
        }
    }

    /// Whether a page for people is welcome: the client does not rank JSON above HTML.
    pub(crate) fn accepts_html(&self) -> bool {
        self.html > 0 && self.html >= self.json
    }

    /// Browsers name HTML; curl, fetch and most libraries send `*/*` and are better served by JSON.
    pub(crate) fn prefers_html(&self) -> bool {
        self.html_named && self.accepts_html()
    }

    fn parse(accept: &str) -> Self {
        let (mut html, mut json) = (None, None);
        for range in accept.split(',') {
            let mut parts = range.split(';').map(str::trim);
            let name = parts.next().unwrap_or_default();
            let rank_of = |ranges| rank(name, ranges);
            let (of_html, of_json) = (rank_of(&HTML), rank_of(&JSON));
            if of_html.is_some() || of_json.is_some() {
                let weight = weight(parts);
                html = html.max(of_html.map(|rank| (rank, weight)));
                json = json.max(of_json.map(|rank| (rank, weight)));
            }
        }
        Self {
            html: html.map_or(0, |(_, weight)| weight),
            json: json.map_or(0, |(_, weight)| weight),
            html_named: html.is_some_and(|(rank, _)| rank > 0),
        }
    }
}

/// The ranges that cover a type. The most specific one decides, whatever their order; it is the last.
type Ranges = [&'static [&'static str]; 3];

const HTML: Ranges = [&["*/*"], &["text/*"], &["text/html", "application/xhtml+xml"]];
const JSON: Ranges =
    [&["*/*"], &["application/*"], &["application/json", "application/problem+json"]];

/// How specific the range `name` is; `None` if it does not cover the type.
fn rank(name: &str, ranges: &Ranges) -> Option<usize> {
    ranges.iter().position(|names| names.iter().any(|it| it.eq_ignore_ascii_case(name)))
}

fn weight<'a>(mut parameters: impl Iterator<Item = &'a str>) -> u16 {
    let quality = parameters.find_map(|p| p.strip_prefix("q=").or_else(|| p.strip_prefix("Q=")));
    let quality = quality.map_or(Some(1.0), |text| text.parse::<f32>().ok()).unwrap_or(0.0);
    // A clamped, finite number: the cast cannot lose anything that matters.
    (quality.clamp(0.0, 1.0) * 1000.0) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_accept() {
        let browser = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8";
        let table = [
            (browser, 1000, 800, true),
            ("*/*", 1000, 1000, false),
            ("application/json", 0, 1000, false),
            ("text/html;q=0.4, application/json;q=0.9", 400, 900, true),
            ("application/json, text/*", 1000, 1000, true),
            ("text/html;level=1;q=0.5", 500, 0, true),
            ("text/html;q=0, */*", 0, 1000, true),
            ("text/html;q=NaN", 0, 0, true),
            ("image/png", 0, 0, false),
            ("", 0, 0, false),
        ];
        for (accept, html, json, html_named) in table {
            assert_eq!(Wants::parse(accept), Wants { html, json, html_named }, "{accept}");
        }
    }
}
