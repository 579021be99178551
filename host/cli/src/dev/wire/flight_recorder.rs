//! Which requests are inside a page's code, on record where a crash does not reach.
//!
//! A server writes what it is about to run into a file that its supervisor holds open, too. There
//! is one slot for each request that is under way: a byte that says whether its code is running
//! at this moment, and what it is. When the process is gone, the file says what it was doing.
//! Writing takes a system call, wakes no thread and waits for none.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use nova_host::generation::GenerationId;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

/// The length of a slot in the file.
const SLOT: usize = 1024;

/// The longest part of a path that is kept.
const LONGEST_PATH: usize = 400;

const AT_REST: u8 = b' ';
const RUNNING: u8 = b'!';

/// A request on its way through the app.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RunningRequest {
    pub(crate) method: String,
    pub(crate) path: String,
    /// The page's file, if a page was meant.
    pub(crate) file: Option<String>,
    /// The newest code that served when the request came.
    pub(crate) generation: GenerationId,
}

impl RunningRequest {
    /// What is answered, as people say it: `GET /users`.
    pub(crate) fn label(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// What to leave alone if it ended the server: the page, or where there is none the path.
    pub(crate) fn culprit(&self) -> &str {
        self.file.as_deref().unwrap_or(&self.path)
    }
}

/// The server's side.
#[derive(Debug)]
pub(crate) struct FlightRecorder {
    file: File,
    slots: Mutex<Slots>,
    polls: AtomicU64,
}

#[derive(Debug, Default)]
struct Slots {
    all: Vec<Arc<Slot>>,
    free: Vec<usize>,
}

#[derive(Debug)]
struct Slot {
    number: usize,
    /// The number of the poll that is going on; 0: none is.
    poll: AtomicU64,
    request: Mutex<Option<RunningRequest>>,
}

impl FlightRecorder {
    /// Records into `file`, which is empty.
    pub(crate) fn new(file: File) -> Arc<Self> {
        Arc::new(Self { file, slots: Mutex::default(), polls: AtomicU64::new(0) })
    }

    /// Takes up a request.
    pub(crate) fn begin(self: &Arc<Self>, request: RunningRequest) -> TrackedRequest {
        let slot = {
            let mut slots = self.slots.lock();
            match slots.free.pop() {
                Some(number) => slots.all[number].clone(),
                None => {
                    let number = slots.all.len();
                    let slot = Slot { number, poll: AtomicU64::new(0), request: Mutex::default() };
                    slots.all.push(Arc::new(slot));
                    slots.all[number].clone()
                }
            }
        };
        self.write(slot.number, &entry(&request));
        *slot.request.lock() = Some(request);
        TrackedRequest { recorder: self.clone(), slot }
    }

    /// The polls that go on now, each with a number that no other ever has, and what they do.
    pub(crate) fn polls(&self) -> Vec<(u64, RunningRequest)> {
        let slots = self.slots.lock().all.clone();
        let running = slots.into_iter().filter_map(|slot| {
            let poll = slot.poll.load(Ordering::Relaxed);
            let request = slot.request.lock().clone();
            (poll != 0).then_some((poll, request?))
        });
        running.collect()
    }

    /// Without the record a crash is blamed on no page, and the server goes on.
    fn write(&self, slot: usize, bytes: &[u8]) {
        let _ = self.file.write_all_at(bytes, (slot * SLOT) as u64);
    }
}

/// A request that is under way.
#[derive(Debug)]
pub(crate) struct TrackedRequest {
    recorder: Arc<FlightRecorder>,
    slot: Arc<Slot>,
}

impl TrackedRequest {
    /// Runs code of the page, once; on record for as long as that takes.
    pub(crate) fn poll<T>(&self, code: impl FnOnce() -> T) -> T {
        let number = self.recorder.polls.fetch_add(1, Ordering::Relaxed) + 1;
        self.slot.poll.store(number, Ordering::Relaxed);
        self.recorder.write(self.slot.number, &[RUNNING]);
        let _over = PollGuard(self);
        code()
    }
}

/// The end of a poll, also of one that unwinds.
struct PollGuard<'a>(&'a TrackedRequest);

