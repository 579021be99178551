//! A plan out of what a library has and asks for, and how it meets the plan that is there.

use std::collections::HashSet;

use nova_host::library::reserved::RESERVED;
use nova_host::release::plan::{Plan, PlannedRequest};
use nova_routing::{Constraint, ParamType, Pattern, Segment};

/// What requests of `precompile.rs` are from. Its owner edits that file, not the plan.
const OWN: &str = "precompile.rs";

/// What there is to exercise.
#[derive(Debug, Default)]
pub(super) struct LibraryFacts {
    pub(super) pages: Vec<PageFacts>,
    /// What `requests` of `precompile.rs` lists.
    pub(super) requests: Vec<PlannedRequest>,
    /// The other functions of `precompile.rs`.
    pub(super) functions: Vec<String>,
    /// URLs of public files, one for each kind.
    pub(super) files: Vec<String>,
    /// The URL of the stylesheet.
    pub(super) stylesheet: Option<String>,
}

/// One page.
#[derive(Clone, Debug, Default)]
pub(super) struct PageFacts {
    pub(super) pattern: String,
    pub(super) file: String,
    pub(super) methods: Vec<String>,
    pub(super) any: bool,
    /// Whether it may be exercised without being named.
    pub(super) precompile: bool,
    pub(super) samples: Vec<String>,
    pub(super) prerender: bool,
}

impl PageFacts {
    fn is_static(&self) -> bool {
        !self.pattern.contains('{')
    }

    fn answers(&self, method: &str) -> bool {
        self.any || self.methods.iter().any(|own| own == method)
    }

    fn methods(&self) -> Vec<&str> {
        let mut methods: Vec<&str> = self.methods.iter().map(String::as_str).collect();
        for method in ["GET", "POST"] {
            if self.any && !methods.contains(&method) {
                methods.push(method);
            }
        }
        methods
    }
}

/// A generated request; `guessed` ones give way to any other of the same page and method.
struct GeneratedPlan {
    planned: PlannedRequest,
    guessed: bool,
}

impl GeneratedPlan {
    /// Whether the app's own file asks for it.
    fn is_own(&self) -> bool {
        self.planned.from.as_deref() == Some(OWN)
    }
}

/// The plan of these facts, with what is already in `existing`. `pattern_of` finds the pattern
/// that answers a path.
///
/// # Errors
/// If pages or `precompile.rs` ask for what cannot be; the message names the file.
pub(super) fn plan(
    facts: &LibraryFacts,
    existing: Option<Plan>,
    pattern_of: impl Fn(&str) -> Option<String>,
) -> Result<Plan, String> {
    let mut generated = generate(facts, &pattern_of)?;
    let files: HashSet<&str> = facts.pages.iter().map(|page| &*page.file).collect();
    let mut requests = existing.map(|plan| plan.requests).unwrap_or_default();
    requests.retain(|planned| match planned.from.as_deref() {
        None => true,
        Some(from) => {
            files.contains(from) || generated.iter().any(|new| new.planned.is_like(planned))
        }
    });
    let sure = generated.iter().filter(|new| !new.guessed).map(|new| &new.planned);
    let named: Vec<PlannedRequest> = requests.iter().chain(sure).cloned().collect();
    // What `precompile.rs` asks for keeps its place in the plan; the file says what it is now.
    requests.retain_mut(|old| {
        if old.from.as_deref() != Some(OWN) {
            return true;
        }
        let now = generated.iter().position(|new| new.is_own() && new.planned.is_like(old));
        let now = now.map(|at| generated.remove(at).planned);
        now.is_some_and(|now| {
            *old = now;
            true
        })
    });
    for new in generated {
        let is_own = new.is_own();
        let GeneratedPlan { planned: new, guessed } = new;
        if let Some(old) = requests.iter_mut().find(|old| !is_own && old.is_like(&new)) {
            // Whether it is prerendered is said in the page.
            if old.from.is_some() {
                old.prerender = new.prerender;
            }
            continue;
        }
        let pattern = pattern_of(new.path());
        let has_better = |old: &PlannedRequest| {
            old.method == new.method && pattern.is_some() && pattern_of(old.path()) == pattern
        };
        if guessed && named.iter().any(has_better) {
            continue;
        }
        // What reads sees the state as it was in the beginning.
        let at = match new.writes() {
            false => requests.iter().position(PlannedRequest::writes).unwrap_or(requests.len()),
            true => requests.len(),
        };
        requests.insert(at, new);
    }
    let not_found = |page: &&PageFacts| {
        let named = |planned: &PlannedRequest| {
            planned.prerender && pattern_of(planned.path()).as_ref() == Some(&page.pattern)
        };
        page.prerender && !requests.iter().any(named)
    };
    if let Some(page) = facts.pages.iter().find(not_found) {
        return Err(format!(
            "{}: PRERENDER is set, and no address of {} is known; name some in SAMPLES, or in \
             precompile.rs with `Request::get(…).prerender()`",
            page.file, page.pattern
        ));
    }
    Ok(Plan::new(requests))
}

