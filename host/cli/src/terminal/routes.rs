//! What a host counts of each route, as `nova status --routes` shows it.

use std::fmt;

use nova_host::operate::admin::RouteStatus;

use super::table::Align::{Left, Right};
use super::table::{fitting, grouped};

fn row(route: &RouteStatus) -> [String; 6] {
    let bound = |share| route.within(share).map_or_else(|| "longer".to_owned(), time);
    [
        route.route.clone(),
        grouped(route.requests),
        grouped(route.client_errors),
        grouped(route.server_errors),
        bound(0.5),
        bound(0.99),
    ]
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
pub(crate) struct RouteTable<'a> {
    pub(crate) routes: &'a [RouteStatus],
    /// How many columns a line may have.
    pub(crate) width: usize,
}

impl fmt::Display for RouteTable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut routes: Vec<&RouteStatus> = self.routes.iter().collect();
        if routes.is_empty() {
            return writeln!(f, "no request was counted yet");
        }
        routes.sort_by_key(|route| std::cmp::Reverse(route.requests));
        let mut rows = vec![HEADINGS.map(str::to_owned)];
        rows.extend(routes.into_iter().map(row));
        f.write_str(&fitting(&rows, [Left, Right, Right, Right, Right, Right], self.width))
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;
    use nova_host::operate::admin::Bucket;

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
        let shown = |routes: &[RouteStatus], width| RouteTable { routes, width }.to_string();
        assert_snapshot!(shown(&routes, 58), @"
        route        requests    4xx  5xx  half within  99% within
        /              12,345  1,234  123        100µs       100µs
        /users/[id]     1,200    120   12        2.5ms       2.5ms
        unmatched           3      0    0       longer      longer
        ");
        assert_snapshot!(shown(&routes[..1], 55), @"
        route /users/[id] · requests 1,200 · 4xx 120 · 5xx 12
          half within 2.5ms · 99% within 2.5ms
        ");
        assert_snapshot!(shown(&[], 80), @"no request was counted yet");
    }
}
