//! What the C library is told when our executable is started again.

use std::ffi::{OsStr, OsString};

/// The variable that glibc reads before a program begins.
pub const VARIABLE: &str = "GLIBC_TUNABLES";

/// The room that is kept for libraries whose thread-local variables must have a fixed place. By
/// default there are 512 bytes of it, in all for as long as the process lives, and jemalloc alone
/// takes more. Threads take it from their stacks, and nothing is written there before it is used.
const STATIC_TLS: (&str, usize) = ("glibc.rtld.optional_static_tls", 16_384);

/// The value of [`VARIABLE`] for a child that is going to load libraries.
#[must_use]
pub fn for_libraries() -> OsString {
    with_room(std::env::var_os(VARIABLE))
}

/// What was there before stays, and comes first where it says the same thing otherwise.
fn with_room(before: Option<OsString>) -> OsString {
    let (name, size) = STATIC_TLS;
    let ours = format!("{name}={size}");
    let Some(mut value) = before.filter(|value| !value.is_empty()) else { return ours.into() };
    if !value.to_string_lossy().contains(name) {
        value.push(OsStr::new(":"));
        value.push(ours);
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_there_stays() {
        let with = |before: Option<&str>| with_room(before.map(Into::into));
        let ours = "glibc.rtld.optional_static_tls=16384";
        assert_eq!(with(None), ours);
        assert_eq!(with(Some("")), ours);
        assert_eq!(
            with(Some("glibc.malloc.arena_max=2")),
            format!("glibc.malloc.arena_max=2:{ours}").as_str()
        );
        let theirs = "glibc.rtld.optional_static_tls=65536";
        assert_eq!(with(Some(theirs)), theirs);
    }
}
