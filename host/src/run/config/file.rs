//! The settings file: every setting has the name of its flag there, with underscores.
//!
//! What the file says takes the place of the defaults of the command line, so that variables and
//! flags win without any list of settings beside the one that clap has; a setting that is added
//! there can be set here.

use std::any::TypeId;
use std::error::Error as _;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command, CommandFactory, Error, FromArgMatches as _};
use toml::de::{DeTable, DeValue};

use super::Config;
use crate::site::files::TypeRule;

/// The flag and the variable that name the file.
const FLAG: &str = "--config";
const VARIABLE: &str = "NOVA_CONFIG";

/// What cannot be set in the file.
const NOT_IN_FILE: [&str; 4] = ["config", "probe", "help", "version"];

impl Config {
    /// The settings of this process: defaults, then the file, then `NOVA_*` variables, then flags.
    ///
    /// # Errors
    ///
    /// With what does not belong where it stands; also when help was asked for.
    pub fn load() -> Result<Self, Error> {
        let arguments: Vec<OsString> = std::env::args_os().collect();
        let variable = std::env::var_os(VARIABLE).filter(|path| !path.is_empty());
        Self::checked(read(Self::command(), &arguments, variable)?)
    }

    /// The same for a program that has its routes linked into it, those of `app` (its name and
    /// version): it takes no library, and none of the flags that are about loading one.
    ///
    /// # Errors
    ///
    /// As [`load`](Self::load).
    pub fn load_linked(app: &'static str) -> Result<Self, Error> {
        let arguments: Vec<OsString> = std::env::args_os().collect();
        let variable = std::env::var_os(VARIABLE).filter(|path| !path.is_empty());
        let hidden = |arg: Arg| match LOADING.contains(&arg.get_id().as_str()) {
            true => arg.hide(true).env(None::<&str>),
            false => arg,
        };
        let (name, version) = app.split_once(' ').unwrap_or((app, ""));
        let command = Self::command()
            .mut_args(hidden)
            .name(name)
            .version(version)
            .override_usage(format!("{name} [OPTIONS]"))
            .about(concat!("A site and its host in one, by Nova ", env!("CARGO_PKG_VERSION")))
            .after_help("SIGTERM stops without failing a request; a second one stops at once.");
        let config = read(command.clone(), &arguments, variable)?;
        if config.routes.is_empty() {
            return Ok(config);
        }
        let text = "the routes of this program are linked into it: it takes no --routes\n";
        Err(command.clone().error(ErrorKind::ArgumentConflict, text))
    }
}

/// What is about libraries that are loaded.
const LOADING: [&str; 18] = [
    "routes",
    "workers",
    "watch",
    "state",
    "drain",
    "swap",
    "hold_timeout",
    "hold_queue",
    "preflight_timeout",
    "no_preflight",
    "no_rollback",
    "rollback_window",
    "rollback_failures",
    "rollback_share",
    "rollback_requests",
    "memory_budget",
    "mapping_budget",
    "trust",
];

/// The settings of `command` with these arguments, and the file that they or `variable` name.
fn read(
    command: Command,
    arguments: &[OsString],
    variable: Option<OsString>,
) -> Result<Config, Error> {
    let mut matches = match named(arguments).or(variable) {
        None => command.try_get_matches_from(arguments)?,
        Some(path) => {
            let file = SettingsFile::read(Path::new(&path), &command)?;
            let matches = file.under(command.clone(), &[]).try_get_matches_from(arguments)?;
            // A flag wins over what contradicts it in the file, too.
            let overruled = file.overruled(&command, &matches);
            if overruled.is_empty() {
                matches
            } else {
                file.under(command, &overruled).try_get_matches_from(arguments)?
            }
        }
    };
    Config::from_arg_matches_mut(&mut matches)
}

/// The file that the arguments name last.
fn named(arguments: &[OsString]) -> Option<OsString> {
    let mut named = None;
    let mut arguments = arguments.iter().skip(1).take_while(|argument| *argument != "--");
    while let Some(argument) = arguments.next() {
        if argument == FLAG {
            named = arguments.next().cloned().or(named);
        } else if let Some(path) =
            argument.to_str().and_then(|text| text.strip_prefix(FLAG)?.strip_prefix('='))
        {
            named = Some(OsString::from(path));
        }
    }
    named
}

