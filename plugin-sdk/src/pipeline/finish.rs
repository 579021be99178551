//! The end of the pipeline: layouts and shell for pages, error pages for errors.

use futures_core::future::BoxFuture;
use http::StatusCode;
use http::header::HeaderMap;
use http::response::Parts;

use super::problem::{Wants, render};
use super::raised::RaisedErrors;
use super::route::{AnyHandler, Environment, Scope};
use crate::body::{Body, Unfinished};
use crate::html::PageContent;
use crate::html::document::Html;
use crate::request::{RequestContext, StepInput, Whole};
use crate::response::{IntoResponse, Response};

/// What layouts made of a page.
enum LayoutOutput {
    Page(Box<PageContent>),
    /// A layout answered with something else, which then is the answer.
    Instead(Response),
}

/// Renders what [`Body::is_unfinished`]. A failure on the way is an error like any other; each
/// error is taken to the next error page outwards, and so it ends.
pub(crate) fn finish<'a>(
    environment: &'a Environment,
    scope: &'a Scope,
    cx: &'a mut RequestContext<'_, Whole>,
    response: Response,
) -> BoxFuture<'a, Response> {
    Box::pin(async move {
        let mut layouts = &scope.layouts[..];
        let mut errors = scope.errors.iter();
        let mut response = response;
        let mut raised = Raised::default();
        loop {
            let (mut parts, body) = response.into_parts();
            let mut error = match body.into_unfinished() {
                Ok(Unfinished::Page(page)) => {
                    match lay_out(environment, layouts, cx, &mut parts, page).await {
                        LayoutOutput::Page(page) => {
                            let document = page.into_document(&environment.links);
                            let body =
                                Body::from(document).with_content_type("text/html; charset=utf-8");
                            return stamp(Response::from_parts(parts, body), raised);
                        }
                        LayoutOutput::Instead(instead) => {
                            response = instead;
                            continue;
                        }
                    }
                }
                // A status that was put before the error counts: `(StatusCode, Error)`.
                Ok(Unfinished::Error(error)) if parts.status != StatusCode::OK => {
                    error.with_status(parts.status)
                }
                Ok(Unfinished::Error(error)) => error,
                Err(body) => return stamp(Response::from_parts(parts, body), raised),
            };
            raised.errors.add(cx, &mut error);
            let status = error.status();
            raised.head = Some((status, parts.headers));
            let wants = Wants::of(cx);
            let people = wants.accepts_html();
            let page = errors.find(|page| page.only.is_none_or(|only| only == status && people));
            let Some(page) = page else {
                return stamp(render(&wants, &error, environment.dev), raised);
            };
            layouts = &scope.layouts[..page.layouts];
            cx.set_step_input(StepInput::Error(error));
            response = page.handler.step(cx, &environment.state).await;
        }
    })
}

/// Saves the session that this request has asked for. Where that fails, the answer is the error.
#[cfg(feature = "sessions")]
pub(crate) fn save_session<'a>(
    environment: &'a Environment,
    scope: &'a Scope,
    cx: &'a mut RequestContext<'_, Whole>,
    response: Response,
) -> BoxFuture<'a, Response> {
    Box::pin(async move {
        match crate::session::save(cx, response).await {
            Ok(response) => response,
            Err(error) => {
                let response = finish(environment, scope, cx, error.into_response()).await;
                crate::session::close(cx);
                response
            }
        }
    })
}

/// What is known of the errors so far.
#[derive(Default)]
struct Raised {
    /// Status of the last error, and the headers of its response.
    head: Option<(StatusCode, HeaderMap)>,
    errors: RaisedErrors,
}

/// Innermost first. A layout's own headers are added; its status says nothing.
async fn lay_out(
    environment: &Environment,
    layouts: &[AnyHandler],
    cx: &mut RequestContext<'_, Whole>,
    parts: &mut Parts,
    mut page: Box<PageContent>,
) -> LayoutOutput {
    for layout in layouts.iter().rev() {
        cx.set_step_input(StepInput::Page(Html::from(page)));
        let response = layout.step(cx, &environment.state).await;
        let (added, body) = response.into_parts();
        match body.into_unfinished() {
            Ok(Unfinished::Page(next)) => page = next,
            Ok(Unfinished::Error(error)) => return LayoutOutput::Instead(error.into_response()),
            Err(body) => return LayoutOutput::Instead(Response::from_parts(added, body)),
        }
        parts.headers.extend(added.headers);
    }
    LayoutOutput::Page(page)
}

/// An error page that says nothing of a status or of the error's headers answers with them.
fn stamp(mut response: Response, raised: Raised) -> Response {
    if let Some((status, headers)) = raised.head {
        if response.status() == StatusCode::OK {
            *response.status_mut() = status;
        }
        for (name, value) in &headers {
            if !response.headers().contains_key(name) {
                response.headers_mut().append(name, value.clone());
            }
        }
    }
    raised.errors.leave_in(response.extensions_mut());
    response
}
