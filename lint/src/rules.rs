//! The rules that are no laws: one file and one page each, one line in [`RULES`]. None of them keeps a
//! catalogue from loading, and none may flood: one diagnostic a cause, with every place that belongs to it.
//!
//! A page (`rules/<slug>.md`) is documentation, the text of `explain` and a test, as the pages of laws are
//! (`ordain_spec::check`); a document of kind `Workspace` in a snippet is the operator's file beside it, and
//! a fence `yaml before` above a snippet is what its files were at the revision that lint is asked to compare
//! with.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use jiff::Timestamp;
use ordain_plan::{Grants, Grounds, Plan, Ungranted, missing_connections};
use ordain_spec::catalogue::{Catalogue, Declarations, Head, every};
use ordain_spec::check::context::Context as Resolved;
use ordain_spec::check::observed::{Observed, What};
use ordain_spec::diagnostic::{Diagnostic, Severity};
use ordain_spec::digest::Digest;
use ordain_spec::kind::{Kind, Runbook};
use ordain_spec::parallel;
use ordain_spec::source::{Notation, SourceFile, Span};

use crate::kept::OfFile;
use crate::rehearsed::{Rehearsed, rehearsed};
use crate::subject::Subject;

/// The table: one line a rule. A line is the name of its module (`rules/<slug>.rs`, `_` for `-`).
macro_rules! rules {
    ($($group:literal: $($module:ident)*;)*) => {
        $($(pub(crate) mod $module;)*)*

        /// Every rule, in the order of its groups.
        pub const RULES: &[Rule] = &[$($(Rule { group: $group, ..$module::RULE },)*)*];
    };
}

rules! {
    "syntax": ambiguous_scalar crlf_mixed not_formatted;
    "schema": field_not_applicable unconventional_place file_name_differs;
    "references": unused_definition;
    "graph": unreachable_step dead_guard always_true_guard redundant_edge;
    "expressions": absorbed_error dynamic_type identity_by_display_name possible_arithmetic_error
        index_unchecked unanchored_regex empty_all;
    "governance": tests_do_not_reach guard_branch_untested no_quota single_person_owner;
    "approvals": stages_share_one_person step_up_missing stage_never_needed quorum_fragile;
    "policies": shadowed_rule selector_matches_nothing conflicting_rules redundant_rule shadow_policy_old;
    "exemptions": exemption_expired exemption_matches_nothing exemption_renewed exemption_ends_soon;
    "budgets": missing_budget worst_case_exceeds_limit large_grace limit_never_reached;
    "exports": dead_allow_list_entry tag_outside_meta_schema;
    "connectors": secret_not_granted connection_missing missing_health granted_but_unused effect_below_capability;
    "versions": capability_removed_in_use in_flight_incompatible changed_without_bump bump_too_small
        breaking_input_change output_removed version_went_back;
    "suppressions": suppression_without_reason suppression_without_expiry suppression_unknown
        suppression_unused suppression_expired;
}

/// The group of the rules about suppressions, which nothing suppresses.
pub(crate) const SUPPRESSIONS: &str = "suppressions";

/// A rule: its slug, its weight, its page, and what finds it.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// The slug, named for the fault.
    pub slug: &'static str,
    /// Which of the groups of the reference it belongs to; the table says so.
    pub group: &'static str,
    /// Its weight.
    pub severity: Severity,
    /// How a tool can mend it.
    pub fix: FixClass,
    /// Its page.
    pub page: &'static str,
    /// What it is about: where that is not there, the rule is not asked.
    pub about: About,
    /// Finds it.
    pub find: fn(&Context<'_>, &mut Vec<Diagnostic>),
}

/// How a tool can mend what a rule finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FixClass {
    /// Only a person can.
    None,
    /// The meaning stays as it is.
    Safe,
    /// A person has to look at the result.
    Unsafe,
    /// It inserts a `TODO`, which is a broken law itself.
    Todo,
}

impl FixClass {
    /// The letter of the reference, empty for none.
    #[must_use]
    pub const fn letter(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Safe => "S",
            Self::Unsafe => "U",
            Self::Todo => "T",
        }
    }
}

/// What a rule is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum About {
    /// Whatever could be read, broken or not.
    Declarations,
    /// A catalogue that breaks no law: what hangs together there is known.
    Catalogue,
    /// Such a catalogue and the operator's file beside it.
    Workspace,
    /// Such a catalogue and the one it is compared with.
    Before,
}

