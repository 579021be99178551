//! Processes and their children, as `/proc` tells of them.

use std::fs;

/// A process and all that descend from it.
pub(crate) fn tree(root: u32) -> Vec<u32> {
    let mut found = vec![root];
    let mut next = 0;
    while let Some(&pid) = found.get(next) {
        next += 1;
        for task in fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten() {
            // A process that has ended since has no children.
            let children = fs::read_to_string(task.path().join("children")).unwrap_or_default();
            found.extend(children.split_whitespace().filter_map(|pid| pid.parse::<u32>().ok()));
        }
    }
    found
}

/// What a process calls itself; empty once it is gone.
pub(crate) fn name(pid: u32) -> String {
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    name.trim_end().to_owned()
}

/// Whether something compiles or links below a process.
pub(crate) fn is_compiling(root: u32) -> bool {
    tree(root).iter().any(|&pid| !matches!(name(pid).as_str(), "" | "nova"))
}

/// Bytes that a line of `/proc/PID/status` states: `VmRSS`, `VmHWM`, `RssAnon`; zero once the
/// process is gone.
pub(crate) fn bytes(pid: u32, field: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kilobytes.unwrap_or(0) * 1024
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn children_are_found_and_named() {
        let mut child = std::process::Command::new("cat")
            .stdin(std::process::Stdio::piped())
            .spawn()
            .expect("cat starts");
        let found = tree(std::process::id());
        assert!(found.contains(&child.id()), "{found:?}");
        assert!(bytes(child.id(), "VmHWM") > 0);
        drop(child.stdin.take());
        child.wait().expect("cat ends with its input");
        assert_eq!(name(child.id()), "");
        assert_eq!(bytes(child.id(), "VmRSS"), 0);
    }
}
