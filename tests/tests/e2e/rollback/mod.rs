//! Going back: by itself when a release fails, by command, and for good; what is kept for it.

mod again;
mod back;
mod canary;
mod damage;
mod ground;
mod recycle;
mod restart;
mod service;
