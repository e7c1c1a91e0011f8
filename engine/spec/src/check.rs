//! Laws: what makes a catalogue unsafe, and the only way to a [`Catalogue`].
//!
//! `check` reads every document, indexes what it declares, and asks every law about it. It never stops
//! at the first problem, reads no clock, no network and no history, and gives a catalogue only when no
//! law is broken.
//!
//! A law is a slug, a file and a page. The page (`check/<slug>.md`) is documentation, the text of `explain`
//! and a test at once (`tests/pages.rs`): its first paragraph says why; below `## Refused` and `## Accepted`
//! stand fenced snippets. Each document of a `yaml` snippet is completed with what it leaves out:
//! `apiVersion`, and where there is none `metadata` (a name `page`, an owner, a summary and, where the kind
//! has one, a version; a capability is `note.page` with lawful governance). To the snippet come the specs of
//! `tests/prelude.yaml` that it does not replace (same kind and name; a roster replaces the roster). A
//! snippet of kind `Workspace` is judged as the operator's file. `# error: slug "text"` at the end of a line
//! says that a diagnostic of that slug begins in that line and has the text in its message; a refused
//! snippet must have exactly the marked ones, an accepted one none. Snippets in ```` ```cel ```` are single
//! expressions (`expr/tests/pages.rs`).

mod arguments;
mod around;
mod base_urls;
mod bodies;
mod calls;
mod checker;
pub mod context;
mod depends;
mod exemptions;
mod fields;
mod floating_reference;
pub mod flow;
mod follow;
mod governed;
mod headers;
mod hosts;
mod ingresses;
mod memory;
pub mod observed;
pub mod people;
mod places;
mod principals;
mod programs;
mod ranges;
mod read;
mod references;
mod retentions;
mod rosters;
pub mod rows;
mod run_words;
pub mod scope;
mod secret_literal;
mod secrets;
mod subruns;
mod tainted_flow;
mod triggers;
mod version_unsatisfied;
mod workspace;

pub use base_urls::beside;
pub use checker::Checker;
pub use headers::is_of_transport;
pub use hosts::is_loopback;
pub use places::step_exprs;
pub use read::API_VERSION;
pub use secrets::{hush, masked};

use std::sync::{Arc, Mutex, PoisonError};

use crate::catalogue::{Catalogue, Declarations};
use crate::diagnostic::Diagnostic;
use crate::kind::workspace::WorkspaceSpec;
use crate::parallel;
use crate::source::{FileId, SourceFile, Sources};
use crate::tree::Node;

