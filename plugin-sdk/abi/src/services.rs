//! What a host offers to a library: one table, given at the start, that only grows.
//!
//! The table is not a checked type, because a field more in one of those is another contract. Its
//! first word is its size, and a library reads no field that ends behind it: a library that was
//! built against less does not see what came later, and one that was built against more finds the
//! later fields missing in the table of an older host. The rule that makes this sound: **fields are
//! appended, and none is ever changed, moved or removed** while [`ABI`](crate::ABI) is the same. The
//! last one ends where the table ends: padding there would be taken for a later field.

use std::mem::offset_of;

use abi_stable::{
    StableAbi,
    std_types::{ROption, RStr, RString, RVec, Tuple2},
};

use crate::{Rooms, guard::drop_quietly};

/// The levels of a log line, most severe first.
#[repr(u8)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, StableAbi)]
#[allow(missing_docs)]
pub enum LogLevel {
    Error = 1,
    Warn,
    Info,
    Debug,
    Trace,
}

/// One event of a library's `tracing`, borrowed for the call.
#[repr(C)]
#[derive(Debug, Clone, Copy, StableAbi)]
pub struct LogEvent<'a> {
    /// The level.
    pub level: LogLevel,
    /// The module that logs.
    pub target: RStr<'a>,
    /// The message with its fields, and the spans it stands in.
    pub message: RStr<'a>,
    /// The source file, or empty.
    pub file: RStr<'a>,
    /// The line in it, or 0.
    pub line: u32,
}

/// The host's log, callable from any thread for as long as the process lives.
#[repr(C)]
#[derive(Debug, Clone, Copy, StableAbi)]
pub struct LogSink {
    /// The most verbose level that the host wants to hear; `None`: nothing.
    pub max_level: ROption<LogLevel>,
    /// Takes one event.
    pub write: extern "C" fn(&LogEvent<'_>),
}

/// What a host puts into the table.
#[derive(Debug, Clone)]
pub struct Services {
    /// Where the library's log goes.
    pub log: LogSink,
    /// Whether a developer is watching: error pages may show what is inside.
    pub dev: bool,
    /// The build id of the library, 32 hex digits of its file's SHA-256.
    pub build_id: String,
    /// The URL of the stylesheet, for the page shell.
    pub stylesheet: Option<String>,
    /// The URL of the favicon, for the page shell.
    pub favicon: Option<String>,
    /// The URLs of public files, each with that of the copy whose name carries a hash.
    pub public: Vec<(String, String)>,
    /// Channels that outlive the library.
    pub rooms: Rooms,
}

/// The table as it lies in memory: see the rule above before you touch it.
#[repr(C)]
struct Table {
    /// In bytes, as the host knows the table.
    size: usize,
    log: LogSink,
    dev: bool,
    build_id: RString,
    stylesheet: ROption<RString>,
    favicon: ROption<RString>,
    public: RVec<Tuple2<RString, RString>>,
    rooms: Rooms,
}

/// The table in the hands of a library, which owns it: it may be read until this is dropped.
#[repr(C)]
#[derive(StableAbi)]
pub struct HostServices {
    table: *mut (),
    drop: unsafe extern "C" fn(*mut ()),
}

// SAFETY: the table holds texts, numbers, functions and `Rooms`, which are of all threads, and it
// does not change.
unsafe impl Send for HostServices {}
// SAFETY: as above.
unsafe impl Sync for HostServices {}

/// The field of a table, if the table is long enough to have it.
macro_rules! field {
    ($services:expr, $name:ident: $kind:ty) => {{
        // SAFETY: `Table` has a field of this type there, and fields never change.
        unsafe { $services.field::<$kind>(offset_of!(Table, $name)) }
    }};
}

impl HostServices {
    /// Makes the table; the host's side.
    #[must_use]
    pub fn new(services: Services) -> Self {
        unsafe extern "C" fn free(table: *mut ()) {
            // SAFETY: `table` is the box made below, dropped once.
            drop_quietly(|| drop(unsafe { Box::from_raw(table.cast::<Table>()) }));
        }
        let Services { log, dev, build_id, stylesheet, favicon, public, rooms } = services;
        let table = Table {
            size: size_of::<Table>(),
            log,
            dev,
            build_id: build_id.into(),
            stylesheet: stylesheet.map(RString::from).into(),
            favicon: favicon.map(RString::from).into(),
            public: public
                .into_iter()
                .map(|(url, hashed)| Tuple2(url.into(), hashed.into()))
                .collect(),
            rooms,
        };
        Self { table: Box::into_raw(Box::new(table)).cast(), drop: free }
    }

    /// A field that ends within the table.
    ///
    /// # Safety
    /// Any table that is long enough has a `T` at this offset.
    unsafe fn field<T>(&self, offset: usize) -> Option<&T> {
        // SAFETY: every table begins with its size, and lives as long as `self`.
        let size = unsafe { *self.table.cast::<usize>() };
        // SAFETY: the field lies within the table; what it is, the caller promises.
        (offset + size_of::<T>() <= size).then(|| unsafe { &*self.table.byte_add(offset).cast() })
    }

