//! What is known of code that cannot be swapped with two generations in one process: a row each,
//! with the reason.
//!
//! A row is about what cannot be seen in the text of an app. It is here because its own source or
//! documents say so, or because a swap was seen to do harm; what only might be is not.

use super::mode::SwapMode::{self, Handover, Process, ProcessHandover};

/// Something that a library may hold.
#[derive(Debug)]
pub(super) struct Row {
    /// What it is called; for a [`Sign::Calls`], what it does.
    pub(super) name: &'static str,
    /// How it is noticed.
    pub(super) sign: Sign,
    /// The packages that bring it; the one of its own name where none are listed.
    pub(super) packages: &'static [&'static str],
    /// What it asks for.
    pub(super) mode: SwapMode,
    /// Why, as the end of a sentence.
    pub(super) reason: &'static str,
}

/// How a row is noticed in a library.
#[derive(Debug)]
pub(super) enum Sign {
    /// One of these functions is in it, or in a library without names this text.
    Defines(&'static [&'static str], &'static str),
    /// The same, or it calls the function in a library that it shares with others.
    Uses(&'static [&'static str], &'static str),
    /// It calls this function of the C library, and not because of a package that does it well.
    Calls(&'static str, Option<&'static str>),
    /// The package was compiled for it, with this feature if one is named, and its code is in it.
    Package(Option<&'static str>),
}

const ONE_HOLDER: &str = "what it has opened has one holder";
const UNSEEN_HOLDER: &str =
    "what it has opened has one holder, and a second copy in the process does not see the lock";
const ONE_HANDLER: &str = "a process has one handler for each signal, and the next copy takes it";
const JOBS: &str = "its jobs would run twice while two generations are alive";

/// The text of the file that SQLite writes.
const SQLITE_HEADER: &str = "SQLite format 3\0";

/// All rows. Two rows for one package are two reasons.
pub(super) const ROWS: &[Row] = &[
    // https://sqlite.org/howtocorrupt.html, 2.2.1. With one shared libsqlite3 both generations have
    // one copy, and with two processes the system keeps the locks apart.
    Row {
        name: "SQLite",
        sign: Sign::Defines(&["sqlite3_initialize", "sqlite3_open_v2"], SQLITE_HEADER),
        packages: &["libsqlite3-sys", "libsql-ffi", "sqlite3-src"],
        mode: Process,
        reason: "two copies in one process undo each other's file locks",
    },
    // lmdb.h, "Caveats": the locks belong to the process, and several processes may share a file.
    Row {
        name: "LMDB",
        sign: Sign::Uses(&["mdb_env_create"], "MDB_KEYEXIST: Key/data pair"),
        packages: &["lmdb-master-sys", "lmdb-master3-sys", "lmdb-rkv-sys", "lmdb-sys"],
        mode: Process,
        reason: "a process may open a database once",
    },
    Row {
        name: "libmdbx",
        sign: Sign::Uses(&["mdbx_env_create", "mdbx_env_open"], "MDBX_KEYEXIST"),
        packages: &["mdbx-sys", "reth-mdbx-sys"],
        mode: Process,
        reason: "a process may open a database once",
    },
    // The lock is fcntl's, which one process never denies itself, and the list of what the process
    // has open is a static: `PosixFileSystem::LockFile` of RocksDB, `PosixLockTable` of LevelDB.
    Row {
        name: "RocksDB",
        sign: Sign::Uses(
            &["rocksdb_options_create", "rocksdb_open"],
            "lock hold by current process",
        ),
        packages: &["librocksdb-sys", "rust-librocksdb-sys"],
        mode: ProcessHandover,
        reason: UNSEEN_HOLDER,
    },
    Row {
        name: "LevelDB",
        sign: Sign::Uses(&["leveldb_open"], "already held by process"),
        packages: &["leveldb-sys"],
        mode: ProcessHandover,
        reason: UNSEEN_HOLDER,
    },
    // https://duckdb.org/docs/connect/concurrency: one process writes; its lock is fcntl's, too.
    Row {
        name: "DuckDB",
        sign: Sign::Uses(&["duckdb_open", "duckdb_open_ext"], "Could not set lock on file"),
        packages: &["libduckdb-sys"],
        mode: ProcessHandover,
        reason: UNSEEN_HOLDER,
    },
    // Databases in Rust. Their locks belong to an open file, so that the second generation of a
    // process is refused what the first one has, as another process would be.
    row("redb", Handover, ONE_HOLDER),
    row("sled", Handover, ONE_HOLDER),
    row("persy", Handover, ONE_HOLDER),
    row("parity-db", Handover, ONE_HOLDER),
    row("rusty-leveldb", Handover, ONE_HOLDER),
    row("surrealkv", Handover, ONE_HOLDER),
    // Before version 3 without any lock.
    row("fjall", Handover, ONE_HOLDER),
    row("tantivy", Handover, "an index has one writer"),
    // `fcntl_lock` of rustix, which belongs to the process.
    row("turso_core", ProcessHandover, UNSEEN_HOLDER),
    row("limbo_core", ProcessHandover, UNSEEN_HOLDER),
    // Signals.
    row("ctrlc", Process, ONE_HANDLER),
    row("signal-hook", Process, ONE_HANDLER),
    row("crash-handler", Process, ONE_HANDLER),
    row("pprof", Process, "a process has one timer for its profile"),
    // Its global pool has no end: https://docs.rs/rayon-core, `ThreadPoolBuilder::build_global`.
    // Each swap in one process left as many threads as there are processors.
    row("rayon-core", Process, "the threads of its pool last as long as the process"),
    // Machines of which a process has one.
    Row {
        name: "jni",
        sign: Sign::Package(Some("invocation")),
        packages: &["jni"],
        mode: Process,
        reason: "a process can start one Java machine",
    },
    Row {
        name: "Python",
        sign: Sign::Uses(&["Py_InitializeEx", "Py_Initialize"], "Py_InitializeEx"),
        packages: &["pyo3"],
        mode: Process,
        reason: "a process has one interpreter",
    },
    // Schedulers inside the app.
    row("tokio-cron-scheduler", Handover, JOBS),
    row("clokwerk", Handover, JOBS),
    row("job_scheduler_ng", Handover, JOBS),
    row("delay_timer", Handover, JOBS),
    // Whoever does it, in whatever language: none of it is in a library by itself. What the rows
    // above have found explains it already. `signal-hook-registry`, which tokio uses, calls the
    // handler that was there before.
    Row {
        name: "it sets handlers of signals",
        sign: Sign::Calls("sigaction", Some("signal-hook-registry")),
        packages: &[],
        mode: Process,
        reason: ONE_HANDLER,
    },
    Row {
        name: "it listens on an address of its own",
        sign: Sign::Calls("listen", None),
        packages: &[],
        mode: Handover,
        reason: "an address has one holder",
    },
    Row {
        name: "it locks files",
        sign: Sign::Calls("flock", None),
        packages: &[],
        mode: Handover,
        reason: "a lock has one holder",
    },
];

/// A package that is noticed by its name.
const fn row(name: &'static str, mode: SwapMode, reason: &'static str) -> Row {
    Row { name, sign: Sign::Package(None), packages: &[], mode, reason }
}

/// Packages whose variables must have a fixed place, as long as their features leave it so.
pub(super) const STATIC_TLS: &[&str] =
    &["tikv-jemalloc-sys", "jemalloc-sys", "libmimalloc-sys", "snmalloc-sys", "rpmalloc-sys"];
