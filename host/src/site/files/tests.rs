mod cached;

use std::fs;
use std::os::unix::fs::symlink;

use http::Request;
use http_body_util::BodyExt;
use tempfile::TempDir;

use super::*;

struct Folder {
    folder: TempDir,
    /// Beside `public`: what must never be seen.
    public: PathBuf,
}

/// A folder with a file outside of it, and one of each kind inside.
fn folder() -> Folder {
    let folder = tempfile::tempdir().unwrap();
    let public = folder.path().join("public");
    fs::create_dir_all(public.join("css")).unwrap();
    fs::write(folder.path().join("secret.txt"), "secret").unwrap();
    fs::write(public.join("hello.txt"), "hello, world").unwrap();
    fs::write(public.join("css/site.css"), "p{}").unwrap();
    fs::write(public.join("with space & ü.txt"), "odd").unwrap();
    Folder { folder, public }
}

impl Folder {
    fn write(&self, path: &str, content: &str) {
        let path = self.public.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    fn outside(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    fn assets(&self) -> Assets {
        Assets::new(vec![self.public.clone()], Caching::Hour)
    }

    async fn get(&self, path: &str) -> Option<String> {
        body(respond(&self.assets(), &parts(path, &[])).await?).await.into()
    }
}

fn parts(path: &str, headers: &[(&str, &str)]) -> Parts {
    // As hyper makes it: of the raw bytes of the request line.
    let mut request = Request::builder().uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap().into_parts().0
}

async fn body(response: Response<Body>) -> String {
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(bytes.to_vec()).unwrap()
}

async fn respond(assets: &Assets, request: &Parts) -> Option<Response<Body>> {
    assets.respond(assets.find(request)?, request).await
}

async fn ask(assets: &Assets, path: &str, headers: &[(&str, &str)]) -> Response<Body> {
    respond(assets, &parts(path, headers)).await.unwrap()
}

#[tokio::test]
async fn a_file_is_served_with_what_caches_need() {
    let folder = folder();
    let response = ask(&folder.assets(), "/hello.txt?v=1", &[]).await;
    assert_eq!(response.status(), StatusCode::OK);
    let headers = response.headers();
    assert_eq!(headers["content-type"], "text/plain; charset=utf-8");
    assert_eq!(headers["content-length"], "12");
    assert_eq!(headers["cache-control"], "public, max-age=3600");
    assert_eq!(headers["x-content-type-options"], "nosniff");
    assert_eq!(headers["accept-ranges"], "bytes");
    assert!(headers.contains_key("last-modified"));
    assert!(headers["etag"].as_bytes().starts_with(b"\""), "a strong tag");
    assert!(!headers.contains_key("vary"));
    assert_eq!(body(response).await, "hello, world");
}

#[tokio::test]
async fn names_are_decoded_once() {
    let folder = folder();
    folder.write("100%25.txt", "twice");
    assert_eq!(folder.get("/css/site.css").await.unwrap(), "p{}");
    assert_eq!(folder.get("/%63ss/site%2Ecss").await.unwrap(), "p{}");
    assert_eq!(folder.get("/with%20space%20&%20%C3%BC.txt").await.unwrap(), "odd");
    assert_eq!(folder.get("/100%2525.txt").await.unwrap(), "twice");
    assert_eq!(folder.get("/100%25.txt").await, None);
}

#[tokio::test]
async fn nothing_outside_is_reached() {
    let folder = folder();
    folder.write("sub/file.txt", "inside");
    for path in [
        "/../secret.txt",
        "/%2e%2e/secret.txt",
        "/..%2fsecret.txt",
        "/..%2Fsecret.txt",
        "/%2e%2e%2fsecret.txt",
        "/%252e%252e%252fsecret.txt",
        "/css/../../secret.txt",
        "/css/%2e%2e/%2e%2e/secret.txt",
        "/..%5csecret.txt",
        "/..\\secret.txt",
        "/css%2f..%2f..%2fsecret.txt",
        "//secret.txt",
        "//../secret.txt",
        "/./../secret.txt",
        "/%c0%ae%c0%ae/secret.txt",
        "/hello.txt%00",
        "/hello.txt%00.css",
        "/%00",
        "/hello.txt/",
        "/hello.txt/..",
        "/hello.txt%2f",
        "/css%2fsite.css",
        "/%2fhello.txt",
        "//hello.txt",
        "/./hello.txt",
        "/css/../hello.txt",
        "/css//site.css",
        "/sub\\file.txt",
        "/sub%5cfile.txt",
        "/HELLO.TXT",
        "/%ff",
        "/%",
        "/%zz",
        "/css",
        "/css/",
        "/",
        "*",
    ] {
        // What the http crate refuses, hyper has answered with 400.
        if path.parse::<http::Uri>().is_ok() {
            assert_eq!(folder.get(path).await, None, "{path}");
        }
    }
    // A path of the file system, whole.
    let secret = folder.outside("secret.txt");
    assert_eq!(folder.get(secret.to_str().unwrap()).await, None);
}

#[tokio::test]
async fn links_stay_inside() {
    let folder = folder();
    fs::create_dir(folder.outside("private")).unwrap();
    fs::write(folder.outside("private/file.txt"), "secret").unwrap();
    symlink(folder.outside("secret.txt"), folder.public.join("absolute.txt")).unwrap();
    symlink("../secret.txt", folder.public.join("relative.txt")).unwrap();
    symlink("../private", folder.public.join("private")).unwrap();
    symlink("..", folder.public.join("up")).unwrap();
    symlink("relative.txt", folder.public.join("chain.txt")).unwrap();
    symlink("nowhere", folder.public.join("broken.txt")).unwrap();
    symlink(".", folder.public.join("circle")).unwrap();
    symlink("/proc/self/environ", folder.public.join("environ")).unwrap();
    symlink("../css/../css/site.css", folder.public.join("css/again.css")).unwrap();
    symlink("css", folder.public.join("styles")).unwrap();
    for path in [
        "/absolute.txt",
        "/relative.txt",
        "/private/file.txt",
        "/up/secret.txt",
        "/chain.txt",
        "/broken.txt",
        "/circle/hello.txt",
        "/environ",
    ] {
        assert_eq!(folder.get(path).await, None, "{path}");
    }
    assert_eq!(folder.get("/css/again.css").await.unwrap(), "p{}");
    assert_eq!(folder.get("/styles/site.css").await.unwrap(), "p{}");
}

#[tokio::test]
async fn hidden_files_are_not_public() {
    let folder = folder();
    folder.write(".env", "secret");
    folder.write(".git/config", "secret");
    folder.write("css/.htaccess", "secret");
    folder.write("css/.well-known/x", "secret");
    folder.write(".well-known/security.txt", "mailto:a@b.example");
    folder.write("back\\slash.txt", "odd");
    folder.write("new\nline.txt", "odd");
    symlink(".env", folder.public.join("env.txt")).unwrap();
    symlink(".git", folder.public.join("git")).unwrap();
    for path in [
        "/.env",
        "/%2eenv",
        "/.git/config",
        "/css/.htaccess",
        "/css/.well-known/x",
        "/back%5cslash.txt",
        "/new%0aline.txt",
        "/env.txt",
        "/git/config",
    ] {
        assert_eq!(folder.get(path).await, None, "{path}");
    }
    assert_eq!(folder.get("/.well-known/security.txt").await.unwrap(), "mailto:a@b.example");
}

#[tokio::test]
async fn only_regular_files_are_opened() {
    let folder = folder();
    let socket = std::os::unix::net::UnixListener::bind(folder.public.join("socket")).unwrap();
    assert_eq!(folder.get("/socket").await, None);
    drop(socket);
}

#[tokio::test]
async fn a_linked_root_is_followed() {
    let folder = folder();
    let link = folder.outside("current");
    symlink("public", &link).unwrap();
    let assets = Assets::new(vec![link], Caching::Hour);
    assert_eq!(body(ask(&assets, "/hello.txt", &[]).await).await, "hello, world");
}

#[tokio::test]
async fn a_folder_that_is_not_there_is_empty() {
    let folder = folder();
    let assets = Assets::new(vec![folder.outside("nowhere")], Caching::Hour);
    assert!(respond(&assets, &parts("/hello.txt", &[])).await.is_none());
}

#[tokio::test]
async fn a_folder_shows_its_index() {
    let folder = folder();
    folder.write("docs/index.html", "<h1>docs</h1>");
    folder.write("index.html", "<h1>home</h1>");
    assert_eq!(folder.get("/").await.unwrap(), "<h1>home</h1>");
    assert_eq!(folder.get("/docs/").await.unwrap(), "<h1>docs</h1>");
    assert_eq!(folder.get("/docs/index.html").await.unwrap(), "<h1>docs</h1>");

    let response = ask(&folder.assets(), "/docs?a=b", &[]).await;
    assert_eq!(response.status(), StatusCode::PERMANENT_REDIRECT);
    assert_eq!(response.headers()["location"], "/docs/?a=b");
}

#[tokio::test]
async fn documents_are_asked_for_each_time() {
    let folder = folder();
    folder.write("index.html", "<h1>home</h1>");
    let assets = folder.assets();
    assert_eq!(ask(&assets, "/", &[]).await.headers()["cache-control"], "no-cache");
    let assets = Assets::new(vec![folder.public.clone()], Caching::Revalidate);
    assert_eq!(ask(&assets, "/hello.txt", &[]).await.headers()["cache-control"], "no-cache");
}

#[tokio::test]
async fn other_methods_are_not_answered() {
    let folder = folder();
    let mut request = parts("/hello.txt", &[]);
    request.method = Method::POST;
    assert!(respond(&folder.assets(), &request).await.is_none());
}

#[tokio::test]
async fn head_has_the_head_of_get() {
    let folder = folder();
    let assets = folder.assets();
    let get = ask(&assets, "/hello.txt", &[]).await;
    let mut request = parts("/hello.txt", &[]);
    request.method = Method::HEAD;
    let head = respond(&assets, &request).await.unwrap();
    assert_eq!(head.headers(), get.headers());
    assert_eq!(body(head).await, "");
}

#[tokio::test]
async fn an_unchanged_file_is_not_sent_again() {
    let folder = folder();
    let assets = folder.assets();
    let first = ask(&assets, "/hello.txt", &[]).await;
    let tag = first.headers()["etag"].to_str().unwrap().to_owned();
    let date = first.headers()["last-modified"].to_str().unwrap().to_owned();

    let list = format!("\"other\", {tag}");
    let weak = format!("W/{tag}");
    for (name, value) in [
        ("if-none-match", tag.as_str()),
        ("if-none-match", &list),
        ("if-none-match", &weak),
        ("if-none-match", "*"),
        ("if-modified-since", &date),
    ] {
        let response = ask(&assets, "/hello.txt", &[(name, value)]).await;
        assert_eq!(response.status(), StatusCode::NOT_MODIFIED, "{name}: {value}");
        assert_eq!(response.headers()["etag"], tag.as_str());
        assert_eq!(response.headers()["cache-control"], "public, max-age=3600");
        assert_eq!(body(response).await, "");
    }

    folder.write("hello.txt", "something else");
    let response = ask(&assets, "/hello.txt", &[("if-none-match", &tag)]).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(body(response).await, "something else");
}

#[tokio::test]
async fn ranges() {
    let folder = folder();
    let assets = folder.assets();
    for (range, status, content_range, content) in [
        ("bytes=0-4", 206, Some("bytes 0-4/12"), "hello"),
        ("bytes=7-", 206, Some("bytes 7-11/12"), "world"),
        ("bytes=-5", 206, Some("bytes 7-11/12"), "world"),
        ("bytes=12-", 416, Some("bytes */12"), ""),
        ("bytes=-0", 416, Some("bytes */12"), ""),
        ("bytes=0-99", 206, Some("bytes 0-11/12"), "hello, world"),
        ("bytes=0-99999999999999999999999", 206, Some("bytes 0-11/12"), "hello, world"),
        ("bytes=0-1,3-4", 200, None, "hello, world"),
        // What is no range of bytes is ignored (RFC 9110, section 14.2).
        ("Bytes=0-4", 206, Some("bytes 0-4/12"), "hello"),
        ("items=0-5", 200, None, "hello, world"),
        ("bytes=5-2", 200, None, "hello, world"),
        ("bytes = 0-4", 200, None, "hello, world"),
        ("garbage", 200, None, "hello, world"),
    ] {
        assert_range(&assets, "/hello.txt", range, (status, content_range, content)).await;
        let mut request = parts("/hello.txt", &[("range", range)]);
        request.method = Method::HEAD;
        let head = respond(&assets, &request).await.unwrap();
        let length = head.headers()["content-length"].to_str().unwrap();
        assert_eq!((head.status().as_u16(), length), (200, "12"), "HEAD {range}");
    }
    folder.write("empty.txt", "");
    let assets = folder.assets();
    for (range, status, content_range) in [
        ("bytes=0-", 416, Some("bytes */0")),
        ("bytes=0-0", 416, Some("bytes */0")),
        ("bytes=5-", 416, Some("bytes */0")),
        ("bytes=-0", 416, Some("bytes */0")),
        ("bytes=-5", 200, None),
        ("items=0-", 200, None),
    ] {
        assert_range(&assets, "/empty.txt", range, (status, content_range, "")).await;
    }
}

async fn assert_range(
    assets: &Assets,
    path: &str,
    range: &str,
    (status, content_range, content): (u16, Option<&str>, &str),
) {
    let response = ask(assets, path, &[("range", range)]).await;
    assert_eq!(response.status(), status, "{path} {range}");
    let found = response.headers().get("content-range").map(|value| value.to_str().unwrap());
    assert_eq!(found, content_range, "{path} {range}");
    assert_eq!(body(response).await, content, "{path} {range}");
}

#[tokio::test]
async fn a_range_of_an_older_version_is_not_sent() {
    let folder = folder();
    let assets = folder.assets();
    let first = ask(&assets, "/hello.txt", &[]).await;
    let tag = first.headers()["etag"].to_str().unwrap();
    for (range, expected, status) in [
        ("bytes=0-4", tag, 206),
        ("bytes=0-4", "\"older\"", 200),
        ("bytes=20-", tag, 416),
        ("bytes=20-", "\"older\"", 200),
    ] {
        let headers = [("range", range), ("if-range", expected)];
        let response = ask(&assets, "/hello.txt", &headers).await;
        assert_eq!(response.status(), status, "{range} {expected}");
    }
}

#[tokio::test]
async fn precompressed_variants_are_negotiated() {
    let folder = folder();
    folder.write("app.js", "plain");
    folder.write("app.js.br", "brotli");
    folder.write("app.js.gz", "gzip");
    folder.write("app.js.zst", "zstd");
    let assets = folder.assets();
    for (accepted, encoding, content) in [
        ("gzip, br", Some("br"), "brotli"),
        ("gzip", Some("gzip"), "gzip"),
        ("zstd", Some("zstd"), "zstd"),
        ("gzip;q=0", None, "plain"),
        ("identity", None, "plain"),
    ] {
        let response = ask(&assets, "/app.js", &[("accept-encoding", accepted)]).await;
        let headers = response.headers();
        let found = headers.get("content-encoding").map(|value| value.to_str().unwrap());
        assert_eq!(found, encoding, "{accepted}");
        assert_eq!(headers["content-type"], "text/javascript; charset=utf-8");
        assert_eq!(headers["vary"], "accept-encoding");
        assert_eq!(body(response).await, content, "{accepted}");
    }
    let tag = |accepted| {
        let assets = &assets;
        async move {
            let response = ask(assets, "/app.js", &[("accept-encoding", accepted)]).await;
            response.headers()["etag"].clone()
        }
    };
    assert_ne!(tag("br").await, tag("identity").await);
}

#[tokio::test]
async fn a_variant_that_is_older_than_its_original_is_left_aside() {
    let folder = folder();
    folder.write("app.js", "new");
    folder.write("app.js.br", "old brotli");
    folder.write("app.js.gz", "old gzip");
    let assets = folder.assets();
    let age = |path: &str, seconds: u64| {
        let file = fs::File::options().append(true).open(folder.public.join(path)).unwrap();
        let now = std::time::SystemTime::now();
        file.set_modified(now - std::time::Duration::from_secs(seconds)).unwrap();
    };
    age("app.js", 100);
    let accept = ("accept-encoding", "gzip, br");
    // Each time it is asked for, because the files change.
    for (brotli, gzip, content) in [
        (200, 200, "new"),
        (200, 50, "old gzip"),
        (100, 200, "old brotli"),
        // Copied in another order.
        (101, 101, "old brotli"),
        (103, 103, "new"),
    ] {
        age("app.js.br", brotli);
        age("app.js.gz", gzip);
        let response = ask(&assets, "/app.js", &[accept]).await;
        assert_eq!(response.headers()["vary"], "accept-encoding");
        assert_eq!(body(response).await, content, "{brotli} {gzip}");
    }
    // Nor does a client keep it that has it.
    age("app.js.br", 50);
    let tag = ask(&assets, "/app.js", &[accept]).await.headers()["etag"].clone();
    let known = [accept, ("if-none-match", tag.to_str().unwrap())];
    assert_eq!(ask(&assets, "/app.js", &known).await.status(), StatusCode::NOT_MODIFIED);
    age("app.js", 0);
    assert_eq!(ask(&assets, "/app.js", &known).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn what_comes_later_is_looked_up() {
    let folder = folder();
    let (sees, waits) = (folder.assets().finding_new(true), folder.assets());
    folder.write("uploads/a.txt", "uploaded");
    folder.write("uploads/a.txt.gz", "zipped");
    folder.write("new/index.html", "<h1>new</h1>");
    folder.write("a file.txt", "spaced");
    folder.write(".env", "secret");
    folder.write("uploads/.hidden", "secret");
    symlink("../secret.txt", folder.public.join("out.txt")).unwrap();
    symlink("../..", folder.public.join("uploads/up")).unwrap();
    symlink("../.env", folder.public.join("uploads/env.txt")).unwrap();
    symlink("a.txt", folder.public.join("uploads/again.txt")).unwrap();
    let socket = std::os::unix::net::UnixListener::bind(folder.public.join("socket")).unwrap();
    for (path, content) in [
        ("/uploads/a.txt", Some("uploaded")),
        ("/uploads/again.txt", Some("uploaded")),
        ("/a%20file.txt", Some("spaced")),
        ("/new/", Some("<h1>new</h1>")),
        ("/new", Some("")),
        ("/uploads", None),
        ("/uploads/", None),
        ("/uploads//a.txt", None),
        ("/uploads/./a.txt", None),
        ("/uploads/../hello.txt", None),
        ("/uploads%2fa.txt", None),
        ("/uploads/%2e%2e/%2e%2e/secret.txt", None),
        ("/../secret.txt", None),
        ("/.env", None),
        ("/uploads/.hidden", None),
        ("/uploads/env.txt", None),
        ("/out.txt", None),
        ("/uploads/up/secret.txt", None),
        ("/uploads/a.txt/", None),
        ("/uploads/a.txt%00", None),
        ("/socket", None),
    ] {
        assert!(respond(&waits, &parts(path, &[])).await.is_none(), "{path}");
        let found = match respond(&sees, &parts(path, &[])).await {
            Some(response) => Some(body(response).await),
            None => None,
        };
        assert_eq!(found.as_deref(), content, "{path}");
    }
    drop(socket);
    let accept = [("accept-encoding", "gzip")];
    assert_eq!(body(ask(&sees, "/uploads/a.txt", &accept).await).await, "zipped");
    fs::remove_file(folder.public.join("uploads/a.txt")).unwrap();
    assert!(respond(&sees, &parts("/uploads/a.txt", &[])).await.is_none());
}

#[tokio::test]
async fn a_variant_that_is_a_link_to_the_outside_is_none() {
    let folder = folder();
    symlink("../secret.txt", folder.public.join("hello.txt.gz")).unwrap();
    let response = ask(&folder.assets(), "/hello.txt", &[("accept-encoding", "gzip")]).await;
    assert!(!response.headers().contains_key("content-encoding"));
    assert_eq!(body(response).await, "hello, world");
}

#[tokio::test]
async fn a_refresh_finds_new_files_and_forgets_old_ones() {
    let folder = folder();
    let assets = folder.assets();
    folder.write("new.txt", "new");
    assert!(respond(&assets, &parts("/new.txt", &[])).await.is_none());
    fs::remove_file(folder.public.join("hello.txt")).unwrap();
    assert!(respond(&assets, &parts("/hello.txt", &[])).await.is_none(), "it is gone already");
    assets.refresh();
    assert_eq!(body(ask(&assets, "/new.txt", &[]).await).await, "new");
}

#[tokio::test]
async fn the_first_folder_wins_and_the_others_fill_in() {
    let (new, old) = (folder(), folder());
    new.write("hello.txt", "new");
    old.write("old.txt", "old");
    let assets = Assets::new(vec![new.public.clone(), old.public.clone()], Caching::Hour);
    assert_eq!(body(ask(&assets, "/hello.txt", &[]).await).await, "new");
    assert_eq!(body(ask(&assets, "/old.txt", &[]).await).await, "old");

    assets.change(|folders| folders.truncate(1));
    assert!(respond(&assets, &parts("/old.txt", &[])).await.is_none());
    assert_eq!(assets.folders(), [new.public]);
}

#[test]
fn the_favicon_is_the_first_of_a_list() {
    let folder = folder();
    assert_eq!(favicon_of(&folder.public), None);
    for (name, expected) in [
        ("icon.png", "/icon.png"),
        ("favicon.ico", "/favicon.ico"),
        ("sub/logo.svg", "/favicon.ico"),
        ("favicon.svg", "/favicon.svg"),
        ("logo.svg", "/logo.svg"),
    ] {
        folder.write(name, "x");
        assert_eq!(favicon_of(&folder.public), Some(expected));
        assert_eq!(folder.assets().favicon(), Some(expected));
    }
}

#[tokio::test]
async fn a_stylesheet_is_kept_for_ever() {
    let css = || bytes::Bytes::from_static(b"p{}");
    let name = "style-1234.css";
    let response = stylesheet(name, css(), &parts("/_nova/style-1234.css", &[]));
    assert_eq!(response.status(), StatusCode::OK);
    let headers = response.headers();
    assert_eq!(headers["content-type"], "text/css; charset=utf-8");
    assert_eq!(headers["cache-control"], "public, max-age=31536000, immutable");
    assert_eq!(headers["x-content-type-options"], "nosniff");
    let tag = headers["etag"].to_str().unwrap().to_owned();
    assert_eq!(body(response).await, "p{}");

    let request = parts("/_nova/style-1234.css", &[("if-none-match", &tag)]);
    assert_eq!(stylesheet(name, css(), &request).status(), StatusCode::NOT_MODIFIED);
}

#[tokio::test]
async fn a_copy_whose_name_carries_a_hash_is_kept_for_ever() {
    let folder = folder();
    let hash = "0123456789abcdef";
    for name in ["img/a.min.svg", &format!("img/a.min-{hash}.svg"), &format!("alone-{hash}.txt")] {
        folder.write(name, "x");
    }
    folder.write("LICENSE", "x");
    folder.write(&format!("LICENSE-{hash}"), "x");
    let forever = "public, max-age=31536000, immutable";
    for (path, expected) in [
        ("/img/a.min.svg".to_owned(), "public, max-age=3600"),
        (format!("/img/a.min-{hash}.svg"), forever),
        (format!("/LICENSE-{hash}"), forever),
        // Without the original it is anybody's name.
        (format!("/alone-{hash}.txt"), "public, max-age=3600"),
    ] {
        let response = respond(&folder.assets(), &parts(&path, &[])).await.unwrap();
        assert_eq!(response.headers()["cache-control"], expected, "{path}");
    }
    let developing = Assets::new(vec![folder.public.clone()], Caching::Revalidate);
    let path = format!("/LICENSE-{hash}");
    let response = respond(&developing, &parts(&path, &[])).await.unwrap();
    assert_eq!(response.headers()["cache-control"], "no-cache");
}
