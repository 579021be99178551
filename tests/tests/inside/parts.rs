//! Split apps: an app library with page libraries, opened and attached in a real host.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use nova_host::generation::failure::HandlerPanic;
use nova_host::swap::SwapError;
use nova_parts::{PageLibrary, PartError, PartedApp};
use nova_tests::client::{Connection, fresh};
use nova_tests::fixtures::replaced;
use nova_tests::inside::Inside;
use nova_tests::parts::{Page, Workshop};

/// A page that answers with a text.
const fn says<'a>(name: &'a str, pattern: &'a str, code: &'a str) -> Page<'a> {
    Page { name, pattern, form: "sync_0", code }
}

const COUNT: Page<'_> = Page {
    name: "count",
    pattern: "/count",
    form: "sync_1",
    code: "pub fn get(State(c): State<crate::app::Counter>) -> String {\n\
               (c.count.fetch_add(1, std::sync::atomic::Ordering::SeqCst) + 1).to_string()\n\
           }",
};
const ONE: Page<'_> = says("one", "/one", "pub fn get() -> &'static str { \"one\" }");

#[tokio::test(flavor = "multi_thread")]
async fn a_page_swap_keeps_the_state_and_an_app_swap_hands_it_over() {
    let workshop = Workshop::new();
    let host = Inside::new(&workshop);
    let app = workshop.app("hello", "hello");
    let (count, one) = (workshop.page(&app, &COUNT), workshop.page(&app, &ONE));

    let opened = host.open(&app, std::slice::from_ref(&count)).await.unwrap();
    assert_eq!((opened.generation.0, opened.routes), (1, 2));
    assert_eq!(host.text("/own").await, "own");
    assert_eq!(host.text("/count").await, "1");
    assert_eq!(host.get("/one").await.0, 404);

    let pages = [count.clone(), one.clone()];
    let attached = host.parts.attach(&pages).await.unwrap();
    assert_eq!((attached.generation.0, attached.routes), (2, 3));
    assert_ne!(attached.build_id, opened.build_id);
    assert_eq!(host.text("/one").await, "one");
    assert_eq!(host.text("/count").await, "2");
    let again = host.parts.attach(&pages).await.expect_err("nothing to do");
    assert!(matches!(again, PartError::Swap(SwapError::AlreadyLive { .. })), "{again}");

    let other = workshop.app("hello", "good day");
    let count = workshop.page(&other, &COUNT);
    let opened = host.open(&other, std::slice::from_ref(&count)).await.unwrap();
    assert_eq!((opened.generation.0, opened.routes), (3, 2));
    assert_eq!(host.text("/count").await, "3");
    assert_eq!(host.get("/one").await.0, 404);
    assert_eq!(host.switch.totals(), (3, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn statics_types_and_layouts_of_the_app_library_are_those_of_its_pages() {
    let workshop = Workshop::new();
    let host = Inside::new(&workshop);
    let app = workshop.app("hello", "hello");
    let visit = "pub fn get() -> Html {\n\
                     let n = crate::components::VISITS.fetch_add(1, \
                         std::sync::atomic::Ordering::SeqCst);\n\
                     page(\"Visits\", html! { (crate::components::greeting()) \" \" (n) })\n\
                 }";
    let pages = [("a", "/a"), ("b", "/b")];
    let pages = pages.map(|(name, pattern)| workshop.page(&app, &says(name, pattern, visit)));
    host.open(&app, &pages).await.unwrap();
    assert!(host.text("/a").await.contains("<main data-layout>hello 0</main>"));
    assert!(host.text("/b").await.contains("<main data-layout>hello 1</main>"));
    host.parts.attach(&pages[1..]).await.unwrap();
    assert!(host.text("/b").await.contains("<main data-layout>hello 2</main>"));
}

#[tokio::test(flavor = "multi_thread")]
async fn while_an_app_drains_it_knows_its_own_build() {
    let workshop = Workshop::new();
    let host = Arc::new(Inside::new(&workshop));
    let gate = TcpListener::bind("127.0.0.1:0").unwrap();
    let code = format!(
        "use std::io::Read;\n\
         use std::net::TcpStream;\n\
         use nova::tokio::{{self, task::spawn_blocking}};\n\
         pub async fn get() -> Result<String> {{\n\
             let before = nova::build_id();\n\
             spawn_blocking(|| TcpStream::connect(\"{}\")?.read(&mut [0])).await??;\n\
             let task = tokio::spawn(async {{ nova::build_id() }}).await?;\n\
             Ok(format!(\"{{before}} {{}} {{task}}\", nova::build_id()))\n\
         }}",
        gate.local_addr().unwrap()
    );
    let late = Page { name: "late", pattern: "/late", form: "async_0", code: &code };
    let app = workshop.app("hello", "hello");
    host.open(&app, &[workshop.page(&app, &late)]).await.unwrap();
    let waiting = tokio::spawn({
        let host = host.clone();
        async move { host.text("/late").await }
    });
    let (mut gate, _) = tokio::task::block_in_place(|| gate.accept()).unwrap();

    // Another app on the same image: it starts, serves, and knows itself.
    let other = workshop.app("hello", "good day");
    let now = says("now", "/now", "pub fn get() -> &'static str { nova::build_id() }");
    host.open(&other, &[workshop.page(&other, &now)]).await.unwrap();
    assert_eq!(host.text("/now").await, other.build.as_str());
    gate.write_all(b"!").unwrap();
    let build = app.build.as_str();
    assert_eq!(waiting.await.unwrap(), format!("{build} {build} {build}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_in_a_page_is_caught_with_its_place() {
    let workshop = Workshop::new();
    let host = Inside::new(&workshop);
    let app = workshop.app("hello", "hello");
    let code = "pub fn get() -> &'static str {\n    panic!(\"out of cake\")\n}";
    let boom = workshop.page(&app, &says("boom", "/boom", code));
    host.open(&app, &[boom, workshop.page(&app, &ONE)]).await.unwrap();
    let answer = host.answer("/boom").await;
    assert_eq!(answer.status(), 500);
    let panic = answer.extensions().get::<HandlerPanic>().expect("a panic");
    assert_eq!(panic.message, "out of cake");
    assert!(panic.location.ends_with("pages/boom.rs:3:5"), "{}", panic.location);
    assert!(panic.backtrace.contains("::page::get"), "{}", panic.backtrace);
    assert_eq!(host.text("/one").await, "one");
}

#[tokio::test(flavor = "multi_thread")]
async fn shutdown_runs_once_when_the_last_view_is_gone() {
    let workshop = Workshop::new();
    let host = Inside::new(&workshop);
    let app = workshop.app("hello", "hello");
    let log = workshop.path("shutdowns");
    let code = format!(
        "pub fn get(State(c): State<crate::app::Counter>) {{\n\
             *c.file.lock().unwrap() = Some({:?}.into());\n\
         }}",
        log.display().to_string()
    );
    let tell = Page { name: "tell", pattern: "/tell", form: "sync_1", code: &code };
    let (tell, one) = (workshop.page(&app, &tell), workshop.page(&app, &ONE));
    host.open(&app, std::slice::from_ref(&tell)).await.unwrap();
    host.text("/tell").await;
    host.parts.attach(&[tell.clone(), one.clone()]).await.unwrap();
    host.parts.attach(std::slice::from_ref(&one)).await.unwrap();

    // Two pages of one route make no table: that view ends, and the app goes on.
    let refused = host.parts.attach(&[one.clone(), workshop.page(&app, &ONE)]).await;
    assert!(matches!(refused, Err(PartError::Swap(SwapError::Table(_)))), "{refused:?}");
    host.settled().await;
    assert!(!log.exists(), "the app runs on");
    assert_eq!(host.text("/one").await, "one");

    let other = workshop.app("hello", "good day");
    host.open(&other, &[]).await.unwrap();
    host.settled().await;
    assert_eq!(fs::read_to_string(log).unwrap(), "shut down\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_belong_to_the_app_is_refused_before_it_is_mapped() {
    let workshop = Workshop::new();
    let host = Inside::new(&workshop);
    let app = workshop.app("hello", "hello");
    let nothing = host.parts.attach(&[]).await.expect_err("no app serves");
    let one = workshop.page(&app, &ONE);
    host.open(&app, std::slice::from_ref(&one)).await.unwrap();
    let loads = host.parts.loads();

    let mut said = format!("no app\n    {nothing}\n");
    let mut say = async |case: &str, page: PageLibrary| {
        let refused = host.parts.attach(&[page]).await.expect_err(case);
        writeln!(said, "{case}\n    {refused}").unwrap();
        assert_eq!(host.text("/one").await, "one", "{case}");
    };
    let other = workshop.app("hello", "good day");
    say("a page of another app build", workshop.page(&other, &ONE)).await;
    say("another symbol", PageLibrary { symbol: "nova_page_two".into(), ..one.clone() }).await;
    // The linker would find it, in the app library.
    say("a symbol of the app", PageLibrary { symbol: "nova_library_note".into(), ..one.clone() })
        .await;
    say("no page at all", PageLibrary { path: workshop.write_library("plain"), ..one.clone() })
        .await;
    say("cut short", {
        let bytes = fs::read(&one.path).unwrap();
        let path = workshop.write("short.so", &bytes[..60]);
        PageLibrary { path, ..one.clone() }
    })
    .await;
    say("writable by everybody", {
        let path = workshop.write("open.so", fs::read(&one.path).unwrap());
        fs::set_permissions(&path, fs::Permissions::from_mode(0o777)).unwrap();
        PageLibrary { path, ..one.clone() }
    })
    .await;
    say("missing", PageLibrary { path: workshop.path("none.so"), ..one.clone() }).await;
    assert_eq!(host.parts.loads(), loads, "nothing of these was mapped");

    let mut say = async |case: &str, app: PartedApp| {
        let refused = host.open(&app, &[]).await.expect_err(case);
        writeln!(said, "{case}\n    {refused}").unwrap();
        assert_eq!(host.text("/one").await, "one", "{case}");
    };
    say("an app of a name that is taken", {
        let path = workshop.write("elsewhere/libnova_app.so", fs::read(&app.app).unwrap());
        PartedApp { app: path, ..app.clone() }
    })
    .await;
    say("a page in the place of the app", PartedApp { app: one.path.clone(), ..app.clone() }).await;
    say("a whole library in the place of the app", {
        PartedApp { app: workshop.write_library("good"), ..app.clone() }
    })
    .await;
    say("a page in the place of the image", {
        PartedApp { shared: vec![one.path.clone()], ..other.clone() }
    })
    .await;
    let closed = workshop.app("app.open()", "app.finish()");
    say("an app that takes no pages", closed).await;
    insta::assert_snapshot!(workshop.redacted(&said));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_request_fails_while_pages_are_swapped() {
    let workshop = Workshop::new();
    let host = Inside::new(&workshop);
    let app = workshop.app("hello", "hello");
    let text = |name: &str| format!("pub fn get() -> String {{ \"{name}\".repeat(1000) }}");
    let builds = ["a", "b"].map(|name| workshop.page(&app, &says("text", "/text", &text(name))));
    let count = workshop.page(&app, &COUNT);
    host.open(&app, &[builds[0].clone(), count.clone()]).await.unwrap();
    let address = host.listen();

    let stop = Arc::new(AtomicBool::new(false));
    let seen = Arc::new([const { AtomicUsize::new(0) }; 2]);
    let counted = Arc::new(AtomicUsize::new(0));
    let mut clients = tokio::task::JoinSet::new();
    for kept in [true, true, false] {
        let (stop, seen, counted) = (stop.clone(), seen.clone(), counted.clone());
        clients.spawn(async move {
            let mut connection = Connection::open(address).await.unwrap();
            while !stop.load(Ordering::Relaxed) {
                let text = if kept {
                    connection.text("/text").await.unwrap()
                } else {
                    counted.fetch_add(1, Ordering::Relaxed);
                    fresh(address, "/count").await.unwrap();
                    fresh(address, "/text").await.unwrap()
                };
                let build = usize::from(text.starts_with('b'));
                assert_eq!(text, ["a", "b"][build].repeat(1000), "of one build");
                seen[build].fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    let mut rounds = 0;
    let answered = || seen.iter().map(|count| count.load(Ordering::Relaxed)).min();
    while rounds < 200 || answered() < Some(100) {
        rounds += 1;
        let page = builds[rounds % 2].clone();
        host.parts.attach(&[page, count.clone()]).await.unwrap();
        assert!(clients.try_join_next().is_none(), "a client ended: its request failed");
    }
    stop.store(true, Ordering::Relaxed);
    while let Some(client) = clients.join_next().await {
        client.expect("no request failed");
    }
    println!("{rounds} page swaps; answered by the two builds: {seen:?}");
    let requests = counted.load(Ordering::Relaxed);
    assert_eq!(host.text("/count").await, (requests + 1).to_string(), "one state through it all");
    host.settled().await;
}

/// The same page under other routes: what a save costs the host must not grow with the app.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_among_a_thousand() {
    let workshop = Workshop::new();
    let host = Inside::new(&workshop);
    let app = workshop.app("hello", "hello");
    let one = says("one", "/page/0000/{id}", "pub fn get() -> &'static str { \"old\" }");
    let (one, bytes) = {
        let page = workshop.page(&app, &one);
        let bytes = fs::read(&page.path).unwrap();
        (page, bytes)
    };
    let pages: Vec<_> = (0..1000)
        .map(|n| {
            let route = format!("/page/{n:04}/");
            let path = workshop.write(
                &format!("libnova_page-{n}.so"),
                replaced(&bytes, b"/page/0000/", route.as_bytes()),
            );
            PageLibrary { path, ..one.clone() }
        })
        .collect();
    let opened = host.open(&app, &pages).await.unwrap();
    println!("1,000 pages opened: {opened:?}");
    assert_eq!(host.text("/page/0777/x").await, "old");
    let new = says("new", "/page/0777/{id}", "pub fn get() -> &'static str { \"new\" }");
    let mut pages = pages;
    pages[777] = workshop.page(&app, &new);
    let attached = host.parts.attach(&pages).await.unwrap();
    println!("one of 1,000 pages attached: {attached:?}");
    assert_eq!(attached.routes, 1001);
    assert_eq!(host.text("/page/0777/x").await, "new");
    assert_eq!(host.text("/page/0778/x").await, "old");
}
