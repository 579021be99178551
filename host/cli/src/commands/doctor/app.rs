//! What an app must have.

use std::collections::BTreeMap;
use std::path::Path;

use nova_host::release::Release;
use nova_host::release::trust::Trust;
use nova_route_template::scaffold::AppSdk;
use nova_route_template::{
    Build, CargoError, LIBRARY, Level, MANIFEST, Manifest, Output, PartialSettings, Project,
    RouteTree, Settings, SourceFile, is_in_step, prepare,
};

use super::Finding;
use crate::commands::app_folder::HERE;
use crate::commands::build::report::BuildReport;
use crate::commands::{needs, secret};
use crate::dev::settings::{variable, variables};
use crate::terminal::style::{chain, size};

/// A library of more bytes than this is worth a word.
const LARGE: u64 = 20_000_000;

/// The version of this nova.
const VERSION: &str = env!("CARGO_PKG_VERSION");

pub(super) fn findings(dir: &Path) -> Vec<Finding> {
    let project = match Project::open(dir) {
        Ok(project) => project,
        Err(_) if !dir.join("Cargo.toml").exists() && dir.join("pages").is_dir() => {
            return vec![Finding::bad(
                "app",
                format!("{} has pages/, but no Cargo.toml", dir.display()),
                "make an app with `nova new PATH`, and move the pages there",
            )];
        }
        Err(_) if !dir.join("Cargo.toml").exists() => {
            let found = format!("there is no app in {}", dir.display());
            // On a machine without an app, this one is looked at.
            return vec![match dir == Path::new(HERE) {
                true => Finding::weak("app", found, "to check one, too: nova doctor DIR"),
                false => Finding::bad("app", found, "name the folder of an app"),
            }];
        }
        Err(error) => return vec![wrong("app", &chain(&error), "mend the file that it names")],
    };
    let mut findings = vec![Finding::good("app", project.name())];
    findings.extend(pages(&project));
    findings.push(sdk(AppSdk::of(project.dir())));
    findings.extend(cookies(project.dir()));
    findings.extend(release(&project));
    findings.extend(image(&project));
    findings
}

/// Whether an app that signs or encrypts its cookies has what it does that with in development.
fn cookies(dir: &Path) -> Option<Finding> {
    let subject = "cookies";
    let need = secret::need(dir);
    if need == secret::Need::No {
        return None;
    }
    let variables = match variables(dir) {
        Ok(variables) => variables,
        Err(error) => return Some(wrong(subject, &chain(&error), "mend the file that it names")),
    };
    let name = secret::VARIABLE;
    let value = variable(&variables, name).map(|value| value.to_string_lossy().into_owned());
    let advice = secret::ADVICE;
    Some(match value.as_deref().map(|value| (value, secret::misfit(value))) {
        None | Some(("", _)) if need == secret::Need::Possible => Finding::weak(
            subject,
            format!("{name} is not set, and the app may sign or encrypt them"),
            format!(
                "unless its sessions are in a store and no cookie is signed: {advice}, for .env"
            ),
        ),
        None | Some(("", _)) => Finding::bad(
            subject,
            format!("{name}, which signs and encrypts them, is not set"),
            format!("{advice}: write {name}=… into .env, and set another one where a release runs"),
        ),
        Some((_, Some(misfit))) => Finding::bad(subject, format!("{name}: {misfit}"), advice),
        Some(_) => Finding::good(
            subject,
            format!("{name} is set; a release needs one of its own where it runs"),
        ),
    })
}

/// An error as a finding; what its text says to help is the advice.
fn wrong(subject: &'static str, error: &str, advice: &str) -> Finding {
    match error.split_once("\n  help: ") {
        Some((found, help)) => Finding::bad(subject, found, help.trim_end()),
        None => Finding::bad(subject, error, advice),
    }
}

