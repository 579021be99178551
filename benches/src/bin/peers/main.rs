//! Nova's production host side by side with its peers, in one command.
//!
//! `cargo run --release -p nova-benches --bin peers -- [WORKLOAD…] [OPTIONS]` builds what it compares
//! (`benches/peers/`, and the app in it with `nova build`), starts the servers on one core, checks that
//! all give the same answers, and then loads them in turns from another core. What counts is the CPU
//! time that a request takes, which other work on the machine changes less than requests per second.
//!
//! [`workload`] has the table of workloads, [`server`] that of servers; [`build`] and [`running`] make
//! and start them, [`verify`] compares answers, [`measure`] takes turns, [`report`] shows it.

mod build;
mod measure;
mod options;
mod report;
mod running;
mod server;
mod swap;
mod verify;
mod workload;

use std::process::ExitCode;

use clap::Parser as _;
use nova_benches::pin::{Cores, stay_on};
use nova_tests::client::Failure;

use self::build::Builds;
use self::measure::Bench;
use self::options::Options;
use self::report::Report;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        // Answers that differ are shown on lines of their own.
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Failure> {
    let options = Options::parse();
    // What is built may use all cores; what is measured may not.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let builds = runtime.block_on(Builds::make(&options))?;
    let cores = Cores::find()?;
    stay_on(cores.load)?;
    let mut report = Report::new(&options);
    println!(
        "{} rounds of {} s of each server in turns; servers on core {}, load on core {}",
        options.rounds,
        options.seconds.as_secs_f64(),
        cores.server,
        cores.load
    );
    let bench = Bench { options: &options, builds: &builds, cores, runtime: &runtime };
    let mut failed = Vec::new();
    for workload in options.workloads() {
        match bench.run(workload) {
            Ok(table) => {
                println!("\n{}", table.text());
                // After each, so that what was measured is there whatever becomes of the rest.
                report.add(table);
                report.write()?;
            }
            Err(error) => {
                eprintln!("error: {}: {error}", workload.name);
                failed.push(workload.name);
            }
        }
    }
    if failed.is_empty() { Ok(()) } else { Err(format!("failed: {}", failed.join(", ")).into()) }
}
