//! What a library exports for abi_stable, made once, here.
//!
//! abi_stable describes a layout by constants with functions in them, some nine hundred for
//! [`Library`](crate::Library). A constant belongs to whoever names it, so each library would
//! compile all of that again, at every save of a component; a static belongs to the crate that
//! defines it.

use abi_stable::{
    StableAbi,
    abi_stability::{GetStaticEquivalent_, get_static_equivalent::GetStaticEquivalent},
    library::{
        __call_root_module_loader, CheckTypeLayout, LibHeader, RootModule, RootModuleResult,
        RootModuleStatics,
    },
    pointer_trait::{GetPointerKind, PK_Reference},
    prefix_type::PrefixRefTrait,
    sabi_types::VersionStrings,
    type_layout::TypeLayout,
};

use crate::LibraryRef;

static LAYOUT: TypeLayout = *<LibraryRef as StableAbi>::LAYOUT;

/// A [`LibraryRef`], whose layout is a static.
#[derive(Clone, Copy)]
#[repr(transparent)]
struct Root(LibraryRef);

// SAFETY: it is a `LibraryRef` in memory, and what these traits say of it is what they say of that.
unsafe impl GetStaticEquivalent_ for Root {
    type StaticEquivalent = GetStaticEquivalent<LibraryRef>;
}
// SAFETY: as above; the layout is the one that `LibraryRef` has.
unsafe impl StableAbi for Root {
    type IsNonZeroType = <LibraryRef as StableAbi>::IsNonZeroType;
    const LAYOUT: &'static TypeLayout = &LAYOUT;
}
// SAFETY: as above; `LibraryRef` is `Copy` and transparent around a reference.
unsafe impl GetPointerKind for Root {
    type Kind = PK_Reference;
    type PtrTarget = <LibraryRef as GetPointerKind>::PtrTarget;
}
// SAFETY: as above; `LibraryRef` is transparent around a `PrefixRef` to these fields.
unsafe impl PrefixRefTrait for Root {
    type PrefixFields = <LibraryRef as PrefixRefTrait>::PrefixFields;
}

impl RootModule for Root {
    const BASE_NAME: &'static str = LibraryRef::BASE_NAME;
    const NAME: &'static str = LibraryRef::NAME;
    const VERSION_STRINGS: VersionStrings = LibraryRef::VERSION_STRINGS;

    fn root_module_statics() -> &'static RootModuleStatics<Self> {
        // SAFETY: abi_stable's own macro makes it so, and forbids nothing else.
        static STATICS: RootModuleStatics<Root> = unsafe { RootModuleStatics::__private_new() };
        &STATICS
    }
}

/// The value of the static that abi_stable looks for in a library.
///
/// # Safety
/// `constructor` gives what [`root_module`] gives.
#[must_use]
pub const unsafe fn header(constructor: extern "C" fn() -> RootModuleResult) -> LibHeader {
    // SAFETY: the caller promises a pointer to the fields of a `LibraryRef`, and those are `Root`'s.
    unsafe { LibHeader::from_constructor::<Root>(constructor, CheckTypeLayout::Yes) }
}

/// The root module that `library` makes, as abi_stable asks for it.
#[must_use]
pub fn root_module(library: fn() -> LibraryRef) -> RootModuleResult {
    __call_root_module_loader(library)
}
