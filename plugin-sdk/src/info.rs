//! What a page may know about the library it is in.

use std::sync::OnceLock;

static INFO: OnceLock<Info> = OnceLock::new();

struct Info {
    build_id: String,
    dev: bool,
}

/// The first start decides; a library is only ever told one build id.
pub(crate) fn set(build_id: &str, dev: bool) {
    INFO.get_or_init(|| Info { build_id: build_id.to_owned(), dev });
}

/// The id of the build that is running: 32 hexadecimal digits, or empty before `init` and in
/// tests.
#[must_use]
pub fn build_id() -> &'static str {
    INFO.get().map_or("", |info| &info.build_id)
}

/// Whether this is the development server, where error pages show causes.
#[must_use]
pub fn is_dev() -> bool {
    INFO.get().is_some_and(|info| info.dev)
}
