//! What is told of a session: a line in the terminal now, an entry on the dev page for later.

use std::path::Path;
use std::sync::Arc;

use nova_route_template::{Project, RouteTree};

use super::keys::Key;
use crate::dev::child::handle::ServerHandle;
use crate::dev::report::{Banner, Label, Terminal};
use crate::dev::wire::message::Problem;
use crate::dev::wire::protocol::Order;
use crate::dev::wire::save::Save;
use crate::dev::wire::state::{DevState, RouteInfo, SharedLibrary};
use crate::terminal::launch;
use crate::terminal::routes::listing;

/// Tells what happens, and keeps what the dev page shows.
pub(crate) struct Journal {
    pub(crate) terminal: Arc<Terminal>,
    pub(crate) server: ServerHandle,
    pub(crate) banner: Banner,
    pub(crate) state: DevState,
}

impl Journal {
    /// The files of the app were read, and are compiled now.
    pub(crate) fn scanned(&mut self, app: String, routes: Vec<RouteInfo>) {
        self.state.app = app;
        self.state.scanned(routes);
        self.state.building();
        self.show();
    }

    /// A save came to something.
    pub(crate) fn saved(&mut self, save: Save) {
        self.terminal.saved(&save);
        self.state.saved(save, &[]);
        self.show();
    }

    /// A save has problems; `text` is what the compiler said about them.
    pub(crate) fn failed(&mut self, save: Save, problems: &[Problem], text: &str) {
        self.terminal.failed(&save, problems, text);
        let files: Vec<_> = problems.iter().filter_map(|problem| problem.file.as_deref()).collect();
        self.state.saved(save, &files);
        self.show();
    }

    /// These are the routes now, and how far each is.
    pub(crate) fn pages(&mut self, routes: Vec<RouteInfo>) {
        if self.state.routes != routes {
            self.state.routes = routes;
            self.show();
        }
    }

    /// All pages are in one library of this size.
    pub(crate) fn whole(&mut self, bytes: u64) {
        let name = "one library".to_owned();
        self.state.build.shared = vec![SharedLibrary { name, bytes, compile_us: None }];
    }

    /// Does what a key asks for, where that is a matter of telling.
    pub(crate) fn pressed(&self, key: Key, dir: &Path) {
        match key {
            Key::Open => self.open(),
            Key::Clear => {
                self.terminal.clear();
                self.terminal.ready(&self.banner, true);
            }
            Key::Routes => self.terminal.text(&routes(dir)),
            Key::Help => self.terminal.text(&Key::help()),
            Key::Rebuild | Key::Quit => {}
        }
    }

    /// Opens the app in a browser.
    pub(crate) fn open(&self) {
        if let Err(error) = launch::browse(&self.banner.url) {
            let url = &self.banner.url;
            let note = format!("{url} does not open by itself: {error}");
            self.terminal.line(Label::Note, &note, None, "");
        }
    }

    fn show(&self) {
        self.server.tell(Order::State(Box::new(self.state.clone())));
    }
}

/// The routes of the app in `dir` as its files are now, or what is wrong with them.
fn routes(dir: &Path) -> String {
    let project = match Project::open(dir) {
        Ok(project) => project,
        Err(error) => return error.to_string(),
    };
    match RouteTree::build(&project.scan()) {
        Ok(tree) => listing(&tree).trim_end().to_owned(),
        Err(problems) => problems.to_string(),
    }
}