fn generate(
    facts: &LibraryFacts,
    pattern_of: &impl Fn(&str) -> Option<String>,
) -> Result<Vec<GeneratedPlan>, String> {
    let mut reads = Vec::new();
    let mut writes = Vec::new();
    for page in &facts.pages {
        for sample in &page.samples {
            let planned = PlannedRequest { target: sample.clone(), ..PlannedRequest::default() };
            if !sample.starts_with('/')
                || pattern_of(planned.path()).as_ref() != Some(&page.pattern)
            {
                return Err(format!(
                    "{}: SAMPLES names {sample:?}, which is not an address of this page; \
                     they are paths that {} answers, perhaps with a query",
                    page.file, page.pattern
                ));
            }
        }
        let guessed = page.samples.is_empty();
        let targets = if guessed { guesses(&page.pattern) } else { page.samples.clone() };
        let exercised = page.precompile || page.prerender;
        for method in page.methods().into_iter().filter(|_| exercised) {
            let planned = |target: &String| PlannedRequest {
                method: method.to_owned(),
                target: target.clone(),
                prerender: page.prerender && method == "GET" && (!guessed || page.is_static()),
                from: Some(page.file.clone()),
                ..PlannedRequest::default()
            };
            let new = targets.iter().map(planned);
            let guessed = guessed && !page.is_static();
            let new = new.map(|planned| GeneratedPlan { planned, guessed });
            if matches!(method, "GET" | "HEAD") {
                reads.extend(new);
            } else {
                // Once: the second DELETE of one thing finds nothing.
                writes.extend(new.take(1));
            }
        }
    }
    writes.sort_by_key(|new| new.planned.method == "DELETE");

    let sure = |planned| GeneratedPlan { planned, guessed: false };
    let from = |from: &str, method: &str, target: &str| PlannedRequest {
        method: method.into(),
        target: target.into(),
        from: Some(from.into()),
        ..PlannedRequest::default()
    };
    reads.extend(facts.files.iter().map(|url| sure(from("public", "GET", url))));
    reads.extend(facts.stylesheet.iter().map(|url| sure(from("styles", "GET", url))));
    reads.extend(rules(facts).into_iter().map(|(method, target, accept)| {
        let mut planned = from("rules", method, &target);
        planned.headers.extend(accept.map(|accept| ("accept".to_owned(), accept.to_owned())));
        sure(planned)
    }));
    let own =
        |planned: &PlannedRequest| PlannedRequest { from: Some(OWN.into()), ..planned.clone() };
    let mut all = reads;
    // Of two alike, the app's own is the one that counts.
    all.retain(|new| !facts.requests.iter().any(|own| own.is_like(&new.planned)));
    writes.retain(|new| !facts.requests.iter().any(|own| own.is_like(&new.planned)));
    for planned in &facts.requests {
        planned
            .request()
            .map_err(|reason| format!("{OWN}: {} {}: {reason}", planned.method, planned.target))?;
        all.push(sure(own(planned)));
    }
    all.extend(facts.functions.iter().map(|name| {
        let mut planned = from(OWN, "GET", &format!("{RESERVED}/{name}"));
        planned.writes = Some(true);
        sure(planned)
    }));
    all.extend(writes);
    Ok(all)
}

