//! A value that many use at once without a lock, and that can be taken away from all of them.
//!
//! What uses the value counts itself in first and looks then whether the way in is closed; what
//! takes it away closes first and looks then at the counts. All of it is sequentially consistent,
//! so either the one that closes sees the user, or the user sees that it is closed, and never
//! touches the value. A count lives on after the use of the value, for what is left of it to do:
//! [`After`] says what.

use std::{
    fmt,
    mem::ManuallyDrop,
    ops::Deref,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering::SeqCst},
    },
};

/// A value of type `T` behind counters, with data `D` that is never taken away.
pub struct Revocable<T, D> {
    /// To the inside of `owner`, as long as that is there.
    value: *const T,
    /// Emptied by [`take`](Self::take) alone.
    owner: Mutex<Option<Arc<T>>>,
    closed: AtomicBool,
    /// Whether somebody waits for others to leave.
    watched: AtomicBool,
    counters: Box<[AtomicU64]>,
    data: D,
}

/// What is told of those that leave.
pub trait Watched {
    /// A count has gone down, or changed its kind, while that is [watched](Revocable::watch).
    fn left(&self);
}

/// The counts of one counter, packed: 24 bits for those that use the value, 20 bits for each of
/// the others. The first are the lowest, so that no overflow of the others reaches them.
const INSIDE: u64 = 1;
const STREAMING: u64 = 1 << 24;
const SENDING: u64 = 1 << 44;
const INSIDE_MASK: u64 = STREAMING - 1;
const OTHER_MASK: u64 = (1 << 20) - 1;

/// More users than this are turned away, long before the count overflows.
const MOST_INSIDE: u64 = INSIDE_MASK / 2;

/// How many are counted, by what they do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Those that use the value.
    pub inside: u64,
    /// Those that have left and stream on.
    pub streaming: u64,
    /// Those that have left and only send what they have.
    pub sending: u64,
}

impl Counts {
    fn of(packed: u64) -> Self {
        Self {
            inside: packed & INSIDE_MASK,
            streaming: packed >> 24 & OTHER_MASK,
            sending: packed >> 44,
        }
    }

    /// All of them.
    #[must_use]
    pub const fn sum(self) -> u64 {
        self.inside + self.streaming + self.sending
    }
}

impl std::ops::Add for Counts {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            inside: self.inside + other.inside,
            streaming: self.streaming + other.streaming,
            sending: self.sending + other.sending,
        }
    }
}

// SAFETY: it gives out `&T` on every thread, and drops `T` on any.
unsafe impl<T: Send + Sync, D: Send> Send for Revocable<T, D> {}
// SAFETY: as above.
unsafe impl<T: Send + Sync, D: Sync> Sync for Revocable<T, D> {}

impl<T, D> Revocable<T, D> {
    /// A value with this many counters, at least one.
    pub fn new(value: Arc<T>, counters: usize, data: D) -> Arc<Self> {
        Arc::new(Self {
            value: Arc::as_ptr(&value),
            owner: Mutex::new(Some(value)),
            closed: AtomicBool::new(false),
            watched: AtomicBool::new(false),
            counters: (0..counters.max(1)).map(|_| AtomicU64::new(0)).collect(),
            data,
        })
    }

    /// Has it told when somebody leaves, until it is opened again.
    pub fn watch(&self) {
        self.watched.store(true, SeqCst);
    }

    /// Lets nobody in any more; those inside go on, and are [watched](Self::watch).
    pub fn close(&self) {
        self.watch();
        self.closed.store(true, SeqCst);
    }

    /// Lets users in again; `false` if the value is gone.
    pub fn reopen(&self) -> bool {
        let owner = self.owner();
        if owner.is_some() {
            self.closed.store(false, SeqCst);
            self.watched.store(false, SeqCst);
        }
        owner.is_some()
    }

    /// Whether nobody is let in.
    pub fn is_closed(&self) -> bool {
        self.closed.load(SeqCst)
    }

    /// The value, unless it is gone.
    pub fn get(&self) -> Option<Arc<T>> {
        self.owner().clone()
    }

