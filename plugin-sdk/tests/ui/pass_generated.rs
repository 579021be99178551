//! A crate root as it is generated: a call per line, with the function behind it. When a function
//! is wrong, rustc prints the line, and with it the file and the arguments.

mod app {
    use nova::prelude::*;

    pub const SWAP: Swap = Swap::Process;

    #[derive(Clone)]
    pub struct Db;

    pub async fn init(_purpose: Purpose) -> Result<Db> {
        Ok(Db)
    }

    pub async fn shutdown(_db: Db) {}

    pub fn export(_db: &Db) -> u8 {
        0
    }

    pub async fn import(_purpose: Purpose, _saved: u8) -> Result<Db> {
        Ok(Db)
    }
}

mod pages {
    pub mod _layout {
        use nova::prelude::*;

        pub fn layout(page: Html) -> Html {
            page.map(|body| html! { main { (body) } })
        }
    }

    pub mod _middleware {
        use nova::prelude::*;

        pub async fn middleware(request: Request, next: Next) -> Response {
            next.run(request).await
        }
    }

    pub mod _error {
        use nova::prelude::*;

        pub fn handler(error: Error) -> Html {
            page("Error", html! { h1 { (error.message()) } })
        }
    }

    pub mod users_id {
        use crate::app::Db;
        use nova::prelude::*;

        pub const BODY_LIMIT: usize = 1024;

        pub async fn get(Path(id): Path<u64>, State(_db): State<Db>) -> Result<Html> {
            Ok(page("User", html! { h1 { (id) } }))
        }

        pub fn put(Path(_id): Path<u64>, _body: Option<String>) -> StatusCode {
            StatusCode::NO_CONTENT
        }

        pub async fn handler(method: Method) -> Result {
            Err(Error::bad_request(format!("{method}?")))
        }
    }
}

nova::export!(routes, swap = app::SWAP);

/// The routes of `pages/`.
#[rustfmt::skip]
pub fn routes() -> nova::Routes {
    use nova::handler::*;

    let hooks = nova::hooks::init_async_1(app::init) // app.rs: init(purpose: Purpose)
        .shutdown_async(app::shutdown) // app.rs: shutdown(db: Db)
        .export_sync(app::export) // app.rs: export(db: &Db)
        .import_async(app::import); // app.rs: import(purpose: Purpose, saved: u8)
    let mut app = nova::App::new(hooks);
    app.error("/", sync_1(pages::_error::handler)); // pages/_error.rs: handler(error: Error)
    app.layout("/", sync_1(pages::_layout::layout)); // pages/_layout.rs: layout(page: Html)
    app.middleware("/", async_2(pages::_middleware::middleware)); // pages/_middleware.rs: middleware(request: Request, next: Next)
    app.page("/users/{id}", "pages/users/[id].rs")
        .body_limit(pages::users_id::BODY_LIMIT)
        .get(async_2(pages::users_id::get)) // pages/users/[id].rs: get(Path(id): Path<u64>, State(db): State<Db>)
        .put(sync_2(pages::users_id::put)) // pages/users/[id].rs: put(Path(id): Path<u64>, body: Option<String>)
        .any(async_1(pages::users_id::handler)); // pages/users/[id].rs: handler(method: Method)
    app.finish()
}

fn main() {
    routes();
}
