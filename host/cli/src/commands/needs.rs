//! The shared libraries that a route library needs beside glibc: what Debian calls the packages that
//! have them, and which of them this machine lacks.

use std::path::Path;
use std::process::Command;

use nova_route_template::interpreter;

/// The packages of Debian with libraries that crates of databases, TLS, compression and images link
/// to. A new version of a library's interface has another name, and is not in here.
const PACKAGES: [(&str, &str); 24] = [
    ("libbz2.so.1.0", "libbz2-1.0"),
    ("libcrypto.so.3", "libssl3"),
    ("libcurl.so.4", "libcurl4"),
    ("libgmp.so.10", "libgmp10"),
    ("libgssapi_krb5.so.2", "libgssapi-krb5-2"),
    ("libjpeg.so.62", "libjpeg62-turbo"),
    ("liblmdb.so.0", "liblmdb0"),
    ("liblzma.so.5", "liblzma5"),
    ("libmariadb.so.3", "libmariadb3"),
    ("libodbc.so.2", "libodbc2"),
    ("libonig.so.5", "libonig5"),
    ("libpcre2-8.so.0", "libpcre2-8-0"),
    ("libpng16.so.16", "libpng16-16"),
    ("libpq.so.5", "libpq5"),
    ("librdkafka.so.1", "librdkafka1"),
    ("libsasl2.so.2", "libsasl2-2"),
    ("libsodium.so.23", "libsodium23"),
    ("libsqlite3.so.0", "libsqlite3-0"),
    ("libssl.so.3", "libssl3"),
    ("libstdc++.so.6", "libstdc++6"),
    ("libwebp.so.7", "libwebp7"),
    ("libxml2.so.2", "libxml2"),
    ("libz.so.1", "zlib1g"),
    ("libzstd.so.1", "libzstd1"),
];

/// The package of Debian that has a library, where it is known.
pub(super) fn package(library: &str) -> Option<&'static str> {
    PACKAGES.iter().find(|(name, _)| *name == library).map(|(_, package)| *package)
}

/// The packages of these libraries, each once, and the libraries whose package is not known.
pub(super) fn packages(needs: &[String]) -> (Vec<&'static str>, Vec<&str>) {
    let (mut known, mut unknown) = (Vec::new(), Vec::new());
    for library in needs {
        match package(library) {
            Some(package) if known.contains(&package) => {}
            Some(package) => known.push(package),
            None => unknown.push(library.as_str()),
        }
    }
    (known, unknown)
}

/// `libpq.so.5 (Debian: libpq5), libmine.so.1`.
pub(super) fn named(needs: &[String]) -> String {
    let named = needs.iter().map(|library| match package(library) {
        Some(package) => format!("{library} (Debian: {package})"),
        None => library.clone(),
    });
    named.collect::<Vec<_>>().join(", ")
}

/// What to do about libraries that are missing.
pub(super) fn remedy(missing: &[String]) -> String {
    let (known, unknown) = packages(missing);
    let mut remedies = Vec::new();
    if !known.is_empty() {
        remedies.push(format!("apt install {}", known.join(" ")));
    }
    if !unknown.is_empty() {
        remedies.push(format!("install the package that has {}", unknown.join(", ")));
    }
    remedies.join("; ")
}

/// The libraries that the dynamic linker does not find when it is to load this one, with those that
/// its libraries need in turn. It runs no code of any of them. Where it cannot be asked, none.
pub(super) fn missing(library: &Path) -> Vec<String> {
    let Some(linker) = linker() else { return Vec::new() };
    let Ok(output) = Command::new(linker).arg("--list").arg(library).output() else {
        return Vec::new();
    };
    missing_in(&String::from_utf8_lossy(&output.stdout))
}

/// The dynamic linker of this very program, which is the one that a host has.
fn linker() -> Option<String> {
    let program = std::fs::read("/proc/self/exe").ok()?;
    interpreter(&program)
}

fn missing_in(list: &str) -> Vec<String> {
    let names = list.lines().filter_map(|line| line.trim().strip_suffix(" => not found"));
    let mut missing: Vec<String> = names.map(str::to_owned).collect();
    missing.sort();
    missing.dedup();
    missing
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_named_where_they_are_known() {
        assert!(PACKAGES.is_sorted());
        let needs = ["libssl.so.3", "libcrypto.so.3", "libmine.so.1"].map(str::to_owned);
        assert_eq!(packages(&needs), (vec!["libssl3"], vec!["libmine.so.1"]));
        assert_eq!(
            named(&needs),
            "libssl.so.3 (Debian: libssl3), libcrypto.so.3 (Debian: libssl3), libmine.so.1"
        );
        assert_eq!(
            remedy(&needs),
            "apt install libssl3; install the package that has libmine.so.1"
        );
    }

    #[test]
    fn the_linker_says_what_is_missing() {
        let list = "\tlinux-vdso.so.1 (0x1)\n\tlibpq.so.5 => not found\n\
                    \tlibc.so.6 => /lib/libc.so.6 (0x2)\n\tlibpq.so.5 => not found\n";
        assert_eq!(missing_in(list), ["libpq.so.5"]);
        let this_test = std::env::current_exe().unwrap();
        assert_eq!(missing(&this_test), <[String; 0]>::default());
        assert!(linker().unwrap().contains("ld-linux"));
    }
}
