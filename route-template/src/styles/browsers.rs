//! `[build.browsers]` of `nova.toml`: the oldest version of each browser that the stylesheet is
//! written for.

use lightningcss::targets;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

/// The oldest browsers that a stylesheet has to work in. With none named, CSS stays as it was
/// written; else syntax that they do not know is written in older words, and prefixes that none of
/// them needs are removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Browsers {
    /// Chrome on computers.
    #[serde(default)]
    pub chrome: Option<BrowserVersion>,
    /// Edge.
    #[serde(default)]
    pub edge: Option<BrowserVersion>,
    /// Firefox.
    #[serde(default)]
    pub firefox: Option<BrowserVersion>,
    /// Safari on computers.
    #[serde(default)]
    pub safari: Option<BrowserVersion>,
    /// Safari, and with it every browser, on iPhone and iPad.
    #[serde(default)]
    pub ios: Option<BrowserVersion>,
    /// Chrome on Android.
    #[serde(default)]
    pub android: Option<BrowserVersion>,
    /// Samsung Internet.
    #[serde(default)]
    pub samsung: Option<BrowserVersion>,
    /// Opera.
    #[serde(default)]
    pub opera: Option<BrowserVersion>,
}

/// The version of a browser: `109`, or `"15.4"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BrowserVersion {
    major: u16,
    minor: u8,
}

impl<'de> Deserialize<'de> for BrowserVersion {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Number(u16),
            Text(String),
            Other(serde::de::IgnoredAny),
        }
        let parsed = match Written::deserialize(deserializer)? {
            Written::Number(major) => Some(Self { major, minor: 0 }),
            Written::Text(text) => {
                let (major, minor) = text.split_once('.').unwrap_or((&text, "0"));
                major
                    .parse()
                    .ok()
                    .zip(minor.parse().ok())
                    .map(|(major, minor)| Self { major, minor })
            }
            Written::Other(_) => None,
        };
        parsed.ok_or_else(|| D::Error::custom("a version is a number, or a text such as \"15.4\""))
    }
}

impl Browsers {
    /// These, or `other` if none is named here.
    pub(crate) fn or(self, other: Self) -> Self {
        if self == Self::default() { other } else { self }
    }

    /// The same for the compiler; `None` if none is named.
    pub(super) fn targets(self) -> Option<targets::Targets> {
        let Self { chrome, edge, firefox, safari, ios, android, samsung, opera } = self;
        let number = |version: Option<BrowserVersion>| {
            version.map(|it| u32::from(it.major) << 16 | u32::from(it.minor) << 8)
        };
        let browsers = targets::Browsers {
            android: number(android),
            chrome: number(chrome),
            edge: number(edge),
            firefox: number(firefox),
            ie: None,
            ios_saf: number(ios),
            opera: number(opera),
            safari: number(safari),
            samsung: number(samsung),
        };
        (self != Self::default()).then(|| browsers.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_numbers_or_text() {
        let read = |text| toml::from_str::<Browsers>(text).map_err(|it| it.message().to_owned());
        let browsers = read("chrome = 109\nios = \"15.4\"\n").unwrap();
        let targets = browsers.targets().unwrap().browsers.unwrap();
        assert_eq!((targets.chrome, targets.ios_saf), (Some(109 << 16), Some(15 << 16 | 4 << 8)));
        assert!(Browsers::default().targets().is_none());
        for wrong in ["chrome = 15.4", "chrome = \"new\"", "chrome = -1", "chrome = []"] {
            let error = read(wrong).unwrap_err();
            assert_eq!(error, "a version is a number, or a text such as \"15.4\"", "{wrong}");
        }
        assert!(read("ie = 11").unwrap_err().contains("unknown field `ie`"));
    }
}
