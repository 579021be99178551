//! Conduit, a place to write and to read: the RealWorld application on Nova.

/// What is stored, and how.
pub mod model;

// The block below is kept in step with pages/, components/ and app.rs by `nova`.
// nova:begin
pub mod app;

/// What pages share.
pub mod components {
    pub mod articles;

    pub mod editor;

    pub mod field;

    pub mod header;

    pub mod links;

    pub mod markdown;
}

/// The pages.
pub mod pages {
    #[path = "_error.rs"]
    pub mod _error;

    #[path = "_layout.rs"]
    pub mod _layout;

    #[path = "_middleware.rs"]
    pub mod _middleware;

    #[path = "api/_error.rs"]
    pub mod api_error;

    #[path = "api/articles/[slug]/comments/[id].rs"]
    pub mod api_articles_slug_comments_id;

    #[path = "api/articles/[slug]/comments/index.rs"]
    pub mod api_articles_slug_comments_index;

    #[path = "api/articles/[slug]/favorite.rs"]
    pub mod api_articles_slug_favorite;

    #[path = "api/articles/[slug]/index.rs"]
    pub mod api_articles_slug_index;

    #[path = "api/articles/feed.rs"]
    pub mod api_articles_feed;

    #[path = "api/articles/index.rs"]
    pub mod api_articles_index;

    #[path = "api/profiles/[username]/follow.rs"]
    pub mod api_profiles_username_follow;

    #[path = "api/profiles/[username]/index.rs"]
    pub mod api_profiles_username_index;

    #[path = "api/tags.rs"]
    pub mod api_tags;

    #[path = "api/user.rs"]
    pub mod api_user;

    #[path = "api/users/index.rs"]
    pub mod api_users_index;

    #[path = "api/users/login.rs"]
    pub mod api_users_login;

    #[path = "article/[slug]/index.rs"]
    pub mod article_slug_index;

    #[path = "editor/[slug].rs"]
    pub mod editor_slug;

    #[path = "editor/index.rs"]
    pub mod editor_index;

    #[path = "index.rs"]
    pub mod index;

    #[path = "login.rs"]
    pub mod login;

    #[path = "logout.rs"]
    pub mod logout;

    #[path = "profile/[username].rs"]
    pub mod profile_username;

    #[path = "register.rs"]
    pub mod register;

    #[path = "settings.rs"]
    pub mod settings;
}

nova::export!(routes);

