//! Functions of a page as handlers.
//!
//! Generated code names a constructor by the function's form, `async_2` for an async function of
//! two arguments. So the compiler checks each argument by itself, and a wrong one is one short
//! error at the line that names the function.
//!
//! ```
//! use nova::handler::{async_1, sync_0};
//! use nova::prelude::*;
//!
//! fn get() -> &'static str {
//!     "hello"
//! }
//! async fn post(body: String) -> String {
//!     body
//! }
//!
//! let mut app = nova::App::new(nova::no_state());
//! app.page("/", "pages/index.rs")
//!     .get(sync_0(get))
//!     .post(async_1(post));
//! # let _ = app.finish();
//! ```

use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;

use crate::application::{Running, Scope};
use crate::context::RequestContext;
use crate::error::Error;
use crate::extract::FromRequest;
use crate::response::{IntoResponse, Response};

pub(crate) type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A function of a page, ready to be called with a request.
pub struct Handler<S> {
    erased: Arc<dyn Erased<S>>,
}

impl<S> Clone for Handler<S> {
    fn clone(&self) -> Self {
        Handler { erased: Arc::clone(&self.erased) }
    }
}

impl<S> std::fmt::Debug for Handler<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Handler")
    }
}

impl<S> Handler<S> {
    /// Answers a request to the end: the one box on the way of most requests.
    pub(crate) fn serve<'a>(
        &'a self,
        cx: RequestContext<'a>,
        app: &'a Running<S>,
        scope: &'a Scope<S>,
    ) -> BoxFuture<'a, Response> {
        self.erased.serve(cx, app, scope)
    }

    /// One step of the pipeline: a layout or an error page.
    pub(crate) fn step<'a>(
        &'a self,
        cx: &'a mut RequestContext<'_>,
        state: &'a S,
    ) -> BoxFuture<'a, Response> {
        self.erased.step(cx, state)
    }
}

trait Erased<S>: Send + Sync {
    fn serve<'a>(
        &'a self,
        cx: RequestContext<'a>,
        app: &'a Running<S>,
        scope: &'a Scope<S>,
    ) -> BoxFuture<'a, Response>;

    fn step<'a>(&'a self, cx: &'a mut RequestContext<'_>, state: &'a S) -> BoxFuture<'a, Response>;
}

/// Extracts the arguments and calls the function.
trait Run<S>: Send + Sync {
    fn run(&self, cx: &mut RequestContext<'_>, state: &S) -> impl Future<Output = Response> + Send;
}

impl<S: Send + Sync + 'static, R: Run<S>> Erased<S> for R {
    fn serve<'a>(
        &'a self,
        mut cx: RequestContext<'a>,
        app: &'a Running<S>,
        scope: &'a Scope<S>,
    ) -> BoxFuture<'a, Response> {
        Box::pin(async move {
            let response = self.run(&mut cx, app.state()).await;
            if response.body().is_unfinished() {
                app.finish(&mut cx, scope, response).await
            } else {
                response
            }
        })
    }

    fn step<'a>(&'a self, cx: &'a mut RequestContext<'_>, state: &'a S) -> BoxFuture<'a, Response> {
        Box::pin(self.run(cx, state))
    }
}

/// A plain function, called where it stands.
struct Blocking<F, Args>(F, PhantomData<fn() -> Args>);
/// An async function; its output is a response.
struct Async<F, Args>(F, PhantomData<fn() -> Args>);

/// Fails to compile where more than one argument reads the body.
const fn at_most_one_reads_the_body(reads: &[bool]) {
    let (mut index, mut readers) = (0, 0);
    while index < reads.len() {
        readers += reads[index] as usize;
        index += 1;
    }
    assert!(readers <= 1, "at most one argument of a page's function can read the request's body");
}

fn refuse(rejection: impl Into<Error>) -> Response {
    rejection.into().into_response()
}

macro_rules! handlers {
    ($($sync_name:ident $async_name:ident $count:literal: $($arg:ident)*;)*) => {$(
        #[doc = concat!("A handler out of a function of ", $count, ".")]
        pub fn $sync_name<S, F, R, $($arg,)*>(function: F) -> Handler<S>
        where
            S: Send + Sync + 'static,
            F: Fn($($arg),*) -> R + Send + Sync + 'static,
            R: IntoResponse + 'static,
            $($arg: FromRequest<S> + Send + 'static,)*
        {
            const { at_most_one_reads_the_body(&[$($arg::READS_BODY),*]) }
            Handler { erased: Arc::new(Blocking(function, PhantomData::<fn() -> (($($arg,)*), R)>)) }
        }

        #[doc = concat!("A handler out of an async function of ", $count, ".")]
        pub fn $async_name<S, F, Fut, $($arg,)*>(function: F) -> Handler<S>
        where
            S: Send + Sync + 'static,
            F: Fn($($arg),*) -> Fut + Send + Sync + 'static,
            Fut: Future<Output: IntoResponse> + Send + 'static,
            $($arg: FromRequest<S> + Send + 'static,)*
        {
            const { at_most_one_reads_the_body(&[$($arg::READS_BODY),*]) }
            Handler { erased: Arc::new(Async(function, PhantomData::<fn() -> (($($arg,)*), Fut)>)) }
        }

        #[allow(non_snake_case, unused_variables, reason = "the type parameters name the values too")]
        impl<S, F, R, $($arg,)*> Run<S> for Blocking<F, (($($arg,)*), R)>
        where
            S: Send + Sync + 'static,
            F: Fn($($arg),*) -> R + Send + Sync + 'static,
            R: IntoResponse + 'static,
            $($arg: FromRequest<S> + Send + 'static,)*
        {
            async fn run(&self, cx: &mut RequestContext<'_>, state: &S) -> Response {
                $(let $arg = match $arg::from_request(cx, state).await {
                    Ok(value) => value,
                    Err(rejection) => return refuse(rejection),
                };)*
                (self.0)($($arg),*).into_response()
            }
        }

        #[allow(non_snake_case, unused_variables, reason = "the type parameters name the values too")]
        impl<S, F, Fut, $($arg,)*> Run<S> for Async<F, (($($arg,)*), Fut)>
        where
            S: Send + Sync + 'static,
            F: Fn($($arg),*) -> Fut + Send + Sync + 'static,
            Fut: Future<Output: IntoResponse> + Send + 'static,
            $($arg: FromRequest<S> + Send + 'static,)*
        {
            async fn run(&self, cx: &mut RequestContext<'_>, state: &S) -> Response {
                $(let $arg = match $arg::from_request(cx, state).await {
                    Ok(value) => value,
                    Err(rejection) => return refuse(rejection),
                };)*
                (self.0)($($arg),*).await.into_response()
            }
        }
    )*};
}

handlers! {
    sync_0 async_0 "no arguments": ;
    sync_1 async_1 "one argument": A;
    sync_2 async_2 "two arguments": A B;
    sync_3 async_3 "three arguments": A B C;
    sync_4 async_4 "four arguments": A B C D;
    sync_5 async_5 "five arguments": A B C D E;
    sync_6 async_6 "six arguments": A B C D E G;
    sync_7 async_7 "seven arguments": A B C D E G H;
    sync_8 async_8 "eight arguments": A B C D E G H I;
}
