//! What is told of one route, outside of this process.

use serde::{Deserialize, Serialize};

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

impl RouteStatus {
    /// Adds what another process has answered at the same route.
    pub fn add(&mut self, other: &Self) {
        self.requests += other.requests;
        self.client_errors += other.client_errors;
        self.server_errors += other.server_errors;
        self.total_us += other.total_us;
        for (bucket, other) in self.times.iter_mut().zip(&other.times) {
            bucket.count += other.count;
        }
    }

    /// The smallest bound that a share of the answers, from 0 to 1, was within; `None`: none of
    /// the bounds, or there is no answer.
    ///
    /// ```
    /// use nova_host::edge::metrics::{Bucket, RouteStatus};
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
}
