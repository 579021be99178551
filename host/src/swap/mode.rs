//! Which of the ways to change generations a swap takes.

use std::path::Path;

use nova_abi::SwapMode;

use super::SwapError;
use crate::generation::Generation;
use crate::release::swap_plan::SwapPlan;

/// The mode of a swap from `old` to the release at `path`, which is swapped as `plan` says;
/// `wanted`: what the host was told to do in any case.
///
/// What holds for one of the two holds for both: an app that keeps a state does so whether it
/// comes or goes.
///
/// # Errors
/// If two generations were to be alive at once that must not be.
pub(super) fn mode_of(
    old: &Generation,
    path: &Path,
    plan: &SwapPlan,
    wanted: Option<SwapMode>,
) -> Result<SwapMode, SwapError> {
    // An app that could not be started again has a state that waits for it.
    let exports = old.app().is_none_or(|app| app.exports());
    choose(&old.origin.swap, exports, plan, wanted).map_err(|reasons| SwapError::Unsafe {
        path: path.to_owned(),
        wanted: wanted.unwrap_or_default(),
        reasons,
    })
}

/// How a running generation is replaced, by whatever comes: by itself, when its process is renewed.
pub(super) fn own_mode(generation: &Generation, wanted: Option<SwapMode>) -> SwapMode {
    let exports = generation.app().is_none_or(|app| app.exports());
    wanted.unwrap_or_else(|| alone(&generation.origin.swap, exports))
}

/// The mode of one release: an app that has a state to hand over does so, unless it says that the
/// state is not its own.
pub(super) fn alone(plan: &SwapPlan, exports: bool) -> SwapMode {
    let state = if exports { SwapMode::Handover } else { SwapMode::Overlap };
    if plan.declared { plan.mode } else { plan.mode.with(state) }
}

pub(super) fn choose(
    old: &SwapPlan,
    exports: bool,
    new: &SwapPlan,
    wanted: Option<SwapMode>,
) -> Result<SwapMode, String> {
    let Some(wanted) = wanted else { return Ok(alone(old, exports).with(alone(new, false))) };
    // Who declares a mode has seen what was found.
    let found = [old, new].into_iter().filter(|plan| !plan.declared);
    let reasons: Vec<_> = found.flat_map(|plan| &plan.because).map(String::as_str).collect();
    if wanted == SwapMode::Overlap && !reasons.is_empty() {
        return Err(reasons.join("; "));
    }
    Ok(wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(mode: SwapMode) -> SwapPlan {
        SwapPlan { mode, ..SwapPlan::default() }
    }

    fn declared(mode: SwapMode) -> SwapPlan {
        SwapPlan { declared: true, ..plan(mode) }
    }

    #[test]
    fn what_one_of_them_needs_holds_for_both() {
        use SwapMode::{Handover, Overlap, Process, ProcessHandover};
        for (old, exports, new, mode) in [
            (plan(Overlap), false, plan(Overlap), Overlap),
            (plan(Overlap), true, plan(Overlap), Handover),
            (plan(Overlap), false, plan(Handover), Handover),
            (plan(Process), true, plan(Overlap), ProcessHandover),
            (plan(Process), false, plan(Handover), ProcessHandover),
            (declared(Overlap), true, declared(Overlap), Overlap),
            (plan(Overlap), true, declared(Overlap), Handover),
            (declared(Overlap), true, plan(Process), Process),
        ] {
            assert_eq!(choose(&old, exports, &new, None), Ok(mode), "{old:?} {exports} {new:?}");
        }
    }

    #[test]
    fn the_operator_decides_unless_it_destroys_data() {
        let found =
            SwapPlan { because: vec!["SQLite is linked in".into()], ..plan(SwapMode::Process) };
        let overlap = Some(SwapMode::Overlap);
        assert_eq!(
            choose(&plan(SwapMode::Handover), true, &found, overlap),
            Err("SQLite is linked in".into())
        );
        let handover = Some(SwapMode::Handover);
        assert_eq!(choose(&found, false, &found, handover), Ok(SwapMode::Handover));
        let blamed = SwapPlan { declared: true, ..found };
        assert_eq!(choose(&blamed, true, &blamed, overlap), Ok(SwapMode::Overlap));
        assert_eq!(
            choose(&plan(SwapMode::Overlap), true, &plan(SwapMode::Overlap), overlap),
            Ok(SwapMode::Overlap)
        );
    }
}
