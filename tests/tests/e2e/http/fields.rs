//! Header lines: `Host` above all, the characters of names and values, how long and how many they
//! may be.

use super::corpus::{Case, case};

pub(super) fn cases() -> impl Iterator<Item = Case> {
    hosts().chain(several_hosts()).chain(names()).chain(values()).chain(lines()).chain(sizes())
}

/// A GET with further lines.
fn get(section: &'static str, lines: impl AsRef<[u8]>, answers: &'static str) -> Case {
    let mut bytes = b"GET /seen HTTP/1.1\r\nHost: a\r\n".to_vec();
    bytes.extend(lines.as_ref());
    bytes.extend(b"\r\n");
    case(section, bytes, answers)
}

fn hosts() -> impl Iterator<Item = Case> {
    let host = |host: &[u8], answers| {
        let bytes = [&b"GET /seen HTTP/1.1\r\nHost:"[..], host, b"\r\n\r\n"].concat();
        case("9112 3.2", bytes, answers)
    };
    let good: [&[u8]; 16] = [
        b" a",
        b"a",
        b"\ta",
        b" a ",
        b" shop.example",
        b" shop.example.",
        b" SHOP.EXAMPLE",
        b" a:80",
        b" a:",
        b" my_service-1:3000",
        b" 127.0.0.1",
        b" 127.0.0.1:65535",
        b" [::1]",
        b" [::1]:80",
        b" [2001:db8::a:1]",
        b" xn--bcher-kva.example",
    ];
    let bad: [&[u8]; 40] = [
        b"",
        b" ",
        b" :80",
        b" a b",
        b" a,b",
        b" a, a",
        b" a/x",
        b" a/",
        b" /",
        b" a?x",
        b" a#x",
        b" a\\b",
        b" u@a",
        b" u:p@a",
        b" @a",
        b" a:b",
        b" a:80:90",
        b" a:65536",
        b" a:99999999",
        b" a:-1",
        b" a:+1",
        b" a: 80",
        b" a :80",
        b" [::1",
        b" ::1",
        b" [::g]",
        b" [::1]x",
        b" [::1]:x",
        b" [v1.x]",
        b" [fe80::1%25eth0]",
        b" \xc3\xa9",
        b" \xff",
        b" <script>",
        b" a\"b",
        b" a'b",
        b" a;b",
        b" %61",
        b" http://a",
        b" a|b",
        b" {a}",
    ];
    let good = good.into_iter().map(move |name| host(name, "200 +"));
    good.chain(bad.into_iter().map(move |name| host(name, "400")))
}

