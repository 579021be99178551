//! Messages for the next page.

/// A message that a page left for the next one: see [`Session::flash`](super::Session::flash).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flash {
    /// What kind of message it is, such as `info` or `error`: the app's own word.
    pub kind: String,
    /// What it says.
    pub text: String,
}