    /// Takes the value away for good; `None` as long as it is not closed, while somebody is inside,
    /// and when it is gone already.
    pub fn take(&self) -> Option<Arc<T>> {
        // Held, so that it cannot be opened meanwhile.
        let mut owner = self.owner();
        if self.is_closed() && self.counts().inside == 0 { owner.take() } else { None }
    }

    /// How many there are.
    pub fn counts(&self) -> Counts {
        let counts = self.counters.iter().map(|counter| Counts::of(counter.load(SeqCst)));
        counts.fold(Counts::default(), std::ops::Add::add)
    }

    /// How many there are, counter by counter.
    pub fn each(&self) -> impl Iterator<Item = Counts> {
        self.counters.iter().map(|counter| Counts::of(counter.load(SeqCst)))
    }

    fn owner(&self) -> MutexGuard<'_, Option<Arc<T>>> {
        self.owner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn counter(&self, counter: usize) -> &AtomicU64 {
        self.counters.get(counter).unwrap_or(&self.counters[self.counters.len() - 1])
    }
}

impl<T, D: Watched> Revocable<T, D> {
    /// Counts a user in, at the counter with this number or else at the last one; `None` when it
    /// is closed.
    pub fn enter(self: &Arc<Self>, counter: usize) -> Option<Inside<T, D>> {
        let before = self.counter(counter).fetch_add(INSIDE, SeqCst);
        // Counted out again where it may not stay.
        let inside = Inside { cell: Arc::clone(self), counter };
        (before & INSIDE_MASK < MOST_INSIDE && !self.is_closed()).then_some(inside)
    }

    fn leave(&self, counter: usize, kind: u64) {
        self.counter(counter).fetch_sub(kind, SeqCst);
        self.tell();
    }

    /// Who waits has said so before it read the counts that have just changed.
    fn tell(&self) {
        if self.watched.load(SeqCst) {
            self.data.left();
        }
    }
}

impl<T, D> Deref for Revocable<T, D> {
    type Target = D;

    fn deref(&self) -> &D {
        &self.data
    }
}

impl<T, D: fmt::Debug> fmt::Debug for Revocable<T, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Revocable")
            .field("counts", &self.counts())
            .field("data", &self.data)
            .finish_non_exhaustive()
    }
}

/// A user of the value; the value stays as long as this.
pub struct Inside<T, D: Watched> {
    cell: Arc<Revocable<T, D>>,
    counter: usize,
}

impl<T, D: Watched> Inside<T, D> {
    /// The value.
    pub fn value(&self) -> &T {
        // SAFETY: this was counted in before it saw that the way in was open, and is counted until
        // its drop, which the borrow does not outlive. `take` empties `owner` only where it has
        // closed the way in before it read a count of nobody: either it reads this one, or this
        // one would have read that it is closed.
        unsafe { &*self.cell.value }
    }

    /// It has done with the value, and streams on.
    #[must_use]
    pub fn streaming(self) -> After<T, D> {
        self.after(STREAMING, 1)
    }

    /// It has done with the value, and sends what it has.
    #[must_use]
    pub fn sending(self) -> After<T, D> {
        self.after(SENDING, 2)
    }

    fn after(self, kind: u64, phase: u8) -> After<T, D> {
        let this = ManuallyDrop::new(self);
        // SAFETY: read once; the drop of `this`, which would be the other owner, does not run.
        let cell = unsafe { std::ptr::read(&raw const this.cell) };
        // The one is never less than nothing, so one addition changes both fields.
        cell.counter(this.counter).fetch_add(kind - INSIDE, SeqCst);
        cell.tell();
        After { cell, counter: this.counter, phase: AtomicU8::new(phase) }
    }
}

impl<T, D: Watched> Drop for Inside<T, D> {
    fn drop(&mut self) {
        self.cell.leave(self.counter, INSIDE);
    }
}

impl<T, D: Watched> Deref for Inside<T, D> {
    type Target = D;

    fn deref(&self) -> &D {
        &self.cell.data
    }
}

impl<T, D: Watched> fmt::Debug for Inside<T, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inside").field("counter", &self.counter).finish_non_exhaustive()
    }
}