/// What a file says: settings by the ids of their arguments.
#[derive(Debug)]
struct SettingsFile {
    settings: Vec<(String, Vec<OsString>)>,
}

impl SettingsFile {
    fn read(path: &Path, command: &Command) -> Result<Self, Error> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| wrong(format!("{} cannot be read: {error}", path.display())))?;
        Self::parse(&text, path, command)
    }

    fn parse(text: &str, path: &Path, command: &Command) -> Result<Self, Error> {
        let name = path.display();
        let table = DeTable::parse(text)
            .map_err(|error| wrong(format!("{name}: {}", error.to_string().trim_end())))?;
        let folder = std::path::absolute(path)
            .ok()
            .and_then(|path| path.parent().map(Path::to_owned))
            .unwrap_or_default();
        // As on the command line, but each by itself.
        let alone = command.clone().mut_args(|arg| arg.env(None::<&str>));
        let mut settings = Vec::new();
        for (key, value) in table.get_ref() {
            let line = text[..key.span().start].lines().count().max(1);
            let line = line + usize::from(text[..key.span().start].ends_with('\n'));
            let key = key.get_ref().as_ref();
            let at = |message: String| wrong(format!("{name}, line {line}: {message}"));
            let Some(arg) = find(command, key) else {
                return Err(at(format!("unknown setting `{key}`; {}", nearest(command, key))));
            };
            let values = values(arg, value.get_ref(), &folder)
                .map_err(|expected| at(format!("`{key}` must be {expected}")))?;
            for value in &values {
                judge(&alone, arg, value).map_err(|message| at(format!("`{key}`: {message}")))?;
            }
            settings.push((arg.get_id().to_string(), values));
        }
        Ok(Self { settings })
    }

    /// `command` with the settings as its defaults, but for those of `overruled`.
    fn under(&self, command: Command, overruled: &[String]) -> Command {
        let settings = self.settings.iter().filter(|(id, values)| {
            // An empty list says nothing.
            !values.is_empty() && !overruled.contains(id)
        });
        settings.fold(command, |command, (id, values)| {
            // A default is part of a command for as long as the process lives.
            let values: Vec<&'static OsStr> =
                values.iter().map(|value| &*Box::leak(value.clone().into_boxed_os_str())).collect();
            command.mut_arg(id, |arg| arg.default_values(values))
        })
    }

    /// The settings that contradict what was said by a variable or a flag.
    fn overruled(&self, command: &Command, matches: &ArgMatches) -> Vec<String> {
        let explicit = |id: &str| {
            matches.value_source(id).is_some_and(|source| source != ValueSource::DefaultValue)
        };
        let contradicted = |id: &String| {
            let contradicts = |one: &Arg| {
                let others = command.get_arg_conflicts_with(one);
                (one.get_id() == id.as_str()
                    && others.iter().any(|it| explicit(it.get_id().as_str())))
                    || (explicit(one.get_id().as_str())
                        && others.iter().any(|it| it.get_id() == id.as_str()))
            };
            command.get_arguments().any(contradicts)
        };
        self.settings.iter().map(|(id, _)| id).filter(|id| contradicted(id)).cloned().collect()
    }
}

fn wrong(message: String) -> Error {
    Error::raw(ErrorKind::InvalidValue, message + "\n")
}

/// The settings, with their names in a file.
fn keys(command: &Command) -> impl Iterator<Item = (String, &Arg)> {
    command
        .get_arguments()
        .filter(|arg| !NOT_IN_FILE.contains(&arg.get_id().as_str()))
        .filter_map(|arg| Some((arg.get_long()?.replace('-', "_"), arg)))
}

fn find<'c>(command: &'c Command, key: &str) -> Option<&'c Arg> {
    keys(command).find(|(name, _)| name == key).map(|(_, arg)| arg)
}

fn nearest(command: &Command, key: &str) -> String {
    let key = key.to_lowercase().replace('-', "_");
    let near = keys(command)
        .map(|(name, _)| (strsim::damerau_levenshtein(&name, &key), name))
        .min()
        .filter(|(distance, name)| *distance <= name.len() / 2);
    match near {
        Some((_, name)) => format!("did you mean `{name}`?"),
        None => "`nova-host --help` lists them all, with dashes for underscores".to_owned(),
    }
}

