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

mod constructors;

use std::future::{Future, ready};
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;

use crate::application::{Application, Scope};
use crate::context::RequestContext;
use crate::error::Error;
use crate::extract::FromRequest;
use crate::response::{IntoResponse, Response};
use crate::state::{AnyState, For};

pub use self::constructors::*;

pub(crate) type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A function of a page, ready to be called with a request, in an app with state of the type `S`.
pub struct Handler<S> {
    pub(crate) function: Function,
    state: For<S>,
}

impl<S> Clone for Handler<S> {
    fn clone(&self) -> Self {
        Handler { function: self.function.clone(), state: PhantomData }
    }
}

impl<S> std::fmt::Debug for Handler<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Handler")
    }
}

impl<S: Send + Sync + 'static> Handler<S> {
    fn new(run: impl Run<S> + 'static) -> Self {
        let function = Function(Arc::new(Of { run, state: PhantomData }));
        Handler { function, state: PhantomData }
    }
}

/// A handler without its app's type of state.
#[derive(Clone)]
pub(crate) struct Function(Arc<dyn Erased>);

impl Function {
    /// A function of Nova's own, which any app can have.
    pub(crate) fn stateless(answer: impl Fn() -> Response + Send + Sync + 'static) -> Self {
        Function(Arc::new(Stateless(answer)))
    }

    /// Answers a request to the end: the one box on the way of most requests.
    pub(crate) fn serve<'a>(
        &'a self,
        cx: RequestContext<'a>,
        app: &'a Application,
        scope: &'a Scope,
    ) -> BoxFuture<'a, Response> {
        self.0.serve(cx, app, scope)
    }

    /// One step of the pipeline: a layout or an error page.
    pub(crate) fn step<'a>(
        &'a self,
        cx: &'a mut RequestContext<'_>,
        state: &'a AnyState,
    ) -> BoxFuture<'a, Response> {
        self.0.step(cx, state)
    }
}

trait Erased: Send + Sync {
    fn serve<'a>(
        &'a self,
        cx: RequestContext<'a>,
        app: &'a Application,
        scope: &'a Scope,
    ) -> BoxFuture<'a, Response>;

    fn step<'a>(
        &'a self,
        cx: &'a mut RequestContext<'_>,
        state: &'a AnyState,
    ) -> BoxFuture<'a, Response>;
}

struct Stateless<F>(F);

impl<F: Fn() -> Response + Send + Sync> Erased for Stateless<F> {
    fn serve<'a>(
        &'a self,
        _: RequestContext<'a>,
        _: &'a Application,
        _: &'a Scope,
    ) -> BoxFuture<'a, Response> {
        Box::pin(ready((self.0)()))
    }

    fn step<'a>(
        &'a self,
        _: &'a mut RequestContext<'_>,
        _: &'a AnyState,
    ) -> BoxFuture<'a, Response> {
        Box::pin(ready((self.0)()))
    }
}

/// Extracts the arguments and calls the function.
trait Run<S>: Send + Sync {
    fn run(&self, cx: &mut RequestContext<'_>, state: &S) -> impl Future<Output = Response> + Send;
}

/// What is run, with the type of state that it is run with.
struct Of<S, R> {
    run: R,
    state: For<S>,
}

impl<S: Send + Sync + 'static, R: Run<S>> Erased for Of<S, R> {
    fn serve<'a>(
        &'a self,
        mut cx: RequestContext<'a>,
        app: &'a Application,
        scope: &'a Scope,
    ) -> BoxFuture<'a, Response> {
        Box::pin(async move {
            let response = self.run.run(&mut cx, app.state().get()).await;
            if response.body().is_unfinished() {
                app.finish(&mut cx, scope, response).await
            } else {
                response
            }
        })
    }

    fn step<'a>(
        &'a self,
        cx: &'a mut RequestContext<'_>,
        state: &'a AnyState,
    ) -> BoxFuture<'a, Response> {
        Box::pin(self.run.run(cx, state.get()))
    }
}

/// A plain function, called where it stands.
struct Blocking<F, Args, R>(F, PhantomData<fn(Args) -> R>);

/// An async function; its output is a response.
struct Async<F, Args, Fut>(F, PhantomData<fn(Args) -> Fut>);

impl<F, Args, R> Blocking<F, Args, R> {
    fn new(function: F) -> Self {
        Blocking(function, PhantomData)
    }
}

impl<F, Args, Fut> Async<F, Args, Fut> {
    fn new(function: F) -> Self {
        Async(function, PhantomData)
    }
}

fn refuse(rejection: impl Into<Error>) -> Response {
    rejection.into().into_response()
}

macro_rules! run {
    ($($arg:ident)*) => {
        #[allow(non_snake_case, unused_variables, reason = "the type parameters name the values too")]
        impl<S, F, R, $($arg,)*> Run<S> for Blocking<F, ($($arg,)*), R>
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
        impl<S, F, Fut, $($arg,)*> Run<S> for Async<F, ($($arg,)*), Fut>
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
    };
}

run!();
run!(A);
run!(A B);
run!(A B C);
run!(A B C D);
run!(A B C D E);
run!(A B C D E G);
run!(A B C D E G H);
run!(A B C D E G H I);
