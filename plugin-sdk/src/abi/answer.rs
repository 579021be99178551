//! One call: polled to its answer, the head written, the body handed over.

use std::net::{Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_core::future::BoxFuture;
use http::header::CONTENT_TYPE;
use http::{StatusCode, Version};
use nova_abi::{
    Answer, Exchange, OwnedBytes, PageError, Panic, ResponseBody, ResponseHead, Target,
};

use super::body::{Lent, Pieces};
use super::context::AppContext;
use super::panics;
use super::upgrade::Protocol;
use crate::app::StartedApp;
use crate::body::{Body, Kind};
use crate::pipeline::raised::RaisedErrors;
use crate::request::{Incoming, RequestContext, Whole};
use crate::response::Response;

/// A call on its way to an answer.
pub(super) struct Answering<'a> {
    app: &'a Arc<StartedApp>,
    context: &'a AppContext,
    exchange: &'a Exchange<'a>,
    head: ResponseHead<'a>,
    /// `None` once it is answered or has panicked: a future is not polled after that.
    future: Option<BoxFuture<'a, Response>>,
    /// The panic whose error page is being made.
    panic: Option<Panic>,
    /// The errors that led to the answer.
    errors: Vec<PageError>,
}

impl<'a> Answering<'a> {
    pub(super) fn new(
        app: &'a Arc<StartedApp>,
        context: &'a AppContext,
        target: Target<'a>,
        exchange: &'a Exchange<'a>,
        head: ResponseHead<'a>,
    ) -> Self {
        // Making the future runs no code of a page yet, so it needs no guard.
        let future = match target {
            Target::Route(route) => app.call(route as usize, request(exchange)),
            Target::Error { status, message } => {
                let status =
                    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                app.unrouted(status, message.as_str().to_owned(), exchange)
            }
        };
        let (panic, errors) = (None, Vec::new());
        Self { app, context, exchange, head, future: Some(future), panic, errors }
    }

    pub(super) fn poll_answer(&mut self, cx: &mut Context<'_>) -> Poll<Answer> {
        let _inside = self.context.enter();
        loop {
            let Some(future) = &mut self.future else {
                let panic = self.panic.take().unwrap_or_else(|| Panic::from_message("no answer"));
                self.head.status(500);
                return Poll::Ready(Answer::panicked(panic));
            };
            let (context, head) = (self.context, &mut self.head);
            let errors = &mut self.errors;
            // Handed over where it is: out of here it would be copied once more by each layer.
            let polled = panics::catch(|| {
                future.as_mut().poll(cx).map(|response| hand_over(response, context, head, errors))
            });
            match polled {
                Ok(Poll::Pending) => return Poll::Pending,
                Ok(Poll::Ready(body)) => {
                    self.future = None;
                    let errors = std::mem::take(&mut self.errors);
                    return Poll::Ready(Answer::new(body, self.panic.take(), errors));
                }
                Err(panic) => {
                    // What the page still holds is dropped here, where a second panic is caught.
                    let _ = panics::catch(|| self.future = None);
                    if self.panic.is_none() {
                        self.future = Some(self.app.panicked(self.exchange));
                    }
                    self.panic.get_or_insert(panic);
                }
            }
        }
    }
}

impl Future for Answering<'_> {
    type Output = Answer;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Answer> {
        self.poll_answer(cx)
    }
}

impl Drop for Answering<'_> {
    /// A client that goes away ends the page's future inside the page's runtime.
    fn drop(&mut self) {
        if self.future.is_some() {
            let _inside = self.context.enter();
            let _ = panics::catch(|| self.future = None);
        }
    }
}

