//! How a handler calls its function: the arguments first, one after the other.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;

use futures_core::future::BoxFuture;

use crate::error::Error;
use crate::extract::{FromRequest, RequestPart, Uses};
use crate::pipeline::finish::finish;
use crate::pipeline::route::{AnyHandler, Call, Environment, Scope};
use crate::request::{RequestContext, Whole};
use crate::response::{IntoResponse, Response};
use crate::state::{AnyState, StateMarker};

/// A function of a page, ready to be called with a request, in an app with state of the type `S`.
pub struct Handler<S> {
    pub(crate) untyped: AnyHandler,
    state: StateMarker<S>,
}

impl<S> Clone for Handler<S> {
    fn clone(&self) -> Self {
        Handler { untyped: self.untyped.clone(), state: PhantomData }
    }
}

impl<S> fmt::Debug for Handler<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Handler")
    }
}

impl<S: Send + Sync + 'static> Handler<S> {
    pub(crate) fn new(run: impl Run<S> + 'static) -> Self {
        let untyped = AnyHandler::new(WithState { run, state: PhantomData });
        Handler { untyped, state: PhantomData }
    }

    /// A handler that is made when the app starts, of its state, and once for each app that does.
    #[cfg(feature = "tower")]
    ///
    /// `leaves_anything`: whether it may leave values for what is behind it.
    pub(crate) fn at_start(
        leaves_anything: bool,
        make: impl Fn(&S) -> Handler<S> + Send + Sync + 'static,
    ) -> Self {
        let make = move |state: &AnyState| make(state.get()).untyped;
        Handler { untyped: AnyHandler::at_start(make, leaves_anything), state: PhantomData }
    }
}

/// Extracts the arguments and calls the function.
pub(crate) trait Run<S>: Send + Sync {
    fn run(
        &self,
        cx: &mut RequestContext<'_, Whole>,
        state: &S,
    ) -> impl Future<Output = Response> + Send;

    /// What its arguments take of middleware, and leave.
    fn uses(&self, uses: &mut Uses) {
        let _ = uses;
    }
}

/// What is run, with the type of state that it is run with.
struct WithState<S, R> {
    run: R,
    state: StateMarker<S>,
}

impl<S: Send + Sync + 'static, R: Run<S>> Call for WithState<S, R> {
    fn serve<'a>(
        &'a self,
        mut cx: RequestContext<'a, Whole>,
        environment: &'a Environment,
        scope: &'a Scope,
    ) -> BoxFuture<'a, Response> {
        Box::pin(async move {
            let response = self.run.run(&mut cx, environment.state.get()).await;
            // Middleware has had it without its upgrade, for the layers that it may be built of.
            #[cfg(feature = "tower")]
            let response = crate::upgrade::around::with_upgrade(response);
            let response = if response.body().is_unfinished() {
                finish(environment, scope, &mut cx, response).await
            } else {
                response
            };
            #[cfg(feature = "sessions")]
            if cx.own_session().is_some() {
                return crate::pipeline::finish::save_session(
                    environment,
                    scope,
                    &mut cx,
                    response,
                )
                .await;
            }
            response
        })
    }

    fn step<'a>(
        &'a self,
        cx: &'a mut RequestContext<'_, Whole>,
        state: &'a AnyState,
    ) -> BoxFuture<'a, Response> {
        Box::pin(self.run.run(cx, state.get()))
    }

    fn uses(&self, uses: &mut Uses) {
        self.run.uses(uses);
    }
}

/// A plain function, called where it stands.
pub(super) struct Blocking<F, Args, R>(F, PhantomData<fn(Args) -> R>);

/// An async function; its output is a response.
pub(super) struct Async<F, Args, Fut>(F, PhantomData<fn(Args) -> Fut>);

impl<F, Args, R> Blocking<F, Args, R> {
    pub(super) fn new(function: F) -> Self {
        Blocking(function, PhantomData)
    }
}

impl<F, Args, Fut> Async<F, Args, Fut> {
    pub(super) fn new(function: F) -> Self {
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
            async fn run(&self, cx: &mut RequestContext<'_, Whole>, state: &S) -> Response {
                $(let $arg = match $arg::from_request(<$arg::Part as RequestPart>::of(cx), state).await {
                    Ok(value) => value,
                    Err(rejection) => return refuse(rejection),
                };)*
                (self.0)($($arg),*).into_response()
            }

            fn uses(&self, uses: &mut Uses) {
                $($arg::uses(uses);)*
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
            async fn run(&self, cx: &mut RequestContext<'_, Whole>, state: &S) -> Response {
                $(let $arg = match $arg::from_request(<$arg::Part as RequestPart>::of(cx), state).await {
                    Ok(value) => value,
                    Err(rejection) => return refuse(rejection),
                };)*
                (self.0)($($arg),*).await.into_response()
            }

            fn uses(&self, uses: &mut Uses) {
                $($arg::uses(uses);)*
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
