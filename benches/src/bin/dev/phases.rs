//! What `nova dev --log-format json` says of each update: how long its phases took.

use serde::Deserialize;

/// The part of a line that matters here. Other lines, and older versions, have none.
#[derive(Deserialize)]
struct Line {
    phases: serde_json::Map<String, serde_json::Value>,
}

/// One phase and its milliseconds in each update.
pub(crate) type Phase = (String, Vec<f64>);

/// The phases of the last `count` updates that `output` tells of, in their order; empty where
/// nothing tells of phases.
pub(crate) fn phases(output: &str, count: usize) -> Vec<Phase> {
    let lines: Vec<Line> =
        output.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let mut phases: Vec<Phase> = Vec::new();
    for line in &lines[lines.len().saturating_sub(count)..] {
        for (name, value) in &line.phases {
            let Some(value) = value.as_f64() else { continue };
            match phases.iter_mut().find(|(known, _)| known == name) {
                Some((_, values)) => values.push(value),
                None => phases.push((name.clone(), vec![value])),
            }
        }
    }
    phases
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_updates_count() {
        let output = "listening on http://x\n\
            {\"event\":\"update\",\"phases\":{\"watch\":900.0}}\n\
            {\"event\":\"note\",\"text\":\"hello\"}\n\
            {\"event\":\"update\",\"phases\":{\"watch\":16.5,\"link\":null}}\n\
            {\"event\":\"update\",\"phases\":{\"watch\":17,\"compile\":120.25}}\n";
        assert_eq!(
            phases(output, 2),
            [("watch".to_owned(), vec![16.5, 17.0]), ("compile".to_owned(), vec![120.25])]
        );
        assert_eq!(phases("listening on http://x\n", 50), []);
    }
}
