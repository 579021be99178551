mod pages {
    pub mod users_id {
        use nova::prelude::*;

        pub struct Pool;

        pub async fn get(State(_pool): State<Pool>) -> &'static str {
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
        .get(async_1(pages::users_id::get)); // pages/users/[id].rs: get(State(pool): State<Pool>)
    app.finish()
}

fn main() {
    routes();
}
