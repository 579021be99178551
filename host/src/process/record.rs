//! Which code of an app runs on which thread, on record where the end of the process does not reach.
//!
//! A thread that is about to poll code of a library writes what that is into a slot of its own, and
//! marks the slot; when the poll is over, it takes the mark away. The slots lie in a file that is
//! mapped: a plain store reaches it, no system call and no lock does, and the file keeps what was
//! stored last when the process is gone. So a supervisor, or the next process, that looks at the file then
//! can [name](running) what the process was doing, and the process itself can name what
//! [holds](Record::runs) a thread.

mod place;

use std::cell::Cell;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering, compiler_fence, fence};

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use vm_memory::{Bytes as _, FileOffset, MmapRegion, VolatileMemory as _, VolatileSlice};

pub use self::place::{LeftRecord, RecordFile, RecordPlace, file_in_memory};

/// How many threads can be on record at once.
const SLOTS: usize = 256;

/// The length of a record, in bytes.
const LENGTH: usize = SLOTS * SLOT;

/// The bytes of a slot: the number of the poll that is going on, or 0; the generation; the lengths of
/// the three texts; the texts, one behind the other.
const SLOT: usize = 512;
const POLL: usize = 0;
const GENERATION: usize = 8;
const LENGTHS: usize = 16;
const TEXT: usize = 24;

/// The longest texts, in bytes.
const METHOD: usize = 16;
const FILE: usize = 224;
const PATH: usize = SLOT - TEXT - METHOD - FILE;

/// What runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Activity<'a> {
    /// The generation whose code it is; 0 for a hook, whose generation may have no number yet.
    pub generation: u64,
    /// The method of the request that is answered, or the name of a hook.
    pub method: &'a str,
    /// The file of the page; empty where no page is meant.
    pub file: &'a str,
    /// The path of the request; empty for a hook.
    pub path: &'a str,
}

impl<'a> Activity<'a> {
    /// A hook of app.rs, such as `export`.
    #[must_use]
    pub const fn hook(name: &'a str) -> Self {
        Self { generation: 0, method: name, file: "", path: "" }
    }
}

/// What ran, as it was read off a record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedActivity {
    /// The generation whose code it is; 0 for a hook.
    pub generation: u64,
    /// The method of the request that is answered, or the name of a hook.
    pub method: String,
    /// The file of the page; empty where no page is meant.
    pub file: String,
    /// The path of the request; empty for a hook.
    pub path: String,
}

impl RecordedActivity {
    /// Whether it is a hook of app.rs, which has a thread of its own.
    #[must_use]
    pub fn is_hook(&self) -> bool {
        self.path.is_empty()
    }

    /// In which generation, as the end of a sentence about it; empty where that is not known.
    #[must_use]
    pub fn in_generation(&self) -> String {
        match self.generation {
            0 => String::new(),
            generation => format!(", in generation {generation}"),
        }
    }
}

impl std::fmt::Display for RecordedActivity {
    /// `GET /users/42 (pages/users/[id].rs)`, or `` `export` of app.rs ``.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { method, path, file, .. } = self;
        match (path.as_str(), file.as_str()) {
            ("", _) => write!(f, "`{method}` of app.rs"),
            (path, "") => write!(f, "{method} {path}"),
            (path, file) => write!(f, "{method} {path} ({file})"),
        }
    }
}

/// A poll that goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// The slot of its thread, and the number of the poll there: no other poll has the same.
    pub number: (usize, u64),
    /// What runs.
    pub activity: RecordedActivity,
}

/// The record of this process.
pub struct Record {
    region: &'static MmapRegion,
    /// How many slots have been used.
    used: AtomicUsize,
    /// Those of threads that have ended.
    free: Mutex<Vec<usize>>,
    on_exit: OnExit,
}

type OnExit = Box<dyn Fn(&RecordedActivity) + Send + Sync>;

/// What [`run`] writes to.
static RECORD: OnceLock<Record> = OnceLock::new();

thread_local! {
    /// The slot of this thread, as soon as it has run code of a library.
    static CLAIM: Claim = const { Claim { slot: Cell::new(None), poll: Cell::new(0) } };
}

/// A thread's hold of a slot.
struct Claim {
    slot: Cell<Option<Slot>>,
    /// The number of the last poll.
    poll: Cell<u64>,
}

#[derive(Clone, Copy)]
struct Slot {
    number: usize,
    poll: &'static AtomicU64,
    generation: &'static AtomicU64,
    lengths: &'static AtomicU64,
    text: VolatileSlice<'static>,
}

