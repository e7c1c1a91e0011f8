//! What a retention may say: how long is long enough and not too long, and in which order.

use super::bodies::once;
use super::context::{Context, law};
use super::ranges::lasts;
use crate::diagnostic::Diagnostic;
use crate::kind::Retention;
use crate::kind::scalar::Principal;

const DAY_MS: u64 = 86_400_000;
/// Nothing is kept for longer than ten years: what must be is under a hold.
const LONGEST_MS: u64 = 3_660 * DAY_MS;

pub(super) fn check(cx: &Context<'_>, sink: &mut Vec<Diagnostic>) {
    cx.all.retention.iter().for_each(|retention| one(cx, retention, sink));
}

fn one(cx: &Context<'_>, retention: &Retention, sink: &mut Vec<Diagnostic>) {
    let keep = &retention.spec.keep;
    let classes = [
        ("raw", &keep.raw),
        ("personal", &keep.personal),
        ("internal", &keep.internal),
        ("exports", &keep.exports),
    ];
    for (class, time) in classes {
        lasts(class, time, DAY_MS, LONGEST_MS, sink);
    }
    for ((more, longer), (less, shorter)) in [
        (("raw", &keep.raw), ("personal", &keep.personal)),
        (("personal", &keep.personal), ("internal", &keep.internal)),
    ] {
        if longer.value > shorter.value {
            sink.push(
                law("out-of-range", longer.span, format!("{more} data are kept longer than {less} data"))
                    .related(shorter.span, format!("how long {less} data are kept"))
                    .help(
                        "keep what may be shown to fewer people for no longer than what may be shown to more",
                    ),
            );
        }
    }
    let holds = &retention.spec.holds;
    once("hold", holds.iter().map(|hold| (hold.id.value.as_str(), hold.id.span)), sink);
    for hold in holds {
        if !matches!(hold.by.value, Principal::User(_)) {
            let message =
                format!("hold `{}` is ordered by `{}`, which is no person", hold.id.value, hold.by.value);
            sink.push(law("wrong-type", hold.by.span, message).help("name the person: `user:…`"));
        }
        if hold.runbooks.as_ref().is_some_and(Vec::is_empty) && cx.is_whole(hold.span) {
            sink.push(
                law("missing-field", hold.id.span, format!("hold `{}` holds nothing", hold.id.value))
                    .help("name runbooks, or leave `runbooks` out: then it holds every run"),
            );
        }
    }
}
