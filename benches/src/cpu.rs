//! The CPU time that a process has used.

use std::fs;
use std::path::Path;

/// Nanoseconds of CPU that the threads of a process have used, from the scheduler's own count.
///
/// # Panics
/// If the process is gone, or the kernel keeps no such count (`CONFIG_SCHED_INFO`).
#[must_use]
pub fn used_ns(pid: u32) -> u64 {
    let tasks = Path::new("/proc").join(pid.to_string()).join("task");
    let tasks = fs::read_dir(tasks).expect("a running process");
    let of_task = |task: fs::DirEntry| {
        // A thread may end while we look.
        let text = fs::read_to_string(task.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<u64>().ok()
    };
    tasks.filter_map(|task| of_task(task.ok()?)).sum()
}
