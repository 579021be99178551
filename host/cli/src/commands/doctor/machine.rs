//! What the machine must have, whatever the app.

use std::fs;
use std::io::ErrorKind;
use std::process::Command;

use nova_route_template::parts::ImageCache;

use super::Finding;
use crate::terminal::style;

/// The rustc that Nova and the apps it makes need.
const RUSTC: &str = env!("CARGO_PKG_RUST_VERSION");

/// Below this many watched folders a large app, an editor and a file manager get into each
/// other's way.
const WATCHES: u64 = 16_384;

/// More bytes of sys images than this are worth a word.
const LARGE_CACHE: u64 = 10 * 1024 * 1024 * 1024;

pub(super) fn findings() -> Vec<Finding> {
    vec![
        tool("cargo", "cargo", "install Rust: https://rustup.rs"),
        rustc(),
        tool("linker", "cc", "install a C compiler, which Rust links with: apt install gcc"),
        c_library(),
        inotify(),
        cache(),
    ]
}

/// The sys images of `nova dev`, which are kept until `nova clean --cache` removes them.
fn cache() -> Finding {
    let cache = match ImageCache::of_user() {
        Ok(cache) => cache,
        Err(error) => {
            return Finding::bad(
                "dev cache",
                style::chain(&error),
                "`nova dev` keeps its sys images there",
            );
        }
    };
    let images = cache.images();
    let size = images.iter().map(|image| image.size).sum();
    let found = format!(
        "{} in {} of {}",
        style::size(size),
        counted(images.len()),
        cache.folder().display()
    );
    if size > LARGE_CACHE {
        Finding::weak("dev cache", found, "remove what no app uses any more: nova clean --cache")
    } else {
        Finding::good("dev cache", found)
    }
}

fn counted(images: usize) -> String {
    if images == 1 { "1 sys image".to_owned() } else { format!("{images} sys images") }
}

/// Asks a program for its version, of which the first line is shown.
pub(super) fn version(program: &str) -> Result<String, String> {
    match Command::new(program).arg("--version").output() {
        Ok(output) if output.status.success() => {
            let text = String::from_utf8_lossy(&output.stdout);
            Ok(text.lines().next().unwrap_or_default().trim().to_owned())
        }
        Ok(output) => Err(format!(
            "`{program} --version` failed: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        )),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            Err(format!("`{program}` is not on PATH"))
        }
        Err(error) => Err(format!("`{program}` does not start: {error}")),
    }
}

fn tool(subject: &'static str, program: &str, advice: &str) -> Finding {
    match version(program) {
        Ok(version) => Finding::good(subject, version),
        Err(found) => Finding::bad(subject, found, advice),
    }
}

fn rustc() -> Finding {
    match version("rustc") {
        Ok(version) => rustc_version(&version),
        Err(found) => Finding::bad("rustc", found, "install Rust: https://rustup.rs"),
    }
}

/// `version` is what `rustc --version` says.
fn rustc_version(version: &str) -> Finding {
    let number = |text: &str| -> Option<(u32, u32)> {
        let mut parts = text.split(['.', '-']).map(str::parse);
        Some((parts.next()?.ok()?, parts.next()?.ok()?))
    };
    match (version.split(' ').nth(1).and_then(number), number(RUSTC)) {
        (Some(found), Some(needed)) if found < needed => Finding::bad(
            "rustc",
            format!("{version}, and {RUSTC} is needed"),
            "update Rust: rustup update",
        ),
        _ => Finding::good("rustc", version),
    }
}

/// A library that uses one C library does not load in a host that uses another.
fn c_library() -> Finding {
    if !cfg!(all(target_os = "linux", target_env = "gnu")) {
        return Finding::weak(
            "C library",
            "this nova was not built for Linux with glibc",
            "route libraries are supported and tested on Linux with glibc alone",
        );
    }
    Finding::good(
        "C library",
        glibc().map_or("glibc".to_owned(), |version| format!("glibc {version}")),
    )
}

/// The version of glibc, such as `2.36`. A minimal system may lack the program that knows it.
pub(super) fn glibc() -> Option<String> {
    let output = Command::new("getconf").arg("GNU_LIBC_VERSION").output().ok()?;
    Some(String::from_utf8(output.stdout).ok()?.trim().strip_prefix("glibc ")?.to_owned())
}

fn inotify() -> Finding {
    let limit = |name: &str| -> Option<u64> {
        let text = fs::read_to_string(format!("/proc/sys/fs/inotify/{name}")).ok()?;
        text.trim().parse().ok()
    };
    inotify_limits(limit("max_user_watches"), limit("max_user_instances"))
}

fn inotify_limits(watches: Option<u64>, instances: Option<u64>) -> Finding {
    let subject = "file events";
    let (Some(watches), Some(instances)) = (watches, instances) else {
        return Finding::weak(
            subject,
            "this system does not say how many folders can be watched",
            "`nova dev` may miss changes here",
        );
    };
    let found = format!("{watches} folders can be watched by {instances} programs");
    if watches < WATCHES || instances < 128 {
        let advice = "a large app may not fit: sudo sysctl fs.inotify.max_user_watches=524288 fs.inotify.max_user_instances=512";
        return Finding::weak(subject, found, advice);
    }
    Finding::good(subject, found)
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;

    #[test]
    fn an_old_rustc_is_not_enough() {
        for (version, verdict) in [
            ("rustc 1.94.1 (e408947bf 2026-03-25)", Verdict::Bad),
            ("rustc 1.95.0 (abc 2026-04-16)", Verdict::Good),
            ("rustc 1.100.0-nightly (abc 2026-09-01)", Verdict::Good),
            ("rustc 2.0.0", Verdict::Good),
            ("something else", Verdict::Good),
        ] {
            assert_eq!(rustc_version(version).verdict, verdict, "{version}");
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        let finding = tool("linker", "nova-no-such-program", "install it");
        assert_eq!(
            finding,
            Finding::bad("linker", "`nova-no-such-program` is not on PATH", "install it")
        );
    }

    #[test]
    fn small_limits_are_weak() {
        assert_eq!(inotify_limits(Some(8192), Some(128)).verdict, Verdict::Weak);
        assert_eq!(inotify_limits(Some(524_288), Some(8)).verdict, Verdict::Weak);
        assert_eq!(inotify_limits(Some(524_288), Some(128)).verdict, Verdict::Good);
        assert_eq!(inotify_limits(None, Some(128)).verdict, Verdict::Weak);
    }
}
