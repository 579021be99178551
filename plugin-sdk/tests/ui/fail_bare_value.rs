mod pages {
    pub mod users_id {
        pub fn get(_id: u64) -> &'static str {
            "hello"
        }
    }
}

#[derive(Clone)]
pub struct Db;

#[rustfmt::skip]
pub fn routes() -> nova::Routes {
    use nova::handler::*;

    let mut app = nova::App::new(nova::hooks::init_sync_0(|| Db));
    app.page("/users/{id}", "pages/users/[id].rs")
        .get(sync_1(pages::users_id::get)); // pages/users/[id].rs: get(id: u64)
    app.finish()
}

fn main() {
    routes();
}
