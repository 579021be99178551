//! What a process takes of the machine, as `/proc` tells it.

use std::fs;

use serde::{Deserialize, Serialize};

/// What loads and requests leave behind. A number is `None` where `/proc` does not say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Footprint {
    /// Bytes of memory in use that belong to no file (`RssAnon`).
    pub anonymous_bytes: Option<u64>,
    /// Bytes of memory in use (`VmRSS`).
    pub resident_bytes: Option<u64>,
    /// Mapped regions; the kernel allows 65,530 by default.
    pub mappings: Option<u64>,
    /// Threads.
    pub threads: Option<u64>,
    /// Open file descriptors.
    pub descriptors: Option<u64>,
}

impl Footprint {
    /// That of two processes together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let sum = |one: Option<u64>, other: Option<u64>| match (one, other) {
            (Some(one), Some(other)) => Some(one + other),
            (one, other) => one.or(other),
        };
        Self {
            anonymous_bytes: sum(self.anonymous_bytes, other.anonymous_bytes),
            resident_bytes: sum(self.resident_bytes, other.resident_bytes),
            mappings: sum(self.mappings, other.mappings),
            threads: sum(self.threads, other.threads),
            descriptors: sum(self.descriptors, other.descriptors),
        }
    }

    /// That of this process.
    #[must_use]
    pub fn now() -> Self {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let kilobytes = |name| field(&status, name).map(|kilobytes| kilobytes * 1024);
        Self {
            anonymous_bytes: kilobytes("RssAnon"),
            resident_bytes: kilobytes("VmRSS"),
            mappings: fs::read("/proc/self/maps")
                .ok()
                .map(|maps| maps.iter().filter(|&&byte| byte == b'\n').count() as u64),
            threads: field(&status, "Threads"),
            // The folder is one itself while it is read.
            descriptors: fs::read_dir("/proc/self/fd").ok().map(|fds| fds.count() as u64 - 1),
        }
    }
}

fn field(status: &str, name: &str) -> Option<u64> {
    status
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?
        .split_whitespace()
        .next()?
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_those_of_this_process() {
        let before = Footprint::now();
        let held: Vec<_> = (0..10).map(|_| fs::File::open("/proc/self/status").unwrap()).collect();
        let after = Footprint::now();
        assert!(after.descriptors.unwrap() >= before.descriptors.unwrap() + held.len() as u64 - 5);
        assert!(after.threads.unwrap() >= 1);
        assert!(after.mappings.unwrap() > 10);
        assert!(after.anonymous_bytes.unwrap() > 0);
        assert!(after.resident_bytes.unwrap() >= after.anonymous_bytes.unwrap());
    }

    #[test]
    fn a_field_is_found_by_its_whole_name() {
        let status = "VmRSS:\t  120 kB\nRssAnon:\t   40 kB\nThreads:\t3\n";
        assert_eq!(field(status, "RssAnon"), Some(40));
        assert_eq!(field(status, "Threads"), Some(3));
        assert_eq!(field(status, "Rss"), None);
    }
}
