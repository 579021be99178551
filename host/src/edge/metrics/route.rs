//! The numbers of one route.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::{Method, StatusCode};

use super::route_status::{Bucket, RouteStatus};

/// The methods that are counted apart; all others are one.
pub(crate) const METHODS: [&str; 8] =
    ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "other"];

/// The classes of status codes.
pub(crate) const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// The upper ends of the histogram's buckets, in microseconds; the last bucket has none.
pub(crate) const BOUNDS: [u64; 16] = [
    100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000,
    1_000_000, 2_500_000, 5_000_000, 10_000_000,
];

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct RouteCounters {
    /// By method and class.
    counts: [[AtomicU64; CLASSES.len()]; METHODS.len()],
    /// By bucket, each without those below it.
    buckets: [AtomicU64; BOUNDS.len() + 1],
    microseconds: AtomicU64,
}

/// The place of a method in [`METHODS`].
pub(crate) fn method(method: &Method) -> usize {
    let name = method.as_str();
    METHODS.iter().position(|known| *known == name).unwrap_or(METHODS.len() - 1)
}

impl RouteCounters {
    /// An answer of this status, whose head was there after `time`.
    pub(crate) fn count(&self, method: usize, status: StatusCode, time: Duration) {
        // A status code begins with 1 to 5, or with what no page sends.
        let class = usize::from(status.as_u16() / 100).clamp(1, CLASSES.len()) - 1;
        let time = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let bucket = BOUNDS.partition_point(|bound| *bound < time);
        self.counts[method][class].fetch_add(1, Ordering::Relaxed);
        self.buckets[bucket].fetch_add(1, Ordering::Relaxed);
        self.microseconds.fetch_add(time, Ordering::Relaxed);
    }

    /// The counts that are not 0, with method and class.
    pub(crate) fn counts(&self) -> impl Iterator<Item = (&'static str, &'static str, u64)> {
        self.counts.iter().zip(METHODS).flat_map(|(classes, method)| {
            classes.iter().zip(CLASSES).filter_map(move |(count, class)| {
                let count = count.load(Ordering::Relaxed);
                (count > 0).then_some((method, class, count))
            })
        })
    }

    /// How many answers took at most as long as each of the bounds; the last is how many there
    /// were.
    pub(crate) fn times(&self) -> [u64; BOUNDS.len() + 1] {
        let mut sum = 0;
        self.buckets.each_ref().map(|bucket| {
            sum += bucket.load(Ordering::Relaxed);
            sum
        })
    }

    /// Its numbers as of now; `None` if it never answered.
    pub(crate) fn status(&self, route: &str) -> Option<RouteStatus> {
        let times = self.times();
        let requests = *times.last().filter(|count| **count > 0)?;
        let of_class = |wanted| {
            let counts = self.counts().filter(|(_, class, _)| *class == wanted);
            counts.map(|(.., count)| count).sum()
        };
        let bounds = BOUNDS.into_iter().map(Some).chain([None]);
        Some(RouteStatus {
            route: route.to_owned(),
            requests,
            client_errors: of_class("4xx"),
            server_errors: of_class("5xx"),
            total_us: self.microseconds(),
            times: bounds
                .zip(times)
                .map(|(at_most_us, count)| Bucket { at_most_us, count })
                .collect(),
        })
    }

    pub(crate) fn microseconds(&self) -> u64 {
        self.microseconds.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_counted_by_method_class_and_time() {
        let route = RouteCounters::default();
        let [get, purge] =
            [Method::GET, Method::from_bytes(b"PURGE").unwrap()].map(|it| method(&it));
        for (method, status, micros) in
            [(get, 200, 50), (get, 204, 100), (get, 404, 101), (purge, 999, 20_000_000)]
        {
            let status = StatusCode::from_u16(status).unwrap();
            route.count(method, status, Duration::from_micros(micros));
        }
        assert_eq!(
            route.counts().collect::<Vec<_>>(),
            [("GET", "2xx", 2), ("GET", "4xx", 1), ("other", "5xx", 1)]
        );
        let times = route.times();
        assert_eq!((times[0], times[1], times[15], times[16]), (2, 3, 3, 4));
        assert_eq!(route.microseconds(), 20_000_251);
        let status = route.status("/").unwrap();
        assert_eq!((status.requests, status.client_errors, status.server_errors), (4, 1, 1));
        assert_eq!((status.within(0.5), status.within(0.99)), (Some(100), None));
        assert_eq!(RouteCounters::default().status("/"), None);
    }
}
