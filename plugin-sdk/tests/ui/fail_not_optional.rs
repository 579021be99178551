mod pages {
    pub mod users_id {
        use nova::prelude::*;

        pub struct ApiKey;

        impl<S: Sync> FromRequest<S> for ApiKey {
            type Part = Head;
            type Rejection = Error;

            async fn from_request(_: &mut RequestContext<'_>, _: &S) -> Result<Self> {
                Ok(ApiKey)
            }
        }

        pub async fn get(_key: Option<ApiKey>) -> &'static str {
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
        .get(async_1(pages::users_id::get)); // pages/users/[id].rs: get(key: Option<ApiKey>)
    app.finish()
}

fn main() {
    routes();
}