impl Drop for PollGuard<'_> {
    fn drop(&mut self) {
        let TrackedRequest { recorder, slot } = self.0;
        recorder.write(slot.number, &[AT_REST]);
        slot.poll.store(0, Ordering::Relaxed);
    }
}

impl Drop for TrackedRequest {
    fn drop(&mut self) {
        *self.slot.request.lock() = None;
        self.recorder.slots.lock().free.push(self.slot.number);
    }
}

/// What the process that wrote `file` was running when it ended.
///
/// # Errors
/// If the file cannot be read.
pub(crate) fn running(file: &File) -> io::Result<Vec<RunningRequest>> {
    let mut bytes = vec![0; usize::try_from(file.metadata()?.len()).unwrap_or(0)];
    file.read_exact_at(&mut bytes, 0)?;
    let entries = bytes.chunks(SLOT).filter_map(|slot| slot.strip_prefix(&[RUNNING]));
    Ok(entries
        .filter_map(|entry| {
            let end = entry.iter().position(|&byte| byte == b'\n')?;
            serde_json::from_slice(&entry[..end]).ok()
        })
        .collect())
}

/// A slot's bytes; what does not fit is left out.
fn entry(request: &RunningRequest) -> Vec<u8> {
    let mut kept = request.clone();
    loop {
        let mut bytes = vec![AT_REST];
        // Strings always have a JSON form.
        bytes.extend(serde_json::to_vec(&kept).unwrap_or_default());
        bytes.push(b'\n');
        if bytes.len() <= SLOT {
            return bytes;
        }
        // Escapes may make a short path long; file names are at most that.
        match kept.path.char_indices().nth(LONGEST_PATH) {
            Some((end, _)) => kept.path.truncate(end),
            None => kept = RunningRequest { path: "…".into(), file: None, ..kept },
        }
        kept.method.truncate(16);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(path: &str) -> RunningRequest {
        RunningRequest {
            method: "GET".into(),
            path: path.into(),
            file: Some("pages/a.rs".into()),
            generation: GenerationId(1),
        }
    }

    fn record() -> (Arc<FlightRecorder>, File) {
        let file = tempfile::tempfile().expect("a file");
        let ours = file.try_clone().expect("a descriptor");
        (FlightRecorder::new(file), ours)
    }

    fn paths(file: &File) -> Vec<String> {
        running(file).expect("a record").into_iter().map(|request| request.path).collect()
    }

    #[test]
    fn only_what_runs_is_blamed() {
        let (recorder, file) = record();
        let one = recorder.begin(request("/one"));
        let two = recorder.begin(request("/two"));
        assert_eq!(paths(&file), Vec::<String>::new());
        one.poll(|| {
            assert_eq!(paths(&file), ["/one"]);
            two.poll(|| assert_eq!(paths(&file), ["/one", "/two"]));
            assert_eq!(paths(&file), ["/one"]);
        });
        assert_eq!(paths(&file), Vec::<String>::new());
        assert!(recorder.polls().is_empty());

        // A slot is used again, and nothing of a longer entry stays in it.
        drop(one);
        let three = recorder.begin(request("/3"));
        three.poll(|| {
            assert_eq!(running(&file).expect("a record"), [request("/3")]);
            assert_eq!(recorder.polls().len(), 1);
        });
        assert_eq!(file.metadata().expect("a file").len().div_ceil(SLOT as u64), 2);
    }

    #[test]
    fn a_poll_that_unwinds_is_over() {
        let (recorder, file) = record();
        let tracked = recorder.begin(request("/"));
        let unwound = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            tracked.poll(|| std::panic::panic_any(()));
        }));
        assert!(unwound.is_err());
        assert_eq!(paths(&file), Vec::<String>::new());
    }

    #[test]
    fn whatever_a_client_asks_for_fits_into_a_slot() {
        for path in ["/".repeat(5000), "\u{1}".repeat(5000), "ä\"\\".repeat(500)] {
            let entry = entry(&request(&path));
            assert!(entry.len() <= SLOT, "{}", entry.len());
            assert!(serde_json::from_slice::<RunningRequest>(&entry[1..]).is_ok());
        }
        let long = RunningRequest { method: "M".repeat(5000), file: None, ..request("/") };
        assert!(entry(&long).len() <= SLOT);
    }
}
