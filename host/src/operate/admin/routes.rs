//! What a host counts of each route, and how `nova status --routes` shows it.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::render::{grouped, table};
use crate::edge::metrics::RouteNumbers;

/// The answers of one route since the process began.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteStatus {
    /// Its pattern; `host`, `unmatched`, `refused` and `others` for what no route answered: files
    /// and redirects, addresses without a page, requests over a limit, routes past the 10,000th.
    pub route: String,
    /// How many answers it gave.
    pub requests: u64,
    /// How many of them had a status of 400 to 499.
    pub client_errors: u64,
    /// How many of them had a status of 500 and above.
    pub server_errors: u64,
    /// The sum of the times until the head of an answer was there, in microseconds.
    pub total_us: u64,
    /// How many answers took how long; cumulative, as Prometheus has it.
    pub times: Vec<Bucket>,
}

/// How many answers took at most so long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bucket {
    /// Microseconds; `None`: any time.
    pub at_most_us: Option<u64>,
    /// How many took no longer.
    pub count: u64,
}

impl From<RouteNumbers> for RouteStatus {
    fn from(numbers: RouteNumbers) -> Self {
        let RouteNumbers { route, requests, client_errors, server_errors, microseconds, times } =
            numbers;
        let times = times.into_iter().map(|(at_most_us, count)| Bucket { at_most_us, count });
        let total_us = microseconds;
        let times = times.collect();
        Self { route, requests, client_errors, server_errors, total_us, times }
    }
}

impl RouteStatus {
    /// The smallest bound that a share of the answers, from 0 to 1, was within; `None`: none of
    /// the bounds, or there is no answer.
    ///
    /// ```
    /// use nova_host::operate::admin::{Bucket, RouteStatus};
    ///
    /// let bucket = |at_most_us, count| Bucket { at_most_us, count };
    /// let route = RouteStatus {
    ///     route: "/".into(),
    ///     requests: 10,
    ///     client_errors: 0,
    ///     server_errors: 0,
    ///     total_us: 0,
    ///     times: vec![bucket(Some(100), 9), bucket(Some(250), 9), bucket(None, 10)],
    /// };
    /// assert_eq!(route.within(0.9), Some(100));
    /// assert_eq!(route.within(0.99), None);
    /// ```
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a share of a count")]
    pub fn within(&self, share: f64) -> Option<u64> {
        let wanted = self.requests as f64 * share;
        let reached = |bucket: &&Bucket| bucket.count > 0 && bucket.count as f64 >= wanted;
        self.times.iter().find(reached)?.at_most_us
    }

    fn row(&self) -> [String; 6] {
        let bound = |share| self.within(share).map_or_else(|| "longer".to_owned(), time);
        [
            self.route.clone(),
            grouped(self.requests),
            grouped(self.client_errors),
            grouped(self.server_errors),
            bound(0.5),
            bound(0.99),
        ]
    }
}

/// `100µs`, `2.5ms`, `10s`: a bound of a bucket.
fn time(microseconds: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "bounds have two digits")]
    let of = |unit: u64| microseconds as f64 / unit as f64;
    match microseconds {
        0..1_000 => format!("{microseconds}µs"),
        1_000..1_000_000 => format!("{}ms", of(1_000)),
        _ => format!("{}s", of(1_000_000)),
    }
}

const HEADINGS: [&str; 6] = ["route", "requests", "4xx", "5xx", "half within", "99% within"];

/// A table of routes, the busiest first.
#[derive(Clone, Copy, Debug)]
pub struct RouteTable<'a>(pub &'a [RouteStatus]);

impl fmt::Display for RouteTable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut routes: Vec<&RouteStatus> = self.0.iter().collect();
        if routes.is_empty() {
            return writeln!(f, "no request was counted yet");
        }
        routes.sort_by_key(|route| std::cmp::Reverse(route.requests));
        let mut rows = vec![HEADINGS.map(str::to_owned)];
        rows.extend(routes.into_iter().map(RouteStatus::row));
        table(f, &rows, [false, true, true, true, true, true])
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;

    fn route(route: &str, requests: u64, times: &[(Option<u64>, u64)]) -> RouteStatus {
        let times = times.iter().map(|&(at_most_us, count)| Bucket { at_most_us, count });
        RouteStatus {
            route: route.to_owned(),
            requests,
            client_errors: requests / 10,
            server_errors: requests / 100,
            total_us: 1_000,
            times: times.collect(),
        }
    }

    #[test]
    fn the_busiest_come_first() {
        let routes = [
            route("/users/[id]", 1_200, &[(Some(100), 0), (Some(2_500), 1_190), (None, 1_200)]),
            route("/", 12_345, &[(Some(100), 12_300), (Some(2_500), 12_340), (None, 12_345)]),
            route("unmatched", 3, &[(Some(100), 1), (Some(2_500), 1), (None, 3)]),
        ];
        assert_snapshot!(RouteTable(&routes), @"
        route        requests    4xx  5xx  half within  99% within
        /              12,345  1,234  123        100µs       100µs
        /users/[id]     1,200    120   12        2.5ms       2.5ms
        unmatched           3      0    0       longer      longer
        ");
        assert_snapshot!(RouteTable(&[]), @"no request was counted yet");
    }
}
