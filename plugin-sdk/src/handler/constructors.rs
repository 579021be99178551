//! One constructor per form of function.
//!
//! Written out, and each bound by itself, for the sake of the errors: rustc shows a bound that came
//! out of a macro with the whole macro around it, and a trait over all arguments would stand
//! between an argument and what is wrong with it.

use std::future::Future;

use super::call::{Async, Blocking, Handler};
use crate::extract::{FromRequest, RequestPart};
use crate::response::IntoResponse;

/// A mistake is found when the page is built: which arguments take the body is a constant of their
/// types. Blaming the caller keeps this function out of the error.
#[track_caller]
const fn at_most_one_takes_the_body(takes: &[bool]) {
    let (mut index, mut takers) = (0, 0);
    while index < takes.len() {
        takers += takes[index] as usize;
        index += 1;
    }
    if takers > 1 {
        panic!("two arguments take the request's body");
    }
}

/// Whether this argument takes the body, which is known by its part of the request.
const fn takes_body<S, A: FromRequest<S>>() -> bool {
    A::Part::HAS_BODY
}

/// A handler out of a function of no arguments.
pub fn sync_0<S, F, R>(function: F) -> Handler<S>
where
    S: Send + Sync + 'static,
    F: Fn() -> R + Send + Sync + 'static,
    R: IntoResponse + 'static,
{
    Handler::new(Blocking::new(function))
}

/// A handler out of an async function of no arguments.
pub fn async_0<S, F, Fut>(function: F) -> Handler<S>
where
    S: Send + Sync + 'static,
    F: Fn() -> Fut + Send + Sync + 'static,
    Fut: Future<Output: IntoResponse> + Send + 'static,
{
    Handler::new(Async::new(function))
}

/// A handler out of a function of one argument.
pub fn sync_1<S, F, R, A>(function: F) -> Handler<S>
where
    S: Send + Sync + 'static,
    F: Fn(A) -> R + Send + Sync + 'static,
    R: IntoResponse + 'static,
    A: FromRequest<S> + Send + 'static,
{
    Handler::new(Blocking::new(function))
}

/// A handler out of an async function of one argument.
pub fn async_1<S, F, Fut, A>(function: F) -> Handler<S>
where
    S: Send + Sync + 'static,
    F: Fn(A) -> Fut + Send + Sync + 'static,
    Fut: Future<Output: IntoResponse> + Send + 'static,
    A: FromRequest<S> + Send + 'static,
{
    Handler::new(Async::new(function))
}

/// A handler out of a function of two arguments.
pub fn sync_2<S, F, R, A, B>(function: F) -> Handler<S>
where
    S: Send + Sync + 'static,
    F: Fn(A, B) -> R + Send + Sync + 'static,
    R: IntoResponse + 'static,
    A: FromRequest<S> + Send + 'static,
    B: FromRequest<S> + Send + 'static,
{
    const { at_most_one_takes_the_body(&[takes_body::<S, A>(), takes_body::<S, B>()]) }
    Handler::new(Blocking::new(function))
}

/// A handler out of an async function of two arguments.
pub fn async_2<S, F, Fut, A, B>(function: F) -> Handler<S>
where
    S: Send + Sync + 'static,
    F: Fn(A, B) -> Fut + Send + Sync + 'static,
    Fut: Future<Output: IntoResponse> + Send + 'static,
    A: FromRequest<S> + Send + 'static,
    B: FromRequest<S> + Send + 'static,
{
    const { at_most_one_takes_the_body(&[takes_body::<S, A>(), takes_body::<S, B>()]) }
    Handler::new(Async::new(function))
}

/// A handler out of a function of three arguments.
pub fn sync_3<S, F, R, A, B, C>(function: F) -> Handler<S>
where
    S: Send + Sync + 'static,
    F: Fn(A, B, C) -> R + Send + Sync + 'static,
    R: IntoResponse + 'static,
    A: FromRequest<S> + Send + 'static,
    B: FromRequest<S> + Send + 'static,
    C: FromRequest<S> + Send + 'static,
{
    const {
        at_most_one_takes_the_body(&[
            takes_body::<S, A>(),
            takes_body::<S, B>(),
            takes_body::<S, C>(),
        ]);
    }
    Handler::new(Blocking::new(function))
}

/// A handler out of an async function of three arguments.
pub fn async_3<S, F, Fut, A, B, C>(function: F) -> Handler<S>
where
    S: Send + Sync + 'static,
    F: Fn(A, B, C) -> Fut + Send + Sync + 'static,
    Fut: Future<Output: IntoResponse> + Send + 'static,
    A: FromRequest<S> + Send + 'static,
    B: FromRequest<S> + Send + 'static,
    C: FromRequest<S> + Send + 'static,
{
    const {
        at_most_one_takes_the_body(&[
            takes_body::<S, A>(),
            takes_body::<S, B>(),
            takes_body::<S, C>(),
        ]);
    }
    Handler::new(Async::new(function))
}

