//! Why the engine says no: the one registry of codes, each with its page, and the reason as data. A reason
//! names rules, fields and places; it must never hold a value of a run.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use ordain_spec::kind::Kind;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

macro_rules! codes {
    ($($(#[doc = $doc:literal])* $variant:ident = $code:literal,)*) => {
        /// A code of the registry. Its text is stable.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code { $($(#[doc = $doc])* $variant,)* }

        impl Code {
            /// Every code, in the order of the registry.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The text in JSON.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code,)* }
            }

            /// Its page (Markdown): what happened, why the engine refuses, ways out.
            #[must_use]
            pub const fn page(self) -> &'static str {
                match self { $(Self::$variant => include_str!(concat!("reason/", $code, ".md")),)* }
            }
        }

        impl FromStr for Code {
            type Err = UnknownCode;
            fn from_str(text: &str) -> Result<Self, UnknownCode> {
                match text { $($code => Ok(Self::$variant),)* _ => Err(UnknownCode) }
            }
        }
    };
}

codes! {
    /// A fact is not there.
    FactMissing = "fact_missing",
    /// A fact is too old.
    FactStale = "fact_stale",
    /// A guard did not hold.
    GuardFalse = "guard_false",
    /// A guard could not be evaluated.
    GuardError = "guard_error",
    /// An expression costs more than it may.
    CostLimit = "cost_limit",
    /// No policy rule allows this.
    NoRuleAllows = "no_rule_allows",
    /// A policy rule could not be evaluated.
    PolicyError = "policy_error",
    /// A policy rule denies this.
    PolicyDenied = "policy_denied",
    /// People have to agree first.
    ApprovalRequired = "approval_required",
    /// A person said no.
    ApprovalRejected = "approval_rejected",
    /// Nobody agreed in time.
    ApprovalExpired = "approval_expired",
    /// What was granted is not what would run.
    ApprovalVoid = "approval_void",
    /// This person may not decide here.
    NotEligible = "not_eligible",
    /// Nobody approves their own request.
    SelfApproval = "self_approval",
    /// There is nothing left to decide here.
    AlreadyDecided = "already_decided",
    /// A budget does not suffice.
    BudgetExceeded = "budget_exceeded",
    /// A budget counts what the capability does not declare.
    BudgetUnitMissing = "budget_unit_missing",
    /// Used too often.
    QuotaExceeded = "quota_exceeded",
    /// A kill switch is on.
    KillSwitch = "kill_switch",
    /// This mode is not open to this run.
    ModeNotAllowed = "mode_not_allowed",
    /// The catalogue is not signed by a trusted key.
    UnsignedCatalogue = "unsigned_catalogue",
    /// A value is too sensitive for where it would go.
    SensitivityNotCleared = "sensitivity_not_cleared",
    /// The connector may only read.
    ReadOnlyConnector = "read_only_connector",
    /// No answer in time.
    ConnectorTimeout = "connector_timeout",
    /// The other side said no.
    ConnectorRefused = "connector_refused",
    /// The connector is failing and is given a rest.
    BreakerOpen = "breaker_open",
    /// An argument could be taken for something else.
    ArgumentRefused = "argument_refused",
    /// No declared answer fits.
    MockNoAnswer = "mock_no_answer",
    /// Nobody knows whether it happened.
    OutcomeUnknown = "outcome_unknown",
    /// The record cannot be written.
    AuditUnavailable = "audit_unavailable",
    /// The list is longer than declared.
    TooManyItems = "too_many_items",
    /// A value does not fit its declaration.
    InputInvalid = "input_invalid",
    /// The same thing is under way, or its fate unknown.
    IdempotencyConflict = "idempotency_conflict",
    /// A capability lacks its governance metadata.
    MetadataMissing = "metadata_missing",
    /// The run took too long.
    RunTimeout = "run_timeout",
    /// An attempt took too long.
    StepTimeout = "step_timeout",
    /// An output does not fit its declaration.
    OutputInvalid = "output_invalid",
    /// What should be true afterwards is not.
    EnsureFalse = "ensure_false",
    /// The estimated cost is out of bounds.
    CostOverMax = "cost_over_max",
    /// There is no readable catalogue.
    CatalogueUnavailable = "catalogue_unavailable",
    /// A spec that the run uses is gone.
    SpecWithdrawn = "spec_withdrawn",
    /// The workspace does not grant what the plan needs.
    ConnectionMissing = "connection_missing",
    /// This store belongs to profile prod.
    ProfileDowngrade = "profile_downgrade",
    /// A person has to do this themselves.
    InteractiveRequired = "interactive_required",
    /// The right for this is missing.
    NotPermitted = "not_permitted",
    /// Nobody knows who is asking.
    Unauthenticated = "unauthenticated",
    /// Too many requests.
    RateLimited = "rate_limited",
    /// A signal did not come in time.
    SignalExpired = "signal_expired",
    /// It was called off.
    Cancelled = "cancelled",
    /// Nothing waits for this.
    StepNotWaiting = "step_not_waiting",
    /// The preview is not current any more.
    PreviewStale = "preview_stale",
    /// Another run holds the lock.
    ConcurrencyLimit = "concurrency_limit",
    /// This person may not resolve this step.
    ResolveForbidden = "resolve_forbidden",
    /// Several versions stand side by side.
    VersionAmbiguous = "version_ambiguous",
    /// Another process holds the store.
    StoreInUse = "store_in_use",
    /// The keys of the store's payloads are not at hand.
    PayloadsLocked = "payloads_locked",
    /// An expression could not be evaluated.
    ExpressionError = "expression_error",
    /// It did not become true in time.
    RepeatExhausted = "repeat_exhausted",
    /// There is nothing by that name.
    NotFound = "not_found",
    /// The command cannot be read.
    Usage = "usage",
    /// The catalogue breaks a law of the language.
    CatalogueRefused = "catalogue_refused",
    /// The queue for the lock is full.
    QueueFull = "queue_full",
    /// The engine itself failed.
    SystemFault = "system_fault",
}

