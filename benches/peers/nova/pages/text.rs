//! A text of 13 bytes.

pub fn get() -> &'static str {
    "Hello, world!"
}
