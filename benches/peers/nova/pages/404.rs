//! What every address without a page is answered with.

pub fn get() -> &'static str {
    "not found"
}
