//! A status as `nova status` shows it.

use std::fmt;
use std::time::Duration;

use nova_host::operate::admin::{GenerationStatus, ReleaseStatus, Status, WorkerStatus};
use nova_host::swap::{GenerationState, percent};

use super::table::Align::{self, Left, Right};
use super::table::{grouped, table};

/// How much of a build id is shown: enough to tell builds apart.
const BUILD: usize = 12;

/// A status, for people.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StatusView<'a>(pub(crate) &'a Status);

const WORKER_HEADINGS: [&str; 7] =
    ["worker", "process", "generation", "age", "restarts", "connections", "memory"];

fn worker_row(worker: &WorkerStatus) -> [String; 7] {
    let leaving = if worker.leaving { " (leaving)" } else { "" };
    [
        format!("{}{leaving}", worker.number),
        worker.pid.to_string(),
        worker.generation.to_string(),
        age(worker.age_seconds),
        grouped(worker.restarts),
        grouped(worker.connections),
        worker.process.anonymous_bytes.map(size).unwrap_or_default(),
    ]
}

impl fmt::Display for StatusView<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.head(f)?;
        self.generations(f)?;
        self.workers(f)?;
        self.releases(f)?;
        self.held(f)?;
        self.numbers(f)?;
        self.past(f)
    }
}

impl StatusView<'_> {
    /// Which host it is, and how it is.
    fn head(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(status) = self;
        let state = match (status.stopping, status.ready) {
            (true, _) => "stopping",
            (false, true) => "ready",
            (false, false) => "not ready",
        };
        writeln!(
            f,
            "{} {state} · nova-host {} · process {} · up {}",
            status.url,
            status.version,
            status.pid,
            age(status.uptime_seconds)
        )?;
        writeln!(f)
    }

    fn generations(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(status) = self;
        if status.generations.is_empty() {
            writeln!(f, "no generation has served yet")?;
        } else {
            let mut rows = vec![HEADINGS.map(str::to_owned)];
            rows.extend(status.generations.iter().rev().map(row));
            f.write_str(&table(&rows, ALIGN))?;
        }
        writeln!(f)?;
        if let Some(canary) = &status.canary {
            writeln!(
                f,
                "canary: build {} of generation {} answers {} of the requests for {} more",
                short(&canary.build_id),
                canary.generation,
                percent(canary.share),
                age(canary.left_seconds)
            )?;
            writeln!(f)?;
        }
        Ok(())
    }

    /// The processes that answer, where they are not the one that was asked.
    fn workers(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(status) = self;
        if status.workers.is_empty() {
            return Ok(());
        }
        let mut rows = vec![WORKER_HEADINGS.map(str::to_owned)];
        rows.extend(status.workers.iter().map(worker_row));
        f.write_str(&table(&rows, [Left, Right, Right, Right, Right, Right, Right]))?;
        writeln!(f)
    }

    /// The releases that are kept or refused, where there is more than the one that serves.
    fn releases(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(status) = self;
        if let [_, _, ..] = status.releases.as_slice() {
            let mut rows = vec![KEPT_HEADINGS.map(str::to_owned)];
            rows.extend(status.releases.iter().map(kept_row));
            f.write_str(&table(&rows, [Left, Left, Right, Left]))?;
            writeln!(f)?;
        }
        Ok(())
    }

    /// The threads that pages do not let go of.
    fn held(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(status) = self;
        for held in &status.held {
            let (activity, since) = (&held.activity, age(held.seconds));
            writeln!(
                f,
                "{activity} holds a thread, for {since}, in generation {}",
                held.generation
            )?;
        }
        if status.held.is_empty() { Ok(()) } else { writeln!(f) }
    }

    /// What was counted, and what the process takes.
    fn numbers(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(status) = self;
        let counts = [
            (status.loads, "library loaded", "libraries loaded"),
            (status.published, "swap", "swaps"),
            (status.rollbacks, "rollback", "rollbacks"),
            (status.refused, "refused", "refused"),
            (status.connections, "connection", "connections"),
        ];
        // It happens where a page is wrong.
        let holds = (status.holds > 0).then_some((status.holds, "thread held", "threads held"));
        let counts = counts.into_iter().chain(holds);
        writeln!(f, "{}", list(counts.map(|(count, one, many)| counted(count, one, many))))?;
        let (process, budget) = (&status.process, &status.budget);
        let numbers = [
            process.anonymous_bytes.map(|bytes| {
                format!("{} of anonymous memory{}", size(bytes), of(budget.memory, size))
            }),
            process.mappings.map(|count| {
                format!("{} mappings{}", grouped(count), of(budget.mappings, grouped))
            }),
            process.threads.map(|count| counted(count, "thread", "threads")),
            process.descriptors.map(|count| counted(count, "descriptor", "descriptors")),
        ];
        let numbers = list(numbers.into_iter().flatten());
        if !numbers.is_empty() {
            writeln!(f, "{numbers}")?;
        }
        let waits = &status.waits;
        if waits.holds == 0 {
            return Ok(());
        }
        let longest = Duration::from_micros(waits.longest_us).as_secs_f64() * 1e3;
        let holds = counted(waits.holds, "time", "times");
        let requests = counted(waits.requests, "request", "requests");
        write!(f, "the door was held {holds}: {requests} waited")?;
        if waits.requests > 0 {
            write!(f, ", at most {longest:.1} ms")?;
        }
        match waits.turned_away {
            0 => writeln!(f),
            1 => writeln!(f, ", 1 was turned away"),
            count => writeln!(f, ", {} were turned away", grouped(count)),
        }
    }

    /// The last rollback, and the last candidate that was refused.
    fn past(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(status) = self;
        if let Some(rollback) = &status.last_rollback {
            let by = if rollback.automatic { "by itself" } else { "as told" };
            writeln!(f)?;
            writeln!(
                f,
                "last rollback, {} ago, {by}: from {} to {}",
                age(rollback.age_seconds),
                short(&rollback.from),
                short(&rollback.to)
            )?;
            writeln!(f, "  {}", rollback.reason)?;
        }
        if let Some(refusal) = &status.last_refusal {
            writeln!(f)?;
            writeln!(f, "last refused, {} ago:", age(refusal.age_seconds))?;
            for line in refusal.message.lines() {
                writeln!(f, "  {line}")?;
            }
        }
        Ok(())
    }
}

