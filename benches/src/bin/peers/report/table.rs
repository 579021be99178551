//! The rounds of a workload, and the table that they make.

use std::fmt::Write;

use nova_benches::load::Outcome;
use nova_benches::stats::{Bootstrap, bootstrap, quantile};

use crate::workload::{How, Workload};

/// One round of one server.
#[derive(Clone, Debug)]
pub(crate) struct Round {
    /// Requests.
    pub(crate) per_second: f64,
    /// Of CPU for each request, of the server and its children.
    pub(crate) cpu_us: f64,
    /// At a fixed rate: p50, p99 and p99.9 in microseconds.
    pub(crate) latency: Option<[f64; 3]>,
}

impl Round {
    pub(crate) fn of(outcome: &Outcome) -> Self {
        Self { per_second: outcome.per_second(), cpu_us: outcome.probed_us_each(), latency: None }
    }
}

/// All rounds of one server.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) logs: bool,
    pub(crate) rounds: Vec<Round>,
}

/// A median with the middle half.
pub(crate) struct Spread {
    pub(crate) median: f64,
    low: f64,
    high: f64,
}

impl Row {
    pub(crate) fn new(name: &'static str, logs: bool) -> Self {
        Self { name, logs, rounds: Vec::new() }
    }

    fn series(&self, of: impl Fn(&Round) -> f64) -> Vec<f64> {
        self.rounds.iter().map(of).collect()
    }

    fn spread(&self, of: impl Fn(&Round) -> f64) -> Spread {
        let mut values = self.series(of);
        let mut at = |share| quantile(&mut values, share);
        Spread { median: at(0.5), low: at(0.25), high: at(0.75) }
    }

    pub(crate) fn cpu(&self) -> Spread {
        self.spread(|round| round.cpu_us)
    }

    /// How much of its core a server has used: where that is little, its requests per second say
    /// more of the load, or of what else the machine did.
    fn busy(&self) -> Spread {
        self.spread(|round| round.per_second * round.cpu_us / 1e6)
    }
}

/// All servers of a workload.
pub(crate) struct Table {
    pub(crate) workload: &'static Workload,
    /// Nova first, with and without its log.
    pub(crate) rows: Vec<Row>,
}

impl Table {
    /// CPU time of Nova by that of a peer, which both log or both do not; `None` of Nova itself.
    pub(crate) fn compared(&self, row: &Row) -> Option<Bootstrap> {
        let is_nova = |row: &Row| row.name.starts_with("nova");
        let nova = self.rows.iter().find(|it| is_nova(it) && it.logs == row.logs);
        let nova = nova.filter(|_| !is_nova(row))?;
        let cpu = |row: &Row| row.series(|round| round.cpu_us);
        Some(bootstrap(&cpu(nova), &cpu(row)))
    }

    /// As it is printed, at most 100 columns wide.
    pub(crate) fn text(&self) -> String {
        let mut text = format!("{}: {}\n", self.workload.name, self.workload.what);
        let lines = match self.workload.how {
            How::Saturate { .. } | How::Http2 { .. } => self.saturated(),
            How::Pace(_) | How::Swap(_) => self.paced(),
        };
        text += &lines;
        text
    }

    fn saturated(&self) -> String {
        let mut text = format!(
            "{:<14}{:>11}{:>17}{:>6}{:>10}{:>16}{:>9}{:>15}\n",
            "server",
            "requests/s",
            "middle half",
            "busy",
            "CPU µs",
            "middle half",
            "nova/it",
            "95 %"
        );
        for row in &self.rows {
            let (rate, cpu) = (row.spread(|round| round.per_second), row.cpu());
            let rates = format!("{:.0}-{:.0}", rate.low, rate.high);
            let cpus = format!("{:.2}-{:.2}", cpu.low, cpu.high);
            let busy = format!("{:.0} %", row.busy().median * 100.0);
            let (name, rate, cpu) = (row.name, rate.median, cpu.median);
            let _ = write!(text, "{name:<14}{rate:>11.0}{rates:>17}{busy:>6}{cpu:>10.2}{cpus:>16}");
            if let Some(Bootstrap { ratio, interval: (low, high) }) = self.compared(row) {
                let interval = format!("{low:.2}-{high:.2}");
                let _ = write!(text, "{ratio:>9.2}{interval:>15}");
            }
            text += "\n";
        }
        text
    }

    fn paced(&self) -> String {
        let mut text = format!(
            "{:<18}{:>11}{:>10}{:>10}{:>10}{:>10}{:>18}\n",
            "server", "requests/s", "CPU µs", "p50 µs", "p99 µs", "p99.9 µs", "middle half"
        );
        for row in &self.rows {
            let rate = row.spread(|round| round.per_second).median;
            let at = |which: usize| {
                row.spread(|round| round.latency.map_or(f64::NAN, |latency| latency[which]))
            };
            let (name, cpu, p50, p99, tail) =
                (row.name, row.cpu().median, at(0).median, at(1).median, at(2));
            let tails = format!("{:.0}-{:.0}", tail.low, tail.high);
            let _ = writeln!(
                text,
                "{name:<18}{rate:>11.0}{cpu:>10.2}{p50:>10.0}{p99:>10.0}{:>10.0}{tails:>18}",
                tail.median
            );
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &'static str, logs: bool, cpu: &[f64]) -> Row {
        let round =
            |cpu_us: &f64| Round { per_second: 1e6 / cpu_us, cpu_us: *cpu_us, latency: None };
        Row { name, logs, rounds: cpu.iter().map(round).collect() }
    }

    #[test]
    fn what_logs_is_compared_with_what_logs() {
        let rows = vec![
            row("nova", false, &[10.0, 11.0, 10.0]),
            row("nova-log", true, &[20.0, 22.0, 20.0]),
            row("axum", false, &[5.0, 5.5, 5.0]),
            row("nginx-log", true, &[40.0, 44.0, 40.0]),
        ];
        let workload = Workload::named("text").expect("a workload");
        let table = Table { workload, rows };
        let ratio = |at: usize| table.compared(&table.rows[at]).map(|it| it.ratio);
        assert_eq!([ratio(0), ratio(1), ratio(2), ratio(3)], [None, None, Some(2.0), Some(0.5)]);
        for line in table.text().lines() {
            assert!(line.chars().count() <= 100, "{line}");
        }
    }
}
