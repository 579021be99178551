//! What a page swap keeps in memory for good. A program of its own: it reads the memory of its
//! process.

use std::fs;

use nova_host::swap::GenerationState;
use nova_parts::PageLibrary;
use nova_tests::inside::Inside;
use nova_tests::parts::{Page, Workshop};

const SWAPS: usize = 300;
/// Per swap, in KB.
const BUDGET: usize = 300;

/// The anonymous memory of this process, in KB.
fn anonymous() -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).expect("a line");
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_swap_keeps_its_library_and_nothing_that_grows_with_the_app() {
    let workshop = Workshop::new();
    let host = Inside::new(&workshop);
    let app = workshop.app("hello", "hello");
    let page = Page {
        name: "page",
        pattern: "/page",
        form: "sync_0",
        code: "pub fn get() -> Html {\n\
                   page(\"Page\", html! { p { (crate::components::greeting()) } })\n\
               }",
    };
    let page = workshop.page(&app, &page);
    // A library of another name is another library, whatever is in it.
    let bytes = fs::read(&page.path).unwrap();
    let build = |n: usize| {
        let path = workshop.write(&format!("libnova_page-{n}.so"), &bytes);
        PageLibrary { path, ..page.clone() }
    };
    host.open(&app, std::slice::from_ref(&page)).await.unwrap();
    let swap = async |n: usize| {
        let swapped = host.parts.attach(&[build(n)]).await.unwrap();
        assert!(host.text("/page").await.contains("<p>hello</p>"));
        swapped
    };
    // What is made once has been made then.
    for n in 0..20 {
        swap(n).await;
    }
    host.settled().await;
    let before = anonymous();
    let mut times = Vec::new();
    for n in 20..20 + SWAPS {
        times.push(swap(n).await);
    }
    host.settled().await;
    let each = anonymous().saturating_sub(before) / SWAPS;
    times.sort_by_key(|swapped| swapped.total_us);
    let median = &times[SWAPS / 2];
    println!(
        "{SWAPS} page swaps: {each} KB of anonymous memory each; at the median {} us, of which \
         {} us to load and {} us to attach",
        median.total_us, median.load_us, median.init_us
    );
    assert!(each < BUDGET, "{each} KB per swap");

    let history = host.switch.history();
    let live = history.iter().filter(|record| record.state == GenerationState::Live).count();
    assert_eq!(live, 1);
    assert!(history.len() <= 21, "{} generations are remembered", history.len());
}
