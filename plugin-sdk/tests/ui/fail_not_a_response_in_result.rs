mod pages {
    pub mod users_id {
        use nova::prelude::*;

        pub struct User;

        pub fn get(Path(_id): Path<u64>) -> Result<User> {
            Ok(User)
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
        .get(sync_1(pages::users_id::get)); // pages/users/[id].rs: get(Path(id): Path<u64>) -> Result<User>
    app.finish()
}

fn main() {
    routes();
}
