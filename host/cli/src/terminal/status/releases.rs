//! The releases that are kept or refused, where there is more than the one that serves.

use std::fmt;

use nova_host::operate::admin::{ReleaseStatus, Status};

use super::{age, short};
use crate::terminal::table::Align::{Left, Right};
use crate::terminal::table::fitting;

const HEADINGS: [&str; 4] = ["kept build", "state", "age", "release"];

pub(super) fn write(f: &mut fmt::Formatter<'_>, status: &Status, width: usize) -> fmt::Result {
    let [_, _, ..] = status.releases.as_slice() else { return Ok(()) };
    let mut rows = vec![HEADINGS.map(str::to_owned)];
    rows.extend(status.releases.iter().map(row));
    writeln!(f, "{}", fitting(&rows, [Left, Left, Right, Left], width))
}

fn row(release: &ReleaseStatus) -> [String; 4] {
    let state = match (release.current, &release.refused, release.kept) {
        (true, ..) => "serves".to_owned(),
        (_, Some(reason), true) => format!("refused: {reason}"),
        (_, Some(reason), false) => format!("refused, no longer kept: {reason}"),
        (_, None, _) => "kept".to_owned(),
    };
    let source = release.source.display().to_string();
    [short(&release.build_id), state, age(release.age_seconds), source]
}