/// The text is no code of the registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a code of the registry")]
pub struct UnknownCode;

impl Code {
    /// The heading of its page.
    #[must_use]
    pub fn title(self) -> &'static str {
        self.page().lines().next().unwrap_or_default().trim_start_matches("# ")
    }

    /// The page without its heading.
    #[must_use]
    pub fn text(self) -> &'static str {
        self.page().split_once("\n\n").map_or("", |(_, text)| text.trim_end())
    }

    /// A reason that says nothing but this code.
    #[must_use]
    pub const fn reason(self) -> Reason {
        Reason { code: self, reason: None, source: None, step: None, detail: None }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Code {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Why something was denied, held, refused or ended as it did.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reason {
    /// From the registry.
    pub code: Code,
    /// The author's own, of a rule, guard or ensure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Arc<str>>,
    /// The spec that said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,
    /// The step that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<Arc<str>>,
    /// For people: names, types and places, never values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// The spec, and the part of it, that a reason comes from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Source {
    /// Its kind.
    pub kind: Kind,
    /// Its name.
    pub name: Arc<str>,
    /// The rule, guard or stage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<Arc<str>>,
}

impl Reason {
    /// A code with a detail for people.
    #[must_use]
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        code.reason().detail(detail)
    }

    /// With a detail for people.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// With the author's own reason.
    #[must_use]
    pub fn because(mut self, reason: impl Into<Arc<str>>) -> Self {
        self.reason = Some(reason.into());
        self
    }

    /// With the spec that said so.
    #[must_use]
    pub fn from(mut self, kind: Kind, name: impl Into<Arc<str>>) -> Self {
        self.source = Some(Source { kind, name: name.into(), rule: None });
        self
    }

    /// With the rule of a spec that said so.
    #[must_use]
    pub fn from_rule(mut self, kind: Kind, name: impl Into<Arc<str>>, rule: impl Into<Arc<str>>) -> Self {
        self.source = Some(Source { kind, name: name.into(), rule: Some(rule.into()) });
        self
    }

    /// With the step that it is about.
    #[must_use]
    pub fn at(mut self, step: impl Into<Arc<str>>) -> Self {
        self.step = Some(step.into());
        self
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests stop where something is not as said")]
    use super::*;

    #[test]
    fn every_code_has_a_page_that_says_what_happened_and_a_way_out() {
        for code in Code::ALL {
            assert!(code.page().starts_with("# "), "{code}");
            assert!(code.title().len() > 10, "{code}");
            assert!(code.text().split("\n\n").count() >= 2, "{code}: why, and a way out");
            assert!(code.text().len() > 150, "{code}");
        }
    }

    #[test]
    fn a_code_is_its_text() {
        for code in Code::ALL {
            assert_eq!(code.as_str().parse(), Ok(*code));
            let json = serde_json::to_value(code).unwrap();
            assert_eq!(json, code.as_str());
            assert_eq!(serde_json::from_value::<Code>(json).unwrap(), *code);
        }
        assert_eq!("fact_mising".parse::<Code>(), Err(UnknownCode));
    }

    #[test]
    fn the_pages_on_disk_are_those_of_the_registry() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/reason");
        let mut found: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name.ends_with(".md"))
            .collect();
        found.sort();
        let mut known: Vec<String> = Code::ALL.iter().map(|code| format!("{code}.md")).collect();
        known.sort();
        assert_eq!(found, known);
    }

    #[test]
    fn a_reason_in_json_has_only_what_is_known() {
        let reason = Code::PolicyDenied.reason().because("agent_limit").from_rule(
            Kind::Policy,
            "refunds",
            "no-agents",
        );
        let json = serde_json::json!({
            "code": "policy_denied",
            "reason": "agent_limit",
            "source": {"kind": "Policy", "name": "refunds", "rule": "no-agents"},
        });
        assert_eq!(serde_json::to_value(&reason).unwrap(), json);
        assert_eq!(serde_json::from_value::<Reason>(json).unwrap(), reason);
    }
}
