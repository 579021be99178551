use nova::prelude::*;
use nova::testing::TestApp;

#[tokio::test]
async fn the_home_page_greets() {
    let app = TestApp::new(nova_minimal::routes()).await;
    let home = app.get("/").await;
    assert_eq!(home.status(), StatusCode::OK);
    assert!(home.text().contains("<h1>Hello</h1>"));
}
