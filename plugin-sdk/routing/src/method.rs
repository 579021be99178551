//! Which handler of a route answers a method (RFC 9110, sections 9.3 and 15.5.6).

use std::fmt;

/// A method that a page can export a function for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Method {
    /// `pub fn get`
    Get,
    /// `pub fn head`; without it HEAD is answered by `get`
    Head,
    /// `pub fn post`
    Post,
    /// `pub fn put`
    Put,
    /// `pub fn patch`
    Patch,
    /// `pub fn delete`
    Delete,
    /// `pub fn options`; without it OPTIONS is answered with the `Allow` header
    Options,
}

impl Method {
    /// Every method, in the order used in `Allow`.
    pub const ALL: [Method; 7] = [
        Method::Get,
        Method::Head,
        Method::Post,
        Method::Put,
        Method::Patch,
        Method::Delete,
        Method::Options,
    ];

    /// Its name as it stands in a request: `GET`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Head => "HEAD",
            Method::Post => "POST",
            Method::Put => "PUT",
            Method::Patch => "PATCH",
            Method::Delete => "DELETE",
            Method::Options => "OPTIONS",
        }
    }

    /// Reads a request's method; names are case-sensitive.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Method> {
        Method::ALL.into_iter().find(|method| method.as_str() == name)
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What one route answers: some methods by name, and perhaps any other.
///
/// ```
/// use nova_routing::{Decision, Method, MethodSet};
///
/// let page = MethodSet::from_iter([Method::Get, Method::Post]);
/// assert_eq!(page.decide("HEAD"), Decision::Run(Method::Get));
/// assert_eq!(page.decide("DELETE"), Decision::NotAllowed);
/// assert_eq!(page.allow(), "GET, HEAD, POST, OPTIONS");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MethodSet {
    named: u8,
    any: bool,
}

/// What [`MethodSet::decide`] decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The handler of this method answers. For a HEAD request it may be that of GET: its body
    /// is then dropped.
    Run(Method),
    /// The handler for any method answers.
    RunAny,
    /// 204 with the `Allow` header.
    Options,
    /// 405 with the `Allow` header.
    NotAllowed,
}

impl MethodSet {
    /// No method at all.
    #[must_use]
    pub const fn new() -> Self {
        MethodSet { named: 0, any: false }
    }

    /// The same set with `method` in it.
    #[must_use]
    pub const fn with(mut self, method: Method) -> Self {
        self.named |= method.bit();
        self
    }

    /// The same set with a handler for any method.
    #[must_use]
    pub const fn with_any(mut self) -> Self {
        self.any = true;
        self
    }

    /// Whether `method` has a handler of its own.
    #[must_use]
    pub const fn contains(self, method: Method) -> bool {
        self.named & method.bit() != 0
    }

    /// Whether there is a handler for any method.
    #[must_use]
    pub const fn has_any(self) -> bool {
        self.any
    }

    /// Whether nothing is answered.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.named == 0 && !self.any
    }

    /// The methods with a handler of their own.
    pub fn iter(self) -> impl Iterator<Item = Method> {
        Method::ALL.into_iter().filter(move |method| self.contains(*method))
    }

    /// Which handler answers a request with this method: its own, that of GET for HEAD, the one
    /// for any method, the built-in answer to OPTIONS, or none.
    #[must_use]
    pub fn decide(self, name: &str) -> Decision {
        let method = Method::from_name(name);
        match method {
            Some(method) if self.contains(method) => Decision::Run(method),
            Some(Method::Head) if self.contains(Method::Get) => Decision::Run(Method::Get),
            _ if self.any => Decision::RunAny,
            Some(Method::Options) => Decision::Options,
            _ => Decision::NotAllowed,
        }
    }

    /// The value of the `Allow` header.
    #[must_use]
    pub fn allow(self) -> String {
        let allowed =
            |method: &Method| !matches!(self.decide(method.as_str()), Decision::NotAllowed);
        Method::ALL
            .iter()
            .filter(|method| allowed(method))
            .map(|method| method.as_str())
            .collect::<Vec<_>>()
            .join(", ")
    }
}

impl FromIterator<Method> for MethodSet {
    fn from_iter<I: IntoIterator<Item = Method>>(methods: I) -> Self {
        methods.into_iter().fold(MethodSet::new(), MethodSet::with)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decides() {
        use Decision::{NotAllowed, Options, Run, RunAny};
        use Method::{Get, Head, Post};
        let get = MethodSet::from_iter([Get]);
        let both = MethodSet::from_iter([Get, Head]);
        let post = MethodSet::from_iter([Post]);
        let any = MethodSet::new().with_any();
        let table = [
            (get, "GET", Run(Get)),
            (get, "HEAD", Run(Get)),
            (get, "OPTIONS", Options),
            (get, "POST", NotAllowed),
            (get, "get", NotAllowed),
            (get, "PROPFIND", NotAllowed),
            (both, "HEAD", Run(Head)),
            (post, "HEAD", NotAllowed),
            (any, "OPTIONS", RunAny),
            (any, "PROPFIND", RunAny),
            (get.with_any(), "HEAD", Run(Get)),
            (get.with_any(), "POST", RunAny),
            (get.with(Method::Options), "OPTIONS", Run(Method::Options)),
        ];
        for (set, name, want) in table {
            assert_eq!(set.decide(name), want, "{set:?} {name}");
        }
    }

    #[test]
    fn allow_lists_what_is_answered() {
        let table = [
            (MethodSet::from_iter([Method::Get]), "GET, HEAD, OPTIONS"),
            (MethodSet::from_iter([Method::Delete, Method::Post]), "POST, DELETE, OPTIONS"),
            (MethodSet::new().with_any(), "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"),
            (MethodSet::new(), "OPTIONS"),
        ];
        for (set, want) in table {
            assert_eq!(set.allow(), want);
        }
    }

    #[test]
    fn names_round_trip() {
        for method in Method::ALL {
            assert_eq!(Method::from_name(method.as_str()), Some(method));
        }
    }
}
