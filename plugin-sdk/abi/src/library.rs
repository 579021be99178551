//! A library: its root module, its routes, and the application that `init` makes of it.

use std::task::Context;

use abi_stable::{
    StableAbi,
    library::RootModule,
    package_version_strings,
    sabi_types::VersionStrings,
    std_types::{ROption, RResult, RSlice, RStr, RString, RVec},
};
use async_ffi::{ContextExt, FfiContext};

use crate::{
    Answer, Exchange, Extension, ExtensionTable, Failure, GuardedFuture, HostServices, OwnedBytes,
    Panic, ResponseHead, Start, Target,
    guard::{catch, drop_quietly},
};

/// The name that abi_stable's root module carries.
pub const LIBRARY_NAME: &str = "nova_routes";

/// The root module of a route library.
#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = LibraryRef)))]
#[sabi(missing_field(panic))]
pub struct Library {
    /// The routes, in the order that [`Target::Route`] counts; `Err` if declaring them panicked.
    pub routes: extern "C" fn() -> RResult<RVec<Route>, Failure>,
    /// Whether `import` can read what an app has saved, without running it.
    pub fits: extern "C" fn(RSlice<'_, u8>) -> RResult<(), Failure>,
    /// Starts an application: makes its runtime and runs the app's `init`.
    #[sabi(last_prefix_field)]
    pub init: extern "C" fn(InitContext) -> GuardedFuture<'static, App>,
}

impl RootModule for LibraryRef {
    abi_stable::declare_root_module_statics! {LibraryRef}
    const BASE_NAME: &'static str = LIBRARY_NAME;
    const NAME: &'static str = LIBRARY_NAME;
    const VERSION_STRINGS: VersionStrings = package_version_strings!();
}

/// One route of a library.
#[repr(C)]
#[derive(Debug, Clone, StableAbi)]
pub struct Route {
    /// The pattern: `/users/{id}`, `/docs/{*path}`, `/x/{*path?}`.
    pub pattern: RString,
    /// The page's file, relative to the app.
    pub file: RString,
    /// The methods that have a handler of their own.
    pub methods: RVec<RString>,
    /// Whether `handler` takes every other method.
    pub any: bool,
    /// Whether preflight and warm-up may send it a GET.
    pub precompile: bool,
}

/// Why an application is started.
#[repr(u8)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, StableAbi)]
pub enum Purpose {
    /// To answer clients.
    Serve,
    /// To be checked before it serves: it must change nothing outside.
    Preflight,
    /// To be exercised at build time, on scratch state.
    Precompile,
}

/// What `init` is given. Owned by the library from then on.
#[repr(C)]
#[derive(Debug, StableAbi)]
pub struct InitContext {
    /// Why the application is started.
    pub purpose: Purpose,
    /// What the previous generation's `export` saved.
    pub saved: ROption<OwnedBytes>,
    /// What the host offers and says.
    pub services: HostServices,
}

/// What the SDK implements: an application that `init` has made.
pub trait Plugin: Send + Sync + 'static {
    /// Starts to answer, up to the first wait. Panics are the implementation's to catch; one that
    /// escapes is answered as a bare 500.
    fn start<'a>(
        &'a self,
        target: Target<'a>,
        exchange: &'a Exchange<'a>,
        head: ResponseHead<'a>,
        cx: &mut Context<'_>,
    ) -> Start<'a>;

    /// Whether it has a state to hand to the next generation.
    fn exports(&self) -> bool;

    /// The state to hand to the next generation; `None` where the app exports none.
    fn export(&self) -> impl Future<Output = Result<Option<Vec<u8>>, Failure>> + Send + '_;

    /// What it can do besides; a host asks for an [`Extension`] by its name.
    fn extensions(&self) -> &[ExtensionTable] {
        &[]
    }

    /// Ends this view of the application: no call is in flight in it, none will come. The
    /// application itself ends with its last view, and its tasks with it: this may block.
    fn shutdown(&self) -> impl Future<Output = ()> + Send + '_;
}

/// A started application, owned by the host, run and dropped through the library's functions.
#[repr(C)]
#[derive(StableAbi)]
pub struct App {
    plugin: *mut (),
    start: unsafe extern "C" fn(
        *const (),
        Target<'static>,
        *const Exchange<'static>,
        ResponseHead<'static>,
        &mut FfiContext<'_>,
    ) -> Start<'static>,
    exports: unsafe extern "C" fn(*const ()) -> bool,
    export: unsafe extern "C" fn(*const ()) -> GuardedFuture<'static, ROption<OwnedBytes>>,
    extension: unsafe extern "C" fn(*const (), RStr<'_>) -> *const (),
    shutdown: unsafe extern "C" fn(*const ()) -> GuardedFuture<'static, ()>,
    drop: unsafe extern "C" fn(*mut ()),
}

// SAFETY: `new` takes a `Plugin`, which is `Send + Sync`.
unsafe impl Send for App {}
// SAFETY: as above.
unsafe impl Sync for App {}

impl App {
    /// Boxes a plugin for the host.
    pub fn new<P: Plugin>(plugin: P) -> Self {
        Self {
            plugin: Box::into_raw(Box::new(plugin)).cast(),
            start: start::<P>,
            exports: exports::<P>,
            export: export::<P>,
            extension: extension::<P>,
            shutdown: shutdown::<P>,
            drop: drop_plugin::<P>,
        }
    }

