//! Nova from outside: its programs are started, asked over sockets and by a browser, and ended.
//!
//! One program for all of it: to link is what takes the longest before a test runs, and tests that
//! wait leave the machine to those that compile.

mod accessible;
mod browser;
mod build;
mod cli;
mod crash;
mod data;
mod debugger;
mod dev;
mod docs;
mod edge;
mod handover;
mod hazards;
mod http;
mod jobs;
mod live;
mod mistakes;
mod monorepo;
mod morph;
mod native;
mod nova_host;
mod precompile;
mod processes;
mod public_files;
mod rogue;
mod rollback;
mod saves;
mod services;
mod sessions;
mod shared_sdk;
mod succession;
mod swap;
mod terminal;
mod trust;
mod upgrade;
mod workers;
