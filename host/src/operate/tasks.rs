//! The tasks of a host that are there as long as it is: one that ends is an error, and begins again.

use std::time::{Duration, Instant};

use nova_abi::guarded;

/// How long is waited before a task begins again, at first and at most.
const PAUSES: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(30));

/// A task that has run for so long has begun well.
const WELL: Duration = Duration::from_secs(60);

/// Runs a task for as long as this is polled. `what` it does is the subject of what the log says.
pub(crate) async fn supervise<F: Future<Output = ()>>(what: &str, mut begin: impl FnMut() -> F) {
    let mut pause = PAUSES.0;
    loop {
        let began = Instant::now();
        let ended = guarded(begin()).await;
        if began.elapsed() >= WELL {
            pause = PAUSES.0;
        }
        let how = match ended {
            Ok(()) => "has ended".to_owned(),
            Err(panic) => format!("panicked: {panic}"),
        };
        tracing::error!("{what} {how}; it begins again in {pause:?}");
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(PAUSES.1);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_ends_or_panics_begins_again() {
        let begun = AtomicU32::new(0);
        let task = supervise("a test", || async {
            match begun.fetch_add(1, Ordering::SeqCst) {
                0 => panic!("the first time"),
                1 => {}
                _ => std::future::pending().await,
            }
        });
        assert!(tokio::time::timeout(Duration::from_secs(5), task).await.is_err());
        assert_eq!(begun.load(Ordering::SeqCst), 3);
    }
}
