//! What there is once in a host, however many processes answer.

use std::time::{SystemTime, UNIX_EPOCH};

use super::render::{Text, quoted};

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct HostFacts {
    /// The generations that serve.
    pub(crate) live: Vec<LiveGeneration>,
    /// How many finish what they have.
    pub(crate) draining: usize,
    /// Swaps that were published, and candidates that were refused.
    pub(crate) swaps: (u64, u64),
    /// Whether requests are wanted.
    pub(crate) ready: bool,
    /// When the host began.
    pub(crate) began: SystemTime,
}

/// A generation that serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LiveGeneration {
    /// Its app's name and version.
    pub(crate) app: String,
    /// Its build.
    pub(crate) build: String,
    /// Its number.
    pub(crate) number: u64,
}

impl HostFacts {
    /// As text, in the exposition format of Prometheus.
    #[must_use]
    pub(crate) fn text(&self) -> String {
        let mut text = Text::default();
        self.write(&mut text);
        text.into_string()
    }

    pub(super) fn write(&self, text: &mut Text) {
        let name = "nova_generations";
        text.family(name, "gauge", "Generations that serve, and that finish what they have.");
        for (state, count) in [("live", self.live.len()), ("draining", self.draining)] {
            text.line(format_args!("{name}{{state=\"{state}\"}} {count}"));
        }
        let name = "nova_generation";
        text.family(name, "gauge", "The number of the generation that serves, with its build.");
        for LiveGeneration { app, build, number } in &self.live {
            let app = quoted(app);
            text.line(format_args!("{name}{{app=\"{app}\",build=\"{build}\"}} {number}"));
        }
        let (published, refused) = self.swaps;
        text.one("nova_swaps_total", "counter", "Swaps that were published.", published);
        text.one("nova_swaps_refused_total", "counter", "Candidates that were refused.", refused);
        let help = "1 while requests are wanted, as /readyz says.";
        text.one("nova_ready", "gauge", help, u8::from(self.ready));
        let began = self.began.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        let help = "When the host began, in Unix time.";
        text.one("process_start_time_seconds", "gauge", help, began);
        let name = "nova_host_info";
        text.family(name, "gauge", "The host's version.");
        text.line(format_args!("{name}{{version=\"{}\"}} 1", env!("CARGO_PKG_VERSION")));
    }
}
