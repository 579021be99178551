//! The chart of the latest saves: one bar each, from the write of the file to the new code live,
//! in parts by phase.
//!
//! Inline SVG without a script. Colours come from the page's stylesheet, by class.

use std::time::Duration;

use maud::{Markup, html};

use crate::dev::wire::phases::Phases;
use crate::dev::wire::save::{Save, SaveOutcome, Scope};
use crate::terminal::style::took;

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 168.0;
/// The room for the scale on the left.
const LEFT: f64 = 52.0;
/// No bar is wider: a session of three saves is no wall.
const WIDEST: f64 = 26.0;

/// The saves that have bars: those of code that were compiled. The first build would dwarf them.
pub(super) fn charted<'a>(saves: impl Iterator<Item = &'a Save>) -> Vec<&'a Save> {
    saves.filter(|save| save.scope == Scope::Code && !save.files.is_empty()).collect()
}

/// The chart of `saves`, oldest first.
pub(super) fn chart(saves: &[&Save]) -> Markup {
    let longest = saves.iter().map(|save| save.total()).max().unwrap_or_default();
    let top = ceiling(longest);
    let y = |time: Duration| HEIGHT - HEIGHT * time.as_secs_f64() / top.as_secs_f64();
    let step = ((WIDTH - LEFT) / saves.len().max(1) as f64).min(WIDEST + 6.0);
    let width = (step - 4.0).min(WIDEST);
    html! {
        svg.chart viewBox=(format!("0 -8 {WIDTH} {}", HEIGHT + 16.0)) role="img"
            aria-label="Time from save to live of the latest saves" {
            @for quarter in 0..=4 {
                @let time = top * quarter / 4;
                line.grid x1=(LEFT) x2=(WIDTH) y1=(px(y(time))) y2=(px(y(time))) {}
                text.scale x=(LEFT - 8.0) y=(px(y(time) + 4.0)) text-anchor="end" { (took(time)) }
            }
            @for (index, save) in saves.iter().enumerate() {
                (bar(save, LEFT + 4.0 + step * index as f64, width, y))
            }
        }
    }
}

fn bar(save: &Save, x: f64, width: f64, y: impl Fn(Duration) -> f64) -> Markup {
    let failed = matches!(save.outcome, SaveOutcome::Failed | SaveOutcome::Refused);
    let mut parts = Vec::new();
    let mut below = Duration::ZERO;
    for (name, time) in Phases::NAMES.into_iter().zip(save.phases.in_order()) {
        let above = below + time;
        if !time.is_zero() {
            parts.push((name, y(above), y(below) - y(above)));
        }
        below = above;
    }
    // What the phases do not account for: waiting for a build before this one.
    if save.total() > below {
        parts.push(("other", y(save.total()), y(below) - y(save.total())));
    }
    html! {
        g.failed[failed] {
            title { (describe(save)) }
            @for (name, y, height) in parts {
                rect class=(name) x=(px(x)) y=(px(y)) width=(px(width)) height=(px(height)) {}
            }
        }
    }
}

fn describe(save: &Save) -> String {
    let phases = Phases::NAMES.into_iter().zip(save.phases.in_order());
    let phases = phases.filter(|(_, time)| !time.is_zero());
    let phases: Vec<_> = phases.map(|(name, time)| format!("{name} {}", took(time))).collect();
    format!("{}: {} ({})", save.subject, took(save.total()), phases.join(", "))
}

/// The next round number for the top of a scale.
fn ceiling(longest: Duration) -> Duration {
    let longest = longest.max(Duration::from_millis(40)).as_secs_f64();
    let power = 10f64.powf(longest.log10().floor());
    let steps = [1.0, 2.0, 4.0, 6.0, 8.0, 10.0].into_iter().map(|step| step * power);
    let top = steps.into_iter().find(|top| *top >= longest).unwrap_or(longest);
    Duration::from_secs_f64(top)
}

/// A coordinate, without the digits that cannot be seen.
fn px(value: f64) -> String {
    format!("{value:.1}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dev::wire::save::SavedFiles;

    fn save(compile: u64, load: u64) -> Save {
        let path = "pages/<a>.rs".to_owned();
        let saved = SavedFiles { headline: path.clone(), files: vec![path] };
        let phases = Phases { compile_us: compile, load_us: load, ..Phases::default() };
        Save::now(Scope::Code, SaveOutcome::Live, saved, phases)
    }

    #[test]
    fn the_scale_ends_at_a_round_number() {
        for (longest, top) in [(0, 40), (40, 40), (41, 60), (180, 200), (412, 600), (9840, 10_000)]
        {
            let top = Duration::from_millis(top);
            let found = ceiling(Duration::from_millis(longest));
            assert!(found.abs_diff(top) < Duration::from_micros(1), "{longest}: {found:?}");
        }
    }

    #[test]
    fn a_bar_is_as_high_as_its_parts() {
        let saves = [save(150_000, 50_000)];
        let svg = chart(&saves.iter().collect::<Vec<_>>()).into_string();
        // 200 ms is the top: three quarters are the compiler's, one is the loader's.
        assert!(
            svg.contains(r#"<rect class="compile" x="56.0" y="42.0" width="26.0" height="126.0">"#),
            "{svg}"
        );
        assert!(
            svg.contains(r#"<rect class="load" x="56.0" y="0.0" width="26.0" height="42.0">"#),
            "{svg}"
        );
        assert!(svg.contains("pages/&lt;a&gt;.rs: 200 ms (compile 150 ms, load 50 ms)"), "{svg}");
    }

    #[test]
    fn only_edits_of_code_have_bars() {
        let first =
            Save::now(Scope::Code, SaveOutcome::Live, SavedFiles::default(), Phases::default());
        let style = Save { scope: Scope::Styles, ..save(1, 1) };
        let edit = save(1, 1);
        assert_eq!(charted([&first, &style, &edit].into_iter()), [&edit]);
        assert!(chart(&[]).into_string().contains("<svg"));
    }
}
