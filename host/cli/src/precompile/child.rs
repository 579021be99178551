//! The process that exercises a library: it answers the requests of a plan as a host does.

use std::collections::{BTreeMap, HashSet};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body::Body as _;
use http_body_util::{BodyExt as _, Full};
use nova_abi::{Purpose, Target};
use nova_host::generation::Generation;
use nova_host::generation::call::{Call, Lent, call, internal_error};
use nova_host::generation::failure::HandlerPanic;
use nova_host::library::loader::Store;
use nova_host::library::reserved::{RESERVED, is_reserved};
use nova_host::process::{Answers, Role, serve_parent};
use nova_host::release::plan::PlannedRequest;
use nova_host::site::files::{Assets, Caching};
use nova_host::site::{Origin, Site, SiteResponse};
use nova_host::swap::{STYLESHEETS, SwapSettings, Switch};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use walkdir::WalkDir;

use super::generate::{self, LibraryFacts, PageFacts};
use super::protocol::{Extent, PlanSource, PrecompileJob, PrecompileMessage, RenderedPage};
use super::report::{AnswerKind, RequestOutcome, RequestReport};

/// The role of this process, its second argument.
pub(crate) const ROLE: Role = Role::new("precompile", || serve_parent(run));

/// How long a body is read; an endless one is let go.
const BODY_LIMIT: Duration = Duration::from_millis(500);

/// How often a request that changes nothing is sent again to see how long it takes, and up to
/// which time that is worth it.
const REPEATS: u32 = 2;
const QUICK: u64 = 50_000;

/// Who asks, as far as pages can see.
const PEER: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 2518);

/// The process.
fn run(job: PrecompileJob, mut answers: Answers) {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let done = match runtime {
        Ok(runtime) => {
            let done = runtime.block_on(exercise_all(job, &mut answers));
            // What the library left running may not want to end.
            runtime.shutdown_background();
            done
        }
        Err(error) => Err(error.to_string()),
    };
    answers.send(match done {
        Ok(()) => PrecompileMessage::Done,
        Err(reason) => PrecompileMessage::Refused(reason),
    });
}

async fn exercise_all(job: PrecompileJob, answers: &mut Answers) -> Result<(), String> {
    answers.send(PrecompileMessage::Doing("running `init` of app.rs".into()));
    let (site, folder) = start(&job).await?;
    let table = site.switch.table();
    let generation = table.generations().first().ok_or("no library was loaded")?.clone();
    let exerciser = Exerciser { site: &site, generation: &generation, limit: job.limit };
    let plan = match job.plan {
        PlanSource::Given(plan) => plan,
        PlanSource::Generated(existing) => {
            answers.send(PrecompileMessage::Doing("asking it what to exercise".into()));
            let facts = facts(&exerciser, folder.as_deref()).await?;
            generate::plan(&facts, existing, |path| pattern_of(&site, path))?
        }
    };
    let build_id = generation.build_id().as_str().to_owned();
    answers.send(PrecompileMessage::Plan { plan: plan.clone(), build_id });
    // What does not end at once, or not well, trains nothing.
    let mut streams = HashSet::new();
    let numbered = plan.requests.iter().enumerate().skip(job.first);
    for (index, planned) in numbered.filter(|(_, planned)| job.extent.holds(planned)) {
        let (route, file) = exerciser.route_of(planned.path()).unzip();
        answers.send(PrecompileMessage::Sending {
            index,
            route: route.clone(),
            file: file.clone(),
        });
        let (outcome, answer) = exerciser.measure(planned).await?;
        let PlannedRequest { method, target, .. } = planned.clone();
        let failure = outcome.failure(planned);
        if !matches!(
            outcome,
            RequestOutcome::Answered { kind: AnswerKind::Static | AnswerKind::Dynamic, .. }
        ) {
            streams.insert(&planned.target);
        }
        if job.extent == Extent::Prerendered && failure.is_none() {
            let path = planned.target.clone();
            let html = answer.into_document(planned).map_err(|reason| {
                format!(
                    "{}: {path} cannot be prerendered: {reason}",
                    file.as_deref().unwrap_or(nova_host::release::plan::PLAN)
                )
            })?;
            answers.send(PrecompileMessage::Rendered(RenderedPage {
                path,
                file: file.clone(),
                html,
            }));
        }
        answers.send(PrecompileMessage::Sent(RequestReport {
            method,
            target,
            route,
            file,
            outcome,
            failure,
        }));
    }
    let quick = plan
        .requests
        .iter()
        .filter(|planned| !planned.skip && !planned.writes() && !streams.contains(&planned.target));
    let quick: Vec<&PlannedRequest> = quick.collect();
    let began = Instant::now();
    while began.elapsed() < job.training && !quick.is_empty() {
        answers.send(PrecompileMessage::Training);
        for planned in &quick {
            exerciser.send(planned).await?;
        }
    }
    // The app's `shutdown` is for an app that has served. The process ends instead.
    std::mem::forget(generation);
    Ok(())
}

