//! Tables that a person can read, and the gates that the numbers have to meet.

use nova_benches::stats::quantile;

use crate::phases::Phase;

/// What one scenario has found out.
#[derive(Default)]
pub(crate) struct Report {
    gates: Vec<Gate>,
}

struct Gate {
    what: String,
    found: String,
    met: bool,
}

impl Report {
    /// Begins a table of times in milliseconds.
    pub(crate) fn heading(&self, title: &str) {
        println!("\n{title}\n{:<34}{:>9}{:>9}{:>9}{:>9}", "ms", "p50", "p95", "min", "max");
    }

    /// One row of it. Gives back the median.
    pub(crate) fn row(&self, name: &str, times: &[f64]) -> f64 {
        let at = |share| quantile(&mut times.to_vec(), share);
        let (p50, p95, min, max) = (at(0.5), at(0.95), at(0.0), at(1.0));
        println!("{name:<34}{p50:>9.1}{p95:>9.1}{min:>9.1}{max:>9.1}");
        p50
    }

    /// The rows of the phases within a row.
    pub(crate) fn phases(&self, phases: &[Phase]) {
        for (name, times) in phases {
            self.row(&format!("    {name}"), times);
        }
    }

    /// A number that has no limit.
    pub(crate) fn fact(&self, name: &str, value: &str) {
        println!("{name:<34}{value:>9}");
    }

    /// A number and the most that it may be.
    pub(crate) fn at_most(&mut self, what: &str, found: f64, most: f64, unit: &str) {
        let (limit, digits) = if unit.is_empty() { (2, 2) } else { (0, 1) };
        self.gate(
            format!("{what} at most {most:.limit$}{unit}"),
            format!("{found:.digits$}{unit}"),
            found <= most,
        );
    }

    /// Something that must hold.
    pub(crate) fn must(&mut self, what: &str, found: &str, met: bool) {
        self.gate(what.to_owned(), found.to_owned(), met);
    }

    fn gate(&mut self, what: String, found: String, met: bool) {
        let gate = Gate { what, found, met };
        gate.print();
        self.gates.push(gate);
    }

    /// All gates again, one after the other.
    pub(crate) fn summary(&self) {
        println!("\nall gates");
        self.gates.iter().for_each(Gate::print);
    }
}

impl Gate {
    fn print(&self) {
        let verdict = if self.met { "ok" } else { "MISSED" };
        println!("  {:<58}{:>14}  {verdict}", self.what, self.found);
    }
}

/// The 95th percentile.
pub(crate) fn p95(times: &[f64]) -> f64 {
    quantile(&mut times.to_vec(), 0.95)
}

/// The median.
pub(crate) fn p50(times: &[f64]) -> f64 {
    quantile(&mut times.to_vec(), 0.5)
}

/// Megabytes, for people.
pub(crate) fn megabytes(bytes: u64) -> String {
    #[allow(clippy::cast_precision_loss)]
    let megabytes = bytes as f64 / (1024.0 * 1024.0);
    format!("{megabytes:.1} MB")
}