impl Rule {
    /// What most rules are: a warning about a catalogue that no tool can mend.
    pub(crate) const fn new(
        slug: &'static str,
        severity: Severity,
        page: &'static str,
        find: fn(&Context<'_>, &mut Vec<Diagnostic>),
    ) -> Self {
        Self { slug, group: "", severity, fix: FixClass::None, page, about: About::Catalogue, find }
    }

    /// The same, about something else.
    pub(crate) const fn about(mut self, about: About) -> Self {
        self.about = about;
        self
    }

    /// The same, mended so.
    pub(crate) const fn fix(mut self, fix: FixClass) -> Self {
        self.fix = fix;
        self
    }

    /// A finding of this rule that was observed where expressions were looked at.
    pub(crate) fn observed(&self, one: &Observed) -> Diagnostic {
        let problem = self.at(one.span, one.said.as_str()).help(one.help.as_str());
        one.related.iter().fold(problem, |problem, (span, text)| problem.related(*span, text.as_str()))
    }

    /// A finding of this rule.
    pub(crate) fn at(&self, span: Span, message: impl Into<String>) -> Diagnostic {
        Diagnostic::new(self.slug, self.severity, Some(span), message)
    }
}

/// A spec as rules see it: its kind, its name, its file.
#[derive(Debug, Clone, Copy)]
pub struct Spec<'a> {
    /// Its kind.
    pub kind: Kind,
    /// Its name.
    pub name: &'a str,
    /// Where its name stands.
    pub name_span: Span,
    /// The document.
    pub span: Span,
    /// Its file.
    pub file: &'a SourceFile,
}

/// What a rule sees.
pub struct Context<'a> {
    /// The catalogue and the workspace around it.
    pub subject: &'a Subject,
    /// What is declared, broken or not.
    pub all: &'a Declarations,
    /// What follows from the declarations: who uses what, how steps hang together, who is who.
    pub resolved: Resolved<'a>,
    /// The specs in the order of files and places, without those of the built-in set.
    pub specs: Vec<Spec<'a>>,
    /// The instant at which expiries are judged.
    pub as_of: Timestamp,
    /// The catalogue that this one is compared with.
    pub before: Option<&'a Subject>,
    /// Remarks are asked for.
    pub remarks: bool,
    plans: Plans,
    grounds: OnceLock<BTreeMap<Digest, Digest>>,
    rehearsed: OnceLock<Rehearsed>,
    observed: OnceLock<Vec<Observed>>,
}

/// True for a file that can be read and has something of Ordain in it: how another system's file is written is no
/// matter of ours, and a repair of it would change what that system reads.
fn is_ours(file: &SourceFile) -> bool {
    file.refusal.is_none() && (file.notation == Notation::Kdl || file.text.contains("ordain/"))
}

impl<'a> Context<'a> {
    /// What rules see of a subject at an instant.
    #[must_use]
    pub fn new(subject: &'a Subject, as_of: Timestamp, before: Option<&'a Subject>) -> Self {
        let all = &subject.checked.declarations;
        Self {
            subject,
            all,
            resolved: subject.checked.context(),
            specs: specs(all),
            as_of,
            before,
            remarks: true,
            plans: Plans { grants: subject.grants(), made: Mutex::default() },
            grounds: OnceLock::new(),
            rehearsed: OnceLock::new(),
            observed: OnceLock::new(),
        }
    }