/// Loads the library as a host does, for another purpose. Gives the folder of public files, too.
async fn start(job: &PrecompileJob) -> Result<(Site, Option<PathBuf>), String> {
    let settings = SwapSettings {
        purpose: Purpose::Precompile,
        exercise: false,
        // A folder of files that is named is not the release's.
        release_files: job.public.is_none(),
        init_limit: job.init_limit,
        ..SwapSettings::default()
    };
    let store = Store::open(job.store.clone()).map_err(|error| error.to_string())?;
    let own = || Some(job.source.join("public")).filter(|folder| folder.is_dir());
    let folder = job.public.clone().or_else(own);
    let assets = Assets::new(folder.clone().into_iter().collect(), Caching::Hour);
    let mut info = job.info.clone();
    if info.favicon.is_none() {
        info.favicon = assets.favicon().map(str::to_owned);
    }
    let site = Site::new(Arc::new(Switch::new(settings, store)), Arc::new(assets));
    let started = site.switch.start(std::slice::from_ref(&job.source), &info).await;
    started.map_err(|error| error.to_string())?;
    Ok((site, folder))
}

fn pattern_of(site: &Site, path: &str) -> Option<String> {
    let table = site.switch.table();
    let found = table.find(path).ok()??;
    // Another spelling of a path is answered with a redirect, not by the page.
    found.canonical.is_none().then(|| found.pattern.to_string())
}

/// What the library has, and what it asks for.
async fn facts(exerciser: &Exerciser<'_>, folder: Option<&Path>) -> Result<LibraryFacts, String> {
    #[derive(Deserialize)]
    struct PageDeclaration {
        file: String,
        samples: Vec<String>,
        prerender: bool,
    }

    let library = &exerciser.generation.library;
    let mut declared: BTreeMap<String, PageDeclaration> = BTreeMap::new();
    let mut requests = Vec::new();
    let mut functions = Vec::new();
    for (_, route) in &library.reserved {
        match route.pattern.strip_prefix(RESERVED).unwrap_or_default() {
            "" => {
                let pages: Vec<PageDeclaration> =
                    exerciser.ask(RESERVED, "what its pages declare").await?;
                declared = pages.into_iter().map(|page| (page.file.clone(), page)).collect();
            }
            "/requests" => {
                let what = "`requests` of precompile.rs";
                requests = exerciser.ask(&route.pattern, what).await?;
            }
            name => functions.push(name.trim_start_matches('/').to_owned()),
        }
    }
    let page = |route: &nova_abi::Route| {
        let declared = declared.remove(route.file.as_str());
        let (samples, prerender) =
            declared.map(|page| (page.samples, page.prerender)).unwrap_or_default();
        PageFacts {
            pattern: route.pattern.to_string(),
            file: route.file.to_string(),
            methods: route.methods.iter().map(ToString::to_string).collect(),
            any: route.any,
            precompile: route.precompile,
            samples,
            prerender,
        }
    };
    let stylesheet = exerciser.site.switch.latest_stylesheet();
    Ok(LibraryFacts {
        pages: exerciser.generation.routes.iter().map(|route| &**route).map(page).collect(),
        requests,
        functions,
        files: folder.map(samples_of).unwrap_or_default(),
        stylesheet: stylesheet.map(|sheet| format!("{STYLESHEETS}{}", sheet.name)),
    })
}

