//! The times of a crontab's line.

use std::str::FromStr;
use std::time::Duration;

use croner::Cron;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Zoned};

use crate::error::Error;
use crate::response::Result;

/// How long the clock is not looked at: it may be set, and a machine may sleep.
const LOOK: Duration = Duration::from_secs(30);

/// How far the clock may be put back without a time coming again, as cron has it: one that is put
/// back farther was wrong before.
const CORRECTION: SignedDuration = SignedDuration::from_hours(3);

/// A line, and the zone whose clocks it is about.
#[derive(Clone, Debug)]
pub(super) struct Crontab {
    cron: Cron,
    zone: TimeZone,
    /// The time that came last.
    last: Option<Zoned>,
}

impl Crontab {
    pub(super) fn parse(line: &str) -> Result<Self> {
        let cron = Cron::from_str(line).map_err(|error| {
            Error::internal(format!("`{line}` is not a line of a crontab: {error}"))
        })?;
        Ok(Crontab { cron, zone: TimeZone::UTC, last: None })
    }

    pub(super) fn in_zone(self, zone: &str) -> Result<Self> {
        let zone = TimeZone::get(zone)
            .map_err(|error| Error::internal(format!("`{zone}` is not a time zone: {error}")))?;
        Ok(Crontab { zone, ..self })
    }

    /// The first time after this one that has not come yet.
    fn after(&self, now: &Zoned) -> Option<Zoned> {
        let is_put_back = |last: &&Zoned| *last > now && last.duration_since(now) < CORRECTION;
        let time = self.last.as_ref().filter(is_put_back).unwrap_or(now);
        self.cron.find_next_occurrence(&time.with_time_zone(self.zone.clone()), false).ok()
    }

    /// Waits for the next time; `false` if there is none.
    pub(super) async fn wait(&mut self) -> bool {
        let Some(next) = self.after(&Zoned::now()) else { return false };
        loop {
            let left = next.timestamp().duration_since(Zoned::now().timestamp());
            match Duration::try_from(left) {
                Ok(left) if !left.is_zero() => tokio::time::sleep(left.min(LOOK)).await,
                _ => {
                    self.last = Some(next);
                    return true;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_after_this_one() {
        let table = [
            ("*/5 * * * *", "UTC", "2026-12-01T03:04:05Z", "2026-12-01T03:05:00+00:00"),
            ("*/5 * * * *", "UTC", "2026-12-01T03:05:00Z", "2026-12-01T03:10:00+00:00"),
            ("*/10 * * * * *", "UTC", "2026-12-01T03:05:01Z", "2026-12-01T03:05:10+00:00"),
            ("30 3 * * Mon-Fri", "UTC", "2026-12-04T03:30:00Z", "2026-12-07T03:30:00+00:00"),
            ("@daily", "Asia/Tokyo", "2026-12-01T03:00:00Z", "2026-12-02T00:00:00+09:00"),
            // The clocks of Berlin go from 2 to 3, and from 3 back to 2.
            ("30 2 * * *", "Europe/Berlin", "2026-03-29T00:00:00Z", "2026-03-29T03:00:00+02:00"),
            ("30 2 * * *", "Europe/Berlin", "2026-10-24T22:00:00Z", "2026-10-25T02:30:00+02:00"),
            ("30 2 * * *", "Europe/Berlin", "2026-10-25T00:30:00Z", "2026-10-26T02:30:00+01:00"),
        ];
        for (line, zone, now, next) in table {
            let crontab = Crontab::parse(line).and_then(|it| it.in_zone(zone)).expect(line);
            let now: jiff::Timestamp = now.parse().expect(now);
            let found = crontab.after(&now.to_zoned(TimeZone::UTC)).expect("a time");
            let found = found.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string();
            assert_eq!(found, next, "{line} in {zone} after {now}");
        }
    }

    #[test]
    fn a_time_comes_once_when_the_clock_is_put_back() {
        let table = [
            ("2026-12-01T03:04:59Z", "2026-12-01T03:10:00Z"),
            ("2026-12-01T03:05:00Z", "2026-12-01T03:10:00Z"),
            ("2026-12-01T03:11:00Z", "2026-12-01T03:15:00Z"),
            ("2026-12-01T00:05:01Z", "2026-12-01T03:10:00Z"),
            // A correction no more.
            ("2026-12-01T00:04:00Z", "2026-12-01T00:05:00Z"),
        ];
        let instant = |text: &str| text.parse::<jiff::Timestamp>().expect(text);
        let mut crontab = Crontab::parse("*/5 * * * *").expect("a line");
        crontab.last = Some(instant("2026-12-01T03:05:00Z").to_zoned(TimeZone::UTC));
        for (now, next) in table {
            let found = crontab.after(&instant(now).to_zoned(TimeZone::UTC)).expect("a time");
            assert_eq!(found.timestamp(), instant(next), "after {now}");
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        let said = |result: Result<Crontab>| match result {
            Ok(_) => "right".to_owned(),
            Err(error) => error.to_string(),
        };
        let zone = Crontab::parse("@hourly").and_then(|it| it.in_zone("Europe/Atlantis"));
        let lines = ["", "* * *", "61 * * * *", "* * * * Fooday"];
        let said: Vec<_> =
            lines.into_iter().map(|line| said(Crontab::parse(line))).chain([said(zone)]).collect();
        insta::assert_snapshot!(said.join("\n"));
    }
}