/// A user that has done with the value, and is still counted.
pub struct After<T, D: Watched> {
    cell: Arc<Revocable<T, D>>,
    counter: usize,
    /// 1: it streams; 2: it sends what it has.
    phase: AtomicU8,
}

impl<T, D: Watched> After<T, D> {
    /// Its stream has ended, and what came of it is still sent.
    pub fn stream_ended(&self) {
        if self.phase.swap(2, SeqCst) == 1 {
            self.cell.counter(self.counter).fetch_add(SENDING - STREAMING, SeqCst);
            self.cell.tell();
        }
    }
}

impl<T, D: Watched> Drop for After<T, D> {
    fn drop(&mut self) {
        let kind = if *self.phase.get_mut() == 1 { STREAMING } else { SENDING };
        self.cell.leave(self.counter, kind);
    }
}

impl<T, D: Watched> Deref for After<T, D> {
    type Target = D;

    fn deref(&self) -> &D {
        &self.cell.data
    }
}

impl<T, D: Watched> fmt::Debug for After<T, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("After").field("counter", &self.counter).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    #[derive(Default)]
    struct Left(AtomicUsize);

    impl Watched for Left {
        fn left(&self) {
            self.0.fetch_add(1, SeqCst);
        }
    }

    fn counts(inside: u64, streaming: u64, sending: u64) -> Counts {
        Counts { inside, streaming, sending }
    }

    #[test]
    fn each_is_counted_by_what_it_does() {
        let cell = Revocable::new(Arc::new(7), 2, Left::default());
        let first = cell.enter(0).unwrap();
        let second = cell.enter(1).unwrap();
        let third = cell.enter(99).unwrap();
        assert_eq!(*first.value(), 7);
        assert_eq!(cell.each().collect::<Vec<_>>(), [counts(1, 0, 0), counts(2, 0, 0)]);
        let (first, second) = (first.streaming(), second.sending());
        assert_eq!(cell.counts(), counts(1, 1, 1));
        first.stream_ended();
        first.stream_ended();
        assert_eq!(cell.counts(), counts(1, 0, 2));
        assert_eq!(cell.counts().sum(), 3);
        drop((first, second, third));
        assert_eq!(cell.counts(), Counts::default());
        assert_eq!(cell.0.load(SeqCst), 0, "nobody waits");
    }

    #[test]
    fn it_is_taken_away_when_nobody_is_inside() {
        let cell = Revocable::new(Arc::new(String::from("app")), 1, Left::default());
        assert!(cell.take().is_none(), "it is open");
        let inside = cell.enter(0).unwrap();
        cell.close();
        assert!(cell.enter(0).is_none());
        assert!(cell.take().is_none(), "somebody is inside");
        assert_eq!(inside.value(), "app");
        let before = cell.0.load(SeqCst);
        let stream = inside.streaming();
        assert!(cell.0.load(SeqCst) > before, "who waits is told");
        assert!(cell.reopen());
        drop(cell.enter(0).unwrap());
        cell.close();
        let app = cell.take().unwrap();
        assert_eq!(Arc::strong_count(&app), 1);
        assert!(cell.take().is_none() && cell.get().is_none() && !cell.reopen());
        assert_eq!(cell.counts(), counts(0, 1, 0));
        drop(stream);
    }

    #[test]
    fn nobody_uses_what_has_been_taken_away() {
        /// Says of itself whether it is alive.
        struct Value(Arc<AtomicBool>);
        impl Drop for Value {
            fn drop(&mut self) {
                self.0.store(false, SeqCst);
            }
        }
        for _ in 0..200 {
            let alive = Arc::new(AtomicBool::new(true));
            let cell = Revocable::new(Arc::new(Value(Arc::clone(&alive))), 3, Left::default());
            std::thread::scope(|scope| {
                for user in 0..3 {
                    let cell = &cell;
                    scope.spawn(move || {
                        while let Some(inside) = cell.enter(user) {
                            assert!(inside.value().0.load(SeqCst), "it is gone");
                        }
                    });
                }
                cell.close();
                let taken = std::iter::repeat_with(|| cell.take()).find_map(|taken| taken);
                drop(taken);
                assert!(!alive.load(SeqCst));
            });
        }
    }
}
