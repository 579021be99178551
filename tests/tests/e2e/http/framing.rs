//! Where a request ends: lengths, transfer codings, chunks, and what follows on the connection.

use super::corpus::{Case, NEXT, case};

pub(super) fn cases() -> impl Iterator<Item = Case> {
    lengths()
        .chain(codings())
        .chain(both())
        .chain(chunks())
        .chain(trailers())
        .chain(pipelines())
        .chain(unread())
        .chain(ends())
}

/// A POST with these lines, and what follows its head.
fn post(section: &'static str, lines: &str, body: &str, answers: &'static str) -> Case {
    let head = format!("POST /seen HTTP/1.1\r\nHost: a\r\n{lines}\r\n");
    case(section, head + body, answers)
}

fn lengths() -> impl Iterator<Item = Case> {
    let good = [("0", ""), ("3", "abc"), ("003", "abc"), (" 3 ", "abc"), ("\t3", "abc")];
    let good = good.map(|(length, body)| {
        post("9112 6.2", &format!("Content-Length:{length}\r\n"), body, "200 +")
    });
    let bad = [
        "",
        " ",
        "+3",
        "-3",
        "-0",
        "3,3",
        "3, 3",
        "3 3",
        "3.0",
        "0x3",
        "3e0",
        "a",
        "3a",
        "\"3\"",
        "3;",
        "18446744073709551616",
        "99999999999999999999999",
        "\u{b2}",
        "٣",
    ];
    let bad =
        bad.map(|length| post("9112 6.3", &format!("Content-Length: {length}\r\n"), "abc", "400"));
    let several = [
        ("3", "3", "200 + or 400"),
        ("3", "4", "400"),
        ("4", "3", "400"),
        ("3", "0", "400"),
        ("3", "a", "400"),
        ("3", "+3", "400"),
    ];
    let several = several.map(|(first, second, answers)| {
        let lines = format!("Content-Length: {first}\r\nContent-Length: {second}\r\n");
        post("9112 6.3", &lines, "abc", answers)
    });
    let names = ["Content-Length : 3\r\n", "Content-Length\t: 3\r\n", " Content-Length: 3\r\n"];
    let names = names.map(|lines| post("9112 5.1", lines, "abc", "400"));
    let large = [
        post("9110 15.5.14", "Content-Length: 18446744073709551615\r\n", "", "413 or 431 or 400"),
        post("9110 15.5.14", "Content-Length: 9223372036854775807\r\n", "", "413"),
        post("9110 15.5.14", "Content-Length: 99999999\r\n", "", "413"),
    ];
    good.into_iter().chain(bad).chain(several).chain(names).chain(large)
}

fn codings() -> impl Iterator<Item = Case> {
    let body = "3\r\nabc\r\n0\r\n\r\n";
    let good = ["chunked", "Chunked", "CHUNKED", " chunked ", "\tchunked"];
    let good = good
        .map(|coding| post("9112 6.1", &format!("Transfer-Encoding:{coding}\r\n"), body, "200 +"));
    let invalid = [
        "",
        " ",
        "x",
        "gzip",
        "identity",
        "chunked, gzip",
        "chunked, identity",
        "chunked, chunked",
        "chunked,",
        ",chunked",
        ", chunked",
        "chunked, ,chunked",
        "chunked;q=1",
        "chunked;",
        "chunke",
        "xchunked",
        "\"chunked\"",
        "'chunked'",
        "chunked x",
        "chunked\u{b}",
        "chunked\u{0}",
        "\u{b}chunked",
        "chunked\u{a0}",
        "gzip, chunked, chunked",
        "cḣunked",
    ];
    let invalid = invalid
        .map(|coding| post("9112 6.3", &format!("Transfer-Encoding: {coding}\r\n"), body, "400"));
    let unknown =
        ["gzip, chunked", "x, chunked", "identity, chunked", "gzip,chunked", "a, b, chunked"];
    let unknown = unknown
        .map(|coding| post("9112 6.1", &format!("Transfer-Encoding: {coding}\r\n"), body, "501"));
    let several = [
        ("Transfer-Encoding: x\r\nTransfer-Encoding: chunked\r\n", "501"),
        ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "400"),
        ("Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n", "400"),
        ("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", "400"),
        ("Transfer-Encoding:\r\nTransfer-Encoding: chunked\r\n", "400"),
        ("Transfer-Encoding : chunked\r\n", "400"),
        ("Transfer-Encoding\t: chunked\r\n", "400"),
        (" Transfer-Encoding: chunked\r\n", "400"),
        ("X: y\r\n Transfer-Encoding: chunked\r\n", "400"),
        ("Transfer-Encoding:\r\n chunked\r\n", "400"),
        ("Transfer-Encoding: chunked\rX: y\r\n", "400"),
    ];
    let several = several.map(|(lines, answers)| post("9112 6.3", lines, body, answers));
    good.into_iter().chain(invalid).chain(unknown).chain(several)
}

