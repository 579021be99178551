//! A status as `nova status` shows it.
//!
//! Each part is a file that writes its lines and, if it wrote any, an empty one behind them. Where
//! the terminal is narrow, tables become lists and lines are broken; nothing is left out.

mod generations;
mod numbers;
mod past;
mod releases;
mod threads;
mod workers;

use std::fmt;

use nova_host::operate::admin::Status;

use super::width::items;

/// A status, for people.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StatusView<'a> {
    pub(crate) status: &'a Status,
    /// How many columns a line may have.
    pub(crate) width: usize,
}

impl fmt::Display for StatusView<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { status, width } = *self;
        head(f, status, width)?;
        generations::write(f, status, width)?;
        workers::write(f, status, width)?;
        releases::write(f, status, width)?;
        threads::write(f, status, width)?;
        numbers::write(f, status, width)?;
        past::write(f, status, width)
    }
}

/// Which host it is, and how it is.
fn head(f: &mut fmt::Formatter<'_>, status: &Status, width: usize) -> fmt::Result {
    let state = match (status.stopping, status.ready) {
        (true, _) => "stopping",
        (false, true) => "ready",
        (false, false) => "not ready",
    };
    let host = [
        format!("{} {state}", status.url),
        format!("nova-host {}", status.version),
        format!("process {}", status.pid),
        format!("up {}", age(status.uptime_seconds)),
    ];
    writeln!(f, "{}\n", items(host, width))
}

/// The beginning of a build id, which is enough to tell builds apart.
fn short(build_id: &str) -> String {
    build_id.chars().take(12).collect()
}

/// `3s`, `4m`, `5h 6m`, `7d 8h`.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates")]
fn age(seconds: f64) -> String {
    let seconds = seconds as u64;
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{minutes}m"),
        3600..86_400 => format!("{hours}h {}m", minutes % 60),
        _ => format!("{days}d {}h", hours % 24),
    }
}

#[expect(clippy::cast_precision_loss, reason = "one digit after the point is shown")]
fn size(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}

#[cfg(test)]
mod tests;
