mod pages {
    pub mod users_id {
        use nova::prelude::*;

        pub async fn get(Path(_id): Path<u64>) -> &'static str {
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
        .get(sync_1(pages::users_id::get)); // pages/users/[id].rs: get(Path(id): Path<u64>)
    app.finish()
}

fn main() {
    routes();
}
