//! Side-by-side benchmarks: everything that is compared runs in turns, in one run.
//!
//! Timings of one run on a busy machine mean little; ratios of short alternating rounds mean
//! more. So each benchmark prints medians, ratios, and how far the ratios spread.

pub mod apps;
pub mod callgrind;
pub mod cpu;
pub mod load;
pub mod pin;
pub mod server;
pub mod stages;
pub mod stats;