const HEADINGS: [&str; 9] =
    ["generation", "state", "build", "swap", "in flight", "requests", "errors", "age", "release"];

const ALIGN: [Align; 9] = [Right, Left, Left, Left, Right, Right, Right, Right, Left];

fn row(generation: &GenerationStatus) -> [String; 9] {
    let errors = generation.server_errors.max(generation.panics);
    [
        generation.id.to_string(),
        match generation.state {
            GenerationState::Live => "live",
            GenerationState::Canary => "canary",
            GenerationState::Draining => "draining",
            GenerationState::Standby => "standby",
            GenerationState::Retired => "retired",
        }
        .to_owned(),
        short(&generation.build_id),
        generation.mode.to_string(),
        grouped(generation.in_flight),
        grouped(generation.requests),
        grouped(errors),
        age(generation.age_seconds),
        generation.source.display().to_string(),
    ]
}

const KEPT_HEADINGS: [&str; 4] = ["kept build", "state", "age", "release"];

fn kept_row(release: &ReleaseStatus) -> [String; 4] {
    let state = match (release.current, &release.refused, release.kept) {
        (true, ..) => "serves".to_owned(),
        (_, Some(reason), true) => format!("refused: {reason}"),
        (_, Some(reason), false) => format!("refused, no longer kept: {reason}"),
        (_, None, _) => "kept".to_owned(),
    };
    let source = release.source.display().to_string();
    [short(&release.build_id), state, age(release.age_seconds), source]
}

fn short(build_id: &str) -> String {
    build_id.chars().take(BUILD).collect()
}

/// A budget, behind what it limits.
fn of(budget: Option<u64>, show: impl Fn(u64) -> String) -> String {
    budget.map(|most| format!(" (budget {})", show(most))).unwrap_or_default()
}

fn list(items: impl IntoIterator<Item = String>) -> String {
    items.into_iter().collect::<Vec<_>>().join(" · ")
}

/// `3s`, `4m`, `5h 6m`, `7d 8h`.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates")]
fn age(seconds: f64) -> String {
    let seconds = seconds as u64;
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{minutes}m"),
        3600..86_400 => format!("{hours}h {}m", minutes % 60),
        _ => format!("{days}d {}h", hours % 24),
    }
}

#[expect(clippy::cast_precision_loss, reason = "one digit after the point is shown")]
fn size(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}

/// `1 swap`, `1,002 swaps`.
fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{} {}", grouped(count), if count == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;
    use nova_host::operate::admin::{
        Budget, CanaryStatus, Footprint, HeldThreadStatus, Refusal, RollbackStatus, WaitStatus,
    };

    use super::*;

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

    #[test]
    fn a_host_that_is_well() {
        assert_snapshot!(StatusView(&status()), @"
        http://127.0.0.1:2518 ready · nova-host 0.1.0 · process 4242 · up 3d 0h

        generation  state     build         swap     in flight   requests  errors     age  release
                11  live      110123456789  overlap          2  1,358,027      10     12s  /srv/site/build
                 2  draining  020123456789  overlap          2    246,914       1  1h 23m  /srv/site/build
                 1  retired   010123456789  overlap          1    123,457       0   2d 7h  /srv/site/build

        1,003 libraries loaded · 1,002 swaps · 0 rollbacks · 1 refused · 42 connections
        98.8 MB of anonymous memory · 5,120 mappings · 6 threads · 31 descriptors
        ");
    }

    #[test]
    fn a_host_of_several_processes() {
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
        let status = Status { workers: vec![worker(1, true), worker(1, false)], ..status() };
        let shown = StatusView(&status).to_string();
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
        let shown = StatusView(&status).to_string();
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
        let shown = StatusView(&Status { waits, ..status() }).to_string();
        assert_snapshot!(shown.lines().last().unwrap(), @"the door was held 3 times: 1,204 requests waited, at most 9.3 ms");
        let waits = WaitStatus { holds: 1, turned_away: 7, ..waits };
        let shown = StatusView(&Status { waits: WaitStatus { requests: 0, ..waits }, ..status() });
        assert_snapshot!(shown.to_string().lines().last().unwrap(), @"the door was held 1 time: 0 requests waited, 7 were turned away");
    }

    #[test]
    fn a_host_with_budgets() {
        let budget = Budget { memory: Some(512_000_000), mappings: Some(32_000) };
        let status = Status { budget, ..status() };
        let shown = StatusView(&status).to_string();
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
        assert_snapshot!(StatusView(&status), @"
        http://127.0.0.1:2518 not ready · nova-host 0.1.0 · process 4242 · up 3d 0h

        no generation has served yet

        1,003 libraries loaded · 1,002 swaps · 0 rollbacks · 1 refused · 42 connections

        last refused, 1m ago:
          /srv/site/build: refused by the preflight
          it said: no database
        ");
    }

    #[test]
    fn a_host_that_went_back() {
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
        let status = Status {
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
        };
        assert_snapshot!(StatusView(&status), @"
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
}
