//! The media type of a file, by its name.

use std::path::Path;

use http::HeaderValue;

/// What `path` is served as. Text is said to be UTF-8, which is what people write.
pub(super) fn of(path: &Path) -> HeaderValue {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    let essence = match extension {
        // The one that RFC 9239 keeps.
        "mjs" | "cjs" => "text/javascript",
        // A source map.
        "map" => "application/json",
        extension => {
            mime_guess::from_ext(extension).first_raw().unwrap_or("application/octet-stream")
        }
    };
    if essence.starts_with("text/") || essence == "image/svg+xml" {
        // Both parts are header values, so the whole is.
        HeaderValue::try_from(format!("{essence}; charset=utf-8"))
            .unwrap_or_else(|_| HeaderValue::from_static(essence))
    } else {
        HeaderValue::from_static(essence)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_extension() {
        for (name, expected) in [
            ("a.html", "text/html; charset=utf-8"),
            ("a.CSS", "text/css; charset=utf-8"),
            ("a.js", "text/javascript; charset=utf-8"),
            ("a.mjs", "text/javascript; charset=utf-8"),
            ("a.txt", "text/plain; charset=utf-8"),
            ("a.svg", "image/svg+xml; charset=utf-8"),
            ("a.json", "application/json"),
            ("a.js.map", "application/json"),
            ("a.webmanifest", "application/manifest+json"),
            ("a.wasm", "application/wasm"),
            ("a.woff2", "font/woff2"),
            ("a.png", "image/png"),
            ("a.ico", "image/x-icon"),
            ("a.unknown-thing", "application/octet-stream"),
            ("LICENSE", "application/octet-stream"),
        ] {
            assert_eq!(of(Path::new(name)), expected, "{name}");
        }
    }
}
