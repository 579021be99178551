use std::collections::BTreeSet;

use insta::assert_snapshot;
use nova_host::operate::admin::{
    Budget, CanaryStatus, Footprint, GenerationStatus, HeldThreadStatus, Refusal, ReleaseStatus,
    RollbackStatus, WaitStatus, WorkerStatus,
};
use nova_host::swap::GenerationState;

use super::*;
use crate::terminal::width::columns;

fn generation(id: u64, state: GenerationState, age_seconds: f64) -> GenerationStatus {
    GenerationStatus {
        id,
        build_id: format!("{id:02}0123456789abcdef0123456789abcd"),
        app: "site 0.1.0".to_owned(),
        state,
        source: "/srv/site/build".into(),
        mode: Default::default(),
        routes: 12,
        age_seconds,
        in_flight: id % 3,
        requests: id * 123_457,
        panics: 0,
        server_errors: id - 1,
    }
}

fn status() -> Status {
    Status {
        version: "0.1.0".to_owned(),
        abi: 1,
        pid: 4242,
        url: "http://127.0.0.1:2518".to_owned(),
        ready: true,
        stopping: false,
        uptime_seconds: 3.0 * 86_400.0,
        generations: vec![
            generation(1, GenerationState::Retired, 200_000.0),
            generation(2, GenerationState::Draining, 5_000.0),
            generation(11, GenerationState::Live, 12.3),
        ],
        loads: 1_003,
        published: 1_002,
        refused: 1,
        last_refusal: None,
        connections: 42,
        rollbacks: 0,
        last_rollback: None,
        releases: Vec::new(),
        canary: None,
        waits: WaitStatus::default(),
        process: Footprint {
            anonymous_bytes: Some(98_765_432),
            resident_bytes: None,
            mappings: Some(5_120),
            threads: Some(6),
            descriptors: Some(31),
        },
        budget: Budget::default(),
        routes: Vec::new(),
        workers: Vec::new(),
        held: Vec::new(),
        holds: 0,
    }
}

fn wide(status: &Status) -> String {
    StatusView { status, width: usize::MAX }.to_string()
}