/// The table of laws: one line a law. A line is a module (`check/<slug>.rs`, with `_` for `-`) that judges
/// and the law's page (`check/<slug>.md`).
macro_rules! laws {
    ($($module:ident $slug:literal,)*; $($other:literal,)*) => {
        $(mod $module;)*

        /// The pages of all laws.
        const PAGES: &[(&str, &str)] = &[
            $(($slug, include_str!(concat!("check/", $slug, ".md"))),)*
            $(($other, include_str!(concat!("check/", $other, ".md"))),)*
        ];

        /// Every law that has a module of its own, in the order of the table.
        const LAWS: &[(&str, fn(&context::Context<'_>, &mut Vec<Diagnostic>))] = &[$(($slug, $module::check),)*];
    };
}

laws! {
    unresolved_reference "unresolved-reference",
    subrun_cycle "subrun-cycle",
    too_large_or_deep "too-large-or-deep",
    undeclared_input "undeclared-input",
    missing_argument "missing-argument",
    undeclared_output "undeclared-output",
    cycle "cycle",
    duplicate_step "duplicate-step",
    unbounded_fan_out "unbounded-fan-out",
    retry_not_idempotent "retry-not-idempotent",
    repeat_on_write "repeat-on-write",
    continue_on_high_risk "continue-on-high-risk",
    missing_owner "missing-owner",
    missing_risk "missing-risk",
    missing_failure_mode "missing-failure-mode",
    missing_rollback "missing-rollback",
    missing_tests "missing-tests",
    irreversible_without_approval "irreversible-without-approval",
    high_risk_without_approval "high-risk-without-approval",
    critical_needs_two "critical-needs-two",
    unknown_owner "unknown-owner",
    unknown_principal "unknown-principal",
    risk_below_effect "risk-below-effect",
    rollback_raises_risk "rollback-raises-risk",
    failure_mode_contradicts_effect "failure-mode-contradicts-effect",
    missing_custodian "missing-custodian",
    same_person_twice "same-person-twice",
    no_eligible_reviewer "no-eligible-reviewer",
    quorum_exceeds_eligible "quorum-exceeds-eligible",
    self_approval_possible "self-approval-possible",
    missing_expiry "missing-expiry",
    allow_everything "allow-everything",
    policy_without_allow "policy-without-allow",
    no_policy_applies "no-policy-applies",
    rule_without_reason "rule-without-reason",
    missing_cost "missing-cost",
    unit_mismatch "unit-mismatch",
    cost_without_max "cost-without-max",
    throttle_per_run "throttle-per-run",
    output_mismatch "output-mismatch",
    write_on_read_connector "write-on-read-connector",
    plain_http "plain-http",
    computed_host "computed-host",
    wildcard_host "wildcard-host",
    link_local_host "link-local-host",
    shell_program "shell-program",
    relative_program "relative-program",
    missing_mock "missing-mock",
    secret_in_url "secret-in-url",
    template_in_code "template-in-code",
    missing_timeout "missing-timeout",
    unbounded_response "unbounded-response",
    undeclared_write_method "undeclared-write-method",
    effect_above_capability "effect-above-capability",
    sensitivity_too_high "sensitivity-too-high",
    exemption_by_requester "exemption-by-requester",
    exemption_of_critical "exemption-of-critical",
    exemption_of_law "exemption-of-law",
    exemption_too_long "exemption-too-long",
    exemption_without_expiry "exemption-without-expiry",
    exemption_without_reason "exemption-without-reason",
    exemption_wildcard "exemption-wildcard",
    export_without_approval "export-without-approval",
    field_not_in_meta_schema "field-not-in-meta-schema",
    notice_needs_approval "notice-needs-approval",
    trigger_without_service "trigger-without-service",
    free_text_in_meta_schema "free-text-in-meta-schema",
    confusable_name "confusable-name",
    suppresses_law "suppresses-law",
    blanket_suppression "blanket-suppression",
    // Judged where files are read, decoded, and where expressions are checked.
    ;
    "alias-or-tag",
    "approval-not-bound",
    "argument-type-mismatch",
    "bad-duration",
    "bad-literal",
    "bad-name",
    "bad-requirement",
    "certain-arithmetic-error",
    "comprehension-too-deep",
    "cost-over-limit",
    "duplicate-key",
    "duplicate-spec",
    "expression-cut",
    "expression-syntax",
    "file-not-read",
    "float-amount",
    "floating-reference",
    "hidden-characters",
    "integer-too-large",
    "missing-field",
    "non-boolean-guard",
    "not-utf8",
    "out-of-range",
    "placeholder-value",
    "second-meta-schema",
    "secret-literal",
    "sensitive-fact-in-guard",
    "skippable-output-unguarded",
    "tainted-flow",
    "type-mismatch",
    "unbounded-collection",
    "unbounded-wait",
    "unguarded-optional",
    "unknown-fact",
    "unknown-field",
    "unknown-function",
    "unknown-kind",
    "unknown-value",
    "unparsable-file",
    "unsupported-api-version",
    "use-before-produce",
    "value-outside-domain",
    "version-unsatisfied",
    "versions-not-allowed",
    "wildcard-reviewer",
    "wrong-type",
}

/// The page of a law: why it is one, and what is refused and accepted.
#[must_use]
pub fn page(slug: &str) -> Option<&'static str> {
    PAGES.iter().find(|(known, _)| *known == slug).map(|(_, page)| *page)
}

/// The slugs of all laws.
pub fn slugs() -> impl Iterator<Item = &'static str> {
    PAGES.iter().map(|(slug, _)| *slug)
}

/// What `check` found.
#[derive(Debug, Clone)]
pub struct Checked {
    /// The catalogue, when no law is broken.
    pub catalogue: Option<Arc<Catalogue>>,
    /// Whatever could be read. Its `sources` are what the spans of `diagnostics` are about.
    pub declarations: Declarations,
    /// Sorted by place, weight and code.
    pub diagnostics: Vec<Diagnostic>,
    again: Again,
}

/// What a later question about the same files stands on.
#[derive(Debug, Clone)]
struct Again {
    readings: Vec<memory::Reading>,
    documents: Vec<(FileId, Arc<[Node]>)>,
    outputs: Arc<scope::Outputs>,
    observed: Arc<Mutex<memory::Memory>>,
}

impl Checked {
    /// What follows from the declarations.
    #[must_use]
    pub fn context(&self) -> context::Context<'_> {
        context::Context::new(&self.declarations, &self.diagnostics).of_readings(self.again.readings.clone())
    }

    /// The documents of a file as they are written; none where it could not be read.
    #[must_use]
    pub fn documents(&self, file: FileId) -> &[Node] {
        let documents = &self.again.documents;
        let at = documents.binary_search_by_key(&file, |(id, _)| *id).ok();
        at.and_then(|at| documents.get(at)).map_or(&[], |(_, documents)| documents)
    }

    /// What is worth a look in expressions and conditions, and no law; nothing where a law is broken. Kept for
    /// what did not change since the same checker was asked last.
    #[must_use]
    pub fn observed(&self, cx: &context::Context<'_>) -> Vec<observed::Observed> {
        if self.catalogue.is_none() {
            return Vec::new();
        }
        let mut memory = self.again.observed.lock().unwrap_or_else(PoisonError::into_inner);
        observed::observe(cx, &self.again.outputs, &mut memory)
    }
}

