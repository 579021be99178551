//! Split apps: an app library with page libraries, opened and attached in a real host.

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Empty};
use nova_host::assets::{Assets, Caching};
use nova_host::loader::Store;
use nova_host::site::Site;
use nova_host::start::StartInfo;
use nova_host::swap::{PageLibrary, SplitApp, SwapError, SwapSettings, Swapped, Switch};
use nova_tests::split::{Page, Workshop};

/// A host without a socket.
struct Inside {
    switch: Arc<Switch>,
    site: Arc<Site>,
}

impl Inside {
    fn new(workshop: &Workshop) -> Self {
        let store = Store::open(workshop.path("store")).unwrap();
        let settings = SwapSettings { dev: true, ..SwapSettings::default() };
        let switch = Arc::new(Switch::new(settings, store));
        let assets = Arc::new(Assets::new(Vec::new(), Caching::Revalidate));
        Self { site: Arc::new(Site::new(switch.clone(), assets)), switch }
    }

    async fn open(&self, app: &SplitApp, pages: &[PageLibrary]) -> Result<Swapped, SwapError> {
        self.switch.open(app, pages, &StartInfo::default()).await
    }

    async fn get(&self, path: &str) -> (StatusCode, String) {
        let request =
            Request::get(path).header("host", "localhost").body(Empty::<Bytes>::new()).unwrap();
        let (head, body) = self.site.answer(request, None).await.response.into_parts();
        let body = body.collect().await.map_err(|error| error.to_string()).unwrap().to_bytes();
        (head.status, String::from_utf8(body.to_vec()).unwrap())
    }

    async fn text(&self, path: &str) -> String {
        let (status, text) = self.get(path).await;
        assert_eq!(status, StatusCode::OK, "{path}: {text}");
        text
    }
}

/// A page that answers with a text.
fn says<'a>(name: &'a str, pattern: &'a str, code: &'a str) -> Page<'a> {
    Page { name, pattern, form: "sync_0", code }
}

const COUNT: Page<'_> = Page {
    name: "count",
    pattern: "/count",
    form: "sync_1",
    code: "use std::sync::atomic::Ordering::SeqCst;\n\
           pub fn get(State(c): State<crate::app::Counter>) -> String {\n\
               (c.count.fetch_add(1, SeqCst) + 1).to_string()\n\
           }",
};

#[tokio::test(flavor = "multi_thread")]
async fn a_page_swap_keeps_the_state_and_an_app_swap_hands_it_over() {
    let workshop = Workshop::new();
    let host = Inside::new(&workshop);
    let app = workshop.app("hello");
    let count = workshop.page(&app, &COUNT);
    let one = workshop.page(&app, &says("one", "/one", "pub fn get() -> &'static str { \"1\" }"));

    let opened = host.open(&app, std::slice::from_ref(&count)).await.unwrap();
    assert_eq!((opened.generation.0, opened.routes), (1, 2));
    assert_eq!(host.text("/own").await, "own");
    assert_eq!(host.text("/count").await, "1");
    assert_eq!(host.get("/one").await.0, StatusCode::NOT_FOUND);

    let attached = host.switch.attach(&[count.clone(), one.clone()]).await.unwrap();
    println!("attach of one more page: {attached:?}");
    assert_eq!((attached.generation.0, attached.routes), (2, 3));
    assert_ne!(attached.build_id, opened.build_id);
    assert_eq!(host.text("/one").await, "1");
    assert_eq!(host.text("/count").await, "2");

    let other = workshop.app("good day");
    let count = workshop.page(&other, &COUNT);
    let opened = host.open(&other, std::slice::from_ref(&count)).await.unwrap();
    assert_eq!((opened.generation.0, opened.routes), (3, 2));
    assert_eq!(host.text("/count").await, "3");
    assert_eq!(host.get("/one").await.0, StatusCode::NOT_FOUND);
}
