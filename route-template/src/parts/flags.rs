//! A captured call taken apart: what holds for every unit of the app, and what was about the one
//! library that cargo wanted.

use std::path::PathBuf;

use crate::parts::capture::RustcCall;

/// The flags of a call that are about the app's code, whatever is made of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Flags {
    /// The compiler itself, not a proxy of it.
    pub(crate) rustc: PathBuf,
    /// `--edition`, `-C opt-level`, lints, features: everything that is passed on.
    pub(crate) common: Vec<String>,
    /// What is linked beside the crates; for the app library alone.
    pub(crate) link: Vec<String>,
    /// The crates by the names under which the app knows them.
    pub(crate) externs: Vec<Extern>,
    /// Whether a panic ends the process, so that no host could load the result.
    pub(crate) aborts: bool,
}

/// A crate that the app names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Extern {
    /// The name, with options such as `priv:` before it.
    pub(crate) name: String,
    /// The file; none for a crate of the sysroot.
    pub(crate) file: Option<PathBuf>,
}

impl Extern {
    /// The name without its options.
    pub(crate) fn plain_name(&self) -> &str {
        self.name.rsplit(':').next().unwrap_or(&self.name)
    }

    pub(crate) fn argument(&self) -> String {
        match &self.file {
            Some(file) => format!("{}={}", self.name, file.display()),
            None => self.name.clone(),
        }
    }
}

/// What a flag is to the parts of an app.
enum FlagPurpose {
    Common,
    Link,
    /// It described the one library that cargo wanted.
    Replaced,
}

impl Flags {
    /// Takes a call of cargo's apart.
    pub(crate) fn of(call: &RustcCall) -> Self {
        let mut flags = Self::default();
        let mut arguments = call.argv.iter();
        flags.rustc = arguments.next().map(PathBuf::from).unwrap_or_default();
        while let Some(argument) = arguments.next() {
            let Some((name, value)) = name_and_value(argument, || arguments.next().cloned()) else {
                // The crate root: the one argument that is not a flag.
                continue;
            };
            if name == "--extern" {
                flags.externs.extend(value.as_deref().map(parse_extern));
                continue;
            }
            if name == "-C" && value.as_deref() == Some("panic=abort") {
                flags.aborts = true;
            }
            let text = value.as_deref().unwrap_or_default();
            let to = match (name.as_str(), text.split('=').next().unwrap_or_default()) {
                (
                    "--crate-type" | "--emit" | "--out-dir" | "-o" | "--error-format" | "--json"
                    | "--crate-name" | "--diagnostic-width",
                    _,
                ) => continue,
                ("-C", key) => codegen(key),
                ("-L", "dependency") => FlagPurpose::Replaced,
                ("-l" | "-L", _) => FlagPurpose::Link,
                _ => FlagPurpose::Common,
            };
            let list = match to {
                FlagPurpose::Common => &mut flags.common,
                FlagPurpose::Link => &mut flags.link,
                FlagPurpose::Replaced => continue,
            };
            list.push(name);
            list.extend(value);
        }
        flags
    }
}

impl Flags {
    /// Whether the app says how, with what or for which machine it is linked.
    pub(crate) fn chooses_linker(&self) -> bool {
        let is_about_it = |flag: &String| {
            is_about_linker(flag)
                || flag == "-Z"
                || flag.starts_with("profile-")
                || flag.starts_with("instrument-coverage")
        };
        self.common.iter().any(is_about_it) || self.linker_choice().next().is_some()
    }

    /// The common flags that say with what and for which machine something is linked.
    pub(crate) fn linker(&self) -> impl Iterator<Item = &str> {
        let pairs = self.common.iter().zip(self.common.iter().skip(1));
        pairs.flat_map(|(name, value)| match name.as_str() {
            "--target" => vec![name.as_str(), value],
            "-C" if is_about_linker(value) => vec![name.as_str(), value],
            "-Z" => vec![name.as_str(), value],
            _ => Vec::new(),
        })
    }

    /// What is said to the linker about which one it is to be, such as `-fuse-ld=mold`: of all that
    /// is linked, not of the app library alone.
    pub(crate) fn linker_choice(&self) -> impl Iterator<Item = &str> {
        let pairs = self.link.iter().zip(self.link.iter().skip(1));
        let chosen = pairs.filter(|(name, value)| {
            let said = value.split_once('=').map_or("", |(_, said)| said);
            let chooses = |it: &str| {
                ["-fuse-ld", "--ld-path", "-B"].iter().any(|start| it.starts_with(start))
            };
            name.as_str() == "-C" && value.starts_with("link-arg") && said.split(' ').any(chooses)
        });
        chosen.flat_map(|(name, value)| [name.as_str(), value])
    }
}

/// Whether a flag, or the value of `-C`, is about the linker or its target.
fn is_about_linker(flag: &str) -> bool {
    flag == "--target" || flag.starts_with("link")
}

/// What `-C key=…` is for.
fn codegen(key: &str) -> FlagPurpose {
    match key {
        "metadata" | "extra-filename" | "incremental" | "embed-bitcode" | "lto"
        | "linker-plugin-lto" | "prefer-dynamic" | "strip" => FlagPurpose::Replaced,
        "link-arg" | "link-args" => FlagPurpose::Link,
        _ => FlagPurpose::Common,
    }
}