    /// Starts to answer one request. The first poll happens here, with `cx`.
    pub fn start<'a>(
        &'a self,
        target: Target<'a>,
        exchange: &'a Exchange<'a>,
        head: ResponseHead<'a>,
        cx: &mut Context<'_>,
    ) -> Start<'a> {
        // SAFETY: `start::<P>` gives its arguments no longer a life than the `Start` that it
        // returns, and the signature here binds that to `'a`. Only lifetimes are changed.
        unsafe {
            let target = std::mem::transmute::<Target<'a>, Target<'static>>(target);
            let head = std::mem::transmute::<ResponseHead<'a>, ResponseHead<'static>>(head);
            let exchange = std::ptr::from_ref(exchange).cast::<Exchange<'static>>();
            let start =
                cx.with_ffi_context(|cx| (self.start)(self.plugin, target, exchange, head, cx));
            std::mem::transmute::<Start<'static>, Start<'a>>(start)
        }
    }

    /// Whether it has a state to hand to the next generation.
    #[must_use]
    pub fn exports(&self) -> bool {
        // SAFETY: `exports` belongs to `plugin`.
        unsafe { (self.exports)(self.plugin) }
    }

    /// The state to hand to the next generation, as bytes.
    ///
    /// # Errors
    /// The app's own error, or its panic.
    pub async fn export(&self) -> Result<Option<OwnedBytes>, Failure> {
        // SAFETY: `export` belongs to `plugin`, which `&self` keeps alive through the await.
        let exported = unsafe { (self.export)(self.plugin) };
        exported.await.map(ROption::into_option)
    }

    /// The table of an [`Extension`], and the pointer that its functions take first; both are good
    /// for as long as the app. `None`: this app's SDK does not know it.
    #[must_use]
    pub fn extension<E: Extension>(&self) -> Option<(&'static E, *const ())> {
        // SAFETY: `extension` belongs to `plugin`.
        let table = unsafe { (self.extension)(self.plugin, E::NAME.into()) };
        // SAFETY: null, or what an `ExtensionTable` of this name was made of: a table of this type
        // that lives forever, as a library does.
        unsafe { table.cast::<E>().as_ref() }.map(|table| (table, self.plugin.cast_const()))
    }

    /// Ends this view: the app's `shutdown` runs with the last one. No call may be in flight. The
    /// future belongs to a thread that it may block.
    pub async fn shutdown(&self) {
        // SAFETY: as in `export`.
        let done = unsafe { (self.shutdown)(self.plugin) };
        // A panic of the app's `shutdown` has been printed by its hook; it has nothing to answer.
        drop(done.await);
    }
}

impl Drop for App {
    fn drop(&mut self) {
        // SAFETY: `drop` belongs to `plugin`, called once; every borrow of `self` has ended.
        unsafe { (self.drop)(self.plugin) }
    }
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App").finish_non_exhaustive()
    }
}

unsafe extern "C" fn start<P: Plugin>(
    plugin: *const (),
    target: Target<'static>,
    exchange: *const Exchange<'static>,
    head: ResponseHead<'static>,
    cx: &mut FfiContext<'_>,
) -> Start<'static> {
    // SAFETY: `plugin` is the box of `App::new`; it and `exchange` outlive the `Start` (see
    // `App::start`).
    let (plugin, exchange) = unsafe { (&*plugin.cast::<P>(), &*exchange) };
    let caught = catch(|| cx.with_context(|cx| plugin.start(target, exchange, head, cx)));
    caught.unwrap_or_else(|message| Start::Ready(Answer::panicked(Panic::from_message(message))))
}

unsafe extern "C" fn exports<P: Plugin>(plugin: *const ()) -> bool {
    // SAFETY: `plugin` is the box of `App::new`, borrowed through this call.
    let plugin = unsafe { &*plugin.cast::<P>() };
    catch(|| plugin.exports()).unwrap_or(false)
}

unsafe extern "C" fn export<P: Plugin>(
    plugin: *const (),
) -> GuardedFuture<'static, ROption<OwnedBytes>> {
    // SAFETY: `plugin` is the box of `App::new`; `App::export` awaits while it borrows the app.
    let plugin: &'static P = unsafe { &*plugin.cast() };
    GuardedFuture::new(async move { Ok(plugin.export().await?.map(OwnedBytes::from_vec).into()) })
}

unsafe extern "C" fn extension<P: Plugin>(plugin: *const (), name: RStr<'_>) -> *const () {
    // SAFETY: `plugin` is the box of `App::new`, borrowed through this call.
    let plugin = unsafe { &*plugin.cast::<P>() };
    let find = || {
        let tables = plugin.extensions().iter().map(|table| table.named(name.as_str()));
        tables.into_iter().find(|table| !table.is_null())
    };
    catch(find).ok().flatten().unwrap_or(std::ptr::null())
}

unsafe extern "C" fn shutdown<P: Plugin>(plugin: *const ()) -> GuardedFuture<'static, ()> {
    // SAFETY: as in `export`.
    let plugin: &'static P = unsafe { &*plugin.cast() };
    GuardedFuture::new(async move {
        plugin.shutdown().await;
        Ok(())
    })
}

unsafe extern "C" fn drop_plugin<P>(plugin: *mut ()) {
    // SAFETY: `plugin` is the box of `App::new`, dropped once.
    drop_quietly(|| drop(unsafe { Box::from_raw(plugin.cast::<P>()) }));
}
