//! The connections that are open: how many there are, how many of each client, and which of them goes
//! when there are too many.

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, Instant};

use super::deadlines::Deadlines;

/// A head that is not there after so long is a slow one; it takes a round trip or two.
const SLOW: Duration = Duration::from_secs(1);

/// A search for one that can be spared goes over all of them. When it has found none, those who ask
/// do not repeat it for so many milliseconds.
const IN_VAIN: u64 = 250;

/// See the [module](self).
#[derive(Debug, Default)]
pub(super) struct Registry {
    /// The number of the next one: how many there have been.
    pub(super) next: u64,
    pub(super) entries: HashMap<u64, RegistryEntry>,
    /// The connections of each client, as far as they are counted.
    of_client: HashMap<IpAddr, HashSet<u64>>,
    /// When none of all could be spared, in milliseconds of the coarse clock.
    in_vain: Option<u64>,
    /// How many were open when the server aborted.
    pub(super) cut: usize,
    /// Once the server stops, when it aborts; `None`: when the last connection is gone.
    pub(super) deadline: Option<Instant>,
}

#[derive(Debug)]
pub(super) struct RegistryEntry {
    pub(super) deadlines: Arc<Deadlines>,
    pub(super) waker: Option<Waker>,
    client: Option<IpAddr>,
}

impl RegistryEntry {
    /// Ends the connection, which may take leave if its protocol has a word for that.
    fn end(&self) {
        self.deadlines.until(0);
        self.wake();
    }

    /// Ends the connection with all that it carries, whatever comes over it meanwhile.
    pub(super) fn cut(&self) -> bool {
        let is_first = self.deadlines.cut();
        self.wake();
        is_first
    }

    fn wake(&self) {
        if let Some(waker) = &self.waker {
            waker.wake_by_ref();
        }
    }
}

/// Whose connections are looked at, and when it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shedding {
    /// Those of this client alone.
    pub(super) client: Option<IpAddr>,
    /// In milliseconds of the coarse clock.
    pub(super) now: u64,
    /// How long a head may take, from its first byte.
    pub(super) head: Duration,
}

/// An address as it is counted: who has one of version 6 has the other addresses of its network, too.
pub(super) fn client_of(peer: SocketAddr) -> IpAddr {
    match peer.ip().to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => {
            let network = address.to_bits() & !u128::from(u64::MAX);
            Ipv6Addr::from_bits(network).into()
        }
    }
}

impl Registry {
    /// A new connection, counted for this client.
    pub(super) fn add(&mut self, deadlines: Arc<Deadlines>, client: Option<IpAddr>) -> u64 {
        let id = self.next;
        self.next += 1;
        self.entries.insert(id, RegistryEntry { deadlines, waker: None, client });
        if let Some(client) = client {
            self.of_client.entry(client).or_default().insert(id);
        }
        id
    }

    /// It is known now whose connection this is; until now it was the proxy's.
    pub(super) fn assign(&mut self, id: u64, client: IpAddr) {
        let Some(entry) = self.entries.get_mut(&id) else { return };
        let before = entry.client.replace(client);
        self.of_client.entry(client).or_default().insert(id);
        if let Some(before) = before.filter(|before| *before != client) {
            self.uncount(id, before);
        }
    }

    pub(super) fn remove(&mut self, id: u64) {
        if let Some(client) = self.entries.remove(&id).and_then(|entry| entry.client) {
            self.uncount(id, client);
        }
    }

    fn uncount(&mut self, id: u64, client: IpAddr) {
        if let Some(ids) = self.of_client.get_mut(&client) {
            ids.remove(&id);
            if ids.is_empty() {
                self.of_client.remove(&client);
            }
        }
    }

    /// How many connections a client has.
    pub(super) fn of(&self, client: IpAddr) -> usize {
        self.of_client.get(&client).map_or(0, HashSet::len)
    }

    /// The same as [`shed`](Self::shed), unless that has just found none among all.
    pub(super) fn shed_unless_in_vain(&mut self, shedding: Shedding) -> bool {
        let was_in_vain = self.in_vain.is_some_and(|at| shedding.now.saturating_sub(at) < IN_VAIN);
        !was_in_vain && self.shed(shedding)
    }