/// A length and a coding: the coding counts, and the connection ends (or it is refused).
fn both() -> impl Iterator<Item = Case> {
    let bodies = ["3\r\nabc\r\n0\r\n\r\n", "0\r\n\r\n"];
    let lengths = ["Content-Length: 0\r\n", "Content-Length: 5\r\n", "Content-Length: 500\r\n"];
    let coding = "Transfer-Encoding: chunked\r\n";
    let pairs = lengths.into_iter().flat_map(move |length| {
        bodies.into_iter().flat_map(move |body| {
            [format!("{length}{coding}"), format!("{coding}{length}")]
                .map(|lines| post("9112 6.3", &lines, body, "200 or 400"))
        })
    });
    // What one of the two would take for a request is none.
    let hidden = format!("0\r\n\r\n{NEXT}");
    pairs.chain([
        post("9112 6.3", &format!("Content-Length: 6\r\n{coding}"), &hidden, "200 or 400"),
        post("9112 6.3", &format!("{coding}Content-Length: 6\r\n"), &hidden, "200 or 400"),
    ])
}

fn chunks() -> impl Iterator<Item = Case> {
    let chunked =
        |body: &str, answers| post("9112 7.1", "Transfer-Encoding: chunked\r\n", body, answers);
    let good = [
        "0\r\n\r\n",
        "3\r\nabc\r\n0\r\n\r\n",
        "1\r\na\r\n2\r\nbc\r\n0\r\n\r\n",
        "a\r\n0123456789\r\n0\r\n\r\n",
        "A\r\n0123456789\r\n0\r\n\r\n",
        "0003\r\nabc\r\n000\r\n\r\n",
        "3;x\r\nabc\r\n0\r\n\r\n",
        "3;x=y\r\nabc\r\n0;z\r\n\r\n",
        "3;x=\"y;z\"\r\nabc\r\n0\r\n\r\n",
        "3 ;x\r\nabc\r\n0\r\n\r\n",
        "2\r\n\r\n\r\n0\r\n\r\n",
    ];
    let bad = [
        "\r\n0\r\n\r\n",
        "x\r\nabc\r\n0\r\n\r\n",
        "-3\r\nabc\r\n0\r\n\r\n",
        "+3\r\nabc\r\n0\r\n\r\n",
        "0x3\r\nabc\r\n0\r\n\r\n",
        "3g\r\nabc\r\n0\r\n\r\n",
        " 3\r\nabc\r\n0\r\n\r\n",
        "3 3\r\nabc\r\n0\r\n\r\n",
        "3\nabc\r\n0\r\n\r\n",
        "3\r\nabc\n0\r\n\r\n",
        "3\r\nabc0\r\n\r\n",
        "3\r\nabcd\r\n0\r\n\r\n",
        "2\r\nabc\r\n0\r\n\r\n",
        "3;x\nabc\r\n0\r\n\r\n",
        "3\rabc\r\n0\r\n\r\n",
        ";x\r\nabc\r\n0\r\n\r\n",
        "10000000000000000\r\nabc\r\n0\r\n\r\n",
        "fffffffffffffffff\r\nabc\r\n0\r\n\r\n",
        "\u{0}3\r\nabc\r\n0\r\n\r\n",
    ];
    let large = chunked("7fffffffffffffff\r\nabc", "400").ends();
    let long = format!("3;{}\r\nabc\r\n0\r\n\r\n", "x".repeat(20_000));
    let good = good.into_iter().map(move |body| chunked(body, "200 +"));
    good.chain(bad.into_iter().map(move |body| chunked(body, "400")))
        .chain([large, chunked(&long, "400")])
}

