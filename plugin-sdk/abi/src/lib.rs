//! The contract between a Nova host and a route library.