/// A value as the command line would have it. A path is seen from the file's folder.
fn values(arg: &Arg, value: &DeValue<'_>, folder: &Path) -> Result<Vec<OsString>, &'static str> {
    let takes_value = arg.get_action().takes_values();
    let is_path = arg.get_value_parser().type_id() == TypeId::of::<PathBuf>();
    let one = |value: &DeValue<'_>| match value {
        DeValue::Boolean(on) if !takes_value => Ok(OsString::from(on.to_string())),
        _ if !takes_value => Err("true or false"),
        DeValue::String(text) if is_path => Ok(folder.join(text.as_ref()).into_os_string()),
        DeValue::String(text) => Ok(OsString::from(text.as_ref())),
        _ if is_path => Err("a path in quotes"),
        // As it is written: the argument's own rules decide about it.
        DeValue::Integer(number) if number.radix() == 10 => Ok(OsString::from(number.as_str())),
        DeValue::Float(number) => Ok(OsString::from(number.as_str())),
        _ => Err("a text in quotes or a number"),
    };
    let is_table = arg.get_value_parser().type_id() == TypeId::of::<TypeRule>();
    match (value, arg.get_action()) {
        (DeValue::Table(table), _) if is_table => {
            let rule = |name: &str, value: &DeValue<'_>| match value {
                DeValue::String(text) => Ok(OsString::from(format!("{name}={text}"))),
                _ => Err("a table of names, each with a media type in quotes"),
            };
            table.iter().map(|(name, value)| rule(name.get_ref(), value.get_ref())).collect()
        }
        (_, _) if is_table => Err("a table of names, each with a media type in quotes"),
        (DeValue::Array(items), ArgAction::Append) => {
            items.iter().map(|item| one(item.get_ref())).collect()
        }
        (value, _) => Ok(vec![one(value)?]),
    }
}

