//! The end of the pipeline: layouts and shell for pages, error pages for errors.

use http::StatusCode;
use http::header::HeaderMap;
use http::response::Parts;

use super::{Application, Scope};
use crate::body::{Body, Unfinished};
use crate::context::{RequestContext, Slot};
use crate::error::{Error, accepts_html, render};
use crate::handler::{BoxFuture, Function};
use crate::html::{Page, document::Html};
use crate::response::{IntoResponse, Response};

/// What layouts made of a page.
enum LaidOut {
    Page(Box<Page>),
    /// A layout answered with something else, which then is the answer.
    Instead(Response),
}

impl Application {
    /// Renders what [`Body::is_unfinished`]. A failure on the way is an error like any other; each
    /// error is taken to the next error page outwards, and so it ends.
    pub(crate) fn finish<'a>(
        &'a self,
        cx: &'a mut RequestContext<'_>,
        scope: &'a Scope,
        response: Response,
    ) -> BoxFuture<'a, Response> {
        Box::pin(async move {
            let mut layouts = &scope.layouts[..];
            let mut errors = scope.errors.iter();
            let mut response = response;
            let mut raised: Option<(StatusCode, HeaderMap)> = None;
            loop {
                let (mut parts, body) = response.into_parts();
                let error = match body.into_unfinished() {
                    Ok(Unfinished::Page(page)) => {
                        match self.lay_out(cx, layouts, &mut parts, page).await {
                            LaidOut::Page(page) => {
                                let document = page.into_document(&self.core.links);
                                let body = Body::from(document)
                                    .with_content_type("text/html; charset=utf-8");
                                return stamp(Response::from_parts(parts, body), raised);
                            }
                            LaidOut::Instead(instead) => {
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
                log(&error);
                let status = error.status();
                raised = Some((status, parts.headers));
                let people = accepts_html(cx);
                let page =
                    errors.find(|page| page.only.is_none_or(|only| only == status && people));
                let Some(page) = page else {
                    return stamp(render(cx, &error, self.core.dev), raised);
                };
                layouts = &scope.layouts[..page.layouts];
                cx.put(Slot::Error(error));
                response = page.handler.step(cx, &self.core.state).await;
            }
        })
    }

    /// Innermost first. A layout's own headers are added; its status says nothing.
    async fn lay_out(
        &self,
        cx: &mut RequestContext<'_>,
        layouts: &[Function],
        parts: &mut Parts,
        mut page: Box<Page>,
    ) -> LaidOut {
        for layout in layouts.iter().rev() {
            cx.put(Slot::Page(Html::from(page)));
            let response = layout.step(cx, &self.core.state).await;
            let (added, body) = response.into_parts();
            match body.into_unfinished() {
                Ok(Unfinished::Page(next)) => page = next,
                Ok(Unfinished::Error(error)) => return LaidOut::Instead(error.into_response()),
                Err(body) => return LaidOut::Instead(Response::from_parts(added, body)),
            }
            parts.headers.extend(added.headers);
        }
        LaidOut::Page(page)
    }
}

/// An error page that says nothing of a status or of the error's headers answers with them.
fn stamp(mut response: Response, raised: Option<(StatusCode, HeaderMap)>) -> Response {
    if let Some((status, headers)) = raised {
        if response.status() == StatusCode::OK {
            *response.status_mut() = status;
        }
        for (name, value) in &headers {
            if !response.headers().contains_key(name) {
                response.headers_mut().append(name, value.clone());
            }
        }
    }
    response
}

fn log(error: &Error) {
    let status = error.status().as_u16();
    if error.status().is_server_error() {
        tracing::error!(status, "{error}");
    } else {
        tracing::debug!(status, "{error}");
    }
}
