//! The media type of a file, by its name.

use std::collections::HashMap;
use std::str::FromStr;
use std::sync::Arc;

use http::HeaderValue;

/// The types that the settings say, before those that are known.
#[derive(Clone, Debug, Default)]
pub struct Types(Arc<HashMap<String, HeaderValue>>);

/// One type that the settings say: `glb=model/gltf-binary`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypeRule {
    /// The whole name of a file, or the ending of its name without the dot; in lower case.
    name: String,
    media_type: HeaderValue,
}

impl FromStr for TypeRule {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = "give the ending or the name of a file and a media type, such as \
                     glb=model/gltf-binary";
        let (name, media_type) = text.split_once('=').ok_or(wrong)?;
        let name = name.trim().trim_start_matches("*.").trim_start_matches('.');
        let media_type = media_type.trim();
        let essence = media_type.split(';').next().unwrap_or_default().trim();
        let is_token = |part: &str| {
            let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte);
            !part.is_empty() && part.bytes().all(is_part)
        };
        let is_type = essence.split_once('/').is_some_and(|(a, b)| is_token(a) && is_token(b));
        match HeaderValue::try_from(media_type) {
            Ok(media_type) if is_type && !name.is_empty() && !name.contains('/') => {
                Ok(Self { name: name.to_lowercase(), media_type })
            }
            _ => Err(wrong),
        }
    }
}

impl FromIterator<TypeRule> for Types {
    fn from_iter<I: IntoIterator<Item = TypeRule>>(rules: I) -> Self {
        Self(Arc::new(rules.into_iter().map(|rule| (rule.name, rule.media_type)).collect()))
    }
}

impl Types {
    /// What the file at `url` is served as. Text is said to be UTF-8, which is what people write.
    pub(super) fn of(&self, url: &str) -> HeaderValue {
        let name = url.rsplit('/').next().unwrap_or_default().to_lowercase();
        let (stem, ending) = name.rsplit_once('.').unwrap_or((&name, ""));
        if let Some(said) = self.0.get(&name).or_else(|| self.0.get(ending)) {
            return said.clone();
        }
        let essence = match ending {
            "" => of_name(url, stem),
            // The one that RFC 9239 keeps.
            "mjs" | "cjs" => "text/javascript",
            // A source map.
            "map" => "application/json",
            ending => mime_guess::from_ext(ending).first_raw().unwrap_or(UNKNOWN),
        };
        if essence.starts_with("text/") || essence == "image/svg+xml" {
            // Both parts are header values, so the whole is.
            HeaderValue::try_from(format!("{essence}; charset=utf-8"))
                .unwrap_or_else(|_| HeaderValue::from_static(essence))
        } else {
            HeaderValue::from_static(essence)
        }
    }
}

const UNKNOWN: &str = "application/octet-stream";

/// What is known of names without an ending: what `.well-known` is asked for (RFC 8615, and the
/// registry that it made), and the texts that lie beside source code.
fn of_name(url: &str, name: &str) -> &'static str {
    if let Some(path) = url.strip_prefix("/.well-known/") {
        return match path.to_ascii_lowercase().as_str() {
            "apple-app-site-association"
            | "com.apple.remotemanagement"
            | "openid-configuration"
            | "openid-federation"
            | "oauth-authorization-server"
            | "oauth-protected-resource"
            | "passkey-endpoints"
            | "smart-configuration"
            | "uma2-configuration"
            | "webauthn"
            | "nodeinfo"
            | "matrix/client"
            | "matrix/server"
            | "matrix/support" => "application/json",
            "host-meta" => "application/xrd+xml",
            "traffic-advice" => "application/trafficadvice+json",
            "apple-developer-merchantid-domain-association" | "atproto-did" | "discord" => {
                "text/plain"
            }
            // The answer to a challenge of a certificate authority (RFC 8555, section 8.3).
            path if path.starts_with("acme-challenge/") => "text/plain",
            path if path.starts_with("pki-validation/") => "text/plain",
            _ => UNKNOWN,
        };
    }
    let is_text = [
        "authors",
        "changelog",
        "changes",
        "cname",
        "codeowners",
        "contributing",
        "contributors",
        "copying",
        "copyright",
        "credits",
        "license",
        "licence",
        "notice",
        "readme",
        "todo",
        "unlicense",
        "version",
    ];
    // `LICENSE-MIT`.
    let first = name.split(['-', '_']).next().unwrap_or(name);
    match name {
        "apple-app-site-association" => "application/json",
        _ if is_text.contains(&first) => "text/plain",
        _ => UNKNOWN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_name() {
        for (name, expected) in [
            ("/a.html", "text/html; charset=utf-8"),
            ("/a.CSS", "text/css; charset=utf-8"),
            ("/a.js", "text/javascript; charset=utf-8"),
            ("/a.mjs", "text/javascript; charset=utf-8"),
            ("/a.txt", "text/plain; charset=utf-8"),
            ("/a.svg", "image/svg+xml; charset=utf-8"),
            ("/a.json", "application/json"),
            ("/a.js.map", "application/json"),
            ("/a.webmanifest", "application/manifest+json"),
            ("/a.wasm", "application/wasm"),
            ("/a.woff2", "font/woff2"),
            ("/a.png", "image/png"),
            ("/a.ico", "image/x-icon"),
            ("/a.unknown-thing", "application/octet-stream"),
            ("/tool", "application/octet-stream"),
            ("/a.b/tool", "application/octet-stream"),
            ("/LICENSE", "text/plain; charset=utf-8"),
            ("/LICENSE-0123456789abcdef", "text/plain; charset=utf-8"),
            ("/docs/README", "text/plain; charset=utf-8"),
            ("/apple-app-site-association", "application/json"),
            ("/.well-known/apple-app-site-association", "application/json"),
            ("/.well-known/assetlinks.json", "application/json"),
            ("/.well-known/security.txt", "text/plain; charset=utf-8"),
            ("/.well-known/acme-challenge/evaGxfADs6pSRb2LAv9IZ", "text/plain; charset=utf-8"),
            ("/.well-known/matrix/server", "application/json"),
            ("/.well-known/host-meta", "application/xrd+xml"),
            ("/.well-known/unknown", "application/octet-stream"),
        ] {
            assert_eq!(Types::default().of(name), expected, "{name}");
        }
    }

    #[test]
    fn the_settings_come_first() {
        let rules = ["glb=model/x", ".js=text/plain; charset=us-ascii", "Tool=text/x-tool"];
        let types: Types = rules.iter().map(|rule| rule.parse::<TypeRule>().unwrap()).collect();
        for (name, expected) in [
            ("/a.glb", "model/x"),
            ("/a.GLB", "model/x"),
            ("/a.js", "text/plain; charset=us-ascii"),
            ("/bin/tool", "text/x-tool"),
            ("/a.css", "text/css; charset=utf-8"),
        ] {
            assert_eq!(types.of(name), expected, "{name}");
        }
        for wrong in ["glb", "glb=", "=a/b", "glb=a", "glb=a/b c", "a/b=c/d", "glb=a/\n"] {
            assert!(wrong.parse::<TypeRule>().is_err(), "{wrong:?}");
        }
    }
}
