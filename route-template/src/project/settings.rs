//! `nova.toml` and the `NOVA_` variables: defaults, then the file, then the environment, then
//! the flags of a command.

mod build;

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

pub use build::{BuildSettings, Lto, OptLevel, Strip};

/// The name of the file.
const FILE: &str = "nova.toml";

/// How an app is served and where its release goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The address or name to listen on.
    pub host: String,
    /// The port; 0 lets the system choose.
    pub port: u16,
    /// The folder of the release, from the app's folder.
    pub out: PathBuf,
    /// What concerns `nova dev` alone.
    pub dev: DevSettings,
    /// How `nova build` compiles.
    pub build: BuildSettings,
}

impl Default for Settings {
    fn default() -> Self {
        let dev = DevSettings::default();
        let build = BuildSettings::default();
        let host = "127.0.0.1".to_owned();
        Self { host, port: 2518, out: PathBuf::from("build"), dev, build }
    }
}

/// How `nova dev` treats an app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DevSettings {
    /// How long a page may hold its thread before it is taken for an endless loop.
    pub poll_limit: Duration,
    /// The names, besides `localhost` and `host`, under which a browser may use what `nova dev`
    /// adds to pages; one that begins with a dot stands for all names that end so.
    pub allowed_hosts: Vec<String>,
    /// How often the app's files are looked at, where the file system does not tell of a save.
    pub poll: Option<Duration>,
}

impl Default for DevSettings {
    fn default() -> Self {
        Self { poll_limit: Duration::from_secs(5), allowed_hosts: Vec::new(), poll: None }
    }
}

/// Settings of which any may be missing: those of a file, or the flags of a command.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartialSettings {
    /// See [`Settings::host`].
    pub host: Option<String>,
    /// See [`Settings::port`].
    pub port: Option<u16>,
    /// See [`Settings::out`].
    pub out: Option<PathBuf>,
    /// See [`Settings::dev`].
    #[serde(default)]
    pub dev: PartialDevSettings,
    /// See [`Settings::build`].
    #[serde(default)]
    pub build: BuildSettings,
}

/// The same for [`DevSettings`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartialDevSettings {
    /// See [`DevSettings::poll_limit`]; in seconds.
    #[serde(default, deserialize_with = "seconds")]
    pub poll_limit: Option<Duration>,
    /// See [`DevSettings::poll`]; in seconds.
    #[serde(default, deserialize_with = "seconds")]
    pub poll: Option<Duration>,
    /// See [`DevSettings::allowed_hosts`].
    #[serde(default, deserialize_with = "names")]
    pub allowed_hosts: Option<Vec<String>>,
}

/// Names of hosts, without scheme and port.
fn names<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<String>>, D::Error> {
    let names = Vec::<String>::deserialize(deserializer)?;
    let is_name = |name: &str| {
        let name = name.strip_prefix('.').unwrap_or(name);
        let fits = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_');
        name.split('.').all(|label| !label.is_empty() && label.chars().all(fits))
    };
    match names.iter().find(|name| !is_name(name)) {
        None => Ok(Some(names)),
        Some(wrong) => Err(D::Error::custom(format!(
            "`{wrong}` must be the name of a host without scheme, port and `*`, such as \"app.test\", \
             or \".app.test\" for all names that end so"
        ))),
    }
}

fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    let seconds = f64::deserialize(deserializer)?;
    let duration = Duration::try_from_secs_f64(seconds).ok().filter(|it| !it.is_zero());
    let wrong = || D::Error::custom("must be a number of seconds, greater than 0");
    duration.map(Some).ok_or_else(wrong)
}

/// Why there are no settings.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The file cannot be read.
    #[error("{} cannot be read", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is not TOML, or has a key or value that does not belong there.
    #[error("{}: {message}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong, with its place, and what may have been meant.
        message: String,
    },
    /// A variable of the environment has a value that does not belong there.
    #[error("{name} is `{value}`, and must be {expected}")]
    Variable {
        /// The variable.
        name: &'static str,
        /// Its value.
        value: String,
        /// What it should be.
        expected: &'static str,
    },
}

