//! The built-in answer to an error: HTML for people, problem details for programs.

use http::StatusCode;
use http::header::{ACCEPT, CONTENT_TYPE, HeaderValue, VARY};
use maud::{DOCTYPE, html};
use serde_json::json;

use crate::body::Body;
use crate::error::{Error, reason};
use crate::request::RequestContext;
use crate::response::Response;
#[cfg(feature = "validation")]
use crate::validation::FieldErrors;

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:40rem;margin:15vh auto;\
    padding:0 1.5rem;color:#222;background:#fff}h1{font-size:1.5rem;margin:0}p{margin:.5rem 0}\
    pre{white-space:pre-wrap;padding:1rem;background:#f4f4f4;border-radius:.5rem}\
    @media(prefers-color-scheme:dark){body{color:#ddd;background:#161616}pre{background:#262626}}";

/// Renders an error that no page of the app took. `dev` shows its causes.
pub(crate) fn render(head: &RequestContext<'_>, error: &Error, dev: bool) -> Response {
    let status = error.status();
    let hidden = status.is_server_error() && !dev;
    let detail = Some(error.message()).filter(|message| !hidden && *message != reason(status));
    let causes: Vec<String> =
        if dev { error.chain().map(ToString::to_string).collect() } else { Vec::new() };
    let (body, media_type) = if prefers_html(head) {
        (html(status, detail, &causes), "text/html; charset=utf-8")
    } else {
        (problem(error, detail, &causes), "application/problem+json")
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

fn problem(error: &Error, detail: Option<&str>, causes: &[String]) -> String {
    let status = error.status();
    let mut problem = json!({ "title": reason(status), "status": status.as_u16() });
    if let Some(detail) = detail {
        problem["detail"] = json!(detail);
    }
    if !causes.is_empty() {
        problem["causes"] = json!(causes);
    }
    #[cfg(feature = "validation")]
    if let Some(fields) = error.source().and_then(|it| it.downcast_ref::<FieldErrors>()) {
        problem["errors"] = fields.iter().map(|(field, said)| (field, json!(said))).collect();
    }
    problem.to_string()
}

/// How much a client wants HTML and JSON, in thousandths (RFC 9110, section 12.5.1).
#[derive(Debug, PartialEq, Eq)]
struct Wants {
    html: u16,
    json: u16,
    /// Whether HTML was named, as a browser does, rather than covered by `*/*`.
    html_named: bool,
}

/// Whether a page for people is welcome: the client does not rank JSON above HTML.
pub(crate) fn accepts_html(head: &RequestContext<'_>) -> bool {
    let wants = wants(head);
    wants.html > 0 && wants.html >= wants.json
}

/// Browsers name HTML; curl, fetch and most libraries send `*/*` and are better served by JSON.
pub(crate) fn prefers_html(head: &RequestContext<'_>) -> bool {
    wants(head).html_named && accepts_html(head)
}

fn wants(head: &RequestContext<'_>) -> Wants {
    parse_accept(head.header(ACCEPT.as_str()).unwrap_or("*/*"))
}

fn parse_accept(accept: &str) -> Wants {
    // The most specific range that covers a type decides, whatever its order.
    let quality = |ranges: [&[&str]; 3]| {
        ranges.into_iter().enumerate().find_map(|(rank, names)| {
            let found = accept.split(',').filter_map(|range| {
                let mut parts = range.split(';').map(str::trim);
                let name = parts.next()?;
                names.iter().any(|n| n.eq_ignore_ascii_case(name)).then(|| weight(parts))
            });
            found.max().map(|quality| (rank, quality))
        })
    };
    let html = quality([&["text/html", "application/xhtml+xml"], &["text/*"], &["*/*"]]);
    let json =
        quality([&["application/json", "application/problem+json"], &["application/*"], &["*/*"]]);
    Wants {
        html: html.map_or(0, |(_, quality)| quality),
        json: json.map_or(0, |(_, quality)| quality),
        html_named: html.is_some_and(|(rank, _)| rank < 2),
    }
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
            assert_eq!(parse_accept(accept), Wants { html, json, html_named }, "{accept}");
        }
    }
}