/// Paths that a pattern surely answers, whatever the page makes of them.
fn guesses(pattern: &str) -> Vec<String> {
    let Ok(pattern) = Pattern::parse(pattern) else { return Vec::new() };
    let (mut path, mut shorter) = (String::new(), None::<String>);
    for segment in pattern.segments() {
        let sample = match segment {
            Segment::Literal(text) => text.to_string(),
            Segment::Constrained(_, Constraint { before, ty, after }) => {
                format!("{before}{}{after}", sample(*ty))
            }
            Segment::Optional(_, ty) => sample(*ty).to_owned(),
            Segment::Param(_) | Segment::Rest(_) | Segment::OptionalRest(_) => {
                sample(None).to_owned()
            }
        };
        if let Some(shorter) = &mut shorter {
            *shorter += &format!("/{sample}");
        }
        if matches!(segment, Segment::Optional(..) | Segment::OptionalRest(_)) {
            shorter = Some(path.clone());
        }
        path += &format!("/{sample}");
    }
    let complete = |path: String| if path.is_empty() { "/".to_owned() } else { encoded(&path) };
    shorter.into_iter().chain([path]).map(complete).collect()
}

/// A value of a parameter; without a type, one that is good for a number and for a name.
fn sample(ty: Option<ParamType>) -> &'static str {
    match ty {
        Some(ParamType::Uuid) => "00000000-0000-4000-8000-000000000001",
        _ => "1",
    }
}

/// A path as it stands in a request.
pub(super) fn encoded(path: &str) -> String {
    use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
    const SET: &AsciiSet = &CONTROLS
        .add(b' ')
        .add(b'"')
        .add(b'#')
        .add(b'%')
        .add(b'<')
        .add(b'>')
        .add(b'?')
        .add(b'`')
        .add(b'{')
        .add(b'}');
    utf8_percent_encode(path, SET).to_string()
}

