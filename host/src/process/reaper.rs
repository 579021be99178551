//! The first process of a container is given the children of those that have ended, and has to let
//! the system forget them.

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use rustix::process::{Pid, WaitOptions, getpid, waitpid};
use tokio::signal::unix::{SignalKind, signal};

/// Who has started a child itself has waited for it by then.
const OWN: Duration = Duration::from_secs(1);

/// Lets the system forget children that nobody here waits for, if this is the first process.
///
/// # Panics
/// Outside of a tokio runtime.
pub fn start() {
    if getpid().as_raw_nonzero().get() == 1 {
        tokio::spawn(reap());
    }
}

async fn reap() {
    let Ok(mut ended) = signal(SignalKind::child()) else { return };
    let mut seen = BTreeSet::new();
    loop {
        // As long as there are some, they are looked at again.
        if seen.is_empty() && ended.recv().await.is_none() {
            return;
        }
        tokio::time::sleep(OWN).await;
        let now = ended_children(getpid());
        for pid in seen.intersection(&now) {
            let pid = Pid::from_raw(*pid);
            if pid.is_some() {
                waitpid(pid, WaitOptions::NOHANG).ok();
            }
        }
        seen = &now - &seen;
    }
}

/// The children of a process that have ended and were not waited for.
fn ended_children(parent: Pid) -> BTreeSet<i32> {
    let parent = parent.as_raw_nonzero().get();
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let ended = processes.filter_map(|process| {
        let pid = process.file_name().to_str()?.parse().ok()?;
        let stat = fs::read_to_string(process.path().join("stat")).ok()?;
        is_ended_child(&stat, parent).then_some(pid)
    });
    ended.collect()
}

/// What `/proc/PID/stat` says: the name, which may hold anything, is in parentheses.
fn is_ended_child(stat: &str, parent: i32) -> bool {
    let Some((_, rest)) = stat.rsplit_once(") ") else { return false };
    let mut fields = rest.split(' ');
    fields.next() == Some("Z") && fields.next() == Some(&*parent.to_string())
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn the_state_is_read_behind_the_name() {
        for (stat, is) in [
            ("7 (a b) Z 1 7", true),
            ("7 (x) Z 1) S 1 7", false),
            ("7 (x) Z 12 7", false),
            ("7 (x) S 1 7", false),
            ("", false),
        ] {
            assert_eq!(is_ended_child(stat, 1), is, "{stat}");
        }
    }

    #[test]
    fn a_child_that_nobody_waits_for_is_found() {
        let mut child = Command::new("true").spawn().unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        while !ended_children(getpid()).contains(&pid) {
            std::thread::yield_now();
        }
        child.wait().unwrap();
        assert!(!ended_children(getpid()).contains(&pid));
    }
}
