//! nova-starter

// The block below is kept in step with pages/, components/ and app.rs by `nova`.
// nova:begin
pub mod app;

/// What pages share.
pub mod components {
    pub mod code;

    pub mod field;

    pub mod footer;

    pub mod header;
}

/// The pages.
pub mod pages {
    #[path = "404.rs"]
    pub mod _404;

    #[path = "_error.rs"]
    pub mod _error;

    #[path = "_layout.rs"]
    pub mod _layout;

    #[path = "about.rs"]
    pub mod about;

    #[path = "api/stream.rs"]
    pub mod api_stream;

    #[path = "api/users.rs"]
    pub mod api_users;

    #[path = "docs/[[...path]].rs"]
    pub mod docs_path;

    #[path = "guestbook.rs"]
    pub mod guestbook;

    #[path = "index.rs"]
    pub mod index;

    #[path = "stream.rs"]
    pub mod stream;

    #[path = "users/[id].rs"]
    pub mod users_id;

    #[path = "users/index.rs"]
    pub mod users_index;
}

nova::export!(routes, least_swap = nova::Swap::Handover);

/// The routes of `pages/`.
#[must_use]
#[rustfmt::skip]
pub fn routes() -> nova::Routes {
    use nova::handler::{sync_0, sync_1, sync_2};

    let hooks = nova::hooks::init_sync_1(app::init) // app.rs: init(_purpose: Purpose)
        .export_sync(app::export) // app.rs: export(store: &Store)
        .import_sync(app::import); // app.rs: import(_purpose: Purpose, saved: Data)
    let mut app = nova::App::new(hooks);
    app.not_found("/", sync_2(pages::_404::get)); // pages/404.rs: get(error: Error, uri: Uri)
    app.error("/", sync_2(pages::_error::handler)); // pages/_error.rs: handler(error: Error, headers: HeaderMap)
    app.layout("/", sync_2(pages::_layout::layout)); // pages/_layout.rs: layout(page: Html, uri: Uri)
    app.page("/about", "pages/about.rs")
        .get(sync_0(pages::about::get)); // pages/about.rs: get()
    app.page("/api/stream", "pages/api/stream.rs")
        .precompile(pages::api_stream::PRECOMPILE)
        .get(sync_0(pages::api_stream::get)); // pages/api/stream.rs: get()
    app.page("/api/users", "pages/api/users.rs")
        .get(sync_1(pages::api_users::get)) // pages/api/users.rs: get(State(store): State<Store>)
        .post(sync_2(pages::api_users::post)); // pages/api/users.rs: post(State(store): State<Store>, Json(new): Json<NewUser>)
    app.page("/docs/{*path?}", "pages/docs/[[...path]].rs")
        .get(sync_1(pages::docs_path::get)); // pages/docs/[[...path]].rs: get(Path(path): Path<String>)
    app.page("/guestbook", "pages/guestbook.rs")
        .get(sync_1(pages::guestbook::get)) // pages/guestbook.rs: get(State(store): State<Store>)
        .post(sync_2(pages::guestbook::post)); // pages/guestbook.rs: post(State(store): State<Store>, Form(draft): Form<Draft>)
    app.page("/", "pages/index.rs")
        .get(sync_0(pages::index::get)); // pages/index.rs: get()
    app.page("/stream", "pages/stream.rs")
        .get(sync_0(pages::stream::get)); // pages/stream.rs: get()
    app.page("/users/{id}", "pages/users/[id].rs")
        .get(sync_2(pages::users_id::get)); // pages/users/[id].rs: get(Path(id): Path<u64>, State(store): State<Store>)
    app.page("/users", "pages/users/index.rs")
        .get(sync_1(pages::users_index::get)); // pages/users/index.rs: get(State(store): State<Store>)
    app.finish()
}

#[test]
#[rustfmt::skip]
fn routes_are_in_step() {
    nova::testing::assert_in_step(env!("CARGO_MANIFEST_DIR"), &[
        "pages/404.rs",
        "pages/_error.rs",
        "pages/_layout.rs",
        "pages/about.rs",
        "pages/api/stream.rs",
        "pages/api/users.rs",
        "pages/docs/[[...path]].rs",
        "pages/guestbook.rs",
        "pages/index.rs",
        "pages/stream.rs",
        "pages/users/[id].rs",
        "pages/users/index.rs",
    ]);
}
// nova:end
