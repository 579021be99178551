//! What the command line takes, and what it says about the rest.

use std::collections::BTreeMap;

use clap::FromArgMatches as _;

use super::*;

fn parse(args: &[&str]) -> Result<Config, clap::Error> {
    // The environment of the machine must not decide a test.
    let mut command = Config::command().mut_args(|arg| arg.env(None::<&str>));
    let arguments = std::iter::once("nova-host").chain(args.iter().copied());
    let mut matches = command.try_get_matches_from_mut(arguments)?;
    Config::checked(Config::from_arg_matches_mut(&mut matches)?)
}

#[test]
fn the_command_is_well_formed() {
    Config::command().debug_assert();
}

#[test]
fn the_defaults() {
    let config = parse(&["--routes", "build"]).unwrap();
    assert_eq!(config.routes, [PathBuf::from("build")]);
    assert_eq!((config.host.as_str(), config.port), ("127.0.0.1", 2518));
    assert_eq!(config.drain, Drain(Some(Duration::from_secs(600))));
    assert_eq!(config.server_options().grace, Duration::from_secs(30));
    assert!(config.log_settings().access);
    let settings = config.swap_settings(Some("/bin/nova-host".into()));
    assert_eq!(settings.preflight, Some("/bin/nova-host".into()));
    assert_eq!(settings.preflight_limit, Duration::from_secs(30));
    assert_eq!(settings.init_limit, Duration::from_secs(10));
    assert!(!settings.dev);
}

#[test]
fn everything_can_be_said() {
    let config = parse(&[
        "--routes",
        "a.so",
        "--routes",
        "b.so",
        "--public",
        "files",
        "--host",
        "::1",
        "--port",
        "0",
        "--watch",
        "--admin",
        "/run/a.sock",
        "--state",
        "/var/lib/nova",
        "--drain",
        "never",
        "--grace",
        "500ms",
        "--log",
        "warn,app=debug",
        "--log-format",
        "json",
        "--no-access-log",
        "--preflight-timeout",
        "1.5",
        "--init-timeout",
        "2m",
        "--no-preflight",
    ])
    .unwrap();
    assert_eq!(config.routes, [PathBuf::from("a.so"), PathBuf::from("b.so")]);
    assert_eq!(config.grace, Duration::from_millis(500));
    assert_eq!(config.log_format, Format::Json);
    let settings = config.swap_settings(Some("/bin/nova-host".into()));
    assert_eq!(settings.preflight, None);
    assert_eq!(settings.preflight_limit, Duration::from_millis(1500));
    assert_eq!(settings.init_limit, Duration::from_secs(120));
    assert_eq!(settings.drain_limit, None);
}

#[test]
fn what_is_wrong_is_said() {
    for (args, expected) in [
        (&["--port", "2518"][..], "--routes <LIB>"),
        (&["--routes", "a", "--port", "70000"], "70000 is not in 0..=65535"),
        (&["--routes", "a", "--grace", "soon"], "give seconds, or a number with ms, s, m or h"),
        (&["--routes", "a", "--drain", "later"], "or `never`"),
        (&["--routes", "a", "--log", "loud"], "unknown level `loud`; use error"),
        (&["--routes", "a", "--admin", "b", "--no-admin"], "cannot be used with"),
    ] {
        let error = parse(args).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn durations() {
    for (text, milliseconds) in
        [("30", 30_000), ("0.5", 500), ("0", 0), ("2s", 2_000), ("15ms", 15), ("1h", 3_600_000)]
    {
        assert_eq!(duration(text), Ok(Duration::from_millis(milliseconds)), "{text}");
    }
    for text in ["", "s", "-1", "1d", "1 s", "NaN", "inf", "1e300h", "ms5"] {
        assert!(duration(text).is_err(), "{text}");
    }
}

#[test]
fn the_documentation_has_a_row_for_every_flag() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/host.md");
    let page = std::fs::read_to_string(path).unwrap();
    let settings = page.split("\n## ").find(|part| part.starts_with("Settings\n")).unwrap();
    let mut rows: BTreeMap<&str, &str> = settings
        .lines()
        .filter_map(|line| line.strip_prefix("| `--"))
        .filter_map(|row| Some((row.split([' ', '`']).next()?, row)))
        .collect();
    let mut missing = Vec::new();
    for arg in Config::command().get_arguments() {
        let Some(flag) = arg.get_long() else { continue };
        let row = rows.remove(flag);
        let variable = arg.get_env().map(|name| format!("`{}`", name.display()));
        match (row, variable) {
            (None, _) => missing.push(format!("--{flag}")),
            (Some(row), Some(name)) if !row.contains(&name) => missing.push(name),
            _ => {}
        }
    }
    assert_eq!(missing, [""; 0], "docs/host.md lacks these");
    assert!(rows.is_empty(), "docs/host.md has flags that nova-host lacks: {rows:#?}");
}

#[test]
fn the_help() {
    let help = Config::command().mut_args(|arg| arg.hide_env_values(true)).term_width(100);
    insta::assert_snapshot!(help.clone().render_help());
}