fn trailers() -> impl Iterator<Item = Case> {
    [
        // Behind them the host does not go on.
        ("0\r\nX: y\r\n\r\n", "200"),
        ("3\r\nabc\r\n0\r\nX: y\r\nZ: z\r\n\r\n", "200"),
        ("0\r\nContent-Length: 5\r\n\r\n", "200"),
        ("0\r\nHost: b\r\n\r\n", "200"),
        ("0\r\n\nGET /seen HTTP/1.1\r\nHost: a\r\n\r\n", "200 or 400"),
        ("0\r\nX: y\n\nGET /seen HTTP/1.1\r\nHost: a\r\n\r\n", "200 or 400"),
        ("0\r\nX y\r\n\r\n", "400"),
        ("0\r\n: y\r\n\r\n", "400"),
        ("0\r\nX : y\r\n\r\n", "400"),
        ("0\r\nX: \u{0}\r\n\r\n", "400"),
        ("0\r\n\rX\r\n\r\n", "400"),
    ]
    .map(|(body, answers)| post("9112 7.1.2", "Transfer-Encoding: chunked\r\n", body, answers))
    .into_iter()
}

fn pipelines() -> impl Iterator<Item = Case> {
    let get = "GET /seen HTTP/1.1\r\nHost: a\r\n\r\n";
    let head = "HEAD /seen HTTP/1.1\r\nHost: a\r\n\r\n";
    let nameless = "GET /seen HTTP/1.1\r\n\r\n";
    let post = "POST /seen HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc";
    let chunked = "POST /seen HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\
        3\r\nabc\r\n0\r\n\r\n";
    let closing = "GET /seen HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    [
        (vec![get, get], "200 200 +"),
        (vec![get; 5], "200 200 200 200 200 +"),
        (vec![head, head], "200 200 +"),
        (vec![post, get, chunked, get], "200 200 200 200 +"),
        (vec![get, nameless, get], "200 400"),
        (vec![get, "garbage\r\n\r\n", get], "200 400"),
        (vec![get, "\r\n", get], "200 200 +"),
        (vec![closing, get], "200"),
        (vec![post, "(", get], "200 400"),
        (vec!["GET /seen HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"], "200 +"),
        (vec!["HEAD /seen HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"], "200 +"),
        (vec!["DELETE /seen HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"], "200 +"),
        (vec!["OPTIONS * HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"], "204 +"),
    ]
    .map(|(parts, answers)| case("9112 9.3.2", parts.concat(), answers))
    .into_iter()
}

/// The body of a request that the page leaves alone is never taken for a request.
fn unread() -> impl Iterator<Item = Case> {
    let length = NEXT.len();
    let request = |lines: &str, body: &str, answers| {
        let head = format!("POST /unread HTTP/1.1\r\nHost: a\r\n{lines}\r\n");
        case("9112 9.3", head + body, answers)
    };
    let chunk = format!("{length:x}\r\n{NEXT}\r\n0\r\n\r\n");
    [
        request(&format!("Content-Length: {length}\r\n"), NEXT, "200 + or 200"),
        request("Transfer-Encoding: chunked\r\n", &chunk, "200 + or 200"),
        request(&format!("Content-Length: {}\r\n", 8 * length), &NEXT.repeat(8), "200 + or 200"),
        request(
            &format!("Content-Length: {}\r\n", 999 * length),
            &NEXT.repeat(999),
            "200 + or 200",
        ),
    ]
    .into_iter()
}

/// A client that sends nothing more.
fn ends() -> impl Iterator<Item = Case> {
    let get = "GET /seen HTTP/1.1\r\nHost: a\r\n\r\n";
    let slow = "GET /slow/200 HTTP/1.1\r\nHost: a\r\n\r\n";
    [
        (get.to_owned(), "200"),
        (get.repeat(2), "200 200"),
        (slow.to_owned(), "200"),
        (slow.repeat(2), "200 200"),
        (format!("{get}GET /se"), "200"),
        ("GET /se".to_owned(), ""),
        ("GET /seen HTTP/1.1\r\nHost: a\r\n".to_owned(), ""),
        (String::new(), ""),
        ("\r\n".to_owned(), ""),
        ("POST /seen HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nab".to_owned(), "400 or "),
        (
            "POST /seen HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab"
                .to_owned(),
            "400 or ",
        ),
        (
            "POST /seen HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n"
                .to_owned(),
            "400 or ",
        ),
    ]
    .map(|(text, answers)| case("9112 9.6", text, answers).ends())
    .into_iter()
}
