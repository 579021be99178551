//! Writers that post orders without an end, half of them on connections that they keep, and note
//! what was acknowledged, what failed, and how long they waited.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Response, header};
use tokio::task::JoinSet;
use tokio::time::{Instant, Interval, interval, interval_at, timeout};

use crate::PATIENCE;
use crate::client::{Connection, Failure};

/// A request that takes longer has failed.
const LIMIT: Duration = Duration::from_secs(60);

/// Who writes, and where to.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// How many writers there are. Every second one opens a connection for each order.
    pub writers: u32,
    /// How many orders there are in a second, of all writers together; as many as are answered, if
    /// it is not named.
    pub rate: Option<u32>,
    /// The page: the key of the order follows it.
    pub page: &'static str,
}

/// An order that was answered with 200.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Acknowledged {
    /// The key that the writer chose.
    pub key: u64,
    /// The number that it was told.
    pub number: u64,
}

/// What the writers have seen.
#[derive(Debug, Default)]
pub struct Seen {
    /// The orders that were acknowledged.
    pub acknowledged: Vec<Acknowledged>,
    /// What went wrong with the others.
    pub failures: Vec<String>,
    /// How long each acknowledged order took, in milliseconds, from the moment it was due.
    pub waits: Vec<f64>,
}

/// The writers at work.
pub struct Writers {
    shared: Arc<Shared>,
    tasks: JoinSet<Seen>,
}

#[derive(Default)]
struct Shared {
    stop: AtomicBool,
    /// Orders that ended, well or not.
    ended: AtomicU64,
}

impl Writers {
    /// Sets them to work. Keys of one load are different from those of another with another
    /// `series`.
    #[must_use]
    pub fn start(address: SocketAddr, load: Load, series: u64) -> Self {
        let shared = Arc::new(Shared::default());
        let mut tasks = JoinSet::new();
        for writer in 0..load.writers {
            let first = (series << 44) | (u64::from(writer) << 32);
            // Not all of them at the same moment.
            let pace = load.rate.map(|rate| {
                let period = Duration::from_secs(load.writers.into()) / rate;
                interval_at(Instant::now() + period * writer / load.writers, period)
            });
            tasks.spawn(write(address, load.page, pace, writer % 2 == 0, first, shared.clone()));
        }
        Self { shared, tasks }
    }

    /// How many orders have ended, well or not.
    #[must_use]
    pub fn ended(&self) -> u64 {
        self.shared.ended.load(Ordering::Relaxed)
    }

    /// Waits until `orders` more have ended, well or not.
    ///
    /// # Panics
    /// If nobody is answered any more.
    pub async fn more(&self, orders: u64) {
        let wanted = self.ended() + orders;
        let come = async {
            let mut looks = interval(Duration::from_millis(2));
            while self.ended() < wanted {
                looks.tick().await;
            }
        };
        assert!(timeout(PATIENCE, come).await.is_ok(), "no order is answered any more");
    }

    /// Ends them after the orders that are under way.
    ///
    /// # Panics
    /// If a writer panicked.
    pub async fn end(mut self) -> Seen {
        self.shared.stop.store(true, Ordering::Relaxed);
        let mut seen = Seen::default();
        while let Some(writer) = self.tasks.join_next().await {
            let writer = writer.expect("a writer does not panic");
            seen.acknowledged.extend(writer.acknowledged);
            seen.failures.extend(writer.failures);
            seen.waits.extend(writer.waits);
        }
        seen
    }
}

async fn write(
    address: SocketAddr,
    page: &'static str,
    mut pace: Option<Interval>,
    keeps: bool,
    first: u64,
    shared: Arc<Shared>,
) -> Seen {
    let mut seen = Seen::default();
    let mut kept = None;
    for key in first.. {
        let due = match &mut pace {
            Some(pace) => pace.tick().await,
            None => Instant::now(),
        };
        if shared.stop.load(Ordering::Relaxed) {
            break;
        }
        let answer = timeout(LIMIT, order(address, page, key, &mut kept)).await;
        match answer.unwrap_or_else(|_| Err(format!("no answer within {LIMIT:?}").into())) {
            Ok(number) => {
                seen.waits.push(due.elapsed().as_secs_f64() * 1000.0);
                seen.acknowledged.push(Acknowledged { key, number });
            }
            Err(error) => {
                kept = None;
                seen.failures.push(error.to_string());
            }
        }
        if !keeps {
            kept = None;
        }
        shared.ended.fetch_add(1, Ordering::Relaxed);
    }
    seen
}

/// Posts one order, and leaves the connection behind if it may be used again.
async fn order(
    address: SocketAddr,
    page: &str,
    key: u64,
    kept: &mut Option<Connection>,
) -> Result<u64, Failure> {
    let mut connection = match kept.take() {
        Some(connection) => connection,
        None => Connection::open(address).await.map_err(|error| format!("connect: {error}"))?,
    };
    let response = connection.send(Method::POST, &format!("{page}/{key}"), b"").await?;
    let number = acknowledged(&response)?;
    if response.headers().get(header::CONNECTION).is_none_or(|it| it != "close") {
        *kept = Some(connection);
    }
    Ok(number)
}

fn acknowledged(response: &Response<Bytes>) -> Result<u64, Failure> {
    let text = String::from_utf8_lossy(response.body());
    if response.status() != 200 {
        return Err(format!("{}: {text:.100}", response.status()).into());
    }
    Ok(text.parse()?)
}
