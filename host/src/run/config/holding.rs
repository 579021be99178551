//! How generations are changed where two of them must not be alive at once.

use std::time::Duration;

use clap::Args;
use nova_abi::SwapMode;

use super::duration;

/// How generations are changed.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Swapping")]
pub struct HoldSettings {
    /// How one generation takes the place of another: `auto`, as each release says; `overlap`, both
    /// are alive for a while; `handover`, requests wait while the old app ends and the new one
    /// takes over its state; `process`, the new one gets a process of its own; `process+handover`
    #[arg(
        long,
        value_name = "MODE",
        env = "NOVA_SWAP",
        default_value = "auto",
        value_parser = swap_choice
    )]
    pub swap: SwapChoice,

    /// How long pages may take to answer while requests wait; then the swap is called off
    #[arg(
        long,
        value_name = "SECONDS",
        env = "NOVA_HOLD_TIMEOUT",
        default_value = "10",
        value_parser = duration
    )]
    pub hold_timeout: Duration,

    /// How many requests may wait; what comes then is answered with 503
    #[arg(long, value_name = "COUNT", env = "NOVA_HOLD_QUEUE", default_value_t = 10_000)]
    pub hold_queue: usize,

    /// How long open streams may take to end, before requests have to wait for a swap, and when the
    /// host stops; then they are cut
    #[arg(
        long,
        value_name = "SECONDS",
        env = "NOVA_STREAM_GRACE",
        default_value = "1",
        value_parser = duration
    )]
    pub stream_grace: Duration,

    /// How long `export` and `shutdown` of an app may take, each
    #[arg(
        long,
        value_name = "SECONDS",
        env = "NOVA_HOOK_TIMEOUT",
        default_value = "10",
        value_parser = duration
    )]
    pub hook_timeout: Duration,
}

/// What `--swap` says; `None`: what each release says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SwapChoice(pub Option<SwapMode>);

fn swap_choice(text: &str) -> Result<SwapChoice, String> {
    match text {
        "auto" => Ok(SwapChoice(None)),
        mode => match mode.parse() {
            Ok(mode) => Ok(SwapChoice(Some(mode))),
            Err(error) => Err(format!("{error}, and `auto`")),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices() {
        assert_eq!(swap_choice("auto"), Ok(SwapChoice(None)));
        assert_eq!(swap_choice("handover"), Ok(SwapChoice(Some(SwapMode::Handover))));
        let unknown = "`now` is no way to swap; there are overlap, handover, process, \
                       process+handover, and `auto`";
        assert_eq!(swap_choice("now"), Err(unknown.to_owned()));
    }
}
