//! The templates and the SDK's sources, inside the binary: an installed `nova` needs no
//! repository.

use std::fmt;
use std::str::FromStr;

use rust_embed::{Embed, EmbeddedFile};

/// An app to start from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Template {
    /// One page and its test.
    Minimal,
    /// A site that shows what there is.
    #[default]
    Starter,
    /// JSON routes without pages to look at.
    Api,
}

#[derive(Embed)]
#[folder = "templates/minimal"]
#[exclude = "target/*"]
#[exclude = ".nova/*"]
#[exclude = "build/*"]
#[exclude = "Cargo.lock"]
struct Minimal;

#[derive(Embed)]
#[folder = "../examples/starter"]
#[exclude = "target/*"]
#[exclude = ".nova/*"]
#[exclude = "build/*"]
#[exclude = "Cargo.lock"]
struct Starter;

#[derive(Embed)]
#[folder = "templates/api"]
#[exclude = "target/*"]
#[exclude = ".nova/*"]
#[exclude = "build/*"]
#[exclude = "Cargo.lock"]
struct Api;

/// What every app gets.
#[derive(Embed)]
#[folder = "templates/common"]
struct Common;

/// The SDK, as far as a build needs it.
#[derive(Embed)]
#[folder = "../plugin-sdk"]
#[prefix = "plugin-sdk/"]
#[include = "Cargo.toml"]
#[include = "build.rs"]
#[include = "src/*"]
#[include = "abi/Cargo.toml"]
#[include = "abi/src/*"]
#[include = "abi/parts/Cargo.toml"]
#[include = "abi/parts/src/*"]
#[include = "rooms/Cargo.toml"]
#[include = "rooms/src/*"]
#[include = "routing/Cargo.toml"]
#[include = "routing/src/*"]
struct Sdk;

/// What goes with it, by the paths in the repository.
const REST: [(&str, &str); 3] = [
    ("Cargo.toml", include_str!("../../../Cargo.toml")),
    ("LICENSE-APACHE", include_str!("../../../LICENSE-APACHE")),
    ("LICENSE-MIT", include_str!("../../../LICENSE-MIT")),
];

impl Template {
    /// Every template.
    pub const ALL: [Self; 3] = [Self::Minimal, Self::Starter, Self::Api];

    /// Its name on a command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Minimal => "minimal",
            Self::Starter => "starter",
            Self::Api => "api",
        }
    }

    /// What it is, in a few words.
    pub fn about(self) -> &'static str {
        match self {
            Self::Minimal => "one page and its test",
            Self::Starter => "a site that shows what there is",
            Self::Api => "JSON routes, no pages to look at",
        }
    }

    /// The package that the template is where it stands, which no other text contains.
    pub(super) fn package(self) -> &'static str {
        match self {
            Self::Minimal => "nova-minimal",
            Self::Starter => "nova-starter",
            Self::Api => "nova-api",
        }
    }

    /// Its files, with those that every app gets.
    pub(super) fn files(self) -> Vec<(String, Vec<u8>)> {
        let mut files = match self {
            Self::Minimal => all::<Minimal>(),
            Self::Starter => all::<Starter>(),
            Self::Api => all::<Api>(),
        };
        files.extend(all::<Common>());
        files
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Template {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let template = Self::ALL.into_iter().find(|template| template.name() == name);
        template.ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            format!("unknown template `{name}`; the templates are {names}")
        })
    }
}

/// The SDK's sources with their manifests, by their paths in the repository.
pub(super) fn sdk() -> Vec<(String, Vec<u8>)> {
    let rest = REST.map(|(path, text)| (path.to_owned(), text.as_bytes().to_owned()));
    let mut files = all::<Sdk>();
    files.extend(rest);
    files
}

fn all<E: Embed>() -> Vec<(String, Vec<u8>)> {
    let content = |file: EmbeddedFile| file.data.into_owned();
    E::iter().filter_map(|path| Some((path.to_string(), E::get(&path).map(content)?))).collect()
}