/// Whether the app compiles, which takes as long as it takes.
pub(super) fn compile(dir: &Path) -> Option<Finding> {
    let subject = "compile";
    let advice = "all that rustc says: nova compile (or cargo check)";
    // What is wrong before is among the other findings.
    let prepared = prepare(dir).ok()?;
    let build = Build::new(&prepared.project, prepared.crate_root.origins.clone())
        .profile("dev")
        .output(Output::Capture);
    let error = match build.start().and_then(|running| running.wait(|_| {})) {
        Ok(_) => return Some(Finding::good(subject, "the app compiles")),
        Err(error) => error,
    };
    Some(match &error {
        CargoError::Failed { diagnostics, output } => {
            let errors = || diagnostics.iter().filter(|it| it.level == Level::Error);
            let found = match errors().next() {
                Some(first) => {
                    let place = first.place.as_ref().map(|place| format!("{place}: "));
                    let (place, count) = (place.unwrap_or_default(), errors().count());
                    format!("{place}{} (1 of {count})", first.message)
                }
                None => output.trim().to_owned(),
            };
            Finding::bad(subject, found, advice)
        }
        error => wrong(subject, &chain(error), advice),
    })
}

/// The pages, and whether the crate root declares them all.
fn pages(project: &Project) -> Vec<Finding> {
    if project.pages().is_none() {
        let found = format!("there is no pages/ in {}", project.dir().display());
        return vec![Finding::bad("pages", found, "put the first page into pages/index.rs")];
    }
    let tree = match RouteTree::build(&project.scan()) {
        Ok(tree) => tree,
        Err(problems) => {
            let count = problems.0.len();
            let found = if count == 1 { "1 mistake".into() } else { format!("{count} mistakes") };
            return vec![Finding::bad("pages", found, problems.to_string())];
        }
    };
    let mut findings = Vec::new();
    findings.push(match tree.warnings().first() {
        Some(warning) => Finding::weak("pages", warning.to_string(), ""),
        None => Finding::good("pages", format!("{} pages", tree.pages.len())),
    });
    let root = project.crate_root();
    findings.push(match is_in_step(project, &tree) {
        Ok(true) => Finding::good("crate root", format!("{root} is in step with the pages")),
        Ok(false) => Finding::weak(
            "crate root",
            format!("{root} is not in step with the pages"),
            "`nova routes` brings it up to date, and so do dev and compile",
        ),
        Err(error) => wrong("crate root", &chain(&error), "mend the file that it names"),
    });
    findings
}

fn sdk(sdk: Option<AppSdk>) -> Finding {
    let Some(AppSdk { path, version, .. }) = sdk.filter(|sdk| sdk.is_vendored) else {
        return Finding::good("SDK", "not in vendor/nova: Cargo.toml says where it is");
    };
    match version.as_deref() {
        Some(VERSION) => Finding::good("SDK", format!("{VERSION} in {path}")),
        Some(version) => Finding::weak(
            "SDK",
            format!("{version} in {path}, and this nova is {VERSION}"),
            "`nova upgrade` replaces it",
        ),
        // As where it was that of another app, which was deleted.
        None => Finding::bad(
            "SDK",
            format!("Cargo.toml names {path}, where there is none"),
            "`nova upgrade` puts one into the app",
        ),
    }
}

/// The release, if there is one: whether it is whole, and whether this machine can load it.
fn release(project: &Project) -> Option<Finding> {
    let subject = "release";
    let settings =
        Settings::load(project.dir(), |name| std::env::var_os(name), PartialSettings::default());
    let settings = match settings {
        Ok(settings) => settings,
        Err(error) => {
            return Some(wrong(
                "nova.toml",
                &chain(&error),
                "mend it, or take the setting out of nova.toml",
            ));
        }
    };
    let folder = project.dir().join(&settings.out);
    let text = std::fs::read_to_string(folder.join(MANIFEST)).ok()?;
    let shown = settings.out.display();
    if let Err(error) = Release::read(&folder, &Trust::of_owner()) {
        let error = chain(&error);
        // Who may write to it is mended otherwise than by building it.
        return Some(match error.split_once("; run `") {
            Some((found, run)) => Finding::bad(subject, found, run.trim_end_matches('`')),
            None => Finding::bad(subject, error, "`nova compile` writes it anew"),
        });
    }
    let manifest: Manifest = match serde_json::from_str(&text) {
        Ok(manifest) => manifest,
        Err(error) => {
            return Some(Finding::bad(subject, chain(&error), "`nova compile` writes it anew"));
        }
    };
    if let (Some(needed), Some(found)) = (&manifest.glibc, super::machine::glibc())
        && number(needed) > number(&found)
    {
        return Some(Finding::bad(
            subject,
            format!("the library in {shown} needs glibc {needed}, and this machine has {found}"),
            "compile it on this machine or on an older one",
        ));
    }
    let missing = needs::missing(&folder.join(LIBRARY));
    if !missing.is_empty() {
        let found = format!(
            "the library in {shown} needs {}, which this machine lacks",
            needs::named(&missing)
        );
        return Some(Finding::bad(subject, found, needs::remedy(&missing)));
    }
    let changed = changed_since(project, &manifest);
    if changed > 0 {
        let found = format!("{changed} pages have changed since {shown} was compiled");
        return Some(Finding::weak(subject, found, "`nova compile` brings it up to date"));
    }
    let found = format!(
        "{} routes in {shown}, compiled by nova {}, swapped by {}",
        manifest.routes.len(),
        manifest.nova,
        manifest.swap.mode
    );
    // What `app.rs` asks for although something speaks against it.
    Some(match manifest.swap.warning() {
        Some(warning) => Finding::weak(subject, found, warning),
        None => Finding::good(subject, found),
    })
}

