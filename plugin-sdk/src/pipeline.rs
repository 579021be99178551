//! What happens to a request of a route, once it is known which.
//!
//! A [`Route`](route::Route) holds the page's functions and the [`Scope`](route::Scope) that
//! folders put around them: middleware, layouts, error pages. After the page's function comes the
//! [finish]: a page goes through its layouts and its shell, an error through the nearest error
//! page or, without one, becomes a [problem]. A response that is neither is finished as it is,
//! which is why the finish is a step of its own and costs nothing then.

pub(crate) mod finish;
mod problem;
pub(crate) mod raised;
pub(crate) mod route;
pub(crate) mod started;

#[cfg(feature = "auth")]
pub(crate) use self::problem::Wants;
