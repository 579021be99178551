//! The stages of a request, by the source files whose code they are.

/// In which stage the code of a file is, and what the budget calls it; the first that fits counts.
const STAGES: [(&str, &str); 31] = [
    ("host/src/process/log", "log"),
    ("/tracing", "log"),
    ("host/src/edge", "edge"),
    ("host/src/server/head", "edge"),
    ("host/src/server", "connection"),
    ("host/src/site", "site"),
    ("host/src/swap", "site"),
    ("host/src/generation/table", "site"),
    ("plugin-sdk/routing", "site"),
    ("/arc-swap", "site"),
    ("host/src/generation", "cross"),
    ("host/src/process", "cross"),
    ("plugin-sdk/abi", "cross"),
    ("/abi_stable", "cross"),
    ("/async-ffi", "cross"),
    ("/vm-memory", "cross"),
    ("host/src", "site"),
    ("plugin-sdk/src", "sdk"),
    ("benches/", "page"),
    ("/maud", "page"),
    ("/serde", "page"),
    ("/axum", "framework"),
    ("/matchit", "framework"),
    ("/tower", "framework"),
    ("/hyper", "http"),
    ("/httparse", "http"),
    ("/httpdate", "http"),
    ("/h2-", "http"),
    ("/tokio", "runtime"),
    ("/mio", "runtime"),
    ("/parking_lot", "runtime"),
];

/// The stage of a file's code; `None` where it belongs to those who call it.
#[must_use]
pub fn stage_of(file: &str) -> Option<&'static str> {
    STAGES.iter().find(|(part, _)| file.contains(part)).map(|(_, stage)| *stage)
}
