mod pages {
    pub mod api_middleware {
        pub fn layers() -> String {
            "cors".to_owned()
        }
    }

    pub mod legacy_path {
        use axum::Router;

        pub fn service() -> Router<u8> {
            Router::new()
        }
    }
}

pub fn routes() -> nova::Routes {
    let mut app = nova::App::new(nova::no_state());
    app.middleware("/api", nova::tower::layers_0(pages::api_middleware::layers)); // pages/api/_middleware.rs: layers()
    app.page("/legacy/{*path?}", "pages/legacy/[[...path]].rs")
        .any(nova::tower::service_0(pages::legacy_path::service)); // pages/legacy/[[...path]].rs: service()
    app.finish()
}

fn main() {
    routes();
}