/// What takes the room in the library that was built last.
fn image(project: &Project) -> Option<Finding> {
    let settings =
        Settings::load(project.dir(), |name| std::env::var_os(name), PartialSettings::default());
    let report = BuildReport::read(&project.dir().join(settings.ok()?.out))?;
    Some(image_size(&report))
}

fn image_size(report: &BuildReport) -> Finding {
    let largest = report.crates.iter().take(3);
    let largest: Vec<_> =
        largest.map(|krate| format!("{} {}", krate.name, size(krate.code))).collect();
    let found = format!(
        "{}, {} of it machine code; the most is of {}",
        size(report.library),
        size(report.code),
        largest.join(", ")
    );
    if report.library <= LARGE {
        return Finding::good("image size", found);
    }
    let first = if report.aot { "" } else { "`nova build --aot` optimises all code as one\n" };
    let advice = format!(
        "{first}in nova.toml, under [build]: opt-level = \"s\" or \"z\", codegen-units = 1\n\
         `nova build --report sizes` lists all crates: a dependency's `default-features = false` \
         may save the most"
    );
    Finding::weak("image size", found, advice)
}

/// How many pages are new, gone, or other than those in the library.
fn changed_since(project: &Project, manifest: &Manifest) -> usize {
    let sources = project.scan();
    let Ok(tree) = RouteTree::build(&sources) else { return 0 };
    let now: BTreeMap<&str, Option<&str>> = tree
        .pages
        .iter()
        .map(|page| {
            let source = sources.pages.iter().find(|source| source.path == page.file);
            (page.file.as_str(), source.and_then(SourceFile::sha256))
        })
        .collect();
    let then: BTreeMap<&str, Option<&str>> = manifest
        .routes
        .iter()
        .map(|route| (route.file.as_str(), Some(route.source_sha256.as_str())))
        .collect();
    let gone = then.keys().filter(|file| !now.contains_key(**file)).count();
    gone + now.iter().filter(|(file, hash)| then.get(*file) != Some(*hash)).count()
}

