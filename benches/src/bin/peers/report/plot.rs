//! A plot of the CPU time of a request: for each workload a bar for each server.
//!
//! It has no background, and its colours follow those of the reader's page, light or dark.

use std::fmt::Write;

use super::table::Table;
use crate::workload::How;

/// The plot is so wide, in the units of its own coordinates.
const WIDTH: f64 = 760.0;

/// Where bars begin, and how long the longest is.
const LEFT: f64 = 130.0;
const LONGEST: f64 = WIDTH - LEFT - 70.0;

/// From one bar to the next, and how thick each is.
const LINE: f64 = 20.0;
const BAR: f64 = 13.0;

/// Of the title of a workload, with the room above it.
const TITLE: f64 = 40.0;

/// What needs more CPU than this many times the median server would make all other bars too short: its
/// bar is cut there, and its number stands beside it.
const CUT: f64 = 4.0;

const STYLE: &str = "<style>\
    text { font: 13px system-ui, sans-serif; fill: #1f2328 }\
    .title { font-weight: 600 }\
    .peer { fill: #8c959f } .nova { fill: #0969da }\
    @media (prefers-color-scheme: dark) {\
    text { fill: #e6edf3 } .peer { fill: #6e7681 } .nova { fill: #58a6ff } }\
    </style>";

/// The plot of all workloads that saturate a server.
pub(super) fn svg(tables: &[Table]) -> String {
    let (mut body, mut y) = (String::new(), 0.0);
    for table in tables {
        if matches!(table.workload.how, How::Saturate { .. } | How::Http2 { .. }) {
            y = workload(table, y, &mut body);
        }
    }
    let height = y + LINE;
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" \
         aria-label=\"Microseconds of CPU for each request, by workload and server\">\n\
         {STYLE}\n{body}</svg>\n"
    )
}

/// Draws a workload below `y`, and gives back where it ends.
fn workload(table: &Table, y: f64, body: &mut String) -> f64 {
    let mut y = y + TITLE;
    let (name, what) = (table.workload.name, table.workload.what);
    let title = escaped(&format!("{name}: {what}, µs of CPU for a request"));
    // Writing to a string cannot fail.
    let _ = writeln!(body, "<text class=\"title\" x=\"0\" y=\"{:.0}\">{title}</text>", y - 10.0);
    let cpu: Vec<f64> = table.rows.iter().map(|row| row.cpu().median).collect();
    let middle = nova_benches::stats::quantile(&mut cpu.clone(), 0.5);
    let longest = cpu.iter().copied().fold(0.0, f64::max).min(middle * CUT);
    for (row, cpu) in table.rows.iter().zip(cpu) {
        let width = cpu.min(longest) / longest * LONGEST;
        let class = if row.name.starts_with("nova") { "nova" } else { "peer" };
        let (base, end) = (y + BAR - 2.0, LEFT + width + 6.0);
        let mark = if cpu > longest { " (cut)" } else { "" };
        let name = escaped(row.name);
        let _ = writeln!(
            body,
            "<text x=\"{:.0}\" y=\"{base:.0}\" text-anchor=\"end\">{name}</text>\
             <rect class=\"{class}\" x=\"{LEFT}\" y=\"{y:.0}\" width=\"{width:.1}\" \
             height=\"{BAR}\" rx=\"2\"/>\
             <text x=\"{end:.1}\" y=\"{base:.0}\">{cpu:.1}{mark}</text>",
            LEFT - 8.0
        );
        y += LINE;
    }
    y
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}
