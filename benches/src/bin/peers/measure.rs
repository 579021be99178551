//! Rounds: each server in turn, and each round with another one first.

use std::time::Duration;

use nova_benches::load::{Exchange, Load, Outcome, http1, http2};
use nova_benches::pin::Cores;
use nova_benches::stats::quantile;
use nova_tests::client::Failure;
use tokio::runtime::Runtime;

use crate::build::{App, Builds};
use crate::options::Options;
use crate::report::table::{Round, Row, Table};
use crate::running::{Running, Start};
use crate::server::{Kind, servers};
use crate::swap::Swapping;
use crate::verify;
use crate::workload::{CONNECTIONS, How, Workload};

/// Of each round, before anything is counted.
const WARM_UP: Duration = Duration::from_millis(300);

/// How many rounds find the capacity of which a share is asked for.
const CAPACITY_ROUNDS: usize = 3;

/// What all workloads share.
pub(crate) struct Bench<'a> {
    pub(crate) options: &'a Options,
    pub(crate) builds: &'a Builds,
    pub(crate) cores: Cores,
    pub(crate) runtime: &'a Runtime,
}

impl Bench<'_> {
    /// Starts the servers, compares their answers, and measures them.
    pub(crate) fn run(&self, workload: &'static Workload) -> Result<Table, Failure> {
        let running = self.start(workload)?;
        let questions = workload.questions();
        let exchanges = self.runtime.block_on(verify::exchanges(&running, &questions))?;
        let rows = match workload.how {
            How::Saturate { connections, depth, requests_each } => {
                let load = self.load(connections, depth, requests_each);
                self.rounds(&running, |server| self.saturate(server, &exchanges, &load))?
            }
            How::Http2 { connections, streams } => {
                let load = self.load(connections, streams, None);
                self.rounds(&running, |server| self.http2(server, &exchanges, &load))?
            }
            How::Pace(share) => {
                let capacities = self.capacities(&running, &exchanges)?;
                self.rounds(&running, |server| {
                    let at = running.iter().position(|it| it.address == server.address);
                    let capacity = capacities[at.ok_or("a server that runs")?];
                    self.pace(server, &exchanges, capacity * share)
                })?
            }
            How::Swap(share) => self.swap(&running[0], &exchanges, share)?,
        };
        Ok(Table { workload, rows })
    }

    fn start(&self, workload: &Workload) -> Result<Vec<Running>, Failure> {
        let start = Start { builds: self.builds, cores: self.cores, app: App::of(workload) };
        let mut running = Vec::new();
        for server in servers(workload.needs) {
            if server.kind != Kind::Nova && !self.options.wants(server.name) {
                continue;
            }
            match Running::start(server, &start)? {
                Some(server) => running.push(server),
                None => eprintln!("{} is not installed: benches/peers/setup does it", server.name),
            }
        }
        Ok(running)
    }

    fn load(&self, connections: usize, depth: usize, requests_each: Option<u32>) -> Load {
        Load { connections, depth, requests_each, warm_up: WARM_UP, counted: self.options.seconds }
    }

    /// All rounds of all servers.
    fn rounds(
        &self,
        running: &[Running],
        measure: impl Fn(&Running) -> Result<Round, Failure>,
    ) -> Result<Vec<Row>, Failure> {
        let mut rows: Vec<Row> =
            running.iter().map(|it| Row::new(it.server.name, it.server.logs)).collect();
        for round in 0..self.options.rounds.get() {
            for turn in 0..running.len() {
                // The order turns, so that none is always first, and every second one runs backwards,
                // so that none always follows the same other.
                let turn = if round % 2 == 0 { turn } else { running.len() - 1 - turn };
                let which = (round + turn) % running.len();
                let server = &running[which];
                let measured =
                    measure(server).map_err(|error| format!("{}: {error}", server.server.name))?;
                rows[which].rounds.push(measured);
                server.empty_log()?;
            }
        }
        Ok(rows)
    }

    fn saturate(
        &self,
        server: &Running,
        exchanges: &[Exchange],
        load: &Load,
    ) -> Result<Round, Failure> {
        let outcome = http1::saturate(server.address, exchanges, load, || server.used_ns())?;
        Ok(Round::of(&outcome))
    }

    fn http2(
        &self,
        server: &Running,
        exchanges: &[Exchange],
        load: &Load,
    ) -> Result<Round, Failure> {
        let outcome = http2::saturate(server.address, exchanges, load, || server.used_ns());
        Ok(Round::of(&self.runtime.block_on(outcome)?))
    }

    fn pace(&self, server: &Running, exchanges: &[Exchange], rate: f64) -> Result<Round, Failure> {
        let load = self.load(CONNECTIONS, 1, None);
        let outcome = http1::pace(server.address, exchanges, &load, rate, || server.used_ns())?;
        Ok(with_latencies(outcome))
    }

    /// How many requests per second each server answers at most.
    fn capacities(&self, running: &[Running], exchanges: &[Exchange]) -> Result<Vec<f64>, Failure> {
        let load = self.load(CONNECTIONS, 1, None);
        let mut found = vec![Vec::new(); running.len()];
        for _ in 0..CAPACITY_ROUNDS {
            for (server, found) in running.iter().zip(&mut found) {
                found.push(self.saturate(server, exchanges, &load)?.per_second);
                server.empty_log()?;
            }
        }
        Ok(found.iter_mut().map(|rates| quantile(rates, 0.5)).collect())
    }

    /// Without swaps and with them, in turns.
    fn swap(
        &self,
        server: &Running,
        exchanges: &[Exchange],
        share: f64,
    ) -> Result<Vec<Row>, Failure> {
        let rate = self.capacities(std::slice::from_ref(server), exchanges)?[0] * share;
        let (mut without, mut with) =
            (Row::new("nova, no swaps", false), Row::new("nova, swapping", false));
        let mut times = Vec::new();
        for _ in 0..self.options.rounds.get() {
            without.rounds.push(self.pace(server, exchanges, rate)?);
            let swapping = Swapping::start(server.admin(), self.builds)?;
            with.rounds.push(self.pace(server, exchanges, rate)?);
            times.extend(swapping.end()?);
        }
        let (count, p50) = (times.len(), quantile(&mut times, 0.5));
        println!(
            "{count} swaps, {p50:.0} ms each at the median, preflight included, on the same core"
        );
        Ok(vec![without, with])
    }
}

fn with_latencies(mut outcome: Outcome) -> Round {
    let mut at = |share| quantile(&mut outcome.latencies, share);
    let latency = [at(0.5), at(0.99), at(0.999)];
    Round { latency: Some(latency), ..Round::of(&outcome) }
}