impl Settings {
    /// The settings of the app in a folder, by its `nova.toml` (if there is one), the
    /// environment, and the flags of a command.
    ///
    /// # Errors
    /// If the file or a variable has something that does not belong there.
    pub fn load(
        dir: &Path,
        variable: impl Fn(&str) -> Option<OsString>,
        flags: PartialSettings,
    ) -> Result<Self, SettingsError> {
        let file = read(&dir.join(FILE))?;
        let environment = environment(variable)?;
        Ok(Self::default().with(file).with(environment).with(flags))
    }

    fn with(self, PartialSettings { host, port, out, dev, build }: PartialSettings) -> Self {
        let PartialDevSettings { poll_limit, allowed_hosts, poll } = dev;
        Self {
            host: host.unwrap_or(self.host),
            port: port.unwrap_or(self.port),
            out: out.unwrap_or(self.out),
            dev: DevSettings {
                poll_limit: poll_limit.unwrap_or(self.dev.poll_limit),
                allowed_hosts: allowed_hosts.unwrap_or(self.dev.allowed_hosts),
                poll: poll.or(self.dev.poll),
            },
            build: build.or(self.build),
        }
    }
}

fn read(path: &Path) -> Result<PartialSettings, SettingsError> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Default::default()),
        Err(source) => return Err(SettingsError::Io { path: path.to_owned(), source }),
    };
    toml::from_str(&text).map_err(|error| SettingsError::File {
        path: path.to_owned(),
        message: format!("{}{}", in_our_words(&error).trim_end(), suggestion(&text)),
    })
}

/// What the parser says, with the place; its keys are our settings.
fn in_our_words(error: &toml::de::Error) -> String {
    let (text, message) = (error.to_string(), error.message());
    match text.trim_end().strip_suffix(message) {
        Some(place) => format!("{place}{}", message.replace("unknown field", "unknown setting")),
        None => text,
    }
}

/// The setting that an unknown key of the file may stand for.
fn suggestion(text: &str) -> String {
    let keys = ["host", "port", "out", "dev", "build"];
    let table: toml::Table = toml::from_str(text).unwrap_or_default();
    let unknown = table.keys().find(|key| !keys.contains(&key.as_str()));
    let near = unknown.and_then(|key| {
        let distance = |known: &&&str| strsim::damerau_levenshtein(&key.to_lowercase(), known);
        keys.iter().filter(|known| distance(known) <= 2).min_by_key(distance)
    });
    near.map_or_else(String::new, |near| format!("\n  help: did you mean `{near}`?"))
}

