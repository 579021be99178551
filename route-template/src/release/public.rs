//! The public files of a release: copied, named by their content, compressed.
//!
//! Beside each file lies a copy whose name carries a hash, `logo-3f2a1b4c5d6e7f80.svg`, which pages
//! link (`nova::asset`) and browsers keep for ever. It is a hard link where the file system has
//! them, so it takes no room. HTML documents have none, because people and other sites link them.
//! What compresses well lies there a second time as `.gz`, `.br` and `.zst`, which a host sends to
//! clients that take them. One that the user has made is taken instead, unless it is older than what
//! it was made of.
//!
//! Only what the release before lists in its manifest is ever removed, and its hashed copies stay
//! for one release more: a page that was answered before a swap still finds them.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use walkdir::WalkDir;

use crate::digest::sha256;
use crate::files::{is_gone, write_atomically};
use crate::release::error::ReleaseError;
use crate::release::manifest::{Manifest, PrerenderedPage, PublicFile};

/// The folder of public files in a release.
pub(crate) const PUBLIC: &str = "public";

/// How many digits of a hash a name carries.
const DIGITS: usize = 16;

/// A compressed variant that saves less than a tenth is not worth its place in a cache.
const WORTH: f64 = 0.9;

/// So much older a variant of the user's may be than its original, because copies of folders do not
/// always keep the times of files. A host takes as much.
const SLACK: Duration = Duration::from_secs(2);

/// The encodings, by the ending of their files; the names are those of HTTP (RFC 9110, 8.4.1).
const ENCODINGS: [(&str, Encoder); 3] = [("gz", gzip), ("br", brotli), ("zst", zstd)];

type Encoder = fn(&[u8]) -> io::Result<Vec<u8>>;

/// What is known of the public files after they were written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PublicFiles {
    /// Each file, in the order of their URLs.
    pub files: Vec<PublicFile>,
    /// The hashed copies that the release before linked and this one does not.
    pub former: Vec<String>,
    /// The variants of the user's that are older than their originals, and were left aside.
    pub stale: Vec<String>,
    /// Pages that were rendered, see [`write_prerendered`](crate::write_prerendered).
    pub prerendered: Vec<PrerenderedPage>,
    /// The bytes of the files themselves.
    pub size: u64,
    /// The bytes of those that have compressed variants, and of the smallest variant of each.
    pub compressed: (u64, u64),
}

