//! `[build]` of `nova.toml`: how `nova build` compiles the library.
//!
//! The values are those of a cargo profile. What is not set is left to the app's own profile in
//! `Cargo.toml`.

use std::num::NonZeroU16;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use crate::styles::Browsers;

/// How `nova build` compiles; see the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[expect(clippy::manual_non_exhaustive, reason = "the private field is a key that is refused")]
pub struct BuildSettings {
    /// What is taken out of the library; everything that can be, if this is not set.
    pub strip: Option<Strip>,
    /// What the compiler aims at.
    pub opt_level: Option<OptLevel>,
    /// How far it looks across crates.
    pub lto: Option<Lto>,
    /// Into how many parts it cuts a crate: fewer give a smaller library, later.
    pub codegen_units: Option<NonZeroU16>,
    /// The oldest browsers that the stylesheet is written for.
    #[serde(default)]
    pub browsers: Browsers,
    /// Never set: it is here to be refused with a reason.
    #[serde(default, rename = "panic", deserialize_with = "no_choice")]
    _panic: (),
}

/// What is taken out of a library.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Scalar")]
pub enum Strip {
    /// Nothing.
    None,
    /// Line numbers; names stay, for profilers.
    DebugInfo,
    /// Line numbers and names.
    Symbols,
}

/// What the compiler aims at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Scalar")]
pub enum OptLevel {
    /// Speed, from not at all (0) to all it can (3).
    Speed(u8),
    /// A small library: `"s"`.
    Small,
    /// The smallest: `"z"`.
    Smallest,
}

/// How far the compiler looks across crates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Scalar")]
pub enum Lto {
    /// Not at all.
    Off,
    /// Through summaries: most of the gain, soon.
    Thin,
    /// At everything as one.
    Fat,
}

/// A value as people write them: a word, a number, or true and false.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Scalar {
    Bool(bool),
    Number(u8),
    Word(String),
}

impl TryFrom<Scalar> for Strip {
    type Error = &'static str;

    fn try_from(value: Scalar) -> Result<Self, Self::Error> {
        match value {
            Scalar::Bool(false) => Ok(Self::None),
            Scalar::Bool(true) => Ok(Self::Symbols),
            Scalar::Word(word) if word == "none" => Ok(Self::None),
            Scalar::Word(word) if word == "debuginfo" => Ok(Self::DebugInfo),
            Scalar::Word(word) if word == "symbols" => Ok(Self::Symbols),
            _ => Err("strip must be \"symbols\", \"debuginfo\", \"none\", true or false"),
        }
    }
}

impl TryFrom<Scalar> for OptLevel {
    type Error = &'static str;

    fn try_from(value: Scalar) -> Result<Self, Self::Error> {
        match value {
            Scalar::Number(level @ 0..=3) => Ok(Self::Speed(level)),
            Scalar::Word(word) if word == "s" => Ok(Self::Small),
            Scalar::Word(word) if word == "z" => Ok(Self::Smallest),
            _ => Err("opt-level must be 0, 1, 2, 3, \"s\" or \"z\""),
        }
    }
}

impl TryFrom<Scalar> for Lto {
    type Error = &'static str;

    fn try_from(value: Scalar) -> Result<Self, Self::Error> {
        match value {
            Scalar::Bool(true) => Ok(Self::Fat),
            Scalar::Bool(false) => Ok(Self::Off),
            Scalar::Word(word) if word == "fat" => Ok(Self::Fat),
            Scalar::Word(word) if word == "thin" => Ok(Self::Thin),
            Scalar::Word(word) if word == "off" => Ok(Self::Off),
            _ => Err("lto must be \"fat\", \"thin\", \"off\", true or false"),
        }
    }
}

fn no_choice<'de, D: Deserializer<'de>>(_: D) -> Result<(), D::Error> {
    Err(D::Error::custom(
        "panic cannot be set: a route library unwinds, so that a panic is one answer with status \
         500 and not the end of the server",
    ))
}

