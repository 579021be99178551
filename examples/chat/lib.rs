//! nova-chat

pub mod chat;

// The block below is kept in step with pages/, components/ and app.rs by `nova`.
// nova:begin
/// The pages.
pub mod pages {
    #[path = "_layout.rs"]
    pub mod _layout;

    #[path = "index.rs"]
    pub mod index;

    #[path = "rooms/[room]/events.rs"]
    pub mod rooms_room_events;

    #[path = "rooms/[room]/index.rs"]
    pub mod rooms_room_index;

    #[path = "rooms/[room]/socket.rs"]
    pub mod rooms_room_socket;
}

nova::export!(routes);

/// The routes of `pages/`.
#[must_use]
#[rustfmt::skip]
pub fn routes() -> nova::Routes {
    use nova::handler::{async_2, sync_1, sync_3};

    let mut app = nova::App::new(nova::no_state());
    app.layout("/", sync_1(pages::_layout::layout)); // pages/_layout.rs: layout(page: Html)
    app.page("/", "pages/index.rs")
        .get(sync_1(pages::index::get)); // pages/index.rs: get(Query(Door { room }): Query<Door>)
    app.page("/rooms/{room}/events", "pages/rooms/[room]/events.rs")
        .precompile(pages::rooms_room_events::PRECOMPILE)
        .get(sync_3(pages::rooms_room_events::get)); // pages/rooms/[room]/events.rs: get(Path(name): Path<String>, Query(After { after }): Query<After>, last: Option<LastEventId>)
    app.page("/rooms/{room}", "pages/rooms/[room]/index.rs")
        .get(sync_1(pages::rooms_room_index::get)) // pages/rooms/[room]/index.rs: get(Path(name): Path<String>)
        .post(async_2(pages::rooms_room_index::post)); // pages/rooms/[room]/index.rs: post(Path(name): Path<String>, Form(said): Form<Said>)
    app.page("/rooms/{room}/socket", "pages/rooms/[room]/socket.rs")
        .get(sync_3(pages::rooms_room_socket::get)); // pages/rooms/[room]/socket.rs: get(upgrade: WebSocketUpgrade, Path(name): Path<String>, Query(After { after }): Query<After>)
    app.finish()
}

#[test]
#[rustfmt::skip]
fn routes_are_in_step() {
    nova::testing::assert_in_step(env!("CARGO_MANIFEST_DIR"), &[
        "pages/_layout.rs",
        "pages/index.rs",
        "pages/rooms/[room]/events.rs",
        "pages/rooms/[room]/index.rs",
        "pages/rooms/[room]/socket.rs",
    ]);
}
// nova:end