/// Writes the head of a response, and gives back its body; the errors that led to it go into `errors`.
fn hand_over(
    response: Response,
    context: &AppContext,
    head: &mut ResponseHead<'_>,
    errors: &mut Vec<PageError>,
) -> ResponseBody {
    let (mut parts, body) = response.into_parts();
    *errors = RaisedErrors::take(&mut parts.extensions);
    // What the app left in there may panic as it is dropped, and then the error page has the head.
    parts.extensions.clear();
    head.status(parts.status.as_u16());
    if let Some(media_type) = body.content_type()
        && !parts.headers.contains_key(CONTENT_TYPE)
    {
        head.static_header(CONTENT_TYPE.as_str(), media_type.as_bytes());
    }
    for (name, value) in &parts.headers {
        head.header(name.as_str(), value.as_bytes());
    }
    match body.into_kind() {
        Kind::Static(bytes) => ResponseBody::Static(bytes.into()),
        Kind::Vec(bytes) => ResponseBody::Owned(OwnedBytes::from_vec(bytes)),
        Kind::Bytes(bytes) => ResponseBody::Owned(OwnedBytes::from_owner(bytes)),
        Kind::Stream(stream) => ResponseBody::Stream(Pieces::stream(context.clone(), stream)),
        Kind::Upgrade(take_over) => {
            ResponseBody::Upgrade(Protocol::upgrade(context.clone(), take_over))
        }
        // The pipeline has rendered pages and errors.
        Kind::Empty | Kind::Page(_) | Kind::Error(_) => ResponseBody::Empty,
    }
}

/// The request as extractors see it.
fn request<'a>(exchange: &'a Exchange<'a>) -> RequestContext<'a, Whole> {
    RequestContext::host(exchange)
}

impl Incoming for Exchange<'_> {
    fn method(&self) -> &str {
        self.method.as_str()
    }

    fn path(&self) -> &str {
        self.path.as_str()
    }

    fn query(&self) -> Option<&str> {
        self.query.into_option().map(|query| query.as_str())
    }

    fn pattern(&self) -> Option<&str> {
        Some(self.pattern.as_str()).filter(|pattern| !pattern.is_empty())
    }

    fn param(&self, index: usize) -> Option<&str> {
        self.params.as_slice().get(index).map(|param| param.value.as_str())
    }

    fn header(&self, name: &str) -> Option<&[u8]> {
        Exchange::header(self, name)
    }

    fn for_each_header(&self, visit: &mut dyn FnMut(&str, &[u8])) {
        self.each_header(visit);
    }

    fn client_addr(&self) -> Option<SocketAddr> {
        let peer = self.peer.into_option()?;
        let ip = Ipv6Addr::from(peer.ip).to_canonical();
        Some(SocketAddr::new(ip, peer.port))
    }

    fn version(&self) -> Version {
        match self.version {
            10 => Version::HTTP_10,
            20 => Version::HTTP_2,
            _ => Version::HTTP_11,
        }
    }

    fn is_upgradable(&self) -> bool {
        self.upgradable
    }

    fn take_body(&self) -> Body {
        match Exchange::take_body(self) {
            Some(stream) => Body::from_stream(Lent::new(stream)),
            None => Body::empty(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use nova_abi::HeadSink;

    use super::super::context::AppRuntime;
    use super::*;
    use crate::response::IntoResponse;

    #[derive(Default)]
    struct Lines(Vec<String>);

    impl HeadSink for Lines {
        fn status(&mut self, status: u16) {
            self.0.push(status.to_string());
        }

        fn header(&mut self, name: &str, _: &[u8]) -> bool {
            self.0.push(name.to_owned());
            true
        }

        fn static_header(&mut self, name: &str, value: &'static [u8]) -> bool {
            self.header(name, value)
        }
    }

    #[derive(Clone)]
    struct Bomb;

    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("dropped");
        }
    }

    #[test]
    fn what_panics_as_it_is_dropped_does_so_before_the_head_is_written() {
        let app = crate::info::started("answer", false, HashMap::new(), None);
        let runtime = AppRuntime::start(app).expect("a runtime");
        let mut lines = Lines::default();
        let mut head = ResponseHead::new(&mut lines);
        let mut write = |response| {
            let mut errors = Vec::new();
            panics::catch(|| hand_over(response, &runtime.context(), &mut head, &mut errors))
        };
        let mut response = ([("x-page", "1")], "text").into_response();
        response.extensions_mut().insert(Bomb);
        assert!(write(response).is_err());
        assert!(write(([("x-error", "1")], "text").into_response()).is_ok());
        assert_eq!(lines.0, ["200", "content-type", "x-error"]);
    }
}
