//! What some libraries can do besides the contract, found by its name.
//!
//! An application may have tables of functions that not every host wants and not every library has.
//! A host asks for one by name; the answer to a name that is not known is nothing. So neither side
//! refuses the other because of it.

/// A table of functions that an application may have. The functions take the application's pointer
/// first.
///
/// # Safety
/// The name is this type's alone, and another one whenever the type changes.
pub unsafe trait Extension: Sync + 'static {
    /// The name, with a number that moves with the type.
    const NAME: &'static str;
}

/// An [`Extension`] of any type, in the hands of [`Plugin::extensions`](crate::Plugin::extensions).
#[derive(Debug, Clone, Copy)]
pub struct ExtensionTable {
    name: &'static str,
    table: *const (),
}

impl ExtensionTable {
    /// The table of an application; its functions are for the type of that application.
    ///
    /// # Safety
    /// The functions of the table may be called with a pointer to each application that gives it
    /// away.
    #[must_use]
    pub const unsafe fn new<E: Extension>(table: &'static E) -> Self {
        Self { name: E::NAME, table: std::ptr::from_ref(table).cast() }
    }

    /// Where the table is, if this is its name.
    pub(crate) fn named(self, name: &str) -> *const () {
        if self.name == name { self.table } else { std::ptr::null() }
    }
}

// SAFETY: it points to an `Extension`, which is `Sync`, and to its name.
unsafe impl Send for ExtensionTable {}
// SAFETY: as above.
unsafe impl Sync for ExtensionTable {}

/// What a library may export under a name besides its root module and its note.
///
/// # Safety
/// The type is as large as an address and is one; and whatever a library of Nova exports under a
/// name that begins with `PREFIX` is of this type, at the address of the symbol.
pub unsafe trait Exported: Copy + 'static {
    /// How the names begin under which libraries export this.
    const PREFIX: &'static str;
}