/// The routes of `pages/`.
#[must_use]
#[rustfmt::skip]
pub fn routes() -> nova::Routes {
    use nova::handler::{async_1, async_2, async_3, async_4, async_5, sync_1, sync_2, sync_4};

    let hooks = nova::hooks::init_async_1(app::init) // app.rs: init(purpose: Purpose)
        .shutdown_async(app::shutdown); // app.rs: shutdown(app: Conduit)
    let mut app = nova::App::new(hooks);
    app.error("/", sync_1(pages::_error::handler)); // pages/_error.rs: handler(error: Error)
    app.layout("/", sync_4(pages::_layout::layout)); // pages/_layout.rs: layout(page: Html, uri: Uri, visitor: Option<Extension<Visitor>>, session: Session)
    app.middleware("/", async_4(pages::_middleware::middleware)); // pages/_middleware.rs: middleware(State(app): State<Conduit>, session: Session, request: Request, next: Next<Visitor>)
    app.error("/api", sync_1(pages::api_error::handler)); // pages/api/_error.rs: handler(error: Error)
    app.page("/api/articles/{slug}/comments/{id}", "pages/api/articles/[slug]/comments/[id].rs")
        .delete(async_3(pages::api_articles_slug_comments_id::delete)); // pages/api/articles/[slug]/comments/[id].rs: delete(State(app): State<Conduit>, Auth(user): Auth, Path((slug, id)): Path<(String, i64)>)
    app.page("/api/articles/{slug}/comments", "pages/api/articles/[slug]/comments/index.rs")
        .get(async_3(pages::api_articles_slug_comments_index::get)) // pages/api/articles/[slug]/comments/index.rs: get(State(app): State<Conduit>, viewer: Option<Auth>, Path(slug): Path<String>)
        .post(async_4(pages::api_articles_slug_comments_index::post)); // pages/api/articles/[slug]/comments/index.rs: post(State(app): State<Conduit>, Auth(user): Auth, Path(slug): Path<String>, Json(sent): Json<Sent>)
    app.page("/api/articles/{slug}/favorite", "pages/api/articles/[slug]/favorite.rs")
        .post(async_3(pages::api_articles_slug_favorite::post)) // pages/api/articles/[slug]/favorite.rs: post(State(app): State<Conduit>, Auth(user): Auth, Path(slug): Path<String>)
        .delete(async_3(pages::api_articles_slug_favorite::delete)); // pages/api/articles/[slug]/favorite.rs: delete(State(app): State<Conduit>, Auth(user): Auth, Path(slug): Path<String>)
    app.page("/api/articles/{slug}", "pages/api/articles/[slug]/index.rs")
        .get(async_3(pages::api_articles_slug_index::get)) // pages/api/articles/[slug]/index.rs: get(State(app): State<Conduit>, viewer: Option<Auth>, Path(slug): Path<String>)
        .put(async_4(pages::api_articles_slug_index::put)) // pages/api/articles/[slug]/index.rs: put(State(app): State<Conduit>, Auth(user): Auth, Path(slug): Path<String>, Json(sent): Json<Update>)
        .delete(async_3(pages::api_articles_slug_index::delete)); // pages/api/articles/[slug]/index.rs: delete(State(app): State<Conduit>, Auth(user): Auth, Path(slug): Path<String>)
    app.page("/api/articles/feed", "pages/api/articles/feed.rs")
        .get(async_3(pages::api_articles_feed::get)); // pages/api/articles/feed.rs: get(State(app): State<Conduit>, Auth(user): Auth, Query(page): Query<Page>)
    app.page("/api/articles", "pages/api/articles/index.rs")
        .get(async_3(pages::api_articles_index::get)) // pages/api/articles/index.rs: get(State(app): State<Conduit>, viewer: Option<Auth>, Query(filter): Query<Filter>)
        .post(async_3(pages::api_articles_index::post)); // pages/api/articles/index.rs: post(State(app): State<Conduit>, Auth(user): Auth, Json(draft): Json<Draft>)
    app.page("/api/profiles/{username}/follow", "pages/api/profiles/[username]/follow.rs")
        .post(async_3(pages::api_profiles_username_follow::post)) // pages/api/profiles/[username]/follow.rs: post(State(app): State<Conduit>, Auth(user): Auth, Path(username): Path<String>)
        .delete(async_3(pages::api_profiles_username_follow::delete)); // pages/api/profiles/[username]/follow.rs: delete(State(app): State<Conduit>, Auth(user): Auth, Path(username): Path<String>)
    app.page("/api/profiles/{username}", "pages/api/profiles/[username]/index.rs")
        .get(async_3(pages::api_profiles_username_index::get)); // pages/api/profiles/[username]/index.rs: get(State(app): State<Conduit>, viewer: Option<Auth>, Path(username): Path<String>)
    app.page("/api/tags", "pages/api/tags.rs")
        .get(async_1(pages::api_tags::get)); // pages/api/tags.rs: get(State(app): State<Conduit>)
    app.page("/api/user", "pages/api/user.rs")
        .get(async_2(pages::api_user::get)) // pages/api/user.rs: get(State(app): State<Conduit>, Auth(user): Auth)
        .put(async_3(pages::api_user::put)); // pages/api/user.rs: put(State(app): State<Conduit>, Auth(user): Auth, Json(sent): Json<Update>)
    app.page("/api/users", "pages/api/users/index.rs")
        .post(async_2(pages::api_users_index::post)); // pages/api/users/index.rs: post(State(app): State<Conduit>, Json(new): Json<Registration>)
    app.page("/api/users/login", "pages/api/users/login.rs")
        .post(async_2(pages::api_users_login::post)); // pages/api/users/login.rs: post(State(app): State<Conduit>, Json(sent): Json<Credentials>)
    app.page("/article/{slug}", "pages/article/[slug]/index.rs")
        .get(async_4(pages::article_slug_index::get)) // pages/article/[slug]/index.rs: get(State(app): State<Conduit>, Extension(visitor): Extension<Visitor>, Path(slug): Path<String>, csrf: Csrf)
        .post(async_5(pages::article_slug_index::post)); // pages/article/[slug]/index.rs: post(State(app): State<Conduit>, Extension(visitor): Extension<Visitor>, Path(slug): Path<String>, csrf: Csrf, Form(wish): Form<Wish>)
    app.page("/editor/{slug}", "pages/editor/[slug].rs")
        .get(async_4(pages::editor_slug::get)) // pages/editor/[slug].rs: get(State(app): State<Conduit>, Extension(visitor): Extension<Visitor>, Path(slug): Path<String>, csrf: Csrf)
        .post(async_5(pages::editor_slug::post)); // pages/editor/[slug].rs: post(State(app): State<Conduit>, Extension(visitor): Extension<Visitor>, Path(slug): Path<String>, csrf: Csrf, Form(draft): Form<Draft>)
    app.page("/editor", "pages/editor/index.rs")
        .get(sync_2(pages::editor_index::get)) // pages/editor/index.rs: get(Extension(visitor): Extension<Visitor>, csrf: Csrf)
        .post(async_4(pages::editor_index::post)); // pages/editor/index.rs: post(State(app): State<Conduit>, Extension(visitor): Extension<Visitor>, csrf: Csrf, Form(draft): Form<Draft>)
    app.page("/", "pages/index.rs")
        .get(async_3(pages::index::get)); // pages/index.rs: get(State(app): State<Conduit>, Extension(visitor): Extension<Visitor>, Query(wish): Query<Wish>)
    app.page("/login", "pages/login.rs")
        .get(sync_1(pages::login::get)) // pages/login.rs: get(csrf: Csrf)
        .post(async_4(pages::login::post)); // pages/login.rs: post(State(app): State<Conduit>, session: Session, csrf: Csrf, Form(sent): Form<Sent>)
    app.page("/logout", "pages/logout.rs")
        .post(sync_1(pages::logout::post)); // pages/logout.rs: post(session: Session)
    app.page("/profile/{username}", "pages/profile/[username].rs")
        .get(async_5(pages::profile_username::get)) // pages/profile/[username].rs: get(State(app): State<Conduit>, Extension(visitor): Extension<Visitor>, Path(username): Path<String>, Query(wish): Query<Wish>, csrf: Csrf)
        .post(async_4(pages::profile_username::post)); // pages/profile/[username].rs: post(State(app): State<Conduit>, Extension(visitor): Extension<Visitor>, Path(username): Path<String>, Form(sent): Form<Sent>)
    app.page("/register", "pages/register.rs")
        .get(sync_1(pages::register::get)) // pages/register.rs: get(csrf: Csrf)
        .post(async_4(pages::register::post)); // pages/register.rs: post(State(app): State<Conduit>, session: Session, csrf: Csrf, Form(sent): Form<Sent>)
    app.page("/settings", "pages/settings.rs")
        .get(sync_2(pages::settings::get)) // pages/settings.rs: get(Extension(visitor): Extension<Visitor>, csrf: Csrf)
        .post(async_5(pages::settings::post)); // pages/settings.rs: post(State(app): State<Conduit>, Extension(visitor): Extension<Visitor>, session: Session, csrf: Csrf, Form(sent): Form<Sent>)
    app.finish()
}

#[test]
#[rustfmt::skip]
fn routes_are_in_step() {
    nova::testing::assert_in_step(env!("CARGO_MANIFEST_DIR"), &[
        "pages/_error.rs",
        "pages/_layout.rs",
        "pages/_middleware.rs",
        "pages/api/_error.rs",
        "pages/api/articles/[slug]/comments/[id].rs",
        "pages/api/articles/[slug]/comments/index.rs",
        "pages/api/articles/[slug]/favorite.rs",
        "pages/api/articles/[slug]/index.rs",
        "pages/api/articles/feed.rs",
        "pages/api/articles/index.rs",
        "pages/api/profiles/[username]/follow.rs",
        "pages/api/profiles/[username]/index.rs",
        "pages/api/tags.rs",
        "pages/api/user.rs",
        "pages/api/users/index.rs",
        "pages/api/users/login.rs",
        "pages/article/[slug]/index.rs",
        "pages/editor/[slug].rs",
        "pages/editor/index.rs",
        "pages/index.rs",
        "pages/login.rs",
        "pages/logout.rs",
        "pages/profile/[username].rs",
        "pages/register.rs",
        "pages/settings.rs",
    ]);
}
// nova:end
