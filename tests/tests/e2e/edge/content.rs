//! What answers look like on the wire: compression, tags, ranges, variants.

use std::io::Read as _;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::ground::Ground;

#[tokio::test(flavor = "multi_thread")]
async fn answers_are_compressed_as_the_client_takes_them() {
    let ground = Ground::of("edge");
    let host = ground.start(&[]).await;
    let plain = host.get("/text", "").await;
    assert_eq!(
        (plain.header("content-encoding"), plain.header("vary")),
        (None, Some("accept-encoding"))
    );
    for (accept, coding) in [("gzip", "gzip"), ("br;q=0.9", "br"), ("gzip, br, zstd", "zstd")] {
        let accept = format!("accept-encoding: {accept}, identity;q=0.1\r\n");
        for path in ["/text", "/pieces"] {
            let answer = host.get(path, &accept).await;
            assert_eq!(answer.header("content-encoding"), Some(coding));
            let mut decoded = Vec::new();
            let bytes = &answer.body[..];
            match coding {
                "gzip" => flate2::read::GzDecoder::new(bytes).read_to_end(&mut decoded),
                "br" => brotli::Decompressor::new(bytes, 4096).read_to_end(&mut decoded),
                _ => zstd::stream::read::Decoder::new(bytes).unwrap().read_to_end(&mut decoded),
            }
            .unwrap();
            assert!(decoded == plain.body, "{path} {coding}: {} bytes", decoded.len());
            assert!(answer.body.len() < plain.body.len() / 20, "{coding}: {}", answer.body.len());
        }
    }
    // A text too short for it.
    let short = host.get("/client", "accept-encoding: gzip\r\n").await;
    assert_eq!(short.header("content-encoding"), None);

    // What a page has said before it pauses can be read before it goes on.
    let mut stream = host.connect().await;
    let request = b"GET /pause HTTP/1.1\r\nhost: a\r\naccept-encoding: gzip\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let mut received = Vec::new();
    let line = loop {
        let read = stream.read_buf(&mut received).await.unwrap();
        assert_ne!(read, 0, "{}", String::from_utf8_lossy(&received));
        if let Some(line) = first_line(&received) {
            break line;
        }
    };
    assert_eq!(line, "the same line, again and again");

    // A tag that was marked is the page's own again.
    let accept = "accept-encoding: gzip\r\n";
    let tagged = host.get("/tagged", accept).await;
    let tag = tagged.header("etag").expect("a tag");
    assert_eq!((tagged.status(), tag), (200, "W/\"v1--gzip\""));
    let again = host.get("/tagged", &format!("{accept}if-none-match: {tag}\r\n")).await;
    assert_eq!((again.status(), again.header("etag")), (304, Some(tag)));

    let host = ground.start(&["--no-compression"]).await;
    let answer = host.get("/text", "accept-encoding: gzip\r\n").await;
    assert_eq!((answer.header("content-encoding"), answer.header("vary")), (None, None));
}

/// The first line of a gzipped and chunked answer, once it has arrived.
fn first_line(received: &[u8]) -> Option<String> {
    let head = received.windows(4).position(|end| end == b"\r\n\r\n")?;
    let mut rest = &received[head + 4..];
    let mut gzip = Vec::new();
    while let Some(end) = rest.windows(2).position(|end| end == b"\r\n") {
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..end]).ok()?, 16).ok()?;
        gzip.extend_from_slice(rest.get(end + 2..end + 2 + size)?);
        rest = rest.get(end + 2 + size + 2..)?;
    }
    let (mut decoder, mut line) = (flate2::read::GzDecoder::new(&gzip[..]), Vec::new());
    let mut byte = [0];
    while decoder.read_exact(&mut byte).is_ok() {
        if byte[0] == b'\n' {
            return String::from_utf8(line).ok();
        }
        line.push(byte[0]);
    }
    None
}

#[tokio::test(flavor = "multi_thread")]
async fn public_files_have_tags_ranges_and_variants() {
    let ground = Ground::new();
    let text = "0123456789".repeat(500);
    ground.file("public/a.txt", text.as_bytes());
    ground.file("public/b.txt", text.as_bytes());
    ground.file("public/b.txt.br", b"brotli, if you believe it");
    let host = ground.start(&["--public", "public"]).await;

    // As it is, so that its ranges are those of the file.
    let whole = host.get("/a.txt", "accept-encoding: gzip, br\r\n").await;
    assert_eq!((whole.status(), whole.header("content-encoding")), (200, None));
    assert_eq!((whole.text(), whole.header("accept-ranges")), (&text[..], Some("bytes")));
    let part = host.get("/a.txt", "accept-encoding: gzip\r\nrange: bytes=5-9\r\n").await;
    assert_eq!((part.status(), part.text()), (206, "56789"));
    assert_eq!(part.header("content-range"), Some("bytes 5-9/5000"));

    let modified = whole.header("last-modified").expect("a date");
    let again = host.get("/a.txt", &format!("if-modified-since: {modified}\r\n")).await;
    assert_eq!((again.status(), &again.body[..]), (304, &b""[..]));
    let tag = whole.header("etag").expect("a tag");
    let again = host.get("/a.txt", &format!("if-none-match: {tag}\r\n")).await;
    assert_eq!((again.status(), &again.body[..]), (304, &b""[..]));

    let variant = host.get("/b.txt", "accept-encoding: gzip, br\r\n").await;
    assert_eq!(variant.header("content-encoding"), Some("br"));
    assert_eq!(variant.text(), "brotli, if you believe it");
    assert_eq!(variant.header("vary"), Some("accept-encoding"));
    assert_eq!(host.get("/b.txt", "").await.text(), text);
}

#[tokio::test(flavor = "multi_thread")]
async fn public_files_are_served_as_they_are_now() {
    let ground = Ground::new();
    ground.file("public/a.js", b"new");
    ground.file("public/a.js.gz", b"of an older one");
    let file = std::fs::File::options().append(true).open(ground.path("public/a.js.gz")).unwrap();
    file.set_modified(std::time::UNIX_EPOCH).unwrap();
    ground.file("host.toml", b"[types]\nglb = \"model/gltf-binary\"\n");
    let args = ["--config", "host.toml", "--public", "public"];
    let mut host = ground.start(&args).await;
    assert_eq!(host.get("/a.js", "accept-encoding: gzip\r\n").await.text(), "new");
    host.process.line("a.js.gz: is older than the file that it was made of").await;

    assert_eq!(host.get("/uploads/a.glb", "").await.status(), 404);
    ground.file("public/uploads/a.glb", b"model");
    let uploaded = host.get("/uploads/a.glb", "").await;
    assert_eq!((uploaded.status(), uploaded.text()), (200, "model"));
    assert_eq!(uploaded.header("content-type"), Some("model/gltf-binary"));
    std::fs::remove_file(ground.path("public/uploads/a.glb")).unwrap();
    assert_eq!(host.get("/uploads/a.glb", "").await.status(), 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_are_not_to_be_collected_by_proxies() {
    let ground = Ground::of("edge");
    for (args, said) in [(&[][..], Some("no")), (&["--proxy-buffering"], None)] {
        let host = ground.start(args).await;
        for (path, said) in [("/pieces", said), ("/text", None)] {
            let answer = host.get(path, "accept-encoding: gzip\r\n").await;
            assert_eq!(answer.header("x-accel-buffering"), said, "{path} {args:?}");
        }
    }
}
