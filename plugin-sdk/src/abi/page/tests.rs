//! Pages attached to an app as the development server does it; the pages are functions of
//! this program.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use nova_abi::abi_stable::std_types::ROption;
use nova_abi::{App, HostServices, InitContext, LogEvent, LogSink, Purpose, Services};
use nova_abi_parts::{NotAttached, attach};

use super::*;
use crate::app::Routes;
use crate::handler::*;
use crate::parts::{init_sync_0, no_state};

/// Where the note of the app library would be.
const NOTE: usize = 1;

async fn started(routes: fn() -> Routes) -> App {
    extern "C" fn write(_: &LogEvent<'_>) {}
    let services = HostServices::new(Services {
        rooms: nova_abi::Rooms::new(Arc::new(nova_rooms::LocalRooms::default())),
        log: LogSink { max_level: ROption::RNone, write },
        dev: true,
        build_id: "0".repeat(32),
        stylesheet: None,
        favicon: None,
        public: Vec::new(),
    });
    let context = InitContext { purpose: Purpose::Preflight, saved: ROption::RNone, services };
    crate::abi::init(routes, context, NOTE).await.expect("a started app")
}

fn entry(entry: unsafe extern "C" fn(*mut ())) -> PageEntry {
    // SAFETY: every function below hands its argument on to `enter`.
    unsafe { PageEntry::new(entry) }
}

/// A page function, as the macro writes it.
macro_rules! page {
    ($name:ident, $linked:expr, $declare:expr) => {
        unsafe extern "C" fn $name(pages: *mut ()) {
            // SAFETY: called by `declare` alone.
            unsafe { enter(pages, $linked, $declare) }
        }
    };
}

fn refused<T: std::fmt::Debug>(attached: Result<(App, T), NotAttached>) -> (Option<usize>, String) {
    let NotAttached { page, failure } = attached.expect_err("refused");
    (page.into_option(), failure.message.into())
}

fn open() -> Routes {
    let mut app = crate::App::new(crate::no_state());
    app.page("/own", "pages/own.rs").get(sync_0(|| "own"));
    app.open()
}

page!(fits, NOTE, |pages| {
    let mut app = pages.of(no_state());
    app.page("/one", "pages/one.rs").get(sync_0(|| "1"));
});
page!(of_another_build, NOTE + 1, |_| unreachable!("it is not asked"));
page!(of_another_state, NOTE, |pages| {
    let mut app = pages.of(init_sync_0(|| 7_u32));
    app.page("/one", "pages/one.rs").get(sync_0(|| "1"));
});
page!(panics, NOTE, |_| panic!("at the wrong time"));
page!(without_slash, NOTE, |pages| {
    pages.of(no_state()).page("one", "pages/one.rs").get(sync_0(|| "1"));
});
unsafe extern "C" fn silent(_: *mut ()) {}

#[tokio::test]
async fn routes_of_pages_come_after_the_apps_own() {
    let app = started(open).await;
    let (view, routes) = attach(&app, &[entry(fits)]).expect("attached");
    let patterns: Vec<_> = routes.iter().map(|route| route.pattern.as_str()).collect();
    assert_eq!(patterns, ["/own", "/one"]);
    let (_, routes) = attach(&view, &[]).expect("attached");
    assert_eq!(routes.len(), 1, "a view of a view has the pages that it is given");
}

#[cfg(feature = "tower")]
#[tokio::test]
async fn a_page_may_take_what_a_layer_leaves() {
    fn layered() -> Routes {
        let mut app = crate::App::new(crate::no_state());
        app.middleware("/", crate::tower::layers_0(tower::layer::util::Identity::new));
        app.open()
    }
    page!(takes, NOTE, |pages| {
        let mut app = pages.of(no_state());
        let get = sync_1(|text: crate::extract::Extension<&'static str>| text.0);
        app.page("/one", "pages/one.rs").get(get);
    });
    attach(&started(layered).await, &[entry(takes)]).expect("attached");
    let (_, message) = refused(attach(&started(open).await, &[entry(takes)]));
    assert!(message.contains("no middleware above it leaves one"), "{message}");
}

#[tokio::test]
async fn what_does_not_fit_is_refused_with_its_place() {
    let app = started(open).await;
    let cases: [(unsafe extern "C" fn(*mut ()), &str); 5] = [
        (of_another_build, "linked to another build of the app"),
        (of_another_state, "compiled for an app whose state is `u32`, and this app's is `()`"),
        (panics, "at the wrong time at "),
        (without_slash, "pages/one.rs: bad route pattern `one`"),
        (silent, "none of `nova::export_page!`"),
    ];
    for (bad, want) in cases {
        let (index, message) = refused(attach(&app, &[entry(fits), entry(bad)]));
        assert_eq!(index, Some(1), "{message}");
        assert!(message.contains(want), "{message}");
    }
    assert!(attach(&app, &[entry(fits)]).is_ok(), "the app goes on");

    fn closed() -> Routes {
        crate::App::new(crate::no_state()).finish()
    }
    let (index, message) = refused(attach(&started(closed).await, &[]));
    assert_eq!(index, None);
    assert!(message.contains("it takes no page libraries"), "{message}");
}

static ENDED: AtomicUsize = AtomicUsize::new(0);

fn ending() -> Routes {
    let hooks = crate::hooks::init_sync_0(|| ()).shutdown_sync(|()| {
        ENDED.fetch_add(1, Ordering::SeqCst);
    });
    crate::App::new(hooks).open()
}

#[tokio::test]
async fn the_app_ends_with_its_last_view_once() {
    let first = started(ending).await;
    let (second, _) = attach(&first, &[entry(fits)]).expect("attached");
    let (never_served, _) = attach(&first, &[]).expect("attached");
    first.shutdown().await;
    first.shutdown().await;
    drop(first);
    drop(never_served);
    assert_eq!(ENDED.load(Ordering::SeqCst), 0, "a view is left");
    second.shutdown().await;
    assert_eq!(ENDED.load(Ordering::SeqCst), 1);
    let (_, message) = refused(attach(&second, &[]));
    assert_eq!(message, "it has been shut down");
    second.shutdown().await;
    assert_eq!(ENDED.load(Ordering::SeqCst), 1);
}

unsafe extern "C" fn numbered<const N: usize>(pages: *mut ()) {
    fn declare<const N: usize>(pages: &mut Pages<'_>) {
        let mut app = pages.of(no_state());
        app.page(&format!("/section/{N}/{{id}}"), "pages/section/[id].rs").get(sync_0(|| "n"));
    }
    // SAFETY: called by `declare` alone.
    unsafe { enter(pages, NOTE, declare::<N>) }
}

/// A thousand functions, each with an address of its own.
fn thousand() -> Vec<PageEntry> {
    macro_rules! ten {
        ($each:ident, $at:expr) => {{
            $each!($at * 10);
            $each!($at * 10 + 1);
            $each!($at * 10 + 2);
            $each!($at * 10 + 3);
            $each!($at * 10 + 4);
            $each!($at * 10 + 5);
            $each!($at * 10 + 6);
            $each!($at * 10 + 7);
            $each!($at * 10 + 8);
            $each!($at * 10 + 9);
        }};
    }
    let mut pages = Vec::new();
    macro_rules! one {
        ($n:expr) => {
            pages.push(entry(numbered::<{ $n }>))
        };
    }
    macro_rules! tens {
        ($n:expr) => {
            ten!(one, ($n))
        };
    }
    macro_rules! hundreds {
        ($n:expr) => {
            ten!(tens, ($n))
        };
    }
    ten!(hundreds, 0);
    pages
}

/// A save in an app of 1,000 pages attaches one page anew. The time is printed, for it depends on
/// the machine; that the other pages are not asked again does not.
#[tokio::test]
async fn a_page_is_asked_once_however_many_there_are() {
    let pages = thousand();
    let app = started(open).await;
    let began = Instant::now();
    let (view, routes) = attach(&app, &pages).expect("attached");
    println!("1,000 pages attached at first: {:?}", began.elapsed());
    assert_eq!(routes.len(), 1001);
    let mut times = Vec::new();
    let mut view = view;
    for _ in 0..20 {
        let began = Instant::now();
        let (next, routes) = attach(&view, &pages).expect("attached");
        times.push(began.elapsed());
        assert_eq!(routes.len(), 1001);
        view = next;
    }
    times.sort();
    println!("1,000 pages attached again: {:?} at the median", times[times.len() / 2]);
    let all = allocation_counter::measure(|| drop(attach(&view, &pages))).count_total;
    let some = allocation_counter::measure(|| drop(attach(&view, &pages[..10]))).count_total;
    assert_eq!(all, some, "a page that is known costs no allocation");
}