/// Reads the files of a catalogue and asks every law about them. The order of the files and the folder
/// they come from never matter; files of the built-in set may be among them.
#[must_use]
pub fn check(sources: Sources) -> Checked {
    Checker::once().check(&sources)
}

/// Reads the operator's file (`ordain.yaml`) and asks the laws about it. Nothing of it is a spec of a catalogue.
pub fn read_workspace(id: FileId, file: &SourceFile, sink: &mut Vec<Diagnostic>) -> Option<WorkspaceSpec> {
    let spec = read::workspace(id, file, sink);
    for one in crate::suppression::read(id, file, &read::documents(id, file, &mut Vec::new())) {
        suppresses_law::judge(&one, sink);
        blanket_suppression::judge(&one, sink);
    }
    if let Some(spec) = &spec {
        workspace::check(spec, sink);
    }
    spec
}

/// Something that finds broken laws.
type Law<'m> = dyn Fn(&context::Context<'_>, &mut Vec<Diagnostic>) + Sync + 'm;

/// From so many files on laws are asked side by side.
const MANY: usize = 64;

/// What finds several laws at once.
const OTHERS: &[fn(&context::Context<'_>, &mut Vec<Diagnostic>)] = &[
    bodies::check,
    ranges::check,
    base_urls::check,
    around::check,
    headers::check,
    ingresses::check,
    retentions::check,
    rosters::check,
    triggers::check,
    references::check,
];

/// Asks every law about the declarations; says what runbooks give.
fn judge(
    cx: &context::Context<'_>,
    memory: &mut memory::Memory,
    sink: &mut Vec<Diagnostic>,
) -> scope::Outputs {
    let memory = Mutex::new((memory, scope::Outputs::default()));
    let remembered = |cx: &context::Context<'_>, sink: &mut Vec<Diagnostic>| {
        let (memory, outputs) = &mut *memory.lock().unwrap_or_else(PoisonError::into_inner);
        *outputs = places::check_all(cx, memory, sink);
        fields::check(cx, memory, sink);
    };
    let laws = LAWS.iter().map(|(_, law)| law as &Law<'_>).chain(OTHERS.iter().map(|law| law as &Law<'_>));
    let all: Vec<&Law<'_>> = std::iter::once(&remembered as &Law<'_>).chain(laws).collect();
    let worth = if cx.all.sources.len() < MANY { all.len() } else { 1 };
    for mut found in parallel::map(&all, worth, |law| asked(*law, cx)) {
        sink.append(&mut found);
    }
    memory.into_inner().unwrap_or_else(PoisonError::into_inner).1
}

fn asked(law: &Law<'_>, cx: &context::Context<'_>) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    law(cx, &mut found);
    found
}

/// The types that an operation's outputs must have: what the capabilities it carries out declare.
fn outputs_due(
    cx: &context::Context<'_>,
    connector: &crate::kind::Connector,
    operation: &str,
) -> std::collections::BTreeMap<Arc<str>, crate::expr::Type> {
    let callers = cx.callers(connector, operation).iter();
    let fields = callers.flat_map(|capability| capability.spec.output.iter());
    fields.map(|(name, field)| (Arc::clone(name), crate::expr::Type::declared(field))).collect()
}