/// A handler out of a function of four arguments.
pub fn sync_4<S, F, R, A, B, C, D>(function: F) -> Handler<S>
where
    S: Send + Sync + 'static,
    F: Fn(A, B, C, D) -> R + Send + Sync + 'static,
    R: IntoResponse + 'static,
    A: FromRequest<S> + Send + 'static,
    B: FromRequest<S> + Send + 'static,
    C: FromRequest<S> + Send + 'static,
    D: FromRequest<S> + Send + 'static,
{
    const {
        at_most_one_takes_the_body(&[
            takes_body::<S, A>(),
            takes_body::<S, B>(),
            takes_body::<S, C>(),
            takes_body::<S, D>(),
        ]);
    }
    Handler::new(Blocking::new(function))
}

/// A handler out of an async function of four arguments.
pub fn async_4<S, F, Fut, A, B, C, D>(function: F) -> Handler<S>
where
    S: Send + Sync + 'static,
    F: Fn(A, B, C, D) -> Fut + Send + Sync + 'static,
    Fut: Future<Output: IntoResponse> + Send + 'static,
    A: FromRequest<S> + Send + 'static,
    B: FromRequest<S> + Send + 'static,
    C: FromRequest<S> + Send + 'static,
    D: FromRequest<S> + Send + 'static,
{
    const {
        at_most_one_takes_the_body(&[
            takes_body::<S, A>(),
            takes_body::<S, B>(),
            takes_body::<S, C>(),
            takes_body::<S, D>(),
        ]);
    }
    Handler::new(Async::new(function))
}

/// A handler out of a function of five arguments.
pub fn sync_5<S, F, R, A, B, C, D, E>(function: F) -> Handler<S>
where
    S: Send + Sync + 'static,
    F: Fn(A, B, C, D, E) -> R + Send + Sync + 'static,
    R: IntoResponse + 'static,
    A: FromRequest<S> + Send + 'static,
    B: FromRequest<S> + Send + 'static,
    C: FromRequest<S> + Send + 'static,
    D: FromRequest<S> + Send + 'static,
    E: FromRequest<S> + Send + 'static,
{
    const {
        at_most_one_takes_the_body(&[
            takes_body::<S, A>(),
            takes_body::<S, B>(),
            takes_body::<S, C>(),
            takes_body::<S, D>(),
            takes_body::<S, E>(),
        ]);
    }
    Handler::new(Blocking::new(function))
}

/// A handler out of an async function of five arguments.
pub fn async_5<S, F, Fut, A, B, C, D, E>(function: F) -> Handler<S>
where
    S: Send + Sync + 'static,
    F: Fn(A, B, C, D, E) -> Fut + Send + Sync + 'static,
    Fut: Future<Output: IntoResponse> + Send + 'static,
    A: FromRequest<S> + Send + 'static,
    B: FromRequest<S> + Send + 'static,
    C: FromRequest<S> + Send + 'static,
    D: FromRequest<S> + Send + 'static,
    E: FromRequest<S> + Send + 'static,
{
    const {
        at_most_one_takes_the_body(&[
            takes_body::<S, A>(),
            takes_body::<S, B>(),
            takes_body::<S, C>(),
            takes_body::<S, D>(),
            takes_body::<S, E>(),
        ]);
    }
    Handler::new(Async::new(function))
}

/// A handler out of a function of six arguments.
pub fn sync_6<S, F, R, A, B, C, D, E, G>(function: F) -> Handler<S>
where
    S: Send + Sync + 'static,
    F: Fn(A, B, C, D, E, G) -> R + Send + Sync + 'static,
    R: IntoResponse + 'static,
    A: FromRequest<S> + Send + 'static,
    B: FromRequest<S> + Send + 'static,
    C: FromRequest<S> + Send + 'static,
    D: FromRequest<S> + Send + 'static,
    E: FromRequest<S> + Send + 'static,
    G: FromRequest<S> + Send + 'static,
{
    const {
        at_most_one_takes_the_body(&[
            takes_body::<S, A>(),
            takes_body::<S, B>(),
            takes_body::<S, C>(),
            takes_body::<S, D>(),
            takes_body::<S, E>(),
            takes_body::<S, G>(),
        ]);
    }
    Handler::new(Blocking::new(function))
}

/// A handler out of an async function of six arguments.
pub fn async_6<S, F, Fut, A, B, C, D, E, G>(function: F) -> Handler<S>
where
    S: Send + Sync + 'static,
    F: Fn(A, B, C, D, E, G) -> Fut + Send + Sync + 'static,
    Fut: Future<Output: IntoResponse> + Send + 'static,
    A: FromRequest<S> + Send + 'static,
    B: FromRequest<S> + Send + 'static,
    C: FromRequest<S> + Send + 'static,
    D: FromRequest<S> + Send + 'static,
    E: FromRequest<S> + Send + 'static,
    G: FromRequest<S> + Send + 'static,
{
    const {
        at_most_one_takes_the_body(&[
            takes_body::<S, A>(),
            takes_body::<S, B>(),
            takes_body::<S, C>(),
            takes_body::<S, D>(),
            takes_body::<S, E>(),
            takes_body::<S, G>(),
        ]);
    }
    Handler::new(Async::new(function))
}