    /// Where the library's log goes.
    #[must_use]
    pub fn log(&self) -> Option<LogSink> {
        field!(self, log: LogSink).copied()
    }

    /// Whether a developer is watching.
    #[must_use]
    pub fn is_dev(&self) -> bool {
        field!(self, dev: bool).is_some_and(|dev| *dev)
    }

    /// The build id of the library, 32 hex digits of its file's SHA-256.
    #[must_use]
    pub fn build_id(&self) -> &str {
        field!(self, build_id: RString).map_or("", RString::as_str)
    }

    /// The URL of the stylesheet, for the page shell.
    #[must_use]
    pub fn stylesheet(&self) -> Option<&str> {
        field!(self, stylesheet: ROption<RString>)?.as_ref().into_option().map(RString::as_str)
    }

    /// The URL of the favicon, for the page shell.
    #[must_use]
    pub fn favicon(&self) -> Option<&str> {
        field!(self, favicon: ROption<RString>)?.as_ref().into_option().map(RString::as_str)
    }

    /// Channels that outlive the library.
    #[must_use]
    pub fn rooms(&self) -> Option<Rooms> {
        field!(self, rooms: Rooms).cloned()
    }

    /// The URLs of public files, each with that of the copy whose name carries a hash.
    pub fn public(&self) -> impl Iterator<Item = (&str, &str)> {
        let files = field!(self, public: RVec<Tuple2<RString, RString>>);
        files.into_iter().flatten().map(|Tuple2(url, hashed)| (url.as_str(), hashed.as_str()))
    }
}

impl Drop for HostServices {
    fn drop(&mut self) {
        // SAFETY: `drop` belongs to `table`, called once.
        unsafe { (self.drop)(self.table) }
    }
}

impl std::fmt::Debug for HostServices {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HostServices")
            .field("build_id", &self.build_id())
            .field("dev", &self.is_dev())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::task::{Context, Poll};

    use super::*;
    use crate::{HostRooms, OwnedBytes, RoomError, RoomEvent, RoomReader, RoomStart};

    struct NoRooms;

    impl HostRooms for NoRooms {
        type Reader = Self;
        fn send(
            &self,
            _: &str,
            _: OwnedBytes,
        ) -> impl Future<Output = Result<u64, RoomError>> + Send + 'static {
            std::future::ready(Err(RoomError::Unavailable))
        }
        fn subscribe(&self, _: &str, _: RoomStart) -> Result<Self, RoomError> {
            Err(RoomError::Unavailable)
        }
    }

    impl RoomReader for NoRooms {
        fn position(&self) -> u64 {
            0
        }

        fn poll_next(&mut self, _: &mut Context<'_>) -> Poll<RoomEvent> {
            Poll::Pending
        }
    }

    fn services() -> Services {
        extern "C" fn write(_: &LogEvent<'_>) {}
        Services {
            log: LogSink { max_level: ROption::RSome(LogLevel::Info), write },
            dev: true,
            build_id: "0f".repeat(16),
            stylesheet: Some("/a.css".into()),
            favicon: None,
            public: vec![("/a.svg".into(), "/a-1.svg".into())],
            rooms: Rooms::new(Arc::new(NoRooms)),
        }
    }

    /// What is there stays where it is: a failure here is another contract, so another ABI number.
    #[test]
    #[cfg(target_pointer_width = "64")]
    fn fields_are_only_appended() {
        let offsets = [
            offset_of!(Table, size),
            offset_of!(Table, log),
            offset_of!(Table, dev),
            offset_of!(Table, build_id),
            offset_of!(Table, stylesheet),
            offset_of!(Table, favicon),
            offset_of!(Table, public),
            offset_of!(Table, rooms),
        ];
        assert_eq!(offsets, [0, 8, 24, 32, 64, 104, 144, 176]);
        assert!(size_of::<Table>() >= 216);
        // Nothing pads the end: it would be taken for a later field.
        let last = offset_of!(Table, rooms) + size_of::<Rooms>();
        assert_eq!(last, size_of::<Table>());
    }

    #[test]
    fn what_a_host_puts_in_is_read() {
        let table = HostServices::new(services());
        assert_eq!(table.log().unwrap().max_level, ROption::RSome(LogLevel::Info));
        assert!(table.is_dev());
        assert_eq!(table.build_id(), "0f".repeat(16));
        assert_eq!((table.stylesheet(), table.favicon()), (Some("/a.css"), None));
        assert_eq!(table.public().collect::<Vec<_>>(), [("/a.svg", "/a-1.svg")]);
        assert!(table.rooms().is_some());
    }

    /// The table of a host that knows less, as a library that knows more sees it.
    #[test]
    fn what_an_older_host_does_not_know_is_missing() {
        let table = HostServices::new(services());
        // SAFETY: the first word of a table is its size; nobody else reads it now.
        unsafe { *table.table.cast::<usize>() = offset_of!(Table, stylesheet) };
        assert_eq!(table.build_id(), "0f".repeat(16));
        assert_eq!(table.stylesheet(), None);
        assert_eq!(table.public().count(), 0);
        assert!(table.rooms().is_none());
    }
}