#[test]
fn a_host_that_is_well() {
    assert_snapshot!(wide(&status()), @"
    http://127.0.0.1:2518 ready · nova-host 0.1.0 · process 4242 · up 3d 0h

    generation  state     build         swap     in flight   requests  errors     age  release
            11  live      110123456789  overlap          2  1,358,027      10     12s  /srv/site/build
             2  draining  020123456789  overlap          2    246,914       1  1h 23m  /srv/site/build
             1  retired   010123456789  overlap          1    123,457       0   2d 7h  /srv/site/build

    1,003 libraries loaded · 1,002 swaps · 0 rollbacks · 1 refused · 42 connections
    98.8 MB of anonymous memory · 5,120 mappings · 6 threads · 31 descriptors
    ");
}

fn workers() -> Vec<WorkerStatus> {
    let worker = |number, leaving| WorkerStatus {
        number,
        pid: 5_000 + u32::try_from(number).unwrap(),
        generation: 11,
        leaving,
        age_seconds: 12.3,
        restarts: 1,
        connections: 20,
        process: Footprint { anonymous_bytes: Some(9_876_543), ..Footprint::default() },
    };
    vec![worker(1, true), worker(1, false)]
}

#[test]
fn a_host_of_several_processes() {
    let status = Status { workers: workers(), ..status() };
    let shown = wide(&status);
    let (_, shown) = shown.split_once("2d 7h  /srv/site/build\n\n").unwrap();
    let (shown, _) = shown.split_once("\n\n").unwrap();
    assert_snapshot!(shown, @"
    worker       process  generation  age  restarts  connections  memory
    1 (leaving)     5001          11  12s         1           20  9.9 MB
    1               5001          11  12s         1           20  9.9 MB
    ");
}

#[test]
fn a_host_whose_threads_are_held() {
    let held = |activity: &str, seconds| HeldThreadStatus {
        activity: activity.to_owned(),
        generation: 11,
        seconds,
    };
    let held = vec![held("GET /loop (pages/loop.rs)", 63.1), held("GET /x (pages/x.rs)", 1.0)];
    let status = Status { held, holds: 3, ..status() };
    let shown = wide(&status);
    let (_, shown) = shown.split_once("/srv/site/build\n\n").unwrap();
    assert_snapshot!(shown, @"
    GET /loop (pages/loop.rs) holds a thread, for 1m, in generation 11
    GET /x (pages/x.rs) holds a thread, for 1s, in generation 11

    1,003 libraries loaded · 1,002 swaps · 0 rollbacks · 1 refused · 42 connections · 3 threads held
    98.8 MB of anonymous memory · 5,120 mappings · 6 threads · 31 descriptors
    ");
}

#[test]
fn a_host_whose_door_was_held() {
    let waits =
        WaitStatus { holds: 3, requests: 1_204, longest_us: 9_340, ..WaitStatus::default() };
    let shown = wide(&Status { waits, ..status() });
    assert_snapshot!(shown.lines().last().unwrap(), @"the door was held 3 times: 1,204 requests waited, at most 9.3 ms");
    let waits = WaitStatus { holds: 1, turned_away: 7, ..waits };
    let shown = wide(&Status { waits: WaitStatus { requests: 0, ..waits }, ..status() });
    assert_snapshot!(shown.lines().last().unwrap(), @"the door was held 1 time: 0 requests waited, 7 were turned away");
}

#[test]
fn a_host_with_budgets() {
    let budget = Budget { memory: Some(512_000_000), mappings: Some(32_000) };
    let status = Status { budget, ..status() };
    let shown = wide(&status);
    assert_snapshot!(shown.lines().last().unwrap(), @"98.8 MB of anonymous memory (budget 512.0 MB) · 5,120 mappings (budget 32,000) · 6 threads · 31 descriptors");
}

#[test]
fn a_host_that_refused_something() {
    let status = Status {
        ready: false,
        generations: Vec::new(),
        last_refusal: Some(Refusal {
            source: "/srv/site/build".into(),
            message: "/srv/site/build: refused by the preflight\nit said: no database".into(),
            age_seconds: 61.0,
        }),
        process: Footprint::default(),
        ..status()
    };
    assert_snapshot!(wide(&status), @"
    http://127.0.0.1:2518 not ready · nova-host 0.1.0 · process 4242 · up 3d 0h

    no generation has served yet

    1,003 libraries loaded · 1,002 swaps · 0 rollbacks · 1 refused · 42 connections

    last refused, 1m ago:
      /srv/site/build: refused by the preflight
      it said: no database
    ");
}

/// A host with something in each part.
fn status_with_all() -> Status {
    let release = |build_id: &str, current, kept, refused: Option<&str>| ReleaseStatus {
        build_id: build_id.repeat(16),
        source: "/srv/site/build".into(),
        copy: None,
        current,
        kept,
        refused: refused.map(str::to_owned),
        age_seconds: 61.0,
    };
    let failed = "12 of 31 requests failed (12 panics) in its first 0.4 s";
    Status {
        rollbacks: 1,
        last_rollback: Some(RollbackStatus {
            from: "cd".repeat(16),
            to: "ab".repeat(16),
            reason: failed.to_owned(),
            automatic: true,
            age_seconds: 61.0,
        }),
        canary: Some(CanaryStatus {
            generation: 12,
            build_id: "ef".repeat(16),
            share: 0.05,
            left_seconds: 119.5,
        }),
        releases: vec![
            release("ab", true, true, None),
            release("cd", false, true, Some(failed)),
            release("ef", false, true, None),
            release("01", false, false, Some("rolled back by `nova rollback`")),
        ],
        ..status()
    }
}

#[test]
fn a_host_that_went_back() {
    assert_snapshot!(wide(&status_with_all()), @"
    http://127.0.0.1:2518 ready · nova-host 0.1.0 · process 4242 · up 3d 0h

    generation  state     build         swap     in flight   requests  errors     age  release
            11  live      110123456789  overlap          2  1,358,027      10     12s  /srv/site/build
             2  draining  020123456789  overlap          2    246,914       1  1h 23m  /srv/site/build
             1  retired   010123456789  overlap          1    123,457       0   2d 7h  /srv/site/build

    canary: build efefefefefef of generation 12 answers 5% of the requests for 1m more

    kept build    state                                                             age  release
    abababababab  serves                                                             1m  /srv/site/build
    cdcdcdcdcdcd  refused: 12 of 31 requests failed (12 panics) in its first 0.4 s   1m  /srv/site/build
    efefefefefef  kept                                                               1m  /srv/site/build
    010101010101  refused, no longer kept: rolled back by `nova rollback`            1m  /srv/site/build

    1,003 libraries loaded · 1,002 swaps · 1 rollback · 1 refused · 42 connections
    98.8 MB of anonymous memory · 5,120 mappings · 6 threads · 31 descriptors

    last rollback, 1m ago, by itself: from cdcdcdcdcdcd to abababababab
      12 of 31 requests failed (12 panics) in its first 0.4 s
    ");
}

/// In eighty columns, with all there is to say.
#[test]
fn a_narrow_terminal_is_told_everything() {
    let held = HeldThreadStatus {
        activity: "GET /loop/over/and/over (pages/loop/over/and/over.rs)".to_owned(),
        generation: 11,
        seconds: 63.1,
    };
    let waits =
        WaitStatus { holds: 3, requests: 1_204, longest_us: 9_340, ..WaitStatus::default() };
    let status = &Status {
        workers: workers(),
        held: vec![held],
        holds: 3,
        budget: Budget { memory: Some(512_000_000), mappings: Some(32_000) },
        waits: WaitStatus { turned_away: 7, ..waits },
        ..status_with_all()
    };
    let narrow = StatusView { status, width: 80 }.to_string();
    assert!(narrow.lines().all(|line| columns(line) <= 80), "{narrow}");
    assert_snapshot!(narrow, @"
    http://127.0.0.1:2518 ready · nova-host 0.1.0 · process 4242 · up 3d 0h

    generation 11 · state live · build 110123456789 · swap overlap · in flight 2
      requests 1,358,027 · errors 10 · age 12s · release /srv/site/build
    generation 2 · state draining · build 020123456789 · swap overlap · in flight 2
      requests 246,914 · errors 1 · age 1h 23m · release /srv/site/build
    generation 1 · state retired · build 010123456789 · swap overlap · in flight 1
      requests 123,457 · errors 0 · age 2d 7h · release /srv/site/build

    canary: build efefefefefef of generation 12 answers 5% of the requests for 1m
      more

    worker       process  generation  age  restarts  connections  memory
    1 (leaving)     5001          11  12s         1           20  9.9 MB
    1               5001          11  12s         1           20  9.9 MB

    kept build abababababab · state serves · age 1m · release /srv/site/build
    kept build cdcdcdcdcdcd
      state refused: 12 of 31 requests failed (12 panics) in its first 0.4 s
      age 1m · release /srv/site/build
    kept build efefefefefef · state kept · age 1m · release /srv/site/build
    kept build 010101010101
      state refused, no longer kept: rolled back by `nova rollback` · age 1m
      release /srv/site/build

    GET /loop/over/and/over (pages/loop/over/and/over.rs) holds a thread, for 1m, in
      generation 11

    1,003 libraries loaded · 1,002 swaps · 1 rollback · 1 refused · 42 connections
      3 threads held
    98.8 MB of anonymous memory (budget 512.0 MB) · 5,120 mappings (budget 32,000)
      6 threads · 31 descriptors
    the door was held 3 times: 1,204 requests waited, at most 9.3 ms, 7 were turned
      away

    last rollback, 1m ago, by itself: from cdcdcdcdcdcd to abababababab
      12 of 31 requests failed (12 panics) in its first 0.4 s
    ");
    let said = |text: &str| -> BTreeSet<String> {
        text.split_whitespace().filter(|word| *word != "·").map(str::to_owned).collect()
    };
    let unsaid: Vec<_> = said(&wide(status)).difference(&said(&narrow)).cloned().collect();
    assert_eq!(unsaid, [""; 0]);
}

#[test]
fn ages_are_readable() {
    for (seconds, text) in [
        (0.9, "0s"),
        (59.9, "59s"),
        (60.0, "1m"),
        (3_661.0, "1h 1m"),
        (90_000.0, "1d 1h"),
        (-1.0, "0s"),
    ] {
        assert_eq!(age(seconds), text);
    }
}
