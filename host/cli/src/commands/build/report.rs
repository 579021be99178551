//! The build report: `report.json` in the release, and the table in the terminal.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use nova_route_template::{CodeSizes, CrateSize, Manifest, PublicFiles, SwapPlan};
use serde::{Deserialize, Serialize};

use crate::commands::needs;
use crate::terminal::style::{BOLD, DIM, WARN, size, took};
use crate::terminal::table::Align::{Left, Right};
use crate::terminal::table::table;

/// The name of the file in a release.
pub(in crate::commands) const FILE: &str = "report.json";

/// How many crates a table names.
const SHOWN: usize = 15;

/// What a build has made, and in what time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in crate::commands) struct BuildReport {
    /// Which build.
    pub(in crate::commands) build_id: String,
    /// Whether it was optimised as one (`--aot`).
    pub(in crate::commands) aot: bool,
    /// How it is swapped, and why so.
    #[serde(default)]
    pub(in crate::commands) swap: SwapPlan,
    /// The shared libraries that it needs beside glibc.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(in crate::commands) needs: Vec<String>,
    /// Bytes of the library, as it is shipped.
    pub(in crate::commands) library: u64,
    /// Bytes of its machine code.
    pub(in crate::commands) code: u64,
    /// Bytes of the host program.
    pub(in crate::commands) host: u64,
    /// Each route.
    pub(in crate::commands) routes: Vec<RouteReport>,
    /// What each crate takes of the machine code, the largest first.
    pub(in crate::commands) crates: Vec<CrateSize>,
    /// The public files.
    pub(in crate::commands) public: PublicReport,
    /// The steps, with their times.
    pub(in crate::commands) steps: Vec<StepReport>,
    /// What is larger or smaller than in the build before.
    #[serde(default)]
    pub(in crate::commands) changed: Vec<Change>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in crate::commands) struct RouteReport {
    /// Such as `/users/{id}`.
    pub(in crate::commands) pattern: String,
    /// Such as `GET`; `any` for a function that takes them all.
    pub(in crate::commands) methods: Vec<String>,
    /// The page.
    pub(in crate::commands) file: String,
    /// How it answers.
    pub(in crate::commands) kind: PageKind,
    /// Bytes of machine code that belong to the page.
    pub(in crate::commands) code: u64,
}

/// How a route answers, as far as its text tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(in crate::commands) enum PageKind {
    /// Its answer was made by the build.
    Static,
    /// Each request is answered anew.
    Dynamic,
    /// The same, in pieces.
    Streaming,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(in crate::commands) struct PublicReport {
    /// How many files.
    pub(in crate::commands) files: usize,
    /// Their bytes.
    pub(in crate::commands) size: u64,
    /// The bytes of those that have compressed variants.
    pub(in crate::commands) compressible: u64,
    /// The bytes of the smallest variant of each of them.
    pub(in crate::commands) compressed: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in crate::commands) struct StepReport {
    /// What was done.
    pub(in crate::commands) name: String,
    /// In so many seconds.
    pub(in crate::commands) seconds: f64,
}

/// Bytes that were others in the build before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::commands) struct Change {
    /// `library`, `code`, or a route's pattern.
    pub(in crate::commands) what: String,
    /// None: it was not there.
    pub(in crate::commands) before: Option<u64>,
    /// None: it is gone.
    pub(in crate::commands) now: Option<u64>,
}

/// What a report is made of.
pub(in crate::commands) struct BuildFacts<'a> {
    pub(in crate::commands) manifest: &'a Manifest,
    pub(in crate::commands) sizes: &'a CodeSizes,
    pub(in crate::commands) public: &'a PublicFiles,
    pub(in crate::commands) kinds: &'a BTreeMap<String, PageKind>,
    pub(in crate::commands) host: u64,
    pub(in crate::commands) aot: bool,
    pub(in crate::commands) steps: &'a [(&'static str, Duration)],
}

