//! Law `exemption-too-long`: an exemption that outlasts what its risk allows. Looks at the written instants
//! alone, at no clock.

use super::context::{Context, law};
use super::exemptions::capabilities;
use crate::diagnostic::Diagnostic;
use crate::kind::metadata::Risk;

const DAY_SECONDS: i64 = 86_400;

/// The most days by the risk of what is exempt.
const fn most(risk: Risk) -> i64 {
    match risk {
        Risk::Low => 90,
        Risk::Medium => 30,
        // Of critical ones there is none at all (`exemption-of-critical`).
        Risk::High | Risk::Critical => 7,
    }
}

pub(super) fn check(cx: &Context<'_>, sink: &mut Vec<Diagnostic>) {
    for exemption in cx.all.exemptions.values() {
        let (from, Some(expires)) = (&exemption.spec.from, &exemption.spec.expires) else { continue };
        let seconds = expires.value.0.as_second().saturating_sub(from.value.0.as_second());
        if seconds <= 0 {
            sink.push(
                law(
                    "out-of-range",
                    expires.span,
                    format!("exemption `{}` ends before it begins", exemption.metadata.name.value),
                )
                .related(from.span, "it begins here")
                .help("write an instant after `from`"),
            );
            continue;
        }
        let risky = capabilities(cx, exemption)
            .into_iter()
            .filter_map(|capability| Some((capability.metadata.risk.as_ref()?, &capability.metadata.name.value)))
            .max_by_key(|(risk, _)| risk.value);
        let Some((risk, name)) = risky else { continue };
        let days = most(risk.value);
        // A fraction of a second past the day is past it.
        let longer = expires.value.0 > from.value.0 + jiff::SignedDuration::from_secs(days * DAY_SECONDS);
        if longer {
            let message = format!(
                "exemption `{}` lasts {} days; at most {days} for risk {}",
                exemption.metadata.name.value,
                seconds.saturating_add(DAY_SECONDS - 1) / DAY_SECONDS,
                risk.value
            );
            sink.push(
                law("exemption-too-long", expires.span, message)
                    .related(risk.span, format!("`{name}` is of risk {}", risk.value))
                    .help("end it earlier; who still needs it then asks again"),
            );
        }
    }
}
