//! nova-minimal

// The block below is kept in step with pages/, components/ and app.rs by `nova`.
// nova:begin
/// The pages.
pub mod pages {
    #[path = "index.rs"]
    pub mod index;
}

nova::export!(routes);

/// The routes of `pages/`.
#[must_use]
#[rustfmt::skip]
pub fn routes() -> nova::Routes {
    use nova::handler::sync_0;

    let mut app = nova::App::new(nova::no_state());
    app.page("/", "pages/index.rs")
        .get(sync_0(pages::index::get)); // pages/index.rs: get()
    app.finish()
}

#[test]
#[rustfmt::skip]
fn routes_are_in_step() {
    nova::testing::assert_in_step(env!("CARGO_MANIFEST_DIR"), &[
        "pages/index.rs",
    ]);
}
// nova:end