/// URLs of files in a folder, one for each ending.
fn samples_of(folder: &Path) -> Vec<String> {
    let mut samples: BTreeMap<String, String> = BTreeMap::new();
    let visible = |entry: &walkdir::DirEntry| {
        entry.depth() == 0 || !entry.file_name().to_string_lossy().starts_with('.')
    };
    let entries = WalkDir::new(folder).sort_by_file_name().into_iter().filter_entry(visible);
    for entry in entries.flatten().filter(|entry| entry.file_type().is_file()) {
        let path = entry.path();
        let Some(relative) = path.strip_prefix(folder).ok().and_then(Path::to_str) else {
            continue;
        };
        let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
        // Variants of other files, and the pages that were prerendered here.
        if matches!(ending, "gz" | "br" | "zst") || relative.ends_with("index.html") {
            continue;
        }
        let url = generate::encoded(&format!("/{relative}"));
        samples.entry(ending.to_ascii_lowercase()).or_insert(url);
    }
    samples.into_values().collect()
}

/// Sends requests to one library.
struct Exerciser<'a> {
    site: &'a Site,
    generation: &'a Arc<Generation>,
    limit: Duration,
}

/// An answer with its body.
#[derive(Debug, Default)]
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
    /// Whether `body` is all of it.
    whole: bool,
}

impl Answer {
    /// The answer as a file that any client may get.
    fn into_document(self, planned: &PlannedRequest) -> Result<String, String> {
        if planned.method != "GET" || planned.target.contains('?') {
            return Err("a file is what a GET without a query is answered with".into());
        }
        let content_type = self.headers.get(http::header::CONTENT_TYPE);
        let content_type = content_type.and_then(|value| value.to_str().ok()).unwrap_or("nothing");
        if self.status != StatusCode::OK {
            return Err(format!("it answered {}, and a file is answered with 200", self.status));
        }
        if !content_type.starts_with("text/html") {
            return Err(format!("its type is {content_type}, and only HTML is prerendered"));
        }
        if self.headers.contains_key(http::header::SET_COOKIE) {
            return Err("it sets a cookie, and a file is the same for all".into());
        }
        let vary = self.headers.get_all(http::header::VARY).iter();
        let names = vary.filter_map(|line| line.to_str().ok()).flat_map(|line| line.split(','));
        if names.map(str::trim).any(|name| name.eq_ignore_ascii_case("cookie")) {
            let text = "it, or a layout around it, reads a cookie or a session (`Vary: cookie`), and a \
                        file is the same for all";
            return Err(text.into());
        }
        if !self.whole {
            return Err("its end did not come".into());
        }
        String::from_utf8(self.body).map_err(|_| "it is not UTF-8".into())
    }
}