/// Whether the command line would take the value.
fn judge(alone: &Command, arg: &Arg, value: &OsStr) -> Result<(), String> {
    let (Some(long), true) = (arg.get_long(), arg.get_action().takes_values()) else {
        return Ok(());
    };
    let mut argument = OsString::from(format!("--{long}="));
    argument.push(value);
    match alone.clone().try_get_matches_from([OsStr::new("nova-host"), &argument]) {
        Ok(_) => Ok(()),
        Err(error) => Err(error.source().map_or_else(
            || error.to_string().lines().next().unwrap_or_default().to_owned(),
            |source| format!("{source} (it is `{}`)", value.display()),
        )),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::process::log::Format;
    use crate::run::config::Drain;

    /// What is read from `text`, with the file's folder left out of what is said about it.
    fn load(text: &str, flags: &[&str]) -> Result<Config, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("host.toml");
        std::fs::write(&path, text).unwrap();
        let command = Config::command().mut_args(|arg| arg.env(None::<&str>));
        let mut arguments = vec!["nova-host".into(), "--config".into(), path.into_os_string()];
        arguments.extend(flags.iter().map(OsString::from));
        let inside = format!("{}/", folder.path().display());
        read(command, &arguments, None)
            .and_then(Config::checked)
            .map_err(|error| error.to_string().replace(&inside, ""))
    }

    #[test]
    fn the_file_sets_everything() {
        let config = load(
            r#"
            routes = ["a", "/srv/b.so"]
            port = 80
            drain = "never"
            grace = 1.5
            watch = true
            log_format = "json"
            trusted_proxy = ["10.0.0.0/8", "::1"]
            max_body = "10m"
            no_compression = true
            [types]
            glb = "model/gltf-binary"
            CHANGES = "text/markdown"
            "#,
            &[],
        )
        .unwrap();
        assert!(config.routes[0].is_absolute() && config.routes[0].ends_with("a"));
        assert_eq!(config.routes[1], PathBuf::from("/srv/b.so"));
        assert_eq!((config.port, config.drain), (80, Drain(None)));
        assert_eq!(config.grace, Duration::from_millis(1500));
        assert!(config.watch && config.edge.responses.no_compression);
        assert_eq!(config.log_format, Format::Json);
        assert_eq!(config.edge.proxies.trusted_proxy.len(), 2);
        assert_eq!(config.edge.limits.max_body.0, Some(10 << 20));
        let types = &config.edge.responses.types;
        let rules = ["glb=model/gltf-binary", "CHANGES=text/markdown"];
        assert_eq!(types.len(), 2);
        assert!(rules.iter().all(|rule| types.contains(&rule.parse().unwrap())), "{types:?}");
        assert_eq!(config.host, "127.0.0.1", "what is not said is as ever");
    }

    #[test]
    fn every_setting_is_one_of_the_file() {
        let command = Config::command();
        let missing: Vec<_> = command
            .get_arguments()
            .filter(|arg| !NOT_IN_FILE.contains(&arg.get_id().as_str()))
            .filter(|arg| !keys(&command).any(|(_, it)| it.get_id() == arg.get_id()))
            .map(ToString::to_string)
            .collect();
        assert_eq!(missing, [""; 0]);
    }

    #[test]
    fn flags_win() {
        let text = "routes = \"a\"\nport = 80\nwatch = true\n";
        let config = load(text, &["--port", "81", "--routes", "b"]).unwrap();
        assert_eq!((config.port, config.routes), (81, vec![PathBuf::from("b")]));
        assert!(config.watch);
        // Also over what contradicts them.
        let text = "routes = \"a\"\nno_admin = true\n";
        assert!(load(text, &[]).unwrap().no_admin);
        let config = load(text, &["--admin", "/run/a.sock"]).unwrap();
        assert!(!config.no_admin && config.admin.is_some());
        let config = load("routes = \"a\"\nadmin = \"b\"\n", &["--no-admin"]).unwrap();
        assert!(config.no_admin && config.admin.is_none());
    }

    #[test]
    fn mistakes_are_placed_and_explained() {
        for (text, expected) in [
            (
                "routes = \"a\"\n\nprot = 80\n",
                "host.toml, line 3: unknown setting `prot`; did you mean `port`?",
            ),
            ("tls-cert = \"a\"\n", "line 1: unknown setting `tls-cert`; did you mean `tls_cert`?"),
            ("[proxies]\na = 1\n", "line 1: unknown setting `proxies`; "),
            ("config = \"a\"\n", "unknown setting `config`"),
            ("port = 70000\n", "line 1: `port`: 70000 is not in 0..=65535"),
            (
                "grace = \"soon\"\n",
                "`grace`: give seconds, or a number with ms, s, m or h (it is `soon`)",
            ),
            ("watch = \"yes\"\n", "`watch` must be true or false"),
            ("port = [1, 2]\n", "`port` must be a text in quotes or a number"),
            ("tls_key = 5\n", "`tls_key` must be a path in quotes"),
            ("trusted_proxy = [\"all\"]\n", "`trusted_proxy`: give an address or a network"),
            (
                "[types]\nglb = \"model\"\n",
                "line 1: `types`: give the ending or the name of a file and a media type, such as \
                 glb=model/gltf-binary (it is `glb=model`)",
            ),
            ("types = [\"a=b/c\"]\n", "`types` must be a table of names, each with a media type"),
            ("port =\n", "host.toml: TOML parse error at line 1"),
            ("port = 80\n", "--routes <LIB>"),
        ] {
            let error = load(text, &[]).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }

    #[test]
    fn the_file_that_is_named_last_is_read() {
        let named = |arguments: &[&str]| {
            let arguments: Vec<_> = arguments.iter().map(OsString::from).collect();
            named(&arguments)
        };
        assert_eq!(named(&["nova-host", "--config", "a", "--config=b"]), Some("b".into()));
        assert_eq!(named(&["nova-host", "--port", "1"]), None);
        assert_eq!(named(&["nova-host", "--", "--config", "a"]), None);
        let missing = ["nova-host".into(), "--config=/nowhere/host.toml".into()];
        let error = read(Config::command(), &missing, None).unwrap_err();
        assert!(error.to_string().contains("/nowhere/host.toml cannot be read: "), "{error}");
        assert_eq!(error.exit_code(), 2);
    }
}
