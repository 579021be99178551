//! Apps with data of their own, writers that remember what was acknowledged, and what has come of
//! it after swaps: the promise that a swap keeps the data, measured.
//!
//! [`app`] compiles the apps of `tests/fixtures/apps/data`, [`server`] is a host of one of them,
//! [`writers`] post orders to it and [`audit`] compares what they were told with what is there.
//! [`scenario`] is what happens to the host meanwhile.

pub mod app;
pub mod audit;
pub mod scenario;
pub mod server;
pub mod writers;