impl Record {
    /// Keeps the record of this process in `file`, which is empty, from now on; without it, nothing
    /// is recorded.
    ///
    /// `on_exit` is called on a thread that ends the process while it is on record: `exit` of C ends
    /// the thread's locals first. It should not come back, because the exit code is the page's.
    ///
    /// # Errors
    /// If the file cannot be mapped, or the process has a record already.
    pub fn begin(
        file: File,
        on_exit: impl Fn(&RecordedActivity) + Send + Sync + 'static,
    ) -> io::Result<()> {
        let on_exit: OnExit = Box::new(on_exit);
        file.set_len(LENGTH as u64)?;
        let region = MmapRegion::<()>::from_file(FileOffset::new(file, 0), LENGTH)
            .map_err(io::Error::other)?;
        // Threads write to it until the process is gone.
        let region = Box::leak(Box::new(region));
        let record = Self { region, used: AtomicUsize::new(0), free: Mutex::default(), on_exit };
        RECORD.set(record).map_err(|_| io::Error::other("the process has a record already"))
    }

    /// That of this process, if it has one.
    #[must_use]
    pub fn current() -> Option<&'static Self> {
        RECORD.get()
    }

    /// The polls that go on now.
    #[must_use]
    pub fn runs(&self) -> Vec<Run> {
        let used = self.used.load(Ordering::Acquire).min(SLOTS);
        (0..used).filter_map(|number| self.slot(number)?.run()).collect()
    }

    fn slot(&self, number: usize) -> Option<Slot> {
        let word = |offset| self.region.get_atomic_ref::<AtomicU64>(number * SLOT + offset).ok();
        Some(Slot {
            number,
            poll: word(POLL)?,
            generation: word(GENERATION)?,
            lengths: word(LENGTHS)?,
            text: self.region.get_slice(number * SLOT + TEXT, SLOT - TEXT).ok()?,
        })
    }

    /// A slot for a thread; `None`: all of them are taken.
    fn claim(&self) -> Option<Slot> {
        let free = self.free.lock().pop();
        let number = free.or_else(|| {
            let next = |used| (used < SLOTS).then_some(used + 1);
            self.used.fetch_update(Ordering::AcqRel, Ordering::Acquire, next).ok()
        });
        self.slot(number?)
    }
}

impl Slot {
    fn mark(&self, poll: u64, activity: &Activity<'_>) {
        // Who reads the slot meanwhile must not take the texts for those of the poll before.
        fence(Ordering::Release);
        self.generation.store(activity.generation, Ordering::Relaxed);
        let (mut lengths, mut end) = (0, 0);
        let texts = [(activity.method, METHOD), (activity.file, FILE), (activity.path, PATH)];
        for (text, longest) in texts {
            let bytes = &text.as_bytes()[..text.len().min(longest)];
            // There is room for all three.
            let _ = self.text.write_slice(bytes, end);
            end += bytes.len();
            lengths = lengths << 16 | bytes.len() as u64;
        }
        self.lengths.store(lengths, Ordering::Relaxed);
        self.poll.store(poll, Ordering::Release);
        // The code may end the process: all of this is there before it begins.
        compiler_fence(Ordering::SeqCst);
    }

    fn run(&self) -> Option<Run> {
        let poll = self.poll.load(Ordering::Acquire);
        if poll == 0 {
            return None;
        }
        let (generation, lengths) =
            (self.generation.load(Ordering::Relaxed), self.lengths.load(Ordering::Relaxed));
        let mut text = [0; SLOT - TEXT];
        self.text.read_slice(&mut text, 0).ok()?;
        fence(Ordering::Acquire);
        let number = (self.number, poll);
        (self.poll.load(Ordering::Relaxed) == poll)
            .then(|| Some(Run { number, activity: activity(generation, lengths, &text)? }))?
    }
}

/// What the head and the texts of a slot say; `None`: they say nothing.
fn activity(generation: u64, lengths: u64, text: &[u8]) -> Option<RecordedActivity> {
    let mut end = 0;
    let mut next = |shift: u32| {
        let begin = end;
        end += usize::from(lengths.checked_shr(shift)? as u16);
        Some(String::from_utf8_lossy(text.get(begin..end)?).into_owned())
    };
    let (method, file, path) = (next(32)?, next(16)?, next(0)?);
    Some(RecordedActivity { generation, method, file, path })
}

/// Runs code of a library; it is on record for as long as that takes. Where code that is on record
/// calls this, the record stays with the outer one.
pub fn run<T>(activity: &Activity<'_>, code: impl FnOnce() -> T) -> T {
    let _over = mark(activity);
    code()
}

