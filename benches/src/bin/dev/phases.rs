//! What `nova dev --log-format json` says of each update: how long its phases took.

use std::collections::BTreeMap;

use serde::Deserialize;

/// The phases, in the order in which they happen.
const NAMES: [&str; 5] = ["watch", "compile", "link", "load", "swap"];

/// The part of a line that matters here; lines of other events have none.
#[derive(Deserialize)]
struct Line {
    /// Microseconds of `watch_us` and so on; 0 for what was not measured for itself.
    phases: BTreeMap<String, u64>,
    total_us: u64,
}

/// One phase and its milliseconds in each update.
pub(crate) type Phase = (String, Vec<f64>);

/// The phases of the last `count` updates that `output` tells of, in their order, and `nova`'s own
/// total; empty where nothing tells of phases.
pub(crate) fn phases(output: &str, count: usize) -> Vec<Phase> {
    let lines: Vec<Line> =
        output.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let lines = &lines[lines.len().saturating_sub(count)..];
    #[allow(clippy::cast_precision_loss)]
    let milliseconds = |microseconds: u64| microseconds as f64 / 1000.0;
    let phase = |name: &str| {
        let time = |line: &Line| line.phases.get(&format!("{name}_us")).copied().unwrap_or(0);
        (name.to_owned(), lines.iter().map(|line| milliseconds(time(line))).collect())
    };
    let total = lines.iter().map(|line| milliseconds(line.total_us)).collect();
    let mut phases: Vec<Phase> = NAMES.map(phase).into();
    phases.push(("all that nova saw".to_owned(), total));
    phases.retain(|(_, times)| times.iter().any(|&time| time > 0.0));
    phases
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_updates_count() {
        let output = r#"listening on http://x
{"event":"update","phases":{"watch_us":900000,"compile_us":1},"total_us":900001}
{"event":"line","label":"note"}
{"event":"update","phases":{"watch_us":16500,"link_us":0,"swap_us":300},"total_us":16800}
{"event":"update","phases":{"watch_us":17000,"link_us":0,"swap_us":200},"total_us":17200}"#;
        let expected = [
            ("watch", vec![16.5, 17.0]),
            ("swap", vec![0.3, 0.2]),
            ("all that nova saw", vec![16.8, 17.2]),
        ];
        assert_eq!(phases(output, 2), expected.map(|(name, times)| (name.to_owned(), times)));
        assert_eq!(phases("listening on http://x\n", 50), []);
    }
}
