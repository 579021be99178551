use super::*;
use crate::dev::wire::message;
use crate::dev::wire::save::SavedFiles;
use nova_host::operate::admin::Budget;
use nova_host::operate::admin::Footprint;
use nova_host::operate::admin::WaitStatus;

pub(crate) fn status() -> Status {
    Status {
        version: "0.1.0".into(),
        abi: 1,
        pid: 1,
        url: "http://127.0.0.1:2518".into(),
        ready: true,
        stopping: false,
        uptime_seconds: 90.0,
        generations: vec![GenerationStatus {
            id: 7,
            build_id: "0123456789abcdef".into(),
            app: "app 0.1.0".into(),
            state: GenerationState::Draining,
            source: "lib.so".into(),
            mode: Default::default(),
            routes: 2,
            age_seconds: 3.0,
            in_flight: 5,
            requests: 40,
            panics: 1,
            server_errors: 2,
        }],
        loads: 7,
        published: 7,
        refused: 1,
        last_refusal: None,
        connections: 3,
        rollbacks: 0,
        last_rollback: None,
        releases: Vec::new(),
        canary: None,
        workers: Vec::new(),
        held: Vec::new(),
        holds: 0,
        waits: WaitStatus::default(),
        budget: Budget::default(),
        routes: Vec::new(),
        process: Footprint {
            anonymous_bytes: Some(3 << 20),
            resident_bytes: Some(20 << 20),
            ..Footprint::default()
        },
    }
}

fn state() -> DevState {
    let path = "pages/a.rs".to_owned();
    let saved = SavedFiles { headline: path.clone(), files: vec![path] };
    let phases = Phases { watch_us: 15_000, compile_us: 120_000, ..Phases::default() };
    let route = RouteInfo {
        pattern: "/a/{id}".into(),
        methods: vec!["GET".into()],
        file: "pages/a/[id].rs".into(),
        state: RouteState::InApp,
        note: Some("another page uses it".into()),
        bytes: Some(70 * 1024),
        compile_us: Some(140_000),
    };
    DevState {
        app: "shop <1>".into(),
        routes: vec![RouteInfo { pattern: "/a".into(), ..route.clone() }, route],
        saves: [Save::now(Scope::Code, SaveOutcome::Live, saved, phases).in_generation(7, 2)]
            .into(),
        ..DevState::default()
    }
}

#[test]
fn everything_that_is_known_is_on_the_page() {
    let mut state = state();
    state.mode = BuildMode::Parts;
    let problem = message::Problem::new(message::ProblemKind::Compile, "no <such> thing", "").at(
        "pages/b.rs",
        Some(3),
        None,
    );
    let page = render(&View {
        state: &state,
        status: &status(),
        problems: &[problem],
        screens: &["/a".into(), "/b".into()],
        now_ms: state.saves[0].at_ms + 61_000,
    });
    for text in [
        "<h1>shop &lt;1&gt;</h1>",
        "<th scope=\"col\">Outcome</th>",
        "<th scope=\"col\">Route</th>",
        "role=\"status\">pages/a.rs: live, after 135 ms</p>",
        "1 refused, 7 libraries mapped",
        "data-file=\"pages/b.rs\" data-line=\"3\">pages/b.rs:3</button>",
        "data-file=\"pages/a/[id].rs\">",
        "2 of 2",
        "135 ms",
        "<td class=\"number soft\">120</td>",
        "<td class=\"number soft\">1 min</td>",
        "<a href=\"/a\"><code>/a</code></a>",
        "<td class=\"nowrap\"><code>/a/{id}</code></td>",
        "in the app library</span><span class=\"soft\">: another page uses it",
        "<td class=\"number\">70 KB</td><td class=\"number\">140 ms</td>",
        "<span class=\"state draining\">draining</span>",
        "<td class=\"number\">5</td><td class=\"number\">40</td>",
        "3.0 MB<small>20.0 MB resident</small>",
        "pages/b.rs:3",
        "on screen: /b",
        "no &lt;such&gt; thing",
    ] {
        assert!(page.contains(text), "{text}\n{page}");
    }
}

#[test]
fn an_empty_session_says_what_is_missing() {
    let status = Status { generations: vec![], published: 0, ..status() };
    let page = render(&View {
        state: &DevState::default(),
        status: &status,
        problems: &[],
        screens: &[],
        now_ms: 0,
    });
    for text in ["The first build goes on.", "There is no page yet", "Nothing serves yet."] {
        assert!(page.contains(text), "{text}");
    }
    assert!(!page.contains("Wrong at present"));
}

#[test]
fn numbers_read_well() {
    assert_eq!([0, 1024, 1 << 20, 5_600_000].map(bytes), ["0 KB", "1 KB", "1.0 MB", "5.3 MB"]);
    let ages = [0, 59, 60, 3599, 7200].map(|seconds| age(Duration::from_secs(seconds)));
    assert_eq!(ages, ["now", "59 s", "1 min", "59 min", "2 h"]);
    let ms = Duration::from_millis;
    assert_eq!(median(vec![]), None);
    assert_eq!(median(vec![ms(3), ms(1), ms(2)]), Some(ms(2)));
}
