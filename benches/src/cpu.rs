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

/// The same of a process and of all that descend from it. What has ended by now is not in it.
///
/// # Panics
/// If the process is gone.
#[must_use]
pub fn used_ns_of_tree(pid: u32) -> u64 {
    let of_children: u64 = children(pid).into_iter().map(used_ns_if_there).sum();
    used_ns(pid) + of_children
}

/// A child may end while we look.
fn used_ns_if_there(pid: u32) -> u64 {
    let there = Path::new("/proc").join(pid.to_string()).join("task").exists();
    if there { used_ns_of_tree(pid) } else { 0 }
}

/// The processes that the threads of a process have started.
fn children(pid: u32) -> Vec<u32> {
    let Ok(tasks) = fs::read_dir(Path::new("/proc").join(pid.to_string()).join("task")) else {
        return Vec::new();
    };
    let lists = tasks.flatten().filter_map(|task| {
        // `CONFIG_PROC_CHILDREN`; a thread may end while we look.
        fs::read_to_string(task.path().join("children")).ok()
    });
    let mut found = Vec::new();
    for list in lists {
        found.extend(list.split_whitespace().filter_map(|pid| pid.parse::<u32>().ok()));
    }
    found
}
