//! The request line: methods, targets, versions, and what stands around them.

use super::corpus::{Case, case};

/// The characters of a token besides letters and digits (RFC 9110, section 5.6.2).
const TOKEN: &str = "!#$%&'*+-.^_`|~";

pub(super) fn cases() -> impl Iterator<Item = Case> {
    methods().chain(targets()).chain(absolute()).chain(special()).chain(versions()).chain(around())
}

fn line(section: &'static str, line: &str, answers: &'static str) -> Case {
    case(section, format!("{line}\r\nHost: a\r\n\r\n"), answers)
}

fn methods() -> impl Iterator<Item = Case> {
    let known = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"];
    let unknown = ["PROPFIND", "get", "X", "PRI", TOKEN, "M-SEARCH"];
    let good = known.into_iter().chain(unknown);
    let good = good.map(|method| line("9110 9.1", &format!("{method} /seen HTTP/1.1"), "200 +"));
    // A name of another character is no method.
    let bad = "\"(),/:;<=>?@[\\]{}\t\u{7f}\u{0}\u{1}".chars();
    let bad =
        bad.map(|character| line("9112 3.1", &format!("G{character}T /seen HTTP/1.1"), "400"));
    good.chain(bad)
}

fn targets() -> impl Iterator<Item = Case> {
    let good = [
        "/seen?",
        "/seen?a=b&c=d",
        "/seen?a/b?c",
        "/seen?%20",
        "/s%65en",
        "/seen?a=[1]",
        "/seen?a;b:c@d!$'()*+,",
    ];
    let good = good.map(|target| line("9112 3.2.1", &format!("GET {target} HTTP/1.1"), "200 +"));
    // What is no path of a page is no reason to close.
    let missing = ["/nothing", "//seen", "//evil.example/", "/seen/../..", "/..%2f..%2fetc/passwd"];
    let missing = missing.map(|target| {
        line("9110 15.5.5", &format!("GET {target} HTTP/1.1"), "404 + or 400 + or 308 +")
    });
    let undecodable = ["/%", "/%0", "/%zz", "/%ff", "/%c0%ae"];
    let undecodable = undecodable
        .map(|target| line("3986 2.1", &format!("GET {target} HTTP/1.1"), "400 + or 404 +"));
    let controls = (0..0x20).chain([0x7f]).filter(|byte| !matches!(byte, b'\t' | b'\n' | b'\r'));
    let controls = controls.map(|byte: u8| {
        let target = format!("/seen{}x", char::from(byte));
        line("9112 3.2", &format!("GET {target} HTTP/1.1"), "400")
    });
    let empty = ["GET  HTTP/1.1", "GET HTTP/1.1", "GET", "GET /seen", "", "/seen HTTP/1.1"];
    let empty = empty.map(|text| line("9112 3", text, "400"));
    let no_path =
        ["seen", "seen?x", "?x", "a:80", "http:", "http:/seen", "http://", "http:///seen"];
    let no_path =
        no_path.map(|target| line("9112 3.2", &format!("GET {target} HTTP/1.1"), "400 or 400 +"));
    // The crate `http` takes a fragment off before anybody could see it.
    let fragments = ["/seen#x", "/seen?a#x", "/seen#"];
    let fragments =
        fragments.map(|target| line("9112 3.2", &format!("GET {target} HTTP/1.1"), "200 +"));
    good.into_iter()
        .chain(missing)
        .chain(undecodable)
        .chain(controls)
        .chain(empty)
        .chain(no_path)
        .chain(fragments)
}

fn absolute() -> impl Iterator<Item = Case> {
    [
        ("http://a/seen", "200 +"),
        ("https://a/seen", "200 +"),
        ("HTTP://a/seen", "200 +"),
        ("http://a:80/seen", "200 +"),
        ("http://a:/seen", "200 + or 400"),
        ("http://b/seen", "200 +"),
        ("http://[::1]:80/seen", "200 +"),
        ("http://a", "404 +"),
        ("http://a?x", "404 +"),
        ("http://a:x/seen", "400"),
        ("http://a:99999/seen", "400"),
        ("http://u@a/seen", "400"),
        ("http://u:p@a/seen", "400"),
        ("http://[::1/seen", "400"),
        ("http://a,b/seen", "400"),
        ("http://a b/seen", "400"),
        ("ftp://a/seen", "400"),
        ("javascript://a/seen", "400"),
    ]
    .map(|(target, answers)| line("9112 3.2.2", &format!("GET {target} HTTP/1.1"), answers))
    .into_iter()
    .chain([case("9112 3.2", "GET http://a/seen HTTP/1.1\r\n\r\n", "400")])
}

