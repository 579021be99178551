//! What the servers are asked: the table of workloads.

use http::Method;
use nova_tests::client::Failure;

use crate::server::Can;

/// 64 KiB.
const UPLOAD: &[u8] = &[b'x'; 64 * 1024];

/// What `POST /json` is sent.
const ITEM: &[u8] = br#"{"id":7,"name":"an item with a name","price":12.5,"tags":["new","small"]}"#;

/// A row of the table.
pub(crate) struct Workload {
    pub(crate) name: &'static str,
    pub(crate) what: &'static str,
    /// What a server has to be able to do for it.
    pub(crate) needs: Can,
    pub(crate) ask: Ask,
    pub(crate) how: How,
}

/// The requests of a workload.
#[derive(Clone, Copy)]
pub(crate) enum Ask {
    /// GET of one address.
    Get(&'static str),
    /// GET of one address with the numbers from 1 to 1,000 behind it, in turns.
    Numbered(&'static str),
    /// POST of a body.
    Post(&'static str, &'static [u8]),
    /// GET of all routes of so many, in turns.
    Routes(usize),
}

/// How they are sent.
#[derive(Clone, Copy)]
pub(crate) enum How {
    /// As many as are answered.
    Saturate { connections: usize, depth: usize, requests_each: Option<u32> },
    /// The same over HTTP/2.
    Http2 { connections: usize, streams: usize },
    /// This share of what each server has answered at most before, in the same run.
    Pace(f64),
    /// The same, with a swap each second and without.
    Swap(f64),
}

/// Connections of every workload but that of HTTP/2, which has as many streams.
pub(crate) const CONNECTIONS: usize = 64;

const CLOSED: How = How::Saturate { connections: CONNECTIONS, depth: 1, requests_each: None };

pub(crate) static WORKLOADS: [Workload; 16] = [
    of("text", "13 bytes of text", Can::Text, Ask::Get("/text"), CLOSED),
    of("json", "a user as JSON", Can::Json, Ask::Numbered("/json/"), CLOSED),
    of("html", "a short page with a parameter", Can::Pages, Ask::Numbered("/html/user-"), CLOSED),
    of("page", "a page of 10 KB, from a template", Can::Pages, Ask::Get("/page"), CLOSED),
    of("echo", "JSON, read and given back", Can::Pages, Ask::Post("/json", ITEM), CLOSED),
    of(
        "post",
        "a body of 64 KiB, answered by its length",
        Can::Pages,
        Ask::Post("/post", UPLOAD),
        CLOSED,
    ),
    of("static", "a file of 100 KB", Can::Files, Ask::Get("/static/100k.bin"), CLOSED),
    of(
        "missing",
        "an address that is not there",
        Can::Pages,
        Ask::Get("/there/is/nothing"),
        CLOSED,
    ),
    of("routes-50", "50 routes more, all asked", Can::Pages, Ask::Routes(50), CLOSED),
    of("routes-1000", "1,000 routes more, all asked", Can::Pages, Ask::Routes(1000), CLOSED),
    of("db", "a row of SQLite, through sqlx", Can::Rows, Ask::Numbered("/db/"), CLOSED),
    of(
        "ten",
        "the text, 10 requests for each connection",
        Can::Text,
        Ask::Get("/text"),
        How::Saturate { connections: CONNECTIONS, depth: 1, requests_each: Some(10) },
    ),
    of(
        "http2",
        "the text over HTTP/2 without TLS, 8 connections of 8 streams",
        Can::Http2,
        Ask::Get("/text"),
        How::Http2 { connections: 8, streams: 8 },
    ),
    of(
        "pipelined",
        "the text, 16 requests ahead on each connection",
        Can::Text,
        Ask::Get("/text"),
        How::Saturate { connections: CONNECTIONS, depth: 16, requests_each: None },
    ),
    of(
        "latency",
        "the text at 70 % of each server's own capacity",
        Can::Latency,
        Ask::Get("/text"),
        How::Pace(0.7),
    ),
    of(
        "swap",
        "the text at half the capacity, with a swap each second and without",
        Can::Swap,
        Ask::Get("/text"),
        How::Swap(0.5),
    ),
];

const fn of(name: &'static str, what: &'static str, needs: Can, ask: Ask, how: How) -> Workload {
    Workload { name, what, needs, ask, how }
}

/// A request before its answer is known.
pub(crate) struct Question {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) body: &'static [u8],
}

impl Workload {
    /// The one of this name.
    pub(crate) fn named(name: &str) -> Result<&'static Self, Failure> {
        let found = WORKLOADS.iter().find(|workload| workload.name == name);
        found.ok_or_else(|| {
            let names: Vec<&str> = WORKLOADS.iter().map(|workload| workload.name).collect();
            format!("unknown workload or option `{name}`; workloads: {}", names.join(", ")).into()
        })
    }

    /// How many routes the servers need besides those that they always have.
    pub(crate) fn routes(&self) -> usize {
        match self.ask {
            Ask::Routes(count) => count,
            _ => 0,
        }
    }

    /// What is asked, in this order, again and again.
    pub(crate) fn questions(&self) -> Vec<Question> {
        let get = |path| Question { method: Method::GET, path, body: b"" };
        match self.ask {
            Ask::Get(path) => vec![get(path.to_owned())],
            Ask::Numbered(path) => (1..=1000).map(|id| get(format!("{path}{id}"))).collect(),
            Ask::Post(path, body) => {
                vec![Question { method: Method::POST, path: path.to_owned(), body }]
            }
            // A stride that is prime to the count, so that neighbours do not follow each other.
            Ask::Routes(count) => (0..count)
                .map(|turn| turn * 37 % count)
                .map(|number| get(format!("/s{}/p{number}/{}", number / 50, number + 1)))
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_route_is_asked_once_a_turn() {
        for count in [50, 1000] {
            let routes = of("", "", Can::Pages, Ask::Routes(count), CLOSED);
            let paths: BTreeSet<String> =
                routes.questions().into_iter().map(|question| question.path).collect();
            assert_eq!(paths.len(), count);
        }
    }

    #[test]
    fn names_are_unique() {
        let names: BTreeSet<&str> = WORKLOADS.iter().map(|workload| workload.name).collect();
        assert_eq!(names.len(), WORKLOADS.len());
    }
}
