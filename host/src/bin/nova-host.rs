//! The production host.
fn main() {}
