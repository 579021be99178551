//! A host inside the test's own process: what a test can see that no status tells.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty};
use nova_host::generation::body::Body;
use nova_host::library::loader::Store;
use nova_host::library::start::StartInfo;
use nova_host::server::{Options, Peer, Server};
use nova_host::site::Site;
use nova_host::site::files::{Assets, Caching};
use nova_host::swap::{GenerationState, SwapReport, SwapSettings, Switch};
use nova_parts::{PageLibrary, PartError, PartedApp, PartedSwitch};

use crate::PATIENCE;
use crate::parts::Workshop;

/// A host that serves parted apps.
pub struct Inside {
    /// The switch.
    pub switch: Arc<Switch>,
    /// The same for parted apps.
    pub parts: PartedSwitch,
    site: Arc<Site>,
}

impl Inside {
    /// A host that serves nothing yet.
    ///
    /// # Panics
    /// If the workshop has no room for its store.
    #[must_use]
    pub fn new(workshop: &Workshop) -> Self {
        let store = Store::open(workshop.path("store")).expect("a store");
        let settings = SwapSettings { dev: true, ..SwapSettings::default() };
        let switch = Arc::new(Switch::new(settings, store));
        let assets = Arc::new(Assets::new(Vec::new(), Caching::Revalidate));
        let site = Arc::new(Site::new(switch.clone(), assets));
        Self { site, parts: PartedSwitch::new(switch.clone()), switch }
    }

    /// Opens an app.
    ///
    /// # Errors
    /// What the switch says.
    pub async fn open(
        &self,
        app: &PartedApp,
        pages: &[PageLibrary],
    ) -> Result<SwapReport, PartError> {
        self.parts.open(app, pages, &StartInfo::default(), None).await
    }

    /// Listens on a port from now on.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    pub fn listen(&self) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let server = Server::new([listener], Options::default()).expect("a server");
        let site = self.site.clone();
        tokio::spawn(server.run(move |request, peer: Peer| {
            let site = site.clone();
            async move { site.answer(request, peer.addr).await.response }
        }));
        address
    }

    /// The answer to a GET, as the host has it.
    ///
    /// # Panics
    /// If `path` is no path.
    pub async fn answer(&self, path: &str) -> Response<Body> {
        let request = Request::get(path).header("host", "localhost");
        let request = request.body(Empty::<Bytes>::new()).expect("a request");
        self.site.answer(request, None).await.response
    }

    /// Status and text of the answer to a GET.
    ///
    /// # Panics
    /// If the body is cut, or no text.
    pub async fn get(&self, path: &str) -> (StatusCode, String) {
        let (head, body) = self.answer(path).await.into_parts();
        let body = body.collect().await;
        let body = body.map_err(|error| error.to_string()).expect("a whole body").to_bytes();
        (head.status, String::from_utf8(body.to_vec()).expect("a text"))
    }

    /// The text of the answer to a GET.
    ///
    /// # Panics
    /// If the status is not 200.
    pub async fn text(&self, path: &str) -> String {
        let (status, text) = self.get(path).await;
        assert_eq!(status, StatusCode::OK, "{path}: {text}");
        text
    }

    /// Waits until every generation but the live one is retired.
    ///
    /// # Panics
    /// If one drains for ever.
    pub async fn settled(&self) {
        let drained = async {
            let drains = |switch: &Switch| {
                switch.history().iter().any(|record| record.state == GenerationState::Draining)
            };
            while drains(&self.switch) {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, drained).await.expect("old generations end");
    }
}
