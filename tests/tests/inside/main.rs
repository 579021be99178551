//! Libraries that are loaded into the test's own process. A program of its own: a library that
//! ends its process ends these tests and no others.

mod loader;
mod parts;