impl BuildReport {
    pub(in crate::commands) fn new(made: &BuildFacts<'_>, before: Option<&BuildReport>) -> Self {
        let BuildFacts { manifest, sizes, public, kinds, host, aot, steps } = made;
        let route = |route: &nova_route_template::Route| RouteReport {
            pattern: route.pattern.clone(),
            methods: route.methods.iter().cloned().chain(route.any.then(|| "any".into())).collect(),
            file: route.file.clone(),
            kind: kinds.get(&route.file).copied().unwrap_or(PageKind::Dynamic),
            code: sizes.pages.get(&route.file).copied().unwrap_or_default(),
        };
        let step = |(name, took): &(&str, Duration)| StepReport {
            name: (*name).to_owned(),
            seconds: (took.as_secs_f64() * 1000.0).round() / 1000.0,
        };
        let mut report = Self {
            build_id: manifest.build_id.clone(),
            aot: *aot,
            swap: manifest.swap.clone(),
            needs: manifest.needs.clone(),
            library: manifest.library.size,
            code: sizes.code,
            host: *host,
            routes: manifest.routes.iter().map(route).collect(),
            crates: sizes.crates.clone(),
            public: PublicReport {
                files: public.files.len(),
                size: public.size,
                compressible: public.compressed.0,
                compressed: public.compressed.1,
            },
            steps: steps.iter().map(step).collect(),
            changed: Vec::new(),
        };
        report.changed = before.map_or_else(Vec::new, |before| changes(before, &report));
        report
    }

    /// The report of the release in a folder, if there is one that can be read.
    pub(in crate::commands) fn read(release: &Path) -> Option<Self> {
        serde_json::from_slice(&std::fs::read(release.join(FILE)).ok()?).ok()
    }

    pub(in crate::commands) fn write(&self, release: &Path) -> anyhow::Result<()> {
        let path = release.join(FILE);
        let json = serde_json::to_string_pretty(self)?;
        std::fs::write(&path, format!("{json}\n"))
            .with_context(|| format!("{} cannot be written", path.display()))
    }

    /// What the terminal shows.
    pub(in crate::commands) fn render(&self) -> String {
        let mut text = String::new();
        let rows = self.routes.iter().map(|route| {
            let kind = match route.kind {
                PageKind::Static => "static",
                PageKind::Dynamic => "dynamic",
                PageKind::Streaming => "streaming",
            };
            let code = if route.code == 0 { "-".to_owned() } else { size(route.code) };
            let methods = route.methods.join(" ");
            [methods, route.pattern.clone(), kind.to_owned(), code]
        });
        let head = ["methods", "route", "kind", "code"].map(str::to_owned);
        let rows: Vec<_> = std::iter::once(head).chain(rows).collect();
        let table = table(&rows, [Left, Left, Left, Right]);
        let (head, rest) = table.split_once('\n').unwrap_or((&table, ""));
        text.push_str(&format!("\n{DIM}{head}{DIM:#}\n{rest}\n"));
        let public = &self.public;
        text.push_str(&format!(
            "{BOLD}library{BOLD:#}  {}, {} of it machine code\n{BOLD}host{BOLD:#}     {}\n",
            size(self.library),
            size(self.code),
            size(self.host),
        ));
        if public.files > 0 {
            text.push_str(&format!(
                "{BOLD}public{BOLD:#}   {} files, {}; {} of it as {} for browsers that decompress\n",
                public.files,
                size(public.size),
                size(public.compressible),
                size(public.compressed),
            ));
        }
        if !self.needs.is_empty() {
            text.push_str(&format!("{BOLD}needs{BOLD:#}    {}\n", needs::named(&self.needs)));
        }
        for change in &self.changed {
            text.push_str(&format!("{WARN}changed{WARN:#}  {}\n", change.render()));
        }
        text
    }

    /// What takes the room, crate by crate.
    pub(in crate::commands) fn render_sizes(&self) -> String {
        let shown = self.crates.iter().take(SHOWN);
        let mut rows: Vec<_> = shown.map(|it| self.row(&it.name, it.code)).collect();
        let rest: u64 = self.crates.iter().skip(SHOWN).map(|it| it.code).sum();
        if rest > 0 {
            let name = format!("{} more", self.crates.len() - SHOWN);
            rows.push(self.row(&name, rest));
        }
        let data = self.library.saturating_sub(self.code);
        format!(
            "\n{DIM}machine code by crate, of {}{DIM:#}\n{}{DIM}and {} of constants, tables and \
             relocations{DIM:#}\n",
            size(self.code),
            table(&rows, [Right, Right, Left]),
            size(data),
        )
    }

    fn row(&self, name: &str, code: u64) -> [String; 3] {
        // A share of bytes; the digits that are lost are not shown.
        let percent = code as f64 * 100.0 / self.code.max(1) as f64;
        [size(code), format!("{percent:.1} %"), name.to_owned()]
    }
}

