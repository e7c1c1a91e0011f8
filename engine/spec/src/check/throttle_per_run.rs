//! Law `throttle-per-run`: waiting for a window that never turns.

use super::context::{Context, law};
use crate::diagnostic::Diagnostic;
use crate::kind::budget::{OnBreach, Window};

pub(super) fn check(cx: &Context<'_>, sink: &mut Vec<Diagnostic>) {
    for budget in cx.all.budgets.values() {
        let (breach, window) = (&budget.spec.on_breach, &budget.spec.window);
        if breach.value == OnBreach::Throttle && window.value == Window::Run {
            sink.push(
                law(
                    "throttle-per-run",
                    breach.span,
                    format!("budget `{}` throttles, and its window is the run", budget.metadata.name.value),
                )
                .related(window.span, "the window")
                .help("write `onBreach: deny` or `{approval: …}`, or a window of time")
                .consequence("the engine refuses the catalogue: the step would wait for ever"),
            );
        }
    }
}
