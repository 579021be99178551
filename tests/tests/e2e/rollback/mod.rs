//! Going back: by itself when a release fails, by command, and for good; what is kept for it.

mod back;
mod canary;
mod ground;
mod recycle;
mod service;
