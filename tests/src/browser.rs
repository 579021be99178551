//! Chromium, driven through chromedriver.

use std::path::Path;

use fantoccini::actions::{InputSource, KeyAction, KeyActions};
use fantoccini::error::CmdError;
use fantoccini::key::Key;
use fantoccini::wd::{WebDriverCompatibleCommand, WindowHandle};
use fantoccini::{Client, ClientBuilder};
use http::Method;
use hyper_util::client::legacy::connect::HttpConnector;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::Command;
use tokio::time::timeout;
use url::{ParseError, Url};

use crate::PATIENCE;
use crate::process::Process;
use crate::workspace::root;

/// A browser with a fresh profile and one window.
pub struct Browser {
    client: Client,
    /// chromedriver, killed with a failing test, leaves its browser behind.
    process: Option<Pid>,
    // In this order: the browser ends before its profile goes.
    _driver: Process,
    _profile: TempDir,
}

impl Browser {
    /// Starts chromedriver on a free port and a headless Chromium under it.
    ///
    /// # Panics
    /// If either is not installed or does not start.
    pub async fn start() -> Self {
        // The driver makes the browser's profile there: one that we make has another first run.
        let profile = tempfile::tempdir().expect("a temporary folder");
        let mut command = Command::new("chromedriver");
        command.arg("--port=0").env("TMPDIR", profile.path());
        let mut driver = Process::spawn(command);
        let line = driver.line("started successfully on port").await;
        let port = line.trim_end_matches('.').rsplit(' ').next().expect("a port");
        let arguments = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--window-size=1200,900",
        ];
        let capabilities = json!({ "goog:chromeOptions": { "args": arguments } });
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities.as_object().expect("an object").clone())
            .connect(&format!("http://127.0.0.1:{port}"))
            .await
            .unwrap_or_else(|error| panic!("no browser: {error}\n{driver}"));
        let process = client
            .capabilities()
            .and_then(|capabilities| capabilities.get("goog:processID")?.as_i64())
            .and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        let browser = Self { client, process, _driver: driver, _profile: profile };
        browser.focus().await;
        browser
    }

    /// Brings the window to the front, as somebody does who looks at it: whether a new one has the
    /// focus is up to the browser, and a page without it is not the one that keys are meant for.
    async fn focus(&self) {
        self.tell("Page.bringToFront", json!({})).await;
        self.until("document.hasFocus()").await;
    }

    /// Gives a command of the browser's own protocol.
    async fn tell(&self, method: &'static str, params: Value) {
        let told = self.client.issue_cmd(DevTools { method, params }).await;
        told.unwrap_or_else(|error| panic!("{method}: {error}"));
    }

    /// Shows the page as somebody sees it who likes this scheme, on so many pixels.
    ///
    /// # Panics
    /// If the browser is gone.
    pub async fn look(&self, scheme: Scheme, width: u32) {
        let value = match scheme {
            Scheme::Light => "light",
            Scheme::Dark => "dark",
        };
        // What moves is seen at its end, and not on its way there.
        let features = json!([
            { "name": "prefers-color-scheme", "value": value },
            { "name": "prefers-reduced-motion", "value": "reduce" },
        ]);
        self.tell("Emulation.setEmulatedMedia", json!({ "features": features })).await;
        let size =
            json!({ "width": width, "height": 844, "deviceScaleFactor": 1, "mobile": false });
        self.tell("Emulation.setDeviceMetricsOverride", size).await;
        self.until(&format!(
            "innerWidth === {width} && matchMedia('(prefers-color-scheme: {value})').matches"
        ))
        .await;
    }

    /// What axe finds wrong with the page: the rule, the element, and what is wrong with it.
    ///
    /// # Panics
    /// If it cannot look, or `.ci/npm` has not fetched it.
    pub async fn axe(&self) -> Vec<String> {
        let path = root().join("target/npm/node_modules/axe-core/axe.min.js");
        let axe = std::fs::read_to_string(&path)
            .unwrap_or_else(|error| panic!("{}: {error}; run .ci/npm", path.display()));
        self.run(&format!("if (!window.axe) {{ {axe} }}")).await;
        let script = "const done = arguments[0];
            axe.run(document, { resultTypes: ['violations'] }).then(
                ({ violations }) => done(violations.flatMap((it) => it.nodes.map((node) =>
                    `${it.id}: ${node.target.flat().join(' ')}: ${node.failureSummary}`))),
                (error) => done([`axe: ${error}`]),
            );";
        let found = self.client.execute_async(script, vec![]).await.expect("axe runs");
        let found = found.as_array().expect("a list").iter();
        found.map(|it| it.as_str().unwrap_or_default().replace('\n', " ")).collect()
    }

    /// Opens `url` and waits until it has loaded.
    ///
    /// # Panics
    /// If it cannot be opened.
    pub async fn open(&self, url: &str) {
        self.client.goto(url).await.unwrap_or_else(|error| panic!("{url}: {error}"));
    }

    /// The value of a JavaScript expression in the page.
    ///
    /// # Panics
    /// If it throws.
    pub async fn value(&self, expression: &str) -> Value {
        self.client
            .execute(&format!("return ({expression});"), vec![])
            .await
            .unwrap_or_else(|error| panic!("{expression}: {error}"))
    }

    /// Runs JavaScript statements in the page.
    ///
    /// # Panics
    /// If they throw.
    pub async fn run(&self, statements: &str) {
        self.client
            .execute(statements, vec![])
            .await
            .unwrap_or_else(|error| panic!("{statements}: {error}"));
    }

    /// Waits until a JavaScript expression holds. The page asks itself at every frame; when it
    /// reloads meanwhile, the next page is asked.
    ///
    /// # Panics
    /// If it never holds; the message shows the page.
    pub async fn until(&self, expression: &str) {
        let script = format!(
            "const done = arguments[0];
             const look = () => {{
                 let holds = false;
                 try {{ holds = !!({expression}); }} catch {{ }}
                 if (holds) done(true); else setTimeout(look, 16);
             }};
             look();"
        );
        let holds = async {
            loop {
                match self.client.execute_async(&script, vec![]).await {
                    Ok(Value::Bool(true)) => return,
                    // The script went with its page, or reached the driver's own limit.
                    Ok(_) | Err(CmdError::Standard(_)) => {}
                    Err(error) => panic!("the browser is gone: {error}"),
                }
            }
        };
        if timeout(PATIENCE, holds).await.is_err() {
            let page = self.client.source().await.unwrap_or_else(|error| error.to_string());
            let shadows = "[...document.querySelectorAll('*')].map((it) => it.shadowRoot?.textContent ?? '').join('')";
            let shadows = self.value(shadows).await;
            panic!("never true: {expression}\n{page}\n{shadows}");
        }
    }

    /// Types text into whatever has the focus.
    ///
    /// # Panics
    /// If nothing takes it.
    pub async fn write(&self, text: &str) {
        let element = self.client.active_element().await.expect("something has the focus");
        element.send_keys(text).await.expect("the text arrives");
    }

    /// Opens another tab, which is then the one that is asked; gives back its handle.
    ///
    /// # Panics
    /// If there is none.
    pub async fn tab(&self) -> WindowHandle {
        let tab = self.client.new_window(true).await.expect("another tab").handle;
        self.look_at(&tab).await;
        tab
    }

    /// Goes to another tab.
    ///
    /// # Panics
    /// If it is gone.
    pub async fn look_at(&self, tab: &WindowHandle) {
        self.client.switch_to_window(tab.clone()).await.expect("the tab is there");
        self.focus().await;
    }

    /// Presses a key in whatever has the focus.
    ///
    /// # Panics
    /// If the page takes no keys.
    pub async fn press(&self, key: Key) {
        // Not sent to an element: the driver wants one that is seen, and in a shadow tree it knows
        // of the outermost alone.
        let value = key.into();
        let keys = KeyActions::new("keyboard".to_owned())
            .then(KeyAction::Down { value })
            .then(KeyAction::Up { value });
        self.client.perform_actions(keys).await.expect("the key arrives");
    }

    /// Sets the size of the window in CSS pixels.
    ///
    /// # Panics
    /// If the window cannot be resized.
    pub async fn resize(&self, width: u32, height: u32) {
        self.client.set_window_size(width, height).await.expect("the window is resized");
    }

    /// Writes what the window shows to a PNG file.
    ///
    /// # Panics
    /// If there is no picture or no file.
    pub async fn screenshot(&self, file: &Path) {
        let png = self.client.screenshot().await.expect("a picture");
        std::fs::write(file, png).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    }
}

/// What a reader likes to see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// Dark on light.
    Light,
    /// Light on dark.
    Dark,
}

/// A command of the browser's own protocol, which WebDriver has no word for.
#[derive(Debug)]
struct DevTools {
    method: &'static str,
    params: Value,
}

impl WebDriverCompatibleCommand for DevTools {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, ParseError> {
        base.join(&format!("session/{}/goog/cdp/execute", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &Url) -> (Method, Option<String>) {
        (Method::POST, Some(json!({ "cmd": self.method, "params": self.params }).to_string()))
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if let Some(process) = self.process {
            // It may have crashed, which is why the test ends.
            let _ = kill_process(process, Signal::KILL);
        }
    }
}