    /// The catalogue, where no law is broken.
    #[must_use]
    pub fn catalogue(&self) -> Option<&'a Catalogue> {
        self.subject.catalogue().map(AsRef::as_ref)
    }

    /// The plan of a runbook, made when it is first asked for; none where a law is broken.
    pub fn plan(&self, runbook: &Arc<Runbook>) -> Option<Arc<Plan>> {
        self.plans.of(runbook, self.catalogue()?)
    }

    /// What a live run of a runbook would miss; nothing where a law is broken.
    pub(crate) fn ungranted(&self, runbook: &Arc<Runbook>) -> Arc<[Ungranted]> {
        let find = || self.plan(runbook).map(|plan| missing_connections(&plan)).unwrap_or_default();
        match self.grounds().get(&runbook.digest) {
            Some(ground) => self.subject.remembered.ungranted(*ground, find),
            None => find().into(),
        }
    }

    /// What the plans of runbooks stand on, by the digests of both.
    fn grounds(&self) -> &BTreeMap<Digest, Digest> {
        self.grounds.get_or_init(|| {
            let Some(catalogue) = self.catalogue() else { return BTreeMap::new() };
            let mut grounds = Grounds::new(catalogue, &self.plans.grants);
            let each = every(&catalogue.runbooks);
            each.filter_map(|runbook| Some((runbook.digest, grounds.of(runbook)?))).collect()
        })
    }

    /// What the scenarios see when they are played, each once; nothing where a law is broken.
    pub fn rehearsed(&self) -> &Rehearsed {
        self.rehearsed.get_or_init(|| {
            let catalogue = self.subject.catalogue();
            catalogue.map(|all| rehearsed(all, &self.plans.grants, self.grounds())).unwrap_or_default()
        })
    }

    /// What was observed of that kind where expressions and conditions were looked at.
    pub(crate) fn observed(&self, what: What) -> impl Iterator<Item = &Observed> {
        self.observations().iter().filter(move |one| one.what == what)
    }

    /// What a rule that looks at one file alone finds in all of them: asked again only of files that changed.
    pub(crate) fn alone(&self, rule: &Rule, find: OfFile) -> Vec<Diagnostic> {
        let documents = |id| self.subject.checked.documents(id);
        self.subject.remembered.alone(rule.slug, &self.all.sources, documents, find)
    }

    fn observations(&self) -> &[Observed] {
        self.observed.get_or_init(|| self.subject.checked.observed(&self.resolved))
    }

    /// True for a place in a file that is nobody's to mend: one of the built-in set.
    #[must_use]
    pub fn is_built_in(&self, span: Span) -> bool {
        self.resolved.is_built_in(span)
    }

    /// A scalar as it has to be written in the place of another, with the quotation marks that stand there.
    pub(crate) fn written(&self, place: Span, text: &str) -> String {
        let there = self.all.sources.get(place.file).map_or("", |file| file.slice(place));
        match there.chars().next() {
            Some(quote @ ('"' | '\'')) => format!("{quote}{text}{quote}"),
            _ => text.to_owned(),
        }
    }

    /// True where a rule is asked: what it is about is there, and remarks only where somebody wants them.
    pub(crate) fn asks(&self, rule: &Rule) -> bool {
        self.has(rule.about) && (self.remarks || rule.severity != Severity::Info)
    }

    fn has(&self, about: About) -> bool {
        match about {
            About::Declarations => true,
            About::Catalogue => self.catalogue().is_some(),
            About::Workspace => self.catalogue().is_some() && self.subject.workspace.is_some(),
            // What breaks laws on the other side is compared as far as it was read: else a change could
            // escape by what was broken before it.
            About::Before => self.catalogue().is_some() && self.before.is_some(),
        }
    }
}

/// The plans of one catalogue that somebody asked for: most runbooks need none to be judged.
struct Plans {
    grants: Grants,
    made: Mutex<BTreeMap<Digest, Option<Arc<Plan>>>>,
}

impl Plans {
    fn of(&self, runbook: &Arc<Runbook>, catalogue: &Catalogue) -> Option<Arc<Plan>> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let plan = || ordain_plan::compile(runbook, catalogue, &self.grants).ok();
        made.entry(runbook.digest).or_insert_with(plan).clone()
    }
}

/// From so many files on rules are asked side by side.
const MANY: usize = 64;

/// What is done to find everything: what most rules ask for comes first, since it takes the longest.
enum Work {
    Rehearse,
    Observe,
    Ask(&'static Rule),
}

impl Work {
    fn done(&self, cx: &Context<'_>) -> Vec<Diagnostic> {
        let mut found = Vec::new();
        match self {
            Self::Rehearse => {
                cx.rehearsed();
            }
            Self::Observe => {
                cx.observations();
            }
            Self::Ask(rule) => (rule.find)(cx, &mut found),
        }
        found
    }
}

/// What all rules find, in the order of files and places. Files of the built-in set are nobody's to mend.
#[must_use]
pub fn all(cx: &Context<'_>) -> Vec<Diagnostic> {
    let rules = RULES.iter().filter(|rule| cx.asks(rule)).map(Work::Ask);
    let work: Vec<Work> = [Work::Rehearse, Work::Observe].into_iter().chain(rules).collect();
    let worth = if cx.all.sources.len() < MANY { work.len() } else { 1 };
    let mut found: Vec<Diagnostic> =
        parallel::map(&work, worth, |work| work.done(cx)).into_iter().flatten().collect();
    found.retain(|problem| problem.primary.as_ref().is_none_or(|label| !cx.is_built_in(label.span)));
    found.sort_by(|one, other| one.order().cmp(&other.order()).then_with(|| one.message.cmp(&other.message)));
    found
}

/// The specs of a catalogue in the order of files and places, without those of the built-in set.
#[must_use]
pub fn specs<'a>(declarations: &'a Declarations) -> Vec<Spec<'a>> {
    let spec = |head: &Head<'a>| {
        let file = declarations.sources.get(head.span.file)?;
        let (name, name_span) = (head.name.value.as_str(), head.name.span);
        (!file.path.starts_with("std:")).then_some(Spec {
            kind: head.kind,
            name,
            name_span,
            span: head.span,
            file,
        })
    };
    let mut specs: Vec<Spec<'_>> = declarations.heads().iter().filter_map(spec).collect();
    specs.sort_by_key(|spec| spec.span);
    specs
}
