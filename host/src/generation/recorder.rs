//! Which page each thread is in, on record where a crash does not reach.
//!
//! A worker shares a file with its supervisor, one word for each thread that runs pages. A word is
//! written before a page is polled and cleared after it: two stores. When the process is gone, the
//! file says what it was doing.

use std::cell::Cell;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use http::Method;
use nova_abi::Target;

use super::GenerationId;
use crate::library::loader::shared_words;

/// How many threads have a word; those that come later are not on record.
const THREADS: usize = 512;

/// The length of the file.
pub const LENGTH: u64 = (THREADS * size_of::<u64>()) as u64;

/// The place of an error page among the routes.
const ERROR_PAGE: u32 = u32::MAX >> 1;

/// The words of this process, if somebody wants to know.
static WORDS: OnceLock<&'static [AtomicU64]> = OnceLock::new();

/// How many threads have asked for a word.
static TAKEN: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// Which word is this thread's; `usize::MAX` as long as it has none.
    static WORD: Cell<usize> = const { Cell::new(usize::MAX) };
}

const METHODS: [Method; 8] = [
    Method::GET,
    Method::HEAD,
    Method::POST,
    Method::PUT,
    Method::PATCH,
    Method::DELETE,
    Method::OPTIONS,
    Method::TRACE,
];

/// A page that a thread was in.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RunningPage {
    /// The last digits of its generation's number.
    pub generation: u64,
    /// Its place among the routes of the generation; `None`: it is an error page.
    pub route: Option<u32>,
    /// The method, if it is a common one.
    pub method: Option<Method>,
}

/// What is on record of a page: all of it in one word, which is never zero.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PageWord(u64);

impl PageWord {
    pub(crate) fn new(generation: GenerationId, target: &Target<'_>, method: &Method) -> Self {
        let route = match target {
            Target::Route(route) => route & ERROR_PAGE,
            Target::Error { .. } => ERROR_PAGE,
        };
        let method = METHODS.iter().position(|known| known == method).unwrap_or(METHODS.len());
        Self(generation.0 << 40 | u64::from(route) << 8 | (method as u64) << 1 | 1)
    }

    fn read(word: u64) -> Option<RunningPage> {
        let route = (word >> 8) as u32 & ERROR_PAGE;
        let method = METHODS.get((word >> 1) as usize & 0x7f);
        (word != 0).then(|| RunningPage {
            generation: word >> 40,
            route: (route != ERROR_PAGE).then_some(route),
            method: method.cloned(),
        })
    }

    /// Runs code of a page, once; on record for as long as that takes.
    pub(crate) fn run<T>(self, code: impl FnOnce() -> T) -> T {
        let Some(word) = WORDS.get().and_then(|words| word_of_this_thread(words)) else {
            return code();
        };
        // A page may poll another one: an upgrade that hands its connection on.
        let before = word.load(Ordering::Relaxed);
        word.store(self.0, Ordering::Relaxed);
        let _over = Over { word, before };
        code()
    }
}

/// The end of a poll, also of one that unwinds.
struct Over {
    word: &'static AtomicU64,
    before: u64,
}

impl Drop for Over {
    fn drop(&mut self) {
        self.word.store(self.before, Ordering::Relaxed);
    }
}

fn word_of_this_thread(words: &'static [AtomicU64]) -> Option<&'static AtomicU64> {
    let mut number = WORD.get();
    if number == usize::MAX {
        number = TAKEN.fetch_add(1, Ordering::Relaxed);
        WORD.set(number);
    }
    words.get(number)
}

/// From now on, pages of this process are on record in `file`.
///
/// # Errors
/// If it is not [`LENGTH`] bytes long, or the system refuses.
pub fn record_in(file: &File) -> io::Result<()> {
    let words = shared_words(file, THREADS)?;
    // A process has one supervisor.
    WORDS.set(words).map_err(|_| io::Error::other("pages are on record already"))
}

/// The pages that the process was in that wrote `file`, each of them once.
///
/// # Errors
/// If the file cannot be read.
pub fn running(file: &File) -> io::Result<Vec<RunningPage>> {
    let mut bytes = vec![0; THREADS * size_of::<u64>()];
    file.read_exact_at(&mut bytes, 0)?;
    let mut pages = Vec::new();
    for word in bytes.chunks_exact(size_of::<u64>()) {
        let word = u64::from_ne_bytes(word.try_into().unwrap_or_default());
        if let Some(page) = PageWord::read(word)
            && !pages.contains(&page)
        {
            pages.push(page);
        }
    }
    Ok(pages)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_holds_all_that_is_said_of_a_page() {
        for (generation, route, method) in
            [(1, 0, Method::GET), (300, 70_000, Method::TRACE), (0, 5, Method::POST)]
        {
            let word = PageWord::new(GenerationId(generation), &Target::Route(route), &method);
            let page = RunningPage { generation, route: Some(route), method: Some(method) };
            assert_eq!(PageWord::read(word.0), Some(page));
        }
        let error = Target::Error { status: 404, message: "".into() };
        let odd = Method::from_bytes(b"PURGE").unwrap();
        let word = PageWord::new(GenerationId(2), &error, &odd);
        let page = RunningPage { generation: 2, route: None, method: None };
        assert_eq!(PageWord::read(word.0), Some(page));
        assert_eq!(PageWord::read(0), None);
    }

    #[test]
    fn only_what_runs_is_on_record() {
        let file = tempfile::tempfile().unwrap();
        file.set_len(LENGTH).unwrap();
        record_in(&file).unwrap();
        let page = |route| PageWord::new(GenerationId(1), &Target::Route(route), &Method::GET);
        let routes = || {
            let pages = running(&file).unwrap();
            pages.into_iter().filter_map(|page| page.route).collect::<Vec<_>>()
        };
        assert!(routes().is_empty());
        page(1).run(|| {
            assert_eq!(routes(), [1]);
            page(2).run(|| assert_eq!(routes(), [2]));
            assert_eq!(routes(), [1]);
            std::thread::scope(|threads| {
                threads.spawn(|| page(3).run(|| assert_eq!(routes(), [1, 3])));
            });
        });
        let unwound = std::panic::catch_unwind(|| page(4).run(|| std::panic::panic_any(())));
        assert!(unwound.is_err());
        assert!(routes().is_empty());
    }
}
