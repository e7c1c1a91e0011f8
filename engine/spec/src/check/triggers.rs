//! What a trigger may say: exactly one cause, and bounds on how often it may start something.

use std::collections::BTreeMap;

use super::around::some;
use super::bodies::exactly_one;
use super::context::{Context, law};
use super::ingresses::{DAY_MS, SKEW_MS, header_name};
use super::ranges::{lasts, time_zone, within};
use crate::decode::Spanned;
use crate::diagnostic::Diagnostic;
use crate::kind::Trigger;
use crate::kind::connector::Settable;
use crate::kind::trigger::{CatchUp, Cron, Rate, Watch, Webhook};

/// The most times that are made up for.
const CATCH_UP: u64 = 100;
/// The largest body of any request.
const BODY: u64 = 1 << 20;
/// The longest name of a file.
const FILE_NAME: usize = 255;

pub(super) fn check(cx: &Context<'_>, sink: &mut Vec<Diagnostic>) {
    for trigger in cx.all.triggers.values() {
        let (spec, name) = (&trigger.spec, &trigger.metadata.name);
        let causes = [
            ("cron", spec.cron.is_some()),
            ("webhook", spec.webhook.is_some()),
            ("watch", spec.watch.is_some()),
        ];
        exactly_one(cx, trigger.span, &format!("trigger `{}`", name.value), &causes, name.span, sink);
        mode(cx, trigger, sink);
        spec.cron.iter().for_each(|cron| self::cron(cron, sink));
        spec.webhook.iter().for_each(|webhook| self::webhook(webhook, sink));
        spec.watch.iter().for_each(|watch| self::watch(cx, watch, sink));
    }
}

/// A mode that the runbook does not have refuses every start.
fn mode(cx: &Context<'_>, trigger: &Trigger, sink: &mut Vec<Diagnostic>) {
    let (mode, reference) = (&trigger.spec.mode, &trigger.spec.runbook);
    let Ok(runbook) = cx.all.runbook(reference) else { return };
    if runbook.spec.modes.iter().any(|known| known.value == mode.value) || !cx.is_whole(runbook.span) {
        return;
    }
    let name = &runbook.metadata.name;
    let place = if mode.span.is_nowhere() { reference.span } else { mode.span };
    sink.push(
        law("unknown-value", place, format!("runbook `{}` does not run in mode {}", name.value, mode.value))
            .related(name.span, "the runbook")
            .help("write a mode of its `modes`")
            .consequence(
                "the engine refuses the catalogue: every start would be refused (`mode_not_allowed`)",
            ),
    );
}

fn cron(cron: &Cron, sink: &mut Vec<Diagnostic>) {
    time_zone(&cron.timezone, sink);
    if let CatchUp::Latest { at_most, within: reach } = &cron.catch_up.value {
        within("atMost", at_most, 1, CATCH_UP, sink);
        lasts("within", reach, 60_000, 31 * DAY_MS, sink);
    }
}

fn rate(rate: &Rate, sink: &mut Vec<Diagnostic>) {
    within("limit", &rate.limit, 1, u64::MAX, sink);
    lasts("window", &rate.window, 1_000, DAY_MS, sink);
}

fn webhook(webhook: &Webhook, sink: &mut Vec<Diagnostic>) {
    let mut seen = BTreeMap::new();
    for header in [&webhook.signature, &webhook.delivery] {
        header_name(&header.value, header.span, &mut seen, sink);
    }
    if let Some(time) = &webhook.timestamp {
        header_name(&time.header.value, time.header.span, &mut seen, sink);
        lasts("skew", &time.skew, 1_000, SKEW_MS, sink);
    }
    lasts("remember", &webhook.remember, 3_600_000, 90 * DAY_MS, sink);
    let size = Spanned { value: webhook.max_body.value.0, span: webhook.max_body.span };
    within("maxBody", &size, 1, BODY, sink);
    rate(&webhook.at_most, sink);
}

fn watch(cx: &Context<'_>, watch: &Watch, sink: &mut Vec<Diagnostic>) {
    if let Settable::Literal(folder) = &watch.folder
        && (!folder.value.starts_with('/')
            || folder.value.split('/').any(|part| part == "..")
            || folder.value.contains("${"))
    {
        sink.push(
            law("wrong-type", folder.span, format!("`{}` is no absolute path", folder.value))
                .help("write the whole path, like `/srv/deliveries`, or `{setting: name}`"),
        );
    }
    let place = cx.first_line(watch.span);
    let files = watch.files.iter().map(|file| (&*file.value, file.span));
    some(cx, "name", "files", watch.span, place, files, sink);
    let changes = watch.on.iter().map(|change| (change.value.as_str(), change.span));
    some(cx, "change", "on", watch.span, place, changes, sink);
    for file in &watch.files {
        let text = &*file.value;
        let stars = text.matches('*').count();
        if text.is_empty()
            || text.len() > FILE_NAME
            || text.contains('/')
            || matches!(text, "." | "..")
            || stars > 1
        {
            sink.push(
                law("bad-literal", file.span, format!("`{text}` names no files of one folder")).help(
                    "write a name, or one with a single `*`, like `*.csv`; folders below are not watched",
                ),
            );
        }
    }
    lasts("quiet", &watch.quiet, 1_000, 3_600_000, sink);
    rate(&watch.at_most, sink);
}
