//! The note: whether a library was built for this host, as far as it says so itself.

use std::path::Path;

use nova_abi::ABI;
use nova_abi::note::Note;

use super::LoadError;

/// What this host runs.
#[cfg(target_arch = "x86_64")]
pub(super) const TARGET: &str = "x86_64-unknown-linux-gnu";
/// What this host runs.
#[cfg(target_arch = "aarch64")]
pub(super) const TARGET: &str = "aarch64-unknown-linux-gnu";

/// Checks each thing that has to match. The note is taken apart here, so that what is added to it
/// has to be judged.
pub(super) fn check(path: &Path, note: &Note) -> Result<(), LoadError> {
    // Versions decide nothing: the ABI number does, and later the layouts.
    let Note { abi, sdk, rustc: _, target, panic, app: _, swap: _, swap_declared: _ } = note;
    check_abi(path, *abi, sdk)?;
    check_target(path, target)?;
    check_panic(path, panic)
}

fn check_abi(path: &Path, found: u32, sdk: &str) -> Result<(), LoadError> {
    if found == ABI {
        return Ok(());
    }
    Err(LoadError::Abi { path: path.into(), found, sdk: sdk.into() })
}

fn check_target(path: &Path, found: &str) -> Result<(), LoadError> {
    if platform(found) == platform(TARGET) {
        return Ok(());
    }
    Err(LoadError::Target { path: path.into(), found: found.into(), expected: TARGET })
}

/// Processor, system and C library of a target triple: all but the vendor, which decides nothing.
fn platform(target: &str) -> Option<(&str, &str)> {
    let (processor, rest) = target.split_once('-')?;
    let (_vendor, system) = rest.split_once('-')?;
    Some((processor, system))
}

fn check_panic(path: &Path, found: &str) -> Result<(), LoadError> {
    if found == "unwind" {
        return Ok(());
    }
    Err(LoadError::PanicStrategy { path: path.into(), found: found.into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note() -> Note {
        Note {
            abi: ABI,
            sdk: "0.1.0".into(),
            rustc: "rustc 1.95.0".into(),
            target: TARGET.into(),
            panic: "unwind".into(),
            app: "blog 0.1.0".into(),
            swap: None,
            swap_declared: false,
        }
    }

    fn said(note: &Note) -> Option<String> {
        check(Path::new("/srv/a.so"), note).err().map(|error| error.to_string())
    }

    #[test]
    fn each_thing_that_does_not_match_has_its_message() {
        assert_eq!(said(&note()), None);
        assert_eq!(
            said(&Note { abi: ABI + 1, sdk: "9.0.0".into(), ..note() }).unwrap(),
            "/srv/a.so: was built for ABI 2 (nova-plugin-sdk 9.0.0), this host speaks ABI 1; \
             upgrade the host first"
        );
        assert_eq!(
            said(&Note { abi: ABI - 1, ..note() }).unwrap(),
            "/srv/a.so: was built for ABI 0 (nova-plugin-sdk 0.1.0), this host speaks ABI 1; \
             build it again with a newer SDK"
        );
        assert_eq!(
            said(&Note { panic: "abort".into(), ..note() }).unwrap(),
            "/srv/a.so: was built with panic = \"abort\", so one panic would end the whole server; \
             remove `panic` from the profile in Cargo.toml and build it again"
        );
    }

    #[test]
    fn a_library_for_another_system_is_refused() {
        let of = |target: &str| said(&Note { target: target.into(), ..note() });
        let musl = TARGET.replace("gnu", "musl");
        assert_eq!(
            of(&musl).unwrap(),
            format!(
                "/srv/a.so: was built for {musl}, this host runs libraries for {TARGET}: a library \
                 for musl brings a C library of its own, and two of them do not go together in one \
                 process; build it with `--target {TARGET}`"
            )
        );
        for other in ["riscv64gc-unknown-linux-gnu", "t", ""] {
            assert_eq!(
                of(other).unwrap(),
                format!(
                    "/srv/a.so: was built for {other}, this host runs libraries for {TARGET}; \
                     build it with `--target {TARGET}`"
                )
            );
        }
        assert_eq!(of(&TARGET.replace("unknown", "gentoo")), None, "a vendor decides nothing");
    }

    /// Of what decides nothing, anything goes.
    #[test]
    fn versions_and_names_are_no_reason_to_refuse() {
        let other = Note { sdk: "9".into(), rustc: "rustc 0".into(), app: "x".into(), ..note() };
        assert_eq!(said(&other), None);
    }
}