/// Writes the files of these folders into the release at `out`; of two with one name that of the
/// earlier folder counts. `earlier` is the manifest of the release that lies there.
///
/// # Errors
/// If a file cannot be read or written, or if a folder is the one that is written to.
pub fn write_public(
    out: &Path,
    folders: &[PathBuf],
    earlier: Option<&Manifest>,
) -> Result<PublicFiles, ReleaseError> {
    let to = out.join(PUBLIC);
    let mut sources = sources(folders, &to)?;
    let stale = stale_variants(&sources);
    sources.retain(|url, _| !stale.contains(url));
    let mut written = PublicFiles { stale, ..PublicFiles::default() };
    let mut kept = BTreeSet::new();
    for (url, path) in &sources {
        let content = std::fs::read(path).map_err(failed(path, "read"))?;
        let hash = sha256(&content);
        let place = to.join(&url[1..]);
        let hashed = is_linked(url).then(|| hashed(url, &hash[..DIGITS]));
        let listed = earlier.map_or(&[][..], |earlier| &earlier.public);
        let is_there = listed.iter().any(|file| file.url == *url && file.sha256 == hash)
            && std::fs::metadata(&place).is_ok_and(|file| file.len() == content.len() as u64);
        if !is_there {
            write_atomically(&place, &content).map_err(failed(&place, "written"))?;
        }
        let mut variants = Vec::new();
        for (ending, encode) in ENCODINGS {
            let name = format!("{url}.{ending}");
            // One that the user made counts more, and is copied as any file.
            if sources.contains_key(&name) || !is_compressible(url) {
                continue;
            }
            let place = to.join(&name[1..]);
            // Of the release before it was the user's, and may be older.
            let is_ours = !listed.iter().any(|file| file.url == name);
            let known = (is_there && is_ours).then(|| std::fs::metadata(&place).ok()).flatten();
            let size = match known {
                Some(known) => known.len(),
                None => {
                    let encoded = encode(&content).map_err(failed(path, "compressed"))?;
                    if encoded.len() as f64 > content.len() as f64 * WORTH {
                        continue;
                    }
                    write_atomically(&place, &encoded).map_err(failed(&place, "written"))?;
                    encoded.len() as u64
                }
            };
            variants.push((ending, size));
        }
        kept.insert(url.clone());
        kept.extend(variants.iter().map(|(ending, _)| format!("{url}.{ending}")));
        if let Some(hashed) = &hashed {
            link(&place, &to.join(&hashed[1..]))?;
            for (ending, _) in ENCODINGS {
                let of = |url: &str| to.join(&format!("{url}.{ending}")[1..]);
                if variants.iter().any(|(known, _)| *known == ending) {
                    link(&of(url), &of(hashed))?;
                } else if sources.contains_key(&format!("{url}.{ending}")) {
                    // It is written in its turn, which may come later; its content is what counts.
                    let own = &sources[&format!("{url}.{ending}")];
                    let content = std::fs::read(own).map_err(failed(own, "read"))?;
                    write_atomically(&of(hashed), &content)
                        .map_err(failed(&of(hashed), "written"))?;
                }
            }
            kept.extend(with_variants(hashed));
        }
        let size = content.len() as u64;
        written.size += size;
        if let Some(smallest) = variants.iter().map(|(_, size)| *size).min() {
            written.compressed.0 += size;
            written.compressed.1 += smallest;
        }
        written.files.push(PublicFile { url: url.clone(), hashed, sha256: hash, size });
    }
    if let Some(earlier) = earlier {
        let linked = earlier.public.iter().filter_map(|file| file.hashed.clone());
        written.former = linked.filter(|url| !kept.contains(url)).collect();
        kept.extend(written.former.iter().flat_map(|url| with_variants(url)));
        remove_old(&to, earlier, &kept);
    }
    Ok(written)
}

/// The files of these folders by their URLs.
fn sources(folders: &[PathBuf], to: &Path) -> Result<BTreeMap<String, PathBuf>, ReleaseError> {
    let mut sources = BTreeMap::new();
    for folder in folders {
        let folder = match folder.canonicalize() {
            Ok(folder) => folder,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(failed(folder, "read")(error)),
        };
        if to.canonicalize().is_ok_and(|to| to.starts_with(&folder) || folder.starts_with(&to)) {
            return Err(ReleaseError::IntoItself { folder });
        }
        for entry in WalkDir::new(&folder).follow_links(true).sort_by_file_name() {
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) if is_gone(error.io_error()) => continue,
                Err(error) => {
                    let path = error.path().unwrap_or(&folder).to_owned();
                    let error = error.into_io_error();
                    let error = error.unwrap_or_else(|| io::Error::other("links lead in a circle"));
                    return Err(failed(&path, "read")(error));
                }
            };
            let path = entry.path().strip_prefix(&folder).ok().and_then(Path::to_str);
            // A host serves no other names.
            if let Some(path) = path.filter(|path| entry.file_type().is_file() && is_visible(path))
            {
                sources.entry(format!("/{path}")).or_insert_with(|| entry.path().to_owned());
            }
        }
    }
    Ok(sources)
}

/// The variants that were made before the last change of what they were made of.
fn stale_variants(sources: &BTreeMap<String, PathBuf>) -> Vec<String> {
    let modified = |path: &Path| std::fs::metadata(path).and_then(|file| file.modified()).ok();
    let is_stale = |url: &str, path: &Path| {
        let (original, ending) = url.rsplit_once('.')?;
        let is_variant = ENCODINGS.iter().any(|(known, _)| *known == ending);
        let original: Option<SystemTime> = modified(sources.get(original).filter(|_| is_variant)?);
        Some(modified(path)? + SLACK < original?)
    };
    let stale = sources.iter().filter(|(url, path)| is_stale(url, path) == Some(true));
    stale.map(|(url, _)| url.clone()).collect()
}