fn environment(
    variable: impl Fn(&str) -> Option<OsString>,
) -> Result<PartialSettings, SettingsError> {
    let text = |name: &'static str, expected| match variable(name) {
        None => Ok(None),
        Some(value) if value.is_empty() => Ok(None),
        Some(value) => value.into_string().map(Some).map_err(|value| SettingsError::Variable {
            name,
            value: value.to_string_lossy().into_owned(),
            expected,
        }),
    };
    let expected = "a number from 0 to 65535";
    let port = match text("NOVA_PORT", expected)? {
        None => None,
        Some(value) => Some(value.parse().map_err(|_| SettingsError::Variable {
            name: "NOVA_PORT",
            value,
            expected,
        })?),
    };
    let host = text("NOVA_HOST", "an address or a name")?;
    let out = variable("NOVA_OUT").filter(|out| !out.is_empty()).map(PathBuf::from);
    Ok(PartialSettings { host, port, out, ..PartialSettings::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(
        file: &str,
        variables: &[(&str, &str)],
        flags: PartialSettings,
    ) -> Result<Settings, String> {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(FILE), file).unwrap();
        let variable = |name: &str| {
            variables.iter().find(|(key, _)| *key == name).map(|(_, value)| OsString::from(value))
        };
        Settings::load(dir.path(), variable, flags)
            .map_err(|error| error.to_string().replace(&format!("{}/", dir.path().display()), ""))
    }

    #[test]
    fn the_later_source_wins() {
        let file = "host = \"0.0.0.0\"\nport = 1\nout = \"dist\"\n";
        let variables = [("NOVA_PORT", "2"), ("NOVA_HOST", "::1"), ("NOVA_OUT", "")];
        let flags = PartialSettings { host: Some("localhost".into()), ..Default::default() };
        let settings = load(file, &variables, flags).unwrap();
        let host = "localhost".to_owned();
        assert_eq!(settings, Settings { host, port: 2, out: "dist".into(), ..Default::default() });
        assert_eq!(load("", &[], Default::default()).unwrap(), Settings::default());
    }

    #[test]
    fn the_limit_is_in_seconds() {
        let limit = |text: &str| {
            let file = format!("[dev]\npoll_limit = {text}\n");
            load(&file, &[], Default::default()).map(|settings| settings.dev.poll_limit)
        };
        assert_eq!(limit("0.5"), Ok(Duration::from_millis(500)));
        assert_eq!(limit("20"), Ok(Duration::from_secs(20)));
        for wrong in ["0", "-1", "nan", "inf"] {
            let error = limit(wrong).unwrap_err();
            assert!(error.contains("must be a number of seconds"), "{wrong}: {error}");
        }
        assert!(limit("\"5s\"").is_err());
        let poll = load("[dev]\npoll = 0.5\n", &[], Default::default()).unwrap().dev.poll;
        assert_eq!(poll, Some(Duration::from_millis(500)));
    }

    #[test]
    fn hosts_are_names_alone() {
        let hosts = |text: &str| {
            let file = format!("[dev]\nallowed_hosts = {text}\n");
            load(&file, &[], Default::default()).map(|settings| settings.dev.allowed_hosts)
        };
        assert_eq!(hosts("[]"), Ok(vec![]));
        let names = vec!["app.test".to_owned(), ".my-tunnel.app".to_owned()];
        assert_eq!(hosts("[\"app.test\", \".my-tunnel.app\"]"), Ok(names));
        for wrong in ["http://app.test", "app.test:2518", "*.app.test", "*", ".", ""] {
            let error = hosts(&format!("[\"{wrong}\"]")).unwrap_err();
            assert!(error.contains(&format!("`{wrong}` must be the name")), "{error}");
        }
    }

    #[test]
    fn no_file_is_no_mistake() {
        let dir = tempfile::tempdir().unwrap();
        let settings = Settings::load(dir.path(), |_| None, Default::default()).unwrap();
        assert_eq!(settings, Settings::default());
    }

    #[test]
    fn mistakes_are_placed_and_explained() {
        let mistake = |file| load(file, &[], Default::default()).unwrap_err();
        insta::assert_snapshot!(mistake("prot = 3000\n"), @"
        nova.toml: TOML parse error at line 1, column 1
          |
        1 | prot = 3000
          | ^^^^
        unknown setting `prot`, expected one of `host`, `port`, `out`, `dev`, `build`
          help: did you mean `port`?
        ");
        let too_big = mistake("port = 70000\n");
        assert!(
            too_big.contains("line 1, column 8") && too_big.contains("expected u16"),
            "{too_big}"
        );
        let no_value = mistake("host = \"a\"\nport =\n");
        assert!(no_value.contains("line 2, column 7"), "{no_value}");
        assert!(!mistake("workers = 4\n").contains("help"));
    }

    #[test]
    fn a_variable_with_a_bad_value_is_named() {
        assert_eq!(
            load("", &[("NOVA_PORT", "http")], Default::default()).unwrap_err(),
            "NOVA_PORT is `http`, and must be a number from 0 to 65535",
        );
    }
}