    /// Ends the connection that can be spared most: one whose client has been sending a head for
    /// longest, or else the one that has rested longest. `false`: all of them are at work.
    pub(super) fn shed(&mut self, shedding: Shedding) -> bool {
        let Shedding { client, now, head } = shedding;
        let slow = u64::try_from(SLOW.min(head / 4).as_millis()).unwrap_or(u64::MAX);
        let head = u64::try_from(head.as_millis()).unwrap_or(u64::MAX);
        let rank = |entry: &RegistryEntry| {
            let (is_resting, deadline) = entry.deadlines.can_be_shed()?;
            // The deadline of a head tells when it began.
            let is_slow = !is_resting && deadline.saturating_add(slow) <= now.saturating_add(head);
            (is_resting || is_slow).then_some((is_resting, deadline))
        };
        let spared = match client {
            Some(client) => {
                let ids = self.of_client.get(&client).into_iter().flatten();
                first_by(ids.filter_map(|id| self.entries.get(id)), rank)
            }
            None => first_by(self.entries.values(), rank),
        };
        let Some(entry) = spared else {
            if client.is_none() {
                self.in_vain = Some(now);
            }
            return false;
        };
        entry.end();
        true
    }

    pub(super) fn wake(&self, which: impl Fn(&Deadlines) -> bool) {
        for entry in self.entries.values() {
            if let Some(waker) = &entry.waker
                && which(&entry.deadlines)
            {
                waker.wake_by_ref();
            }
        }
    }
}

/// The one of the lowest rank among those that have any.
fn first_by<'a, R: Ord>(
    entries: impl Iterator<Item = &'a RegistryEntry>,
    rank: impl Fn(&RegistryEntry) -> Option<R>,
) -> Option<&'a RegistryEntry> {
    let ranked = entries.filter_map(|entry| Some((rank(entry)?, entry)));
    ranked.min_by(|(one, _), (other, _)| one.cmp(other)).map(|(_, entry)| entry)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use super::super::NEVER;
    use super::*;

    const HEAD: Duration = Duration::from_secs(30);

    fn entry(
        registry: &mut Registry,
        resting: bool,
        deadline: u64,
        client: &str,
    ) -> Arc<Deadlines> {
        let deadlines = Arc::<Deadlines>::default();
        deadlines.idle.store(resting, Ordering::Relaxed);
        deadlines.until(deadline);
        registry
            .add(Arc::clone(&deadlines), Some(client_of(format!("{client}:1").parse().unwrap())));
        deadlines
    }

    #[test]
    fn the_slowest_head_goes_before_what_rests_and_what_works_stays() {
        let mut registry = Registry::default();
        let (us, other) = ("192.0.2.1", "192.0.2.2");
        let resting = entry(&mut registry, true, 1, us);
        // They began at 60 s, 62 s, 61 s and 63.9 s.
        let slow = entry(&mut registry, false, 90_000, other);
        let second = entry(&mut registry, false, 92_000, us);
        let third = entry(&mut registry, false, 91_000, other);
        let fresh = entry(&mut registry, false, 93_900, us);
        let working = entry(&mut registry, false, NEVER, us);
        let mut shed = |client: Option<&str>| {
            let client = client.map(|it| it.parse().unwrap());
            registry.shed(Shedding { client, now: 64_000, head: HEAD })
        };
        let is_shed = |deadlines: &Deadlines| deadlines.deadline() == 0;
        assert!(shed(Some(us)) && is_shed(&second), "of this client alone");
        assert!(shed(None) && is_shed(&slow) && !is_shed(&third));
        assert!(shed(None) && is_shed(&third) && !is_shed(&resting));
        assert!(shed(None) && is_shed(&resting));
        assert!(!shed(None) && !is_shed(&fresh) && !is_shed(&working));
    }

    #[test]
    fn connections_are_counted_by_client() {
        let mut registry = Registry::default();
        for (address, counted) in [
            ("192.0.2.1", "192.0.2.1"),
            ("[::ffff:192.0.2.1]", "192.0.2.1"),
            ("[2001:db8::1]", "2001:db8::"),
            ("[2001:db8:0:0:ffff::2]", "2001:db8::"),
            ("[2001:db8:0:1::1]", "2001:db8:0:1::"),
        ] {
            entry(&mut registry, true, 1, address);
            let client = client_of(format!("{address}:1").parse().unwrap());
            assert_eq!(client, counted.parse::<IpAddr>().unwrap());
        }
        let of = |registry: &Registry, client: &str| registry.of(client.parse().unwrap());
        assert_eq!((of(&registry, "192.0.2.1"), of(&registry, "2001:db8::")), (2, 2));
        (0..5).for_each(|id| registry.remove(id));
        assert!(registry.of_client.is_empty());
        for before in [None, Some("192.0.2.8".parse().unwrap())] {
            let id = registry.add(Arc::default(), before);
            registry.assign(id, "192.0.2.9".parse().unwrap());
            assert_eq!((of(&registry, "192.0.2.8"), of(&registry, "192.0.2.9")), (0, 1));
            registry.remove(id);
        }
    }
}