/// `2.36` as numbers, which compare as versions do.
fn number(version: &str) -> Vec<u32> {
    version.split('.').filter_map(|part| part.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;

    #[test]
    fn cookies_need_a_secret_where_the_app_signs_or_encrypts_them() {
        let app = tempfile::tempdir().expect("a folder");
        let write = |file: &str, text: &str| {
            std::fs::write(app.path().join(file), text).expect("written");
        };
        let manifest = |features: &str| {
            format!(
                "[package]\nname = \"shop\"\n[dependencies]\n\
                 nova = {{ package = \"nova-plugin-sdk\", path = \"x\", features = [{features}] }}\n"
            )
        };
        write("Cargo.toml", &manifest("\"cookies\""));
        assert_eq!(cookies(app.path()), None);
        let found = || cookies(app.path()).map(|it| (it.verdict, it.found)).expect("a finding");
        for feature in ["\"sessions-store\"", "\"full\""] {
            write("Cargo.toml", &manifest(feature));
            let possible = "NOVA_SECRET is not set, and the app may sign or encrypt them";
            assert_eq!(found(), (Verdict::Weak, possible.to_owned()), "{feature}");
        }
        write("Cargo.toml", &manifest("\"auth\""));
        let missing = "NOVA_SECRET, which signs and encrypts them, is not set";
        assert_eq!(found(), (Verdict::Bad, missing.to_owned()));
        write(".env", "NOVA_SECRET=hush\n");
        let short = "NOVA_SECRET: one of 4 characters is too short, it takes 32 or more";
        assert_eq!(found(), (Verdict::Bad, short.to_owned()));
        write(".env", &format!("NOVA_SECRET={}\n", "x".repeat(32)));
        assert_eq!(found().0, Verdict::Good);
    }

    #[test]
    fn another_sdk_is_weak() {
        let verdict = |is_vendored, version: Option<&str>| {
            let path = "vendor/nova/plugin-sdk".to_owned();
            let version = version.map(str::to_owned);
            sdk(Some(AppSdk { path, is_vendored, version, features: Vec::new() })).verdict
        };
        assert_eq!(verdict(true, Some(VERSION)), Verdict::Good);
        assert_eq!(verdict(true, Some("0.0.1")), Verdict::Weak);
        assert_eq!(verdict(true, None), Verdict::Bad);
        assert_eq!(verdict(false, None), Verdict::Good);
        assert_eq!(sdk(None).verdict, Verdict::Good);
    }

    #[test]
    fn a_large_library_is_weak_and_says_what_it_is_made_of() {
        let json = serde_json::json!({
            "build_id": "", "aot": false, "library": 25_000_000, "code": 9_000_000, "host": 1,
            "routes": [], "public": { "files": 0, "size": 0, "compressible": 0, "compressed": 0 },
            "crates": [{ "name": "sqlx", "code": 5_000_000 }, { "name": "std", "code": 400_000 }],
            "steps": [],
        });
        let mut report: BuildReport = serde_json::from_value(json).expect("a report");
        let large = image_size(&report);
        assert_eq!(large.verdict, Verdict::Weak);
        assert_eq!(
            large.found,
            "25.00 MB, 9.00 MB of it machine code; the most is of sqlx 5.00 MB, std 400 kB"
        );
        assert!(large.advice.contains("nova build --aot"), "{}", large.advice);
        report.aot = true;
        assert!(!image_size(&report).advice.contains("--aot"));
        report.library = 2_000_000;
        assert_eq!(image_size(&report).verdict, Verdict::Good);
    }

    #[test]
    fn versions_compare_as_numbers() {
        assert!(number("2.4") < number("2.36"));
        assert!(number("2.36") < number("3.0"));
    }

    #[test]
    fn a_folder_without_an_app_is_a_mistake_where_it_was_named() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let verdict = |dir: &Path| {
            let findings = findings(dir);
            assert_eq!(findings.len(), 1);
            findings[0].verdict
        };
        // The folder of the tests is that of this crate, which has no pages.
        assert_eq!(verdict(folder.path()), Verdict::Bad);
        assert_eq!(verdict(&folder.path().join("missing")), Verdict::Bad);
    }

    #[test]
    fn mistakes_in_an_app_are_found() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let write = |file: &str, text: &str| {
            let path = folder.path().join(file);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            std::fs::write(path, text).expect("a file");
        };
        write("Cargo.toml", "[package]\nname = \"app\"\n[lib]\npath = \"lib.rs\"\n");
        write("lib.rs", "// nova:begin\n// nova:end\n");
        write("pages/index.rs", "pub fn get() {}");
        let verdicts = || -> Vec<_> {
            findings(folder.path()).into_iter().map(|it| (it.subject, it.verdict)).collect()
        };
        let good = ("app", Verdict::Good);
        let sdk = ("SDK", Verdict::Good);
        assert_eq!(
            verdicts(),
            [good, ("pages", Verdict::Good), ("crate root", Verdict::Weak), sdk]
        );
        write("pages/about.rs", "fn get() {}");
        write("build/manifest.json", "{}");
        assert_eq!(verdicts(), [good, ("pages", Verdict::Bad), sdk, ("release", Verdict::Bad)]);
    }
}
