//! What is asked of new releases, and when the host goes back.

use std::time::Duration;

use clap::Args;
use clap::builder::FalseyValueParser;

use super::duration;
use super::units::bytes;
use crate::operate::admin::Budget;
use crate::operate::rollback_policy::RollbackPolicy;

/// When a host goes back to the release before.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Rollback")]
pub struct RollbackSettings {
    /// Do not go back when requests fail after a swap
    #[arg(long, env = "NOVA_NO_ROLLBACK", value_parser = FalseyValueParser::new())]
    pub no_rollback: bool,

    /// How long after a swap requests are watched: when too many of them end in a panic or a
    /// status of 500 and above, the host goes back to the release before, and refuses the build
    #[arg(
        long,
        value_name = "SECONDS",
        env = "NOVA_ROLLBACK_WINDOW",
        default_value = "60",
        value_parser = duration
    )]
    pub rollback_window: Duration,

    /// How many of them have to fail
    #[arg(
        long,
        value_name = "COUNT",
        env = "NOVA_ROLLBACK_FAILURES",
        default_value_t = RollbackPolicy::default().failures
    )]
    pub rollback_failures: u64,

    /// Which share of them has to fail
    #[arg(
        long,
        value_name = "PERCENT",
        env = "NOVA_ROLLBACK_SHARE",
        default_value = "20%",
        value_parser = share
    )]
    pub rollback_share: f64,

    /// How many there have to be
    #[arg(
        long,
        value_name = "COUNT",
        env = "NOVA_ROLLBACK_REQUESTS",
        default_value_t = RollbackPolicy::default().requests
    )]
    pub rollback_requests: u64,
}

impl RollbackSettings {
    /// The limits of a new generation; `None`: the host never goes back by itself.
    #[must_use]
    pub fn limits(&self) -> Option<RollbackPolicy> {
        let limits = RollbackPolicy {
            window: self.rollback_window,
            failures: self.rollback_failures,
            share: self.rollback_share,
            requests: self.rollback_requests,
        };
        (!self.no_rollback && !limits.window.is_zero()).then_some(limits)
    }
}

/// When a host starts anew, as the same process, to give back what it has kept.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Recycling")]
pub struct RecyclingSettings {
    /// How much memory the host may take that belongs to no file, such as 500m or 2g; past that it
    /// starts anew without refusing a connection, as it does on SIGUSR2 [default: any]
    #[arg(long, value_name = "SIZE", env = "NOVA_MEMORY_BUDGET", value_parser = budget)]
    pub memory_budget: Option<u64>,

    /// How many memory mappings the host may have, or `none` for any number [default: three
    /// quarters of what the kernel allows]
    #[arg(long, value_name = "COUNT", env = "NOVA_MAPPING_BUDGET", value_parser = mappings)]
    pub mapping_budget: Option<Mappings>,
}

/// How many memory mappings a host may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mappings(Option<u64>);

impl RecyclingSettings {
    /// The budget.
    #[must_use]
    pub fn budget(&self) -> Budget {
        let mappings = match self.mapping_budget {
            Some(Mappings(mappings)) => mappings,
            None => std::fs::read_to_string("/proc/sys/vm/max_map_count")
                .ok()
                .and_then(|most| most.trim().parse::<u64>().ok())
                .map(|most| most / 4 * 3),
        };
        Budget { memory: self.memory_budget, mappings }
    }
}

fn budget(text: &str) -> Result<u64, String> {
    match bytes(text)? {
        0 => Err("give a size such as 500m or 2g".to_owned()),
        budget => Ok(budget),
    }
}

fn mappings(text: &str) -> Result<Mappings, String> {
    match text {
        "none" => Ok(Mappings(None)),
        text => match text.parse() {
            Ok(count @ 1..) => Ok(Mappings(Some(count))),
            _ => Err("give a number, or `none`".to_owned()),
        },
    }
}

/// `20%`, `20`, `0.5%`: as a share from 0 to 1.
///
/// # Errors
///
/// When `text` is something else.
pub fn share(text: &str) -> Result<f64, String> {
    let digits = text.strip_suffix('%').unwrap_or(text);
    let percent = digits.parse::<f64>().ok().filter(|percent| (0.0..=100.0).contains(percent));
    percent.map(|percent| percent / 100.0).ok_or_else(|| "give percent, such as 20%".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares() {
        for (text, expected) in [("20%", 0.2), ("5", 0.05), ("0.5%", 0.005), ("100%", 1.0)] {
            assert!((share(text).unwrap() - expected).abs() < 1e-12, "{text}");
        }
        for text in ["", "%", "101%", "-1", "NaN", "half"] {
            assert_eq!(share(text), Err("give percent, such as 20%".to_owned()), "{text}");
        }
    }

    #[test]
    fn budgets() {
        assert_eq!(budget("500m"), Ok(500 << 20));
        assert_eq!(budget("0").unwrap_err(), "give a size such as 500m or 2g");
        assert!(budget("much").is_err());
        assert_eq!(mappings("none"), Ok(Mappings(None)));
        assert_eq!(mappings("40000"), Ok(Mappings(Some(40_000))));
        for text in ["", "0", "many", "-1"] {
            assert!(mappings(text).is_err(), "{text}");
        }
        let settings = RecyclingSettings { memory_budget: None, mapping_budget: None };
        let budget = settings.budget();
        assert_eq!(budget.memory, None);
        assert!(budget.mappings.is_none_or(|mappings| mappings > 1_000));
    }
}