/// A flag and its value, which may be written in three ways; none for an argument that is not a flag.
fn name_and_value(
    argument: &str,
    next: impl FnOnce() -> Option<String>,
) -> Option<(String, Option<String>)> {
    const WITH_VALUE: [&str; 17] = [
        "--extern",
        "--crate-type",
        "--emit",
        "--out-dir",
        "--error-format",
        "--json",
        "--crate-name",
        "--diagnostic-width",
        "--edition",
        "--cfg",
        "--check-cfg",
        "--cap-lints",
        "--target",
        "--codegen",
        "--remap-path-prefix",
        "--sysroot",
        "--print",
    ];
    const LINTS: [&str; 5] = ["--warn", "--allow", "--deny", "--forbid", "--force-warn"];
    if let Some(long) = argument.strip_prefix("--") {
        if let Some((name, value)) = long.split_once('=') {
            return Some((codegen_name(&format!("--{name}")), Some(value.to_owned())));
        }
        let takes_value = WITH_VALUE.contains(&argument) || LINTS.contains(&argument);
        return Some((codegen_name(argument), takes_value.then(next).flatten()));
    }
    let short = argument.strip_prefix('-').filter(|rest| !rest.is_empty())?;
    let (letter, rest) = short.split_at(1);
    match letter {
        "C" | "L" | "l" | "A" | "W" | "D" | "F" | "Z" | "o" => {
            let value = if rest.is_empty() { next() } else { Some(rest.to_owned()) };
            Some((format!("-{letter}"), value))
        }
        _ => Some((argument.to_owned(), None)),
    }
}

fn codegen_name(name: &str) -> String {
    if name == "--codegen" { "-C".to_owned() } else { name.to_owned() }
}

fn parse_extern(value: &str) -> Extern {
    match value.split_once('=') {
        Some((name, file)) => Extern { name: name.to_owned(), file: Some(file.into()) },
        None => Extern { name: value.to_owned(), file: None },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flags(arguments: &str) -> Flags {
        let argv = std::iter::once("/sys/bin/rustc")
            .chain(arguments.split(' '))
            .map(str::to_owned)
            .collect();
        Flags::of(&RustcCall { argv, env: Default::default(), dir: "/app".into() })
    }

    #[test]
    fn what_was_about_one_library_is_left_out() {
        let flags = flags(
            "--crate-name my_app --edition=2024 src/lib.rs --error-format=json \
             --json=diagnostic-rendered-ansi,artifacts --crate-type cdylib --emit=dep-info,link \
             -C embed-bitcode=no -C debuginfo=2 --cfg feature=\"x\" --check-cfg cfg(docsrs,test) \
             -C metadata=96fd --out-dir /t/deps -C incremental=/t/inc -L dependency=/t/deps \
             --extern maud=/t/libmaud-1.rlib --extern priv:my_macros=/t/libmy_macros-2.so \
             -L native=/t/out -lstatic=z -Copt-level=1 --warn unused_results -Dwarnings \
             -C target-cpu=native -C link-arg=-Wl,--build-id=sha1 --cap-lints warn",
        );
        assert_eq!(
            flags.common.join(" "),
            "--edition 2024 -C debuginfo=2 --cfg feature=\"x\" --check-cfg cfg(docsrs,test) \
             -C opt-level=1 --warn unused_results -D warnings -C target-cpu=native --cap-lints warn",
        );
        assert_eq!(
            flags.link.join(" "),
            "-L native=/t/out -l static=z -C link-arg=-Wl,--build-id=sha1"
        );
        assert_eq!(flags.externs.len(), 2);
        assert_eq!(flags.externs[0].argument(), "maud=/t/libmaud-1.rlib");
        assert_eq!(flags.externs[1].plain_name(), "my_macros");
        assert!(!flags.aborts);
    }

    /// What a linker is told, and which, as cargo's settings come: of the image, and of pages.
    #[test]
    fn a_choice_of_the_linker_holds_for_all_that_is_linked() {
        for (chosen, image, pages) in [
            ("-C linker=clang", "-C linker=clang", ""),
            ("-Clinker-flavor=ld", "-C linker-flavor=ld", ""),
            ("--target x86_64-unknown-linux-gnu", "--target x86_64-unknown-linux-gnu", ""),
            ("--target=t -C opt-level=1 -Zthreads=2", "--target t -Z threads=2", ""),
            ("-Clink-arg=-fuse-ld=mold", "", "-C link-arg=-fuse-ld=mold"),
            ("-C link-args=-fuse-ld=/usr/bin/mold", "", "-C link-args=-fuse-ld=/usr/bin/mold"),
            (
                "-C linker=clang -C link-arg=--ld-path=wild -C link-arg=-s",
                "-C linker=clang",
                "-C link-arg=--ld-path=wild",
            ),
        ] {
            let flags = flags(&format!("lib.rs {chosen}"));
            assert!(flags.chooses_linker(), "{chosen}");
            assert_eq!(flags.linker().collect::<Vec<_>>().join(" "), image, "{chosen}");
            assert_eq!(flags.linker_choice().collect::<Vec<_>>().join(" "), pages, "{chosen}");
        }
        // What is linked beside the crates is for the app library alone.
        assert!(!flags("lib.rs -C opt-level=1 -C link-arg=-s -l z").chooses_linker());
    }

    #[test]
    fn a_panic_that_aborts_is_noticed() {
        assert!(flags("lib.rs -C panic=abort").aborts);
        assert!(flags("lib.rs -Cpanic=abort").aborts);
    }
}
