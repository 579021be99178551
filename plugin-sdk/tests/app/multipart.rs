//! Forms with files.

use std::path::PathBuf;

use nova::App;
use nova::handler::*;
use nova::prelude::*;
use nova::testing::{MultipartForm, TestApp};

/// Each field in a line.
async fn show(form: Multipart) -> Result<String> {
    let mut form = form.field_limit(20).field_limit_of("long", 60);
    let mut said = String::new();
    while let Some(field) = form.next_field().await? {
        let head = (field.name().to_owned(), field.file_name().map(str::to_owned));
        let kind = field.content_type().map(str::to_owned);
        said.push_str(&format!("{head:?} {kind:?} {:?}\n", field.text().await?));
    }
    Ok(said)
}

/// The first field as a file, kept where the query says; what it is said to be.
async fn keep(Query(path): Query<Vec<(String, PathBuf)>>, mut form: Multipart) -> Result<String> {
    let field = form.next_field().await?.ok_or(Error::bad_request("no field"))?;
    let file = field.into_file().await?;
    let temporary = file.path().to_owned();
    assert_eq!(std::fs::metadata(&temporary)?.len(), file.len());
    let said = format!("{:?} {:?} {}", file.file_name(), file.content_type(), file.len());
    match path.first() {
        Some((_, path)) => file.persist(path).await?,
        None => drop(file),
    }
    assert!(!temporary.exists(), "it is removed, or where it was to be kept");
    Ok(said)
}

/// Nothing but the first piece is read.
async fn first(mut form: Multipart) -> Result<String> {
    let mut field = form.next_field().await?.ok_or(Error::bad_request("no field"))?;
    Ok(field.chunk().await?.map_or(0, |piece| piece.len()).to_string())
}

async fn app() -> TestApp {
    let mut app = App::new(nova::no_state());
    app.page("/", "pages/index.rs").body_limit(1000).post(async_1(show));
    app.page("/keep", "pages/keep.rs").post(async_2(keep));
    app.page("/first", "pages/first.rs").post(async_1(first));
    TestApp::new(app.finish()).await
}

#[tokio::test]
async fn fields_come_in_their_order() {
    let app = app().await;
    let form = MultipartForm::new()
        .text("title", "A \"cat\"\r\n")
        .file("picture", "../a/cat.png", "image/png", b"\x89PNG")
        .file("none", "", "application/octet-stream", b"")
        .text("long", &"x".repeat(60));
    insta::assert_snapshot!(app.post("/").multipart(form).await.text(), @r#"
    ("title", None) None "A \"cat\"\r\n"
    ("picture", Some("cat.png")) Some("image/png") "�PNG"
    ("none", None) Some("application/octet-stream") ""
    ("long", None) None "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
    "#);
    assert_eq!(app.post("/").multipart(MultipartForm::new()).await.text(), "", "no field at all");
    let utf_8 = "--b\r\ncontent-disposition: form-data; name=\"a\"\r\n\
        content-type: text/plain; charset=utf-16le\r\n\r\nab\u{e9}\r\n--b--\r\n";
    let typed = app.post("/").header("content-type", "multipart/form-data; boundary=b");
    let said = typed.body(utf_8).await;
    assert!(said.text().ends_with(" \"ab\u{e9}\"\n"), "{}", said.text());
    let read = app.post("/first").multipart(MultipartForm::new().text("a", "12345")).await;
    assert_eq!(read.text(), "5");
}

#[tokio::test]
async fn what_is_not_right_has_its_status() {
    let app = app().await;
    let long = |name: &str, length: usize| MultipartForm::new().text(name, &"x".repeat(length));
    let raw = |content_type: &str, body: &'static str| {
        app.post("/").header("content-type", content_type).body(body)
    };
    let typed = "multipart/form-data; boundary=b";
    let table = [
        (app.post("/").multipart(long("a", 21)), 413, "the field `a` is longer than 20 bytes"),
        (
            app.post("/").multipart(long("long", 61)),
            413,
            "the field `long` is longer than 60 bytes",
        ),
        (app.post("/").multipart(long("a", 1000)), 413, "the body is longer than 1000 bytes"),
        (app.post("/").form("a=1"), 415, "expected a body of the type multipart/form-data"),
        (app.post("/"), 415, "expected a body of the type multipart/form-data"),
        (raw("multipart/form-data", "x"), 400, "bad form: its type names no boundary"),
        (raw(typed, "nothing of the kind"), 400, "bad form: "),
        (
            raw(typed, "--b\r\ncontent-disposition: form-data; name=\"a\"\r\n\r\n1"),
            400,
            "bad form: ",
        ),
    ];
    for (request, status, message) in table {
        let response = request.await;
        assert_eq!(response.status(), status, "{message}: {}", response.text());
        assert!(response.text().contains(message), "{message}: {}", response.text());
    }
    // Without a length it is counted as it arrives.
    let (sender, body) = Body::channel();
    tokio::spawn(async move {
        sender.send("--b\r\ncontent-disposition: form-data; name=\"long\"\r\n\r\n").await?;
        for _ in 0..100 {
            sender.send("\r\n--b\r\ncontent-disposition: form-data; name=\"a\"\r\n\r\n1").await?;
        }
        Ok::<_, Closed>(())
    });
    let request = app.post("/").header("content-type", typed).body(body);
    assert_eq!(request.await.status(), 413);
}

#[tokio::test]
async fn a_field_can_go_to_disk() {
    let app = app().await;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("cat.png");
    let content = "meow ".repeat(100_000);
    let form = || MultipartForm::new().file("picture", "cat.png", "image/png", &content);
    let kept = app.post(&format!("/keep?to={}", path.display())).multipart(form()).await;
    assert_eq!(kept.text(), "Some(\"cat.png\") Some(\"image/png\") 500000");
    assert_eq!(std::fs::read_to_string(&path).expect("a file"), content);
    assert_eq!(app.post("/keep").multipart(form()).await.status(), 200);
}