fn several_hosts() -> impl Iterator<Item = Case> {
    [
        ("GET /seen HTTP/1.1\r\n\r\n", "400"),
        ("GET /seen HTTP/1.1\r\nX: y\r\n\r\n", "400"),
        ("GET /seen HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "400"),
        ("GET /seen HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", "400"),
        ("GET /seen HTTP/1.1\r\nHost: a\r\nX: y\r\nhOST: a\r\n\r\n", "400"),
        ("GET /seen HTTP/1.1\r\nHost: a\r\nHost:\r\n\r\n", "400"),
        ("GET http://a/seen HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", "400"),
        ("GET /seen HTTP/1.1\r\nHost : a\r\n\r\n", "400"),
        ("GET /seen HTTP/1.1\r\nHost: a\r\n b\r\n\r\n", "400"),
        ("GET /nothing HTTP/1.1\r\n\r\n", "400"),
        ("GET /healthz HTTP/1.1\r\n\r\n", "400"),
        ("GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n", "404 +"),
        ("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n", "200 +"),
    ]
    .map(|(text, answers)| case("9112 3.2", text, answers))
    .into_iter()
}

fn names() -> impl Iterator<Item = Case> {
    let token = "!#$%&'*+-.^_`|~09azAZ".chars();
    let good = token.map(|it| get("9110 5.6.2", format!("X{it}Y: z\r\n"), "200 +"));
    let others = "\"(),/;<=>?@[\\]{} \t".chars().chain((0..0x20).map(char::from)).chain(['\u{7f}']);
    let others = others.filter(|it| !matches!(it, '\n'));
    let bad = others.map(|it| get("9112 5.1", format!("X{it}Y: z\r\n"), "400"));
    let more = [": z\r\n", "X\r\n", "X z\r\n", "X : z\r\n", "X\t: z\r\n", "é: z\r\n", " X: z\r\n"];
    good.chain(bad).chain(more.map(|line| get("9112 5.1", line, "400")))
}

fn values() -> impl Iterator<Item = Case> {
    let good = ["", " ", "\t", "a b", "a\tb", "\"a\"", "é", "a:b", "  a  "];
    let good = good.map(|value| get("9110 5.5", format!("X:{value}\r\n"), "200 +"));
    let bad = (0..0x20).chain([0x7f]).filter(|byte| !matches!(byte, b'\t' | b'\n'));
    let bad =
        bad.map(|byte: u8| get("9110 5.5", [&b"X: a"[..], &[byte], b"b\r\n"].concat(), "400"));
    let folded = ["X: a\r\n b\r\n", "X: a\r\n\tb\r\n", "X:\r\n b\r\n"];
    good.into_iter().chain(bad).chain(folded.map(|lines| get("9112 5.2", lines, "400")))
}

fn lines() -> impl Iterator<Item = Case> {
    [
        ("9110 5.3", "X: a\r\nX: b\r\nx: c\r\n", "200 +"),
        ("6265 5.4", "Cookie: a=1\r\nCookie: b=2\r\n", "200 +"),
        ("9110 10.1.1", "Expect: 100-continue\r\n", "200 +"),
        ("9110 10.1.1", "Expect: 100-Continue\r\n", "200 +"),
        ("9110 10.1.1", "Expect: magic\r\n", "417"),
        ("9110 10.1.1", "Expect: 100-continue, magic\r\n", "417"),
        ("9110 10.1.1", "Expect: magic\r\nExpect: 100-continue\r\n", "417"),
        ("9110 7.6.1", "Connection: close\r\n", "200"),
        ("9110 7.6.1", "Connection: Close\r\n", "200"),
        ("9110 7.6.1", "Connection: x, close\r\n", "200"),
        ("9110 7.6.1", "Connection: close\r\nConnection: keep-alive\r\n", "200"),
        ("9110 7.6.1", "Connection: keep-alive\r\n", "200 +"),
        ("9110 7.6.1", "Connection: x\r\nX: y\r\n", "200 +"),
        ("9110 7.8", "Upgrade: h2c\r\nConnection: upgrade, http2-settings\r\n", "200 +"),
        ("9110 7.8", "Upgrade: websocket\r\nConnection: upgrade\r\n", "200 +"),
        ("9110 14.2", "Range: garbage\r\n", "200 +"),
        ("9110 12.5.1", "Accept: ,;,\r\n", "200 +"),
        ("9110 12.5.3", "Accept-Encoding: ,;q=,\r\n", "200 +"),
        ("9110 13.1.3", "If-Modified-Since: never\r\n", "200 +"),
    ]
    .map(|(section, lines, answers)| get(section, lines, answers))
    .into_iter()
}

fn sizes() -> impl Iterator<Item = Case> {
    let value = |length: usize| format!("X: {}\r\n", "a".repeat(length));
    let many = |count: usize| "X: a\r\n".repeat(count);
    let target = |length: usize| {
        let target = "a".repeat(length);
        case("9112 3", format!("GET /seen?{target} HTTP/1.1\r\nHost: a\r\n\r\n"), "")
    };
    let answered = |case: Case, answers| Case { answers, ..case };
    [
        get("6585 5", value(8_000), "200 +"),
        get("6585 5", value(60_000), "200 +"),
        // --max-header is 64 KiB, in however many pieces the head comes.
        get("6585 5", value(65_536), "431"),
        get("6585 5", value(100_000), "431"),
        get("6585 5", value(300_000), "431"),
        get("6585 5", value(8_000).repeat(9), "431"),
        get("6585 5", many(99), "200 +"),
        get("6585 5", many(100), "431"),
        get("6585 5", many(1_000), "431"),
        answered(target(8_000), "200 +"),
        answered(target(60_000), "200 +"),
        answered(target(65_600), "431 or 414"),
        answered(target(200_000), "431 or 414"),
    ]
    .into_iter()
}