impl Change {
    fn render(&self) -> String {
        let what = &self.what;
        match (self.before, self.now) {
            (Some(before), Some(now)) => {
                let sign = if now > before { '+' } else { '-' };
                let difference = size(now.abs_diff(before));
                format!("{what}: {} -> {} ({sign}{difference})", size(before), size(now))
            }
            (None, Some(now)) => format!("{what}: new, {}", size(now)),
            (Some(before), None) => format!("{what}: gone, {}", size(before)),
            (None, None) => what.clone(),
        }
    }
}

/// What differs by more than people care to know: half a kilobyte, and one part in a hundred.
fn changes(before: &BuildReport, now: &BuildReport) -> Vec<Change> {
    let differs = |before: u64, now: u64| {
        before.abs_diff(now) > 512 && before.abs_diff(now) * 100 > before.max(now)
    };
    let mut changes = Vec::new();
    for (what, before, now) in
        [("library", before.library, now.library), ("machine code", before.code, now.code)]
    {
        if differs(before, now) {
            changes.push(Change { what: what.to_owned(), before: Some(before), now: Some(now) });
        }
    }
    let codes = |report: &BuildReport| -> BTreeMap<String, u64> {
        report.routes.iter().map(|route| (route.pattern.clone(), route.code)).collect()
    };
    let (before, now) = (codes(before), codes(now));
    for (pattern, &code) in &now {
        let earlier = before.get(pattern).copied();
        if earlier.is_none_or(|earlier| differs(earlier, code)) {
            changes.push(Change { what: pattern.clone(), before: earlier, now: Some(code) });
        }
    }
    for (pattern, &code) in before.iter().filter(|(pattern, _)| !now.contains_key(*pattern)) {
        changes.push(Change { what: pattern.clone(), before: Some(code), now: None });
    }
    changes
}

/// The time of all steps.
pub(in crate::commands) fn total(steps: &[(&'static str, Duration)]) -> String {
    took(steps.iter().map(|(_, took)| *took).sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(library: u64, routes: &[(&str, u64)]) -> BuildReport {
        let route = |&(pattern, code): &(&str, u64)| RouteReport {
            pattern: pattern.to_owned(),
            methods: vec!["GET".to_owned()],
            file: format!("pages{pattern}.rs"),
            kind: if pattern == "/live" { PageKind::Streaming } else { PageKind::Dynamic },
            code,
        };
        let krate = |name: &str, code| CrateSize { name: name.to_owned(), code };
        BuildReport {
            build_id: "0".repeat(32),
            aot: true,
            swap: SwapPlan::default(),
            needs: vec!["libpq.so.5".to_owned()],
            library,
            code: 800_000,
            host: 5_000_000,
            routes: routes.iter().map(route).collect(),
            crates: vec![krate("tokio", 500_000), krate("std", 300_000)],
            public: PublicReport {
                files: 3,
                size: 40_000,
                compressible: 30_000,
                compressed: 8_000,
            },
            steps: Vec::new(),
            changed: Vec::new(),
        }
    }

    #[test]
    fn the_table_and_what_changed() {
        let before = report(1_200_000, &[("/", 40_000), ("/live", 9_000), ("/old", 5_000)]);
        let mut now = report(1_300_000, &[("/", 40_100), ("/live", 12_000), ("/new", 0)]);
        now.changed = changes(&before, &now);
        let plain = anstream::adapter::strip_str(&now.render()).to_string();
        insta::assert_snapshot!(plain, @"
        methods  route  kind        code
        GET      /      dynamic    40 kB
        GET      /live  streaming  12 kB
        GET      /new   dynamic        -

        library  1.30 MB, 800 kB of it machine code
        host     5.00 MB
        public   3 files, 40 kB; 30 kB of it as 8 kB for browsers that decompress
        needs    libpq.so.5 (Debian: libpq5)
        changed  library: 1.20 MB -> 1.30 MB (+100 kB)
        changed  /live: 9 kB -> 12 kB (+3 kB)
        changed  /new: new, 0 kB
        changed  /old: gone, 5 kB
        ");
        let plain = anstream::adapter::strip_str(&now.render_sizes()).to_string();
        insta::assert_snapshot!(plain, @"
        machine code by crate, of 800 kB
        500 kB  62.5 %  tokio
        300 kB  37.5 %  std
        and 500 kB of constants, tables and relocations
        ");
        assert!(changes(&now, &now).is_empty());
    }

    #[test]
    fn a_report_is_read_back() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        assert_eq!(BuildReport::read(folder.path()), None);
        let report = report(1, &[("/", 2)]);
        report.write(folder.path()).expect("written");
        assert_eq!(BuildReport::read(folder.path()), Some(report));
    }
}
