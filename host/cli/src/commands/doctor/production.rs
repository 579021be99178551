//! What a release needs to be built with a profile, to be served, and to be swapped.

use std::fs;
use std::path::{Path, PathBuf};

use nova_host::library::loader::{PlaceForCopies, place_for_copies};

use super::Finding;
use super::machine::version;

/// The default of Linux, which is enough for thousands of swaps.
const MAPPINGS: u64 = 65_530;

/// The names of the tool that makes a profile out of what an instrumented library has counted.
const PROFDATA: &str = "llvm-profdata";

pub(super) fn findings() -> Vec<Finding> {
    vec![nova_host(), profdata(), mappings(), copies(place_for_copies())]
}

/// The host lies beside `nova` where both were installed at once.
fn nova_host() -> Finding {
    let beside = std::env::current_exe().map(|nova| nova.with_file_name("nova-host"));
    let found = beside.ok().filter(|path| path.is_file()).or_else(|| on_path("nova-host"));
    host_at(found.as_deref())
}

fn host_at(found: Option<&Path>) -> Finding {
    let subject = "nova-host";
    let Some(path) = found else {
        return Finding::weak(
            subject,
            "neither beside nova nor on PATH",
            "a release is served by it; install both programs at once, in a clone of Nova:\n\
             cargo install --locked --git \"file://$PWD\" nova-cli nova-host",
        );
    };
    let ours = env!("CARGO_PKG_VERSION");
    match version(&path.display().to_string()) {
        Ok(said) if said == format!("nova-host {ours}") => Finding::good(subject, said),
        Ok(said) => Finding::weak(
            subject,
            format!("{}: {said}, and this is nova {ours}", path.display()),
            "install both from the same version of Nova",
        ),
        Err(error) => Finding::weak(subject, error, "install it again with nova"),
    }
}

fn on_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// Where the tool of rustc's own LLVM is, or one that is at least as new.
fn profdata() -> Finding {
    let subject = "llvm-profdata";
    let advice = "only `nova build --pgo` needs it: rustup component add llvm-tools,\n\
                  or apt install llvm-22 (not older than rustc's LLVM: rustc --version --verbose),\n\
                  or NOVA_LLVM_PROFDATA=/path/to/llvm-profdata";
    let named = std::env::var_os("NOVA_LLVM_PROFDATA").map(PathBuf::from);
    if let Some(named) = named {
        return match version(&named.display().to_string()) {
            Ok(_) => Finding::good(subject, format!("{} (NOVA_LLVM_PROFDATA)", named.display())),
            Err(error) => {
                Finding::bad(subject, format!("NOVA_LLVM_PROFDATA: {error}"), "name another file")
            }
        };
    }
    let (sysroot, needed) = (output("rustc", &["--print", "sysroot"]), rustc_llvm());
    let of_rustup = sysroot.and_then(|root| {
        let targets = fs::read_dir(Path::new(root.trim()).join("lib/rustlib")).ok()?;
        let tool = |target: fs::DirEntry| target.path().join("bin").join(PROFDATA);
        targets.flatten().map(tool).find(|tool| tool.is_file())
    });
    let of_system = needed.into_iter().flat_map(|needed| {
        (needed..needed + 3).flat_map(|major| {
            let debian = Path::new("/usr/lib").join(format!("llvm-{major}/bin")).join(PROFDATA);
            [on_path(&format!("{PROFDATA}-{major}")), Some(debian).filter(|it| it.is_file())]
        })
    });
    match of_rustup.or_else(|| of_system.flatten().next()) {
        Some(path) => Finding::good(subject, path.display().to_string()),
        None => Finding::weak(subject, "not found", advice),
    }
}

fn output(program: &str, args: &[&str]) -> Option<String> {
    let output = std::process::Command::new(program).args(args).output().ok()?;
    String::from_utf8(output.stdout).ok()
}

/// The major version of the LLVM in rustc.
fn rustc_llvm() -> Option<u32> {
    llvm_of(&output("rustc", &["--version", "--verbose"])?)
}

fn llvm_of(rustc: &str) -> Option<u32> {
    let version = rustc.lines().find_map(|line| line.strip_prefix("LLVM version: "))?;
    version.split('.').next()?.parse().ok()
}

fn mappings() -> Finding {
    let limit = fs::read_to_string("/proc/sys/vm/max_map_count").ok();
    mappings_limit(limit.and_then(|text| text.trim().parse().ok()))
}

fn mappings_limit(limit: Option<u64>) -> Finding {
    let subject = "mappings";
    match limit {
        None => Finding::good(subject, "this system names no limit"),
        Some(limit) if limit >= MAPPINGS => {
            Finding::good(subject, format!("a process may have {limit}"))
        }
        Some(limit) => Finding::weak(
            subject,
            format!(
                "a process may have {limit} (vm.max_map_count), and each swap keeps five or so"
            ),
            format!("sudo sysctl vm.max_map_count={MAPPINGS}"),
        ),
    }
}

/// Where a host of this user keeps the copies that it maps.
fn copies(place: PlaceForCopies) -> Finding {
    let subject = "library copies";
    let name_one = "name a folder on a disk that may run code: nova-host --state DIR";
    match place {
        PlaceForCopies::Folder(folder) => Finding::good(subject, folder.display().to_string()),
        PlaceForCopies::Memory { noexec: Some(folder) } => Finding::weak(
            subject,
            format!("in memory: {} is mounted noexec", folder.display()),
            format!("works, and takes the room of each library; or {name_one}"),
        ),
        PlaceForCopies::Memory { noexec: None } => Finding::weak(
            subject,
            "in memory: no folder can be written to",
            format!("works, and takes the room of each library; or {name_one}"),
        ),
        PlaceForCopies::Nowhere => Finding::bad(
            subject,
            "no folder can be used, and vm.memfd_noexec=2 forbids code in memory",
            format!("{name_one}, or: sudo sysctl vm.memfd_noexec=1"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;

    #[test]
    fn everything_that_is_not_good_says_what_to_do() {
        let folder = || PathBuf::from("/tmp/nova-0");
        let nowhere = Path::new("/no/such/nova-host");
        for (finding, verdict) in [
            (host_at(None), Verdict::Weak),
            (host_at(Some(nowhere)), Verdict::Weak),
            (host_at(Some(Path::new("/bin/true"))), Verdict::Weak),
            (mappings_limit(Some(65_530)), Verdict::Good),
            (mappings_limit(Some(4096)), Verdict::Weak),
            (mappings_limit(None), Verdict::Good),
            (copies(PlaceForCopies::Folder(folder())), Verdict::Good),
            (copies(PlaceForCopies::Memory { noexec: Some(folder()) }), Verdict::Weak),
            (copies(PlaceForCopies::Memory { noexec: None }), Verdict::Weak),
            (copies(PlaceForCopies::Nowhere), Verdict::Bad),
        ] {
            assert_eq!(finding.verdict, verdict, "{finding:?}");
            assert_eq!(finding.advice.is_empty(), verdict == Verdict::Good, "{finding:?}");
        }
    }

    #[test]
    fn the_llvm_of_rustc() {
        let said = "rustc 1.95.0 (59807616e 2026-04-14)\nhost: x\nLLVM version: 22.1.2\n";
        assert_eq!(llvm_of(said), Some(22));
        assert_eq!(llvm_of("rustc 1.95.0"), None);
    }
}
