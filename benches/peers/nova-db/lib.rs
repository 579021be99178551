//! The page that reads a row; SQLite decides how such an app is swapped, so it is one of its own.

// nova:begin
pub mod app;

/// The pages.
pub mod pages {
    #[path = "db/[id].rs"]
    pub mod db_id;
}

nova::export!(routes);

/// The routes of `pages/`.
#[must_use]
#[rustfmt::skip]
pub fn routes() -> nova::Routes {
    use nova::handler::async_2;

    let hooks = nova::hooks::init_async_1(app::init) // app.rs: init(purpose: Purpose)
        .shutdown_async(app::shutdown); // app.rs: shutdown(database: Database)
    let mut app = nova::App::new(hooks);
    app.page("/db/{id}", "pages/db/[id].rs")
        .precompile(pages::db_id::PRECOMPILE)
        .get(async_2(pages::db_id::get)); // pages/db/[id].rs: get(Path(id): Path<i64>, State(database): State<Database>)
    app.finish()
}

#[test]
#[rustfmt::skip]
fn routes_are_in_step() {
    nova::testing::assert_in_step(env!("CARGO_MANIFEST_DIR"), &[
        "pages/db/[id].rs",
    ]);
}
// nova:end
