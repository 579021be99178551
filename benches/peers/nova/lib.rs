//! The pages that the peers answer as well.

// nova:begin
/// What pages share.
pub mod components {
    pub mod card;
}

/// The pages.
pub mod pages {
    #[path = "(site)/_layout.rs"]
    pub mod site_layout;

    #[path = "(site)/page.rs"]
    pub mod site_page;

    #[path = "404.rs"]
    pub mod _404;

    #[path = "html/[name].rs"]
    pub mod html_name;

    #[path = "json/[id].rs"]
    pub mod json_id;

    #[path = "json/index.rs"]
    pub mod json_index;

    #[path = "post.rs"]
    pub mod post;

    #[path = "text.rs"]
    pub mod text;
}

nova::export!(routes);

/// The routes of `pages/`.
#[must_use]
#[rustfmt::skip]
pub fn routes() -> nova::Routes {
    use nova::handler::{async_1, sync_0, sync_1};

    let mut app = nova::App::new(nova::no_state());
    app.folder("/(site)", "/");
    app.layout("/(site)", sync_1(pages::site_layout::layout)); // pages/(site)/_layout.rs: layout(page: Html)
    app.not_found("/", sync_0(pages::_404::get)); // pages/404.rs: get()
    app.page("/page", "pages/(site)/page.rs")
        .get(sync_0(pages::site_page::get)); // pages/(site)/page.rs: get()
    app.page("/html/{name}", "pages/html/[name].rs")
        .get(sync_1(pages::html_name::get)); // pages/html/[name].rs: get(Path(name): Path<String>)
    app.page("/json/{id}", "pages/json/[id].rs")
        .get(sync_1(pages::json_id::get)); // pages/json/[id].rs: get(Path(id): Path<u64>)
    app.page("/json", "pages/json/index.rs")
        .post(sync_1(pages::json_index::post)); // pages/json/index.rs: post(Json(item): Json<Item>)
    app.page("/post", "pages/post.rs")
        .post(async_1(pages::post::post)); // pages/post.rs: post(body: Bytes)
    app.page("/text", "pages/text.rs")
        .get(sync_0(pages::text::get)); // pages/text.rs: get()
    app.finish()
}

#[test]
#[rustfmt::skip]
fn routes_are_in_step() {
    nova::testing::assert_in_step(env!("CARGO_MANIFEST_DIR"), &[
        "pages/(site)/_layout.rs",
        "pages/(site)/page.rs",
        "pages/404.rs",
        "pages/html/[name].rs",
        "pages/json/[id].rs",
        "pages/json/index.rs",
        "pages/post.rs",
        "pages/text.rs",
    ]);
}
// nova:end