impl Exerciser<'_> {
    /// The route of a path, and its file.
    fn route_of(&self, path: &str) -> Option<(String, String)> {
        if is_reserved(path) {
            return Some((path.to_owned(), "precompile.rs".to_owned()));
        }
        let pattern = pattern_of(self.site, path)?;
        let table = self.site.switch.table();
        Some((pattern, table.file_at(path)?.to_owned()))
    }

    /// Asks the library itself for JSON.
    async fn ask<T: DeserializeOwned>(&self, target: &str, what: &str) -> Result<T, String> {
        let planned = PlannedRequest {
            method: "GET".into(),
            target: target.into(),
            ..PlannedRequest::default()
        };
        let (outcome, answer) = self.send(&planned).await?;
        if let Some(failure) = outcome.failure(&planned) {
            return Err(format!("{what}: it {failure}"));
        }
        serde_json::from_slice(&answer.body).map_err(|error| format!("{what}: {error}"))
    }

    /// Sends a request, and sends it again to see how long it takes when all is warm.
    async fn measure(&self, planned: &PlannedRequest) -> Result<(RequestOutcome, Answer), String> {
        let (mut outcome, answer) = self.send(planned).await?;
        if !planned.writes() {
            for _ in 0..REPEATS {
                let RequestOutcome::Answered { kind, us, .. } = &mut outcome else { break };
                if *kind == AnswerKind::Streaming || *us > QUICK {
                    break;
                }
                if let (RequestOutcome::Answered { us: again, .. }, _) = self.send(planned).await? {
                    *us = again.min(*us);
                }
            }
        }
        Ok((outcome, answer))
    }

    /// Sends a request and reads the answer.
    async fn send(&self, planned: &PlannedRequest) -> Result<(RequestOutcome, Answer), String> {
        let request = planned.request()?;
        let began = Instant::now();
        let Ok(answered) = tokio::time::timeout(self.limit, self.answer(request)).await else {
            let limit_ms = u64::try_from(self.limit.as_millis()).unwrap_or(u64::MAX);
            return Ok((RequestOutcome::Hung { limit_ms }, Answer::default()));
        };
        let by_code = matches!(answered.origin, Origin::Route(_) | Origin::ErrorPage(_));
        let (head, mut body) = answered.response.into_parts();
        let status = head.status.as_u16();
        let kind = match (by_code, body.size_hint().exact()) {
            (false, _) => AnswerKind::Static,
            (true, Some(_)) => AnswerKind::Dynamic,
            (true, None) => AnswerKind::Streaming,
        };
        let mut answer = Answer { status: head.status, headers: head.headers, ..Answer::default() };
        let read = async {
            while let Some(frame) = body.frame().await {
                if let Ok(data) = frame?.into_data() {
                    answer.body.extend_from_slice(&data);
                }
            }
            Ok::<_, nova_host::generation::body::BodyError>(())
        };
        // A stream that goes on for ever has proved itself by starting.
        let read = tokio::time::timeout(BODY_LIMIT, read).await;
        answer.whole = read.is_ok();
        let us = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
        let outcome = match (head.extensions.get::<HandlerPanic>(), read) {
            (Some(panic), _) => RequestOutcome::Panicked {
                status,
                message: panic.message.clone(),
                location: panic.location.clone(),
            },
            (None, Ok(Err(error))) => RequestOutcome::Broken { status, message: error.to_string() },
            (None, _) => {
                let bytes = answer.body.len() as u64;
                RequestOutcome::Answered { status, kind, bytes, first_us: us, us }
            }
        };
        Ok((outcome, answer))
    }

    async fn answer(&self, request: Request<Full<Bytes>>) -> SiteResponse {
        if !is_reserved(request.uri().path()) {
            return self.site.answer(request, Some(PEER)).await;
        }
        let (parts, _) = request.into_parts();
        let reserved = self.generation.library.reserved.iter();
        let found = reserved.into_iter().find(|(_, route)| route.pattern == parts.uri.path());
        let entered = found.and_then(|found| Some((found, self.generation.enter(Some(found.0))?)));
        let Some(((index, route), pin)) = entered else {
            return SiteResponse { response: internal_error(), origin: Origin::Host };
        };
        let origin = Origin::Route(pin.id);
        let target = Target::Route(*index);
        let wanted = Call { target, pattern: &route.pattern, params: &[], peer: None };
        let mut response = Response::default();
        call(pin, &wanted, &Lent::without_body(&parts), &mut response).await;
        SiteResponse { response, origin }
    }
}

#[cfg(test)]
mod tests {
    use http::header::{CONTENT_TYPE, SET_COOKIE, VARY};
    use http::{HeaderName, HeaderValue};

    use super::*;

    #[test]
    fn what_is_of_one_visitor_becomes_no_file() {
        let rendered = |headers: &[(HeaderName, &'static str)]| {
            let mut answer = Answer { whole: true, body: b"<p>hello".into(), ..Answer::default() };
            answer.headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html"));
            for (name, value) in headers {
                answer.headers.append(name, HeaderValue::from_static(value));
            }
            let planned = PlannedRequest {
                method: "GET".into(),
                target: "/".into(),
                ..PlannedRequest::default()
            };
            answer.into_document(&planned)
        };
        assert_eq!(rendered(&[(VARY, "accept-encoding")]).as_deref(), Ok("<p>hello"));
        for (headers, want) in [
            (&[(SET_COOKIE, "a=1")][..], "it sets a cookie"),
            (&[(VARY, "cookie")], "reads a cookie or a session"),
            (&[(VARY, "accept"), (VARY, "Accept-Encoding, Cookie")], "reads a cookie or a session"),
        ] {
            let refused = rendered(headers).expect_err("it is of one visitor");
            assert!(refused.contains(want), "{refused}");
        }
    }
}
