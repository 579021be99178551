//! Why a parted app, or a page of one, does not serve.

use std::path::PathBuf;

use nova_host::{LoadError, SwapError};

/// Why a parted app, or a page of one, does not serve. What served before still does.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)] // The messages say what the fields are.
pub enum PartError {
    #[error(transparent)]
    Load(#[from] LoadError),

    #[error(transparent)]
    Swap(#[from] SwapError),

    #[error(
        "{}: calls itself `{name}`, and so does {}, which is mapped already; the dynamic linker \
         knows libraries by that name alone, so each build needs one of its own",
        .path.display(), .other.display()
    )]
    SameName { path: PathBuf, name: String, other: PathBuf },

    #[error(
        "{}: has no name of its own for the dynamic linker (DT_SONAME), so no other library can \
         need it; was it built as a `dylib`?", .path.display()
    )]
    Nameless { path: PathBuf },

    #[error(
        "{}: was compiled against {found}, the app library that serves is {running}; \
         build the page again", .path.display()
    )]
    OtherApp { path: PathBuf, found: String, running: String },

    #[error(
        "{}: is a shared library, but not the page library that it should be: it does not \
         export `{symbol}`", .path.display()
    )]
    NotAPage { path: PathBuf, symbol: String },

    #[error("{subject}: cannot be attached: {cause}")]
    Attach { subject: String, cause: String },

    #[error("no app serves yet to which pages could be attached; open one first")]
    NothingServes,

    #[error(transparent)]
    Page(Box<RefusedPage>),
}

/// A page that cannot be attached; without it, the others can.
#[derive(Debug, thiserror::Error)]
#[error("{cause}")]
pub struct RefusedPage {
    /// Its source file.
    pub file: String,
    /// Why.
    pub cause: PartError,
}

impl PartError {
    /// The file of the page that this is about, if it is about one.
    #[must_use]
    pub fn page(&self) -> Option<&str> {
        match self {
            Self::Page(refused) => Some(&refused.file),
            _ => None,
        }
    }

    /// Whether it is about how the app was cut into libraries: as one library the app may load.
    #[must_use]
    pub fn is_of_part(&self) -> bool {
        match self {
            Self::Page(refused) => refused.cause.is_of_part(),
            // What is said of a route would be as true of one library, and so is what the switch says.
            Self::Attach { .. } | Self::Swap(_) | Self::NothingServes => false,
            Self::Load(_)
            | Self::SameName { .. }
            | Self::Nameless { .. }
            | Self::OtherApp { .. }
            | Self::NotAPage { .. } => true,
        }
    }

    pub(crate) fn of_page(self, file: &str) -> Self {
        Self::Page(Box::new(RefusedPage { file: file.to_owned(), cause: self }))
    }
}
