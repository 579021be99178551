//! nova-api

// The block below is kept in step with pages/, components/ and app.rs by `nova`.
// nova:begin
pub mod app;

/// The pages.
pub mod pages {
    #[path = "index.rs"]
    pub mod index;

    #[path = "notes/[id].rs"]
    pub mod notes_id;

    #[path = "notes/index.rs"]
    pub mod notes_index;
}

nova::export!(routes, least_swap = nova::Swap::Handover);

/// The routes of `pages/`.
#[must_use]
#[rustfmt::skip]
pub fn routes() -> nova::Routes {
    use nova::handler::{sync_0, sync_2, sync_3};

    let hooks = nova::hooks::init_sync_1(app::init) // app.rs: init(_purpose: Purpose)
        .export_sync(app::export) // app.rs: export(notes: &Notes)
        .import_sync(app::import); // app.rs: import(_purpose: Purpose, saved: Vec<Note>)
    let mut app = nova::App::new(hooks);
    app.page("/", "pages/index.rs")
        .get(sync_0(pages::index::get)); // pages/index.rs: get()
    app.page("/notes/{id}", "pages/notes/[id].rs")
        .get(sync_2(pages::notes_id::get)) // pages/notes/[id].rs: get(Path(id): Path<u64>, State(notes): State<Notes>)
        .patch(sync_3(pages::notes_id::patch)) // pages/notes/[id].rs: patch(Path(id): Path<u64>, State(notes): State<Notes>, Json(change): Json<Change>)
        .delete(sync_2(pages::notes_id::delete)); // pages/notes/[id].rs: delete(Path(id): Path<u64>, State(notes): State<Notes>)
    app.page("/notes", "pages/notes/index.rs")
        .get(sync_2(pages::notes_index::get)) // pages/notes/index.rs: get(Query(filter): Query<Filter>, State(notes): State<Notes>)
        .post(sync_2(pages::notes_index::post)); // pages/notes/index.rs: post(State(notes): State<Notes>, Json(new): Json<NewNote>)
    app.finish()
}

#[test]
#[rustfmt::skip]
fn routes_are_in_step() {
    nova::testing::assert_in_step(env!("CARGO_MANIFEST_DIR"), &[
        "pages/index.rs",
        "pages/notes/[id].rs",
        "pages/notes/index.rs",
    ]);
}
// nova:end