/// What a host answers by rule: HEAD, OPTIONS, 405, 404, 400 and the redirect to an address
/// without a slash at its end.
fn rules(facts: &LibraryFacts) -> Vec<(&'static str, String, Option<&'static str>)> {
    let plain = facts.pages.iter().filter(|page| page.is_static() && page.precompile);
    let mut pages = plain.filter(|page| page.answers("GET")).collect::<Vec<_>>();
    pages.sort_by(|a, b| (a.pattern.len(), &a.pattern).cmp(&(b.pattern.len(), &b.pattern)));
    let mut rules = Vec::new();
    if let Some(page) = pages.first() {
        rules.push(("HEAD", encoded(&page.pattern), None));
        rules.push(("OPTIONS", encoded(&page.pattern), None));
    }
    let lacks = |page: &&PageFacts| {
        let others = ["DELETE", "PUT", "PATCH", "POST"].into_iter();
        others.clone().find(|method| !page.answers(method))
    };
    if let Some((page, method)) = pages.iter().find_map(|page| Some((page, lacks(page)?))) {
        rules.push((method, encoded(&page.pattern), None));
    }
    if let Some(page) = pages.iter().find(|page| page.pattern != "/") {
        rules.push(("GET", format!("{}/", encoded(&page.pattern)), None));
    }
    rules.push(("GET", "/no-such-page".into(), None));
    rules.push(("GET", "/no-such-page.json".into(), Some("application/json")));
    rules.push(("GET", "/%FF".into(), None));
    rules
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guess_is_answered_by_its_pattern() {
        let table = [
            ("/", "/"),
            ("/a b/{id}", "/a%20b/1"),
            ("/docs/{*path}", "/docs/1"),
            ("/docs/{*path?}", "/docs /docs/1"),
            ("/{*path?}", "/ /1"),
            ("/{lang?}/about", "/about /1/about"),
            ("/{page=u64?}", "/ /1"),
            ("/post-{id=u8}.html", "/post-1.html"),
            ("/{id=uuid}", "/00000000-0000-4000-8000-000000000001"),
        ];
        for (pattern, expected) in table {
            let guesses = guesses(pattern);
            assert_eq!(guesses.join(" "), expected, "{pattern}");
            let mut router = nova_routing::Router::new();
            router.insert(Pattern::parse(pattern).expect("a pattern"), ()).expect("a route");
            for guess in guesses {
                assert!(router.find(&guess).expect("a path").is_some(), "{pattern} {guess}");
            }
        }
    }

    /// `/users/{id}` and the like, without a router.
    fn pattern_of(path: &str) -> Option<String> {
        let mut parts = path.split('/').skip(1);
        Some(match (parts.next()?, parts.next()) {
            ("", None) => "/".into(),
            ("users", Some(id)) if !id.is_empty() => "/users/{id}".into(),
            ("users", None) => "/users".into(),
            ("docs", _) => "/docs/{*path?}".into(),
            _ => return None,
        })
    }

    fn page(pattern: &str, methods: &[&str]) -> PageFacts {
        PageFacts {
            pattern: pattern.into(),
            file: format!("pages{pattern}.rs"),
            methods: methods.iter().map(ToString::to_string).collect(),
            precompile: true,
            ..PageFacts::default()
        }
    }

    fn facts() -> LibraryFacts {
        LibraryFacts {
            pages: vec![
                page("/", &["GET"]),
                page("/users", &["GET", "DELETE", "POST"]),
                page("/users/{id}", &["GET", "PUT"]),
                page("/docs/{*path?}", &["GET"]),
            ],
            ..LibraryFacts::default()
        }
    }

    fn lines(plan: &Plan) -> Vec<String> {
        let lines = plan.requests.iter().map(|planned| {
            let PlannedRequest { method, target, from, .. } = planned;
            format!("{method} {target} {}", from.as_deref().unwrap_or("-"))
        });
        lines.collect()
    }

    fn plan_of(facts: &LibraryFacts, existing: Option<Plan>) -> Plan {
        plan(facts, existing, pattern_of).unwrap()
    }

    #[test]
    fn every_route_and_method_is_in_it() {
        let mut facts = facts();
        facts.files = vec!["/logo.svg".into()];
        facts.stylesheet = Some("/_nova/main-1.css".into());
        facts.functions = vec!["run".into()];
        facts.pages[0].any = true;
        insta::assert_snapshot!(lines(&plan_of(&facts, None)).join("\n"), @r"
        GET / pages/.rs
        GET /users pages/users.rs
        GET /users/1 pages/users/{id}.rs
        GET /docs pages/docs/{*path?}.rs
        GET /docs/1 pages/docs/{*path?}.rs
        GET /logo.svg public
        GET /_nova/main-1.css styles
        HEAD / rules
        GET /users/ rules
        GET /no-such-page rules
        GET /no-such-page.json rules
        GET /%FF rules
        OPTIONS / rules
        PUT /users rules
        GET /_nova/precompile/run precompile.rs
        POST / pages/.rs
        POST /users pages/users.rs
        PUT /users/1 pages/users/{id}.rs
        DELETE /users pages/users.rs
        ");
    }

    #[test]
    fn a_page_that_opts_out_is_not_in_it_and_samples_take_the_place_of_guesses() {
        let mut facts = facts();
        facts.pages.truncate(3);
        facts.pages[1].precompile = false;
        facts.pages[2].samples = vec!["/users/7".into(), "/users/8?full=yes".into()];
        let lines = lines(&plan_of(&facts, None));
        let pages: Vec<_> = lines.iter().filter(|line| line.contains(" pages/")).collect();
        assert_eq!(
            pages,
            [
                "GET / pages/.rs",
                "GET /users/7 pages/users/{id}.rs",
                "GET /users/8?full=yes pages/users/{id}.rs",
                "PUT /users/7 pages/users/{id}.rs",
            ]
        );
    }

    #[test]
    fn edits_survive_and_what_is_gone_goes() {
        let facts = facts();
        let mut edited = plan_of(&facts, None);
        let find = |plan: &Plan, line: &str| {
            lines(plan)
                .iter()
                .position(|it| it.starts_with(line))
                .unwrap_or_else(|| panic!("{line}"))
        };
        // The body of a generated request, a guess made better, a request of one's own, and two
        // that were for a page and a file that exist no more.
        let at = find(&edited, "POST /users ");
        edited.requests[at].body = Some("{}".into());
        let at = find(&edited, "GET /users/1 ");
        edited.requests[at].target = "/users/42".into();
        let own = PlannedRequest {
            method: "GET".into(),
            target: "/own".into(),
            ..PlannedRequest::default()
        };
        edited.requests.insert(0, own.clone());
        for from in ["pages/gone.rs", "public", "precompile.rs"] {
            let target = format!("/gone-{}", edited.requests.len());
            let from = Some(from.to_owned());
            edited.requests.push(PlannedRequest { target, from, ..own.clone() });
        }
        let again = plan_of(&facts, Some(edited.clone()));
        assert_eq!(again.requests[find(&again, "POST /users ")].body.as_deref(), Some("{}"));
        let lines = lines(&again);
        assert_eq!(lines[0], "GET /own -");
        assert!(lines.contains(&"GET /users/42 pages/users/{id}.rs".to_owned()), "{lines:?}");
        assert!(!lines.contains(&"GET /users/1 pages/users/{id}.rs".to_owned()), "{lines:?}");
        assert!(!lines.iter().any(|line| line.contains("gone")), "{lines:?}");
        assert_eq!(plan_of(&facts, Some(again.clone())), again, "it is stable");
    }

    #[test]
    fn the_apps_own_requests_are_those_of_its_file() {
        let mut facts = facts();
        let own = |method: &str, target: &str, body: &str| PlannedRequest {
            method: method.into(),
            target: target.into(),
            body: Some(body.into()),
            ..PlannedRequest::default()
        };
        facts.requests = vec![own("POST", "/users", "old")];
        let first = plan_of(&facts, None);
        facts.requests = vec![own("POST", "/users", "new")];
        let second = plan_of(&facts, Some(first));
        let bodies = second.requests.iter().filter_map(|planned| planned.body.as_deref());
        assert_eq!(bodies.collect::<Vec<_>>(), ["new"]);
        facts.requests = vec![own("POST", "users", "")];
        let error = plan(&facts, None, pattern_of).unwrap_err();
        assert_eq!(
            error,
            "precompile.rs: POST users: a target begins with a slash, such as /users/1"
        );
    }

    #[test]
    fn samples_must_be_addresses_of_their_page() {
        for sample in ["/users", "/nowhere", "users/1"] {
            let mut facts = facts();
            facts.pages[2].samples = vec![sample.into()];
            let error = plan(&facts, None, pattern_of).unwrap_err();
            let begins = format!("pages/users/{{id}}.rs: SAMPLES names {sample:?}");
            assert!(error.starts_with(&begins), "{error}");
        }
    }

    #[test]
    fn what_is_prerendered_must_be_known() {
        let mut facts = facts();
        facts.pages[0].prerender = true;
        facts.pages[2].prerender = true;
        let error = plan(&facts, None, pattern_of).unwrap_err();
        assert!(error.starts_with("pages/users/{id}.rs: PRERENDER is set"), "{error}");
        facts.pages[2].samples = vec!["/users/7".into()];
        let plan = plan_of(&facts, None);
        let files = plan.requests.iter().filter(|planned| planned.prerender);
        let files: Vec<_> =
            files.map(|planned| format!("{} {}", planned.method, planned.target)).collect();
        assert_eq!(files, ["GET /", "GET /users/7"]);
    }
}