/// A handler out of a function of seven arguments.
pub fn sync_7<S, F, R, A, B, C, D, E, G, H>(function: F) -> Handler<S>
where
    S: Send + Sync + 'static,
    F: Fn(A, B, C, D, E, G, H) -> R + Send + Sync + 'static,
    R: IntoResponse + 'static,
    A: FromRequest<S> + Send + 'static,
    B: FromRequest<S> + Send + 'static,
    C: FromRequest<S> + Send + 'static,
    D: FromRequest<S> + Send + 'static,
    E: FromRequest<S> + Send + 'static,
    G: FromRequest<S> + Send + 'static,
    H: FromRequest<S> + Send + 'static,
{
    const {
        at_most_one_takes_the_body(&[
            takes_body::<S, A>(),
            takes_body::<S, B>(),
            takes_body::<S, C>(),
            takes_body::<S, D>(),
            takes_body::<S, E>(),
            takes_body::<S, G>(),
            takes_body::<S, H>(),
        ]);
    }
    Handler::new(Blocking::new(function))
}

/// A handler out of an async function of seven arguments.
pub fn async_7<S, F, Fut, A, B, C, D, E, G, H>(function: F) -> Handler<S>
where
    S: Send + Sync + 'static,
    F: Fn(A, B, C, D, E, G, H) -> Fut + Send + Sync + 'static,
    Fut: Future<Output: IntoResponse> + Send + 'static,
    A: FromRequest<S> + Send + 'static,
    B: FromRequest<S> + Send + 'static,
    C: FromRequest<S> + Send + 'static,
    D: FromRequest<S> + Send + 'static,
    E: FromRequest<S> + Send + 'static,
    G: FromRequest<S> + Send + 'static,
    H: FromRequest<S> + Send + 'static,
{
    const {
        at_most_one_takes_the_body(&[
            takes_body::<S, A>(),
            takes_body::<S, B>(),
            takes_body::<S, C>(),
            takes_body::<S, D>(),
            takes_body::<S, E>(),
            takes_body::<S, G>(),
            takes_body::<S, H>(),
        ]);
    }
    Handler::new(Async::new(function))
}

/// A handler out of a function of eight arguments.
pub fn sync_8<S, F, R, A, B, C, D, E, G, H, I>(function: F) -> Handler<S>
where
    S: Send + Sync + 'static,
    F: Fn(A, B, C, D, E, G, H, I) -> R + Send + Sync + 'static,
    R: IntoResponse + 'static,
    A: FromRequest<S> + Send + 'static,
    B: FromRequest<S> + Send + 'static,
    C: FromRequest<S> + Send + 'static,
    D: FromRequest<S> + Send + 'static,
    E: FromRequest<S> + Send + 'static,
    G: FromRequest<S> + Send + 'static,
    H: FromRequest<S> + Send + 'static,
    I: FromRequest<S> + Send + 'static,
{
    const {
        at_most_one_takes_the_body(&[
            takes_body::<S, A>(),
            takes_body::<S, B>(),
            takes_body::<S, C>(),
            takes_body::<S, D>(),
            takes_body::<S, E>(),
            takes_body::<S, G>(),
            takes_body::<S, H>(),
            takes_body::<S, I>(),
        ]);
    }
    Handler::new(Blocking::new(function))
}

/// A handler out of an async function of eight arguments.
pub fn async_8<S, F, Fut, A, B, C, D, E, G, H, I>(function: F) -> Handler<S>
where
    S: Send + Sync + 'static,
    F: Fn(A, B, C, D, E, G, H, I) -> Fut + Send + Sync + 'static,
    Fut: Future<Output: IntoResponse> + Send + 'static,
    A: FromRequest<S> + Send + 'static,
    B: FromRequest<S> + Send + 'static,
    C: FromRequest<S> + Send + 'static,
    D: FromRequest<S> + Send + 'static,
    E: FromRequest<S> + Send + 'static,
    G: FromRequest<S> + Send + 'static,
    H: FromRequest<S> + Send + 'static,
    I: FromRequest<S> + Send + 'static,
{
    const {
        at_most_one_takes_the_body(&[
            takes_body::<S, A>(),
            takes_body::<S, B>(),
            takes_body::<S, C>(),
            takes_body::<S, D>(),
            takes_body::<S, E>(),
            takes_body::<S, G>(),
            takes_body::<S, H>(),
            takes_body::<S, I>(),
        ]);
    }
    Handler::new(Async::new(function))
}