fn is_visible(path: &str) -> bool {
    let path = path.strip_prefix(".well-known/").unwrap_or(path);
    !path.split('/').any(|name| name.starts_with('.'))
        && !path.contains(|c: char| c == '\\' || c.is_control())
}

/// Whether pages link a file by a name that changes with its content.
fn is_linked(url: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/-_.~@+".contains(c);
    let has_ending = |ending: &&str| url.ends_with(&format!(".{ending}"));
    !url.starts_with("/.well-known/")
        && url.chars().all(is_plain)
        && !["html", "htm", "gz", "br", "zst"].iter().any(has_ending)
}

/// `/img/a.svg` -> `/img/a-0123456789abcdef.svg`. A host knows such names, too.
fn hashed(url: &str, hash: &str) -> String {
    let (folder, name) = url.rsplit_once('/').unwrap_or(("", url));
    let (stem, ending) = name.split_at(name.rfind('.').unwrap_or(name.len()));
    format!("{folder}/{stem}-{hash}{ending}")
}

fn with_variants(url: &str) -> impl Iterator<Item = String> {
    let variants = ENCODINGS.map(|(ending, _)| format!("{url}.{ending}"));
    std::iter::once(url.to_owned()).chain(variants)
}

/// Text, and the formats that hold their data as it is.
fn is_compressible(url: &str) -> bool {
    let ending = url.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase());
    ending.is_some_and(|ending| {
        [
            "atom",
            "bmp",
            "cjs",
            "css",
            "csv",
            "eot",
            "geojson",
            "htm",
            "html",
            "ico",
            "ics",
            "js",
            "json",
            "jsonld",
            "map",
            "md",
            "mjs",
            "otf",
            "rss",
            "svg",
            "tsv",
            "ttf",
            "txt",
            "vtt",
            "wasm",
            "webmanifest",
            "xhtml",
            "xml",
            "yaml",
            "yml",
        ]
        .contains(&ending.as_str())
    })
}

/// A second name for a file, or a copy where there are no hard links.
fn link(from: &Path, to: &Path) -> Result<(), ReleaseError> {
    if is_same(from, to) {
        return Ok(());
    }
    let beside = to.with_extension("nova-part");
    let _ = std::fs::remove_file(&beside);
    std::fs::hard_link(from, &beside)
        .or_else(|_| std::fs::copy(from, &beside).map(drop))
        .and_then(|()| std::fs::rename(&beside, to))
        .map_err(failed(to, "written"))
}

fn is_same(one: &Path, other: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let id = |path: &Path| std::fs::metadata(path).map(|file| (file.dev(), file.ino()));
    matches!((id(one), id(other)), (Ok(one), Ok(other)) if one == other)
}

/// Removes what the release before has listed and this one does not need.
fn remove_old(to: &Path, earlier: &Manifest, kept: &BTreeSet<String>) {
    let files = earlier.public.iter().map(|file| &file.url);
    for url in files.chain(&earlier.former_public).flat_map(|url| with_variants(url)) {
        // A manifest does not lead out of its folder.
        let is_inside = url.starts_with('/') && !url.split('/').any(|name| name == "..");
        if is_inside && !kept.contains(&url) {
            // What cannot be removed only takes room.
            let _ = std::fs::remove_file(to.join(&url[1..]));
        }
    }
}

fn gzip(content: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(content)?;
    encoder.finish()
}

fn brotli(content: &[u8]) -> io::Result<Vec<u8>> {
    // The best there is, with the window that every browser has.
    let mut encoder = brotli::CompressorWriter::new(Vec::new(), 4096, 11, 22);
    encoder.write_all(content)?;
    Ok(encoder.into_inner())
}

fn zstd(content: &[u8]) -> io::Result<Vec<u8>> {
    // Browsers refuse a window above 8 MB (RFC 9659), which this level may ask for.
    let mut encoder = zstd::Encoder::new(Vec::new(), 19)?;
    encoder.window_log(23)?;
    encoder.write_all(content)?;
    encoder.finish()
}

fn failed(path: &Path, action: &'static str) -> impl FnOnce(io::Error) -> ReleaseError {
    let path = path.to_owned();
    move |source| ReleaseError::Io { path, action, source }
}

#[cfg(test)]
mod tests;
