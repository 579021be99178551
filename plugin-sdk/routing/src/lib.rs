//! Which route answers a path, and which of its handlers answers a method.
//!
//! There is one matcher: the host, the development server and `nova::testing` all use this crate,
//! so a page is found by the same code everywhere. It has no dependencies. Pages know it as
//! `nova::routing`.
//!
//! A [`Router`] is a trie over path segments. A segment matches, in this order:
//!
//! 1. literal text,
//! 2. a parameter with text around it, `{id}.json`, `post-{id}`: the more text, the earlier,
//! 3. a parameter with a type, `{id=u64}`: what fits fewer values first ([`ParamType::ALL`]),
//! 4. a parameter `{id}`,
//! 5. the rest of the path `{*path}`,
//! 6. the rest of the path even when there is none `{*path?}`.
//!
//! When a better choice leads nowhere, the search goes back to the next one. A parameter that may be
//! missing, `{lang?}`, is two patterns in one: with it and without. So the answer never depends on the
//! order in which routes were inserted.
//!
//! A [`MethodSet`] holds what one route answers and decides about a request's method.
//!
//! ```
//! use nova_routing::{Pattern, Router};
//!
//! let mut router = Router::new();
//! router.insert(Pattern::parse("/users/{id}")?, "one user")?;
//! router.insert(Pattern::parse("/users/new")?, "a form")?;
//!
//! let found = router.find("/users/a%20b")?.expect("a route");
//! assert_eq!(*found.value, "one user");
//! assert_eq!(found.params.get("id"), Some("a b"));
//! assert_eq!(*router.find("/users/new")?.expect("a route").value, "a form");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod constraint;
mod method;
mod params;
mod path;
mod pattern;
mod router;

pub use self::constraint::{Constraint, ParamType};
pub use self::method::{Decision, Method, MethodSet};
pub use self::params::Params;
pub use self::path::BadPath;
pub use self::pattern::{Pattern, PatternError, Segment};
pub use self::router::{Conflict, Match, Router};
