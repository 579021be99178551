//! The packages that went into a library, as cargo's messages name them.

/// A package that was compiled for the app, or found compiled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The features that it was compiled with.
    pub features: Vec<String>,
}

impl Package {
    /// The package with this id, as cargo writes ids since 1.77: `SOURCE#NAME@VERSION`, or
    /// `SOURCE#VERSION` where the source ends with the name.
    pub(crate) fn of_id(id: &str, features: Vec<String>) -> Option<Self> {
        let (source, fragment) = id.rsplit_once('#')?;
        let (name, version) = match fragment.split_once('@') {
            Some(pair) => pair,
            None => {
                let path = source.split('?').next()?;
                (path.trim_end_matches('/').rsplit('/').next()?, fragment)
            }
        };
        // What stands behind a `+` tells builds apart, not versions.
        let version = version.split('+').next()?;
        Some(Self { name: name.to_owned(), version: version.to_owned(), features })
    }

    /// The name of its library, as code names it.
    pub(crate) fn crate_name(&self) -> String {
        self.name.replace('-', "_")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_every_kind_are_read() {
        for (id, expected) in [
            ("registry+https://github.com/rust-lang/crates.io-index#redb@2.6.0", "redb 2.6.0"),
            ("path+file:///srv/shop#0.1.0", "shop 0.1.0"),
            ("path+file:///srv/checkout#shop@0.1.0", "shop 0.1.0"),
            (
                "registry+https://x#tikv-jemalloc-sys@0.7.1+5.3.1-0-g81034ce",
                "tikv-jemalloc-sys 0.7.1",
            ),
            ("git+https://github.com/o/sled?branch=main#1.0.0", "sled 1.0.0"),
            ("git+https://github.com/o/sled.git#sled@1.0.0-alpha.1", "sled 1.0.0-alpha.1"),
        ] {
            let package = Package::of_id(id, Vec::new()).unwrap();
            assert_eq!(format!("{} {}", package.name, package.version), expected);
        }
        assert_eq!(Package::of_id("redb 2.6.0 (registry+https://x)", Vec::new()), None);
    }
}