fn mark(activity: &Activity<'_>) -> Option<Mark> {
    let record = RECORD.get()?;
    let marked = CLAIM.try_with(|claim| {
        let slot = claim.slot.get().or_else(|| {
            let slot = record.claim();
            claim.slot.set(slot);
            slot
        })?;
        if slot.poll.load(Ordering::Relaxed) != 0 {
            return None;
        }
        let poll = claim.poll.get() + 1;
        claim.poll.set(poll);
        slot.mark(poll, activity);
        Some(Mark(slot.poll))
    });
    // A thread that ends runs nothing more that is worth a record.
    marked.ok().flatten()
}

/// The mark of a slot, until the end of the poll, also of one that unwinds.
struct Mark(&'static AtomicU64);

impl Drop for Mark {
    fn drop(&mut self) {
        self.0.store(0, Ordering::Release);
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let (Some(slot), Some(record)) = (self.slot.get(), RECORD.get()) else { return };
        match slot.run() {
            // A thread that ends in order runs nothing any more.
            Some(run) => (record.on_exit)(&run.activity),
            None => record.free.lock().push(slot.number),
        }
    }
}

/// What the process that kept its record in `file` was running when it ended.
///
/// # Errors
/// If the file cannot be read.
pub fn running(file: &File) -> io::Result<Vec<RecordedActivity>> {
    let mut bytes = vec![0; usize::try_from(file.metadata()?.len()).unwrap_or(0)];
    file.read_exact_at(&mut bytes, 0)?;
    let word = |slot: &[u8], offset: usize| {
        let bytes = slot.get(offset..offset + 8)?;
        Some(u64::from_ne_bytes(bytes.try_into().ok()?))
    };
    let slots = bytes.chunks_exact(SLOT).filter(|slot| word(slot, POLL).is_some_and(|it| it != 0));
    let read =
        |slot: &[u8]| activity(word(slot, GENERATION)?, word(slot, LENGTHS)?, slot.get(TEXT..)?);
    Ok(slots.filter_map(read).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn activity_of(path: &str) -> Activity<'_> {
        Activity { generation: 7, method: "GET", file: "pages/a.rs", path }
    }

    fn paths(file: &File) -> Vec<String> {
        running(file).unwrap().into_iter().map(|it| it.path).collect()
    }

    /// One test: a process has one record.
    #[test]
    fn only_what_runs_is_on_record() {
        let file = tempfile::tempfile().unwrap();
        let ours = file.try_clone().unwrap();
        run(&activity_of("/before"), || ());
        Record::begin(file, |_| ()).unwrap();
        assert!(Record::begin(tempfile::tempfile().unwrap(), |_| ()).is_err());
        let record = Record::current().unwrap();
        assert!(record.runs().is_empty() && paths(&ours).is_empty());

        run(&activity_of("/one"), || {
            let [one] = &record.runs()[..] else { panic!("{:?}", record.runs()) };
            assert_eq!(one.activity.to_string(), "GET /one (pages/a.rs)");
            assert_eq!(running(&ours).unwrap(), std::slice::from_ref(&one.activity));
            run(&activity_of("/inside"), || assert_eq!(paths(&ours), ["/one"]));
            std::thread::scope(|scope| {
                scope.spawn(|| run(&activity_of("/two"), || assert_eq!(record.runs().len(), 2)));
            });
            assert_eq!(paths(&ours), ["/one"]);
        });
        assert!(record.runs().is_empty() && paths(&ours).is_empty());

        // A poll that unwinds is over, and each poll has a number of its own.
        let number = || run(&activity_of("/"), || record.runs()[0].number);
        let first = number();
        let unwound = std::panic::catch_unwind(|| {
            run(&activity_of("/"), || std::panic::panic_any(()));
        });
        assert!(unwound.is_err() && record.runs().is_empty());
        assert_ne!(number(), first);

        // Nothing of a longer text stays, and whatever a client asks for fits.
        for (path, kept) in [("/".repeat(5000), PATH), ("ä".repeat(3), 6), (String::new(), 0)] {
            run(&activity_of(&path), || assert_eq!(paths(&ours)[0].len(), kept));
        }
        run(&Activity::hook("export"), || {
            let [hook] = &record.runs()[..] else { panic!("{:?}", record.runs()) };
            assert_eq!(hook.activity.to_string(), "`export` of app.rs");
            assert!(hook.activity.is_hook() && hook.activity.in_generation().is_empty());
        });
    }
}