fn special() -> impl Iterator<Item = Case> {
    [
        ("9110 9.3.7", "OPTIONS * HTTP/1.1", "204 +"),
        ("9112 3.2.4", "GET * HTTP/1.1", "400 +"),
        ("9112 3.2.4", "POST * HTTP/1.1", "400 +"),
        ("9112 3.2.4", "OPTIONS ** HTTP/1.1", "400 or 400 +"),
        ("9110 9.3.6", "CONNECT a:443 HTTP/1.1", "501"),
        ("9110 9.3.6", "CONNECT [::1]:443 HTTP/1.1", "501"),
        ("9112 3.2.3", "CONNECT a HTTP/1.1", "400"),
        ("9112 3.2.3", "CONNECT /seen HTTP/1.1", "400"),
        ("9112 3.2.3", "CONNECT http://a:80/ HTTP/1.1", "400"),
        ("9112 3.2.3", "CONNECT * HTTP/1.1", "400"),
    ]
    .map(|(section, text, answers)| line(section, text, answers))
    .into_iter()
}

fn versions() -> impl Iterator<Item = Case> {
    // hyper speaks 1.0 and 1.1 alone.
    let bad = [
        "HTTP/1.2",
        "HTTP/2.0",
        "HTTP/0.9",
        "HTTP/1",
        "HTTP/1.",
        "HTTP/1.10",
        "HTTP/11",
        "HTTP/1,1",
        "http/1.1",
        "HTTP /1.1",
        "HTTP/ 1.1",
        "HTTP/1.1x",
        "HTTP/1.1 ",
        "HTTP",
        "HTTP/a.b",
        "X/1.1",
        "HTTP/-1.1",
        "HTTP/1.1 HTTP/1.1",
    ];
    let bad = bad.map(|version| line("9112 2.3", &format!("GET /seen {version}"), "400"));
    let old = [
        ("GET /seen HTTP/1.0\r\n\r\n", "200"),
        ("GET /seen HTTP/1.0\r\nHost: a\r\n\r\n", "200"),
        ("GET /seen HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "200 +"),
        ("GET /seen HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n", "400"),
        ("GET /seen HTTP/1.0\r\nHost: u@a\r\n\r\n", "400"),
        ("GET http://a/seen HTTP/1.0\r\n\r\n", "200"),
        ("POST /seen HTTP/1.0\r\nContent-Length: 3\r\n\r\nabc", "200"),
        ("POST /seen HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400"),
        ("GET /seen HTTP/1.0\r\nExpect: magic\r\n\r\n", "200"),
    ];
    let old = old.map(|(text, answers)| case("9112 2.3", text, answers));
    bad.into_iter().chain(old)
}

fn around() -> impl Iterator<Item = Case> {
    [
        ("9112 2.2", "\r\nGET /seen HTTP/1.1\r\nHost: a\r\n\r\n", "200 +"),
        ("9112 2.2", "\r\n\r\nGET /seen HTTP/1.1\r\nHost: a\r\n\r\n", "200 +"),
        ("9112 2.2", "GET /seen HTTP/1.1\nHost: a\n\n", "200 +"),
        ("9112 2.2", "GET /seen HTTP/1.1\r\nHost: a\r\n\n", "200 +"),
        ("9112 2.2", " GET /seen HTTP/1.1\r\nHost: a\r\n\r\n", "400"),
        ("9112 2.2", "GET /seen HTTP/1.1\r\n Host: a\r\n\r\n", "400"),
        ("9112 2.2", "GET /seen HTTP/1.1\rHost: a\r\n\r\n", "400"),
        ("9112 3", "GET  /seen HTTP/1.1\r\nHost: a\r\n\r\n", "400"),
        ("9112 3", "GET /seen  HTTP/1.1\r\nHost: a\r\n\r\n", "400"),
        ("9112 3", "GET\t/seen HTTP/1.1\r\nHost: a\r\n\r\n", "400"),
        ("9112 3", "GET /seen\tHTTP/1.1\r\nHost: a\r\n\r\n", "400"),
        ("9112 3", "GET /se en HTTP/1.1\r\nHost: a\r\n\r\n", "400"),
        ("9112 3", "HTTP/1.1 200 OK\r\nHost: a\r\n\r\n", "400"),
        ("9113 3.4", "PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n", "400"),
        ("9112 3", "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}\u{0}\u{1}\u{fc}\u{3}\u{3}\r\n\r\n", "400"),
    ]
    .map(|(section, text, answers)| case(section, text, answers))
    .into_iter()
}