impl BuildSettings {
    /// These, and those of `other` where these say nothing.
    pub(super) fn or(self, other: Self) -> Self {
        Self {
            strip: self.strip.or(other.strip),
            opt_level: self.opt_level.or(other.opt_level),
            lto: self.lto.or(other.lto),
            codegen_units: self.codegen_units.or(other.codegen_units),
            browsers: self.browsers.or(other.browsers),
            _panic: (),
        }
    }

    /// With what `nova build --aot` asks for: everything optimised as one.
    #[must_use]
    pub fn ahead_of_time(self) -> Self {
        Self { lto: Some(Lto::Fat), codegen_units: Some(NonZeroU16::MIN), ..self }
    }

    /// What is taken out of the library.
    #[must_use]
    pub fn strip(&self) -> Strip {
        self.strip.unwrap_or(Strip::Symbols)
    }

    /// The variables by which cargo takes these for a profile, in place of what `Cargo.toml` says.
    /// Stripping is not left to cargo: what is taken out is kept.
    #[must_use]
    pub fn variables(&self, profile: &str) -> Vec<(String, String)> {
        // Cargo calls the profile `dev` by this name in its variables, too.
        let profile = profile.to_uppercase().replace('-', "_");
        let name = |key: &str| format!("CARGO_PROFILE_{profile}_{key}");
        let mut variables = Vec::new();
        if let Some(level) = self.opt_level {
            let level = match level {
                OptLevel::Speed(level) => level.to_string(),
                OptLevel::Small => "s".to_owned(),
                OptLevel::Smallest => "z".to_owned(),
            };
            variables.push((name("OPT_LEVEL"), level));
        }
        if let Some(lto) = self.lto {
            let lto = match lto {
                Lto::Off => "off",
                Lto::Thin => "thin",
                Lto::Fat => "fat",
            };
            variables.push((name("LTO"), lto.to_owned()));
        }
        if let Some(units) = self.codegen_units {
            variables.push((name("CODEGEN_UNITS"), units.to_string()));
        }
        variables
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<BuildSettings, String> {
        toml::from_str(text).map_err(|error| error.message().to_owned())
    }

    #[test]
    fn values_are_those_of_a_cargo_profile() {
        for (text, strip) in [
            ("strip = true", Strip::Symbols),
            ("strip = \"symbols\"", Strip::Symbols),
            ("strip = \"debuginfo\"", Strip::DebugInfo),
            ("strip = false", Strip::None),
            ("", Strip::Symbols),
        ] {
            assert_eq!(read(text).unwrap().strip(), strip, "{text}");
        }
        let all = read("opt-level = \"z\"\nlto = \"thin\"\ncodegen-units = 2").unwrap();
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(
            all.variables("my-release"),
            [
                pair("CARGO_PROFILE_MY_RELEASE_OPT_LEVEL", "z"),
                pair("CARGO_PROFILE_MY_RELEASE_LTO", "thin"),
                pair("CARGO_PROFILE_MY_RELEASE_CODEGEN_UNITS", "2"),
            ]
        );
        assert!(BuildSettings::default().variables("release").is_empty());
        assert_eq!(
            all.ahead_of_time().variables("release"),
            [
                pair("CARGO_PROFILE_RELEASE_OPT_LEVEL", "z"),
                pair("CARGO_PROFILE_RELEASE_LTO", "fat"),
                pair("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "1"),
            ]
        );
    }

    #[test]
    fn other_values_are_refused_with_those_that_are_known() {
        for (text, expected) in [
            ("strip = \"all\"", "strip must be \"symbols\""),
            ("opt-level = 4", "opt-level must be 0, 1, 2, 3"),
            ("opt-level = \"fast\"", "opt-level must be 0, 1, 2, 3"),
            ("lto = \"full\"", "lto must be \"fat\""),
            ("codegen-units = -1", "invalid value"),
            ("panic = \"abort\"", "panic cannot be set: a route library unwinds"),
            ("debug = true", "unknown field `debug`"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
