//! Kill switches: what no attempt starts under. A switch only ever stops; nothing here can allow.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use jiff::Timestamp;
use ordain_spec::kind::scalar::Name;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::actor::Actor;
use crate::reason::{Code, Reason};

/// What a kill switch is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Selector {
    /// Everything.
    All,
    /// Every use of a capability: `capability:db.vacuum`.
    Capability(Name),
    /// Every call of a connector: `connector:stripe`.
    Connector(Name),
    /// Every run of a runbook: `runbook:failover`.
    Runbook(Name),
    /// Everything that somebody does, or that is done on their behalf: `actor:user:alice`.
    Actor(Name),
    /// Everything of a tenant: `tenant:default`.
    Tenant(Name),
}

/// The text is no selector.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no selector: write `all`, or `capability:`, `connector:`, `runbook:`, `tenant:` and a name, or `actor:user:` and a name"
)]
pub struct NotASelector(String);

impl FromStr for Selector {
    type Err = NotASelector;

    fn from_str(text: &str) -> Result<Self, NotASelector> {
        if text == "all" {
            return Ok(Self::All);
        }
        let bad = || NotASelector(text.to_owned());
        let (prefix, rest) = text.split_once(':').ok_or_else(bad)?;
        let name = |rest: &str| Name::new(rest).ok_or_else(bad);
        match prefix {
            "capability" => name(rest).map(Self::Capability),
            "connector" => name(rest).map(Self::Connector),
            "runbook" => name(rest).map(Self::Runbook),
            "actor" => name(rest.strip_prefix("user:").ok_or_else(bad)?).map(Self::Actor),
            "tenant" => name(rest).map(Self::Tenant),
            _ => Err(bad()),
        }
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all"),
            Self::Capability(name) => write!(f, "capability:{name}"),
            Self::Connector(name) => write!(f, "connector:{name}"),
            Self::Runbook(name) => write!(f, "runbook:{name}"),
            Self::Actor(name) => write!(f, "actor:user:{name}"),
            Self::Tenant(name) => write!(f, "tenant:{name}"),
        }
    }
}

impl Serialize for Selector {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Selector {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// What is about to happen. A start knows no capability and no connector yet.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    /// The capability about to be used.
    pub capability: Option<&'a str>,
    /// The connector about to be called.
    pub connector: Option<&'a str>,
    /// The runbook.
    pub runbook: &'a str,
    /// Who acts.
    pub actor: &'a Actor,
    /// For which tenant.
    pub tenant: &'a str,
}

impl Selector {
    /// True when the switch is about it.
    #[must_use]
    pub fn matches(&self, target: &Target<'_>) -> bool {
        match self {
            Self::All => true,
            Self::Capability(name) => target.capability == Some(name.as_str()),
            Self::Connector(name) => target.connector == Some(name.as_str()),
            Self::Runbook(name) => target.runbook == name.as_str(),
            Self::Actor(name) => {
                let is = |id: &str| id.strip_prefix("user:") == Some(name.as_str());
                is(&target.actor.id) || target.actor.on_behalf_of.as_deref().is_some_and(is)
            }
            Self::Tenant(name) => target.tenant == name.as_str(),
        }
    }
}

/// A switch that is, or was, on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Switch {
    /// What it is about.
    pub selector: Selector,
    /// Why.
    pub reason: String,
    /// Who set it.
    pub by: Arc<str>,
    /// When.
    pub since: Timestamp,
    /// It lifts itself then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// Matching runs pause instead of being denied.
    pub pause: bool,
}

impl Switch {
    /// True when it is on at that instant.
    #[must_use]
    pub fn is_on(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|until| now < until)
    }

    /// The reason of a denial by this switch.
    #[must_use]
    pub fn to_reason(&self) -> Reason {
        Reason::new(Code::KillSwitch, format!("`{}`: {}", self.selector, self.reason))
    }
}

/// All switches, by what they are about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Switches(pub BTreeMap<Selector, Switch>);

impl Switches {
    /// Sets a switch. Over one that is on, the stricter of both holds: whoever may set may not lift by setting
    /// again for a shorter time, or to pause only.
    pub fn set(&mut self, mut switch: Switch) {
        if let Some(before) = self.0.get(&switch.selector).filter(|before| before.is_on(switch.since)) {
            switch.until = before.until.zip(switch.until).map(|(before, now)| before.max(now));
            switch.pause &= before.pause;
        }
        self.0.insert(switch.selector.clone(), switch);
    }

    /// Lifts a switch. False when there was none.
    pub fn lift(&mut self, selector: &Selector) -> bool {
        self.0.remove(selector).is_some()
    }

    /// Those that are on, in the order of their selectors.
    pub fn on(&self, now: Timestamp) -> impl Iterator<Item = &Switch> {
        self.0.values().filter(move |switch| switch.is_on(now))
    }

    /// The switch that stops the target. One that denies comes before one that pauses.
    #[must_use]
    pub fn hit(&self, target: &Target<'_>, now: Timestamp) -> Option<&Switch> {
        let mut hits = self.on(now).filter(|switch| switch.selector.matches(target));
        let first = hits.next()?;
        if !first.pause {
            return Some(first);
        }
        Some(hits.find(|switch| !switch.pause).unwrap_or(first))
    }

    /// The next instant at which a switch lifts itself.
    #[must_use]
    pub fn next_expiry(&self, now: Timestamp) -> Option<Timestamp> {
        self.on(now).filter_map(|switch| switch.until).min()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests stop where something is not as said")]
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn switch(selector: &str, until: Option<&str>, pause: bool) -> Switch {
        Switch {
            selector: selector.parse().unwrap(),
            reason: "drill".into(),
            by: "user:carol".into(),
            since: at("2026-01-05T10:00:00Z"),
            until: until.map(at),
            pause,
        }
    }

    #[test]
    fn selectors_read_their_own_text_and_nothing_else() {
        for text in [
            "all",
            "capability:db.vacuum",
            "connector:x",
            "runbook:a-b",
            "actor:user:alice",
            "tenant:default",
        ] {
            assert_eq!(text.parse::<Selector>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "All",
            "capability:",
            "capability:db.*",
            "actor:alice",
            "actor:group:data",
            "actor:system",
            "step:a",
            "*",
        ] {
            assert!(text.parse::<Selector>().is_err(), "{text}");
        }
    }

    #[test]
    fn each_selector_stops_what_it_names_and_nothing_else() {
        let planner = Actor {
            id: "user:planner".into(),
            type_: ordain_spec::kind::roster::ActorType::Agent,
            on_behalf_of: Some("user:alice".into()),
        };
        let target = Target {
            capability: Some("db.vacuum"),
            connector: Some("pg"),
            runbook: "nightly",
            actor: &planner,
            tenant: "default",
        };
        let table = [
            ("all", true),
            ("capability:db.vacuum", true),
            ("capability:db", false),
            ("connector:pg", true),
            ("connector:db.vacuum", false),
            ("runbook:nightly", true),
            ("runbook:pg", false),
            ("actor:user:planner", true),
            ("actor:user:alice", true),
            ("actor:user:bob", false),
            ("tenant:default", true),
            ("tenant:other", false),
        ];
        for (text, expected) in table {
            assert_eq!(text.parse::<Selector>().unwrap().matches(&target), expected, "{text}");
        }
        let start = Target { capability: None, connector: None, ..target };
        assert!(!"capability:db.vacuum".parse::<Selector>().unwrap().matches(&start));
    }

    #[test]
    fn a_switch_lifts_itself_at_its_instant_and_denial_comes_before_pause() {
        let alice = Actor {
            id: "user:alice".into(),
            type_: ordain_spec::kind::roster::ActorType::Human,
            on_behalf_of: None,
        };
        let target =
            Target { capability: None, connector: None, runbook: "r", actor: &alice, tenant: "default" };
        let mut switches = Switches::default();
        switches.set(switch("all", Some("2026-01-05T11:00:00Z"), true));
        assert!(switches.hit(&target, at("2026-01-05T10:59:59.999Z")).unwrap().pause);
        assert!(switches.hit(&target, at("2026-01-05T11:00:00Z")).is_none());
        switches.set(switch("runbook:r", None, false));
        assert_eq!(
            switches.hit(&target, at("2026-01-05T10:30:00Z")).unwrap().selector.to_string(),
            "runbook:r"
        );
        assert_eq!(switches.next_expiry(at("2026-01-05T10:30:00Z")), Some(at("2026-01-05T11:00:00Z")));
        assert!(switches.lift(&"runbook:r".parse().unwrap()));
        assert!(!switches.lift(&"runbook:r".parse().unwrap()));
    }

    #[test]
    fn setting_again_never_shortens_nor_softens_a_switch_that_is_on() {
        let only = |switches: &Switches| {
            let switch = switches.0.values().next().unwrap();
            (switch.until, switch.pause)
        };
        let (soon, late) = ("2026-01-05T10:00:01Z", "2026-01-05T12:00:00Z");
        for (before, again, held) in [
            ((None, false), (Some(soon), false), (None, false)),
            ((Some(late), false), (Some(soon), false), (Some(at(late)), false)),
            ((Some(soon), false), (Some(late), false), (Some(at(late)), false)),
            ((Some(soon), false), (None, false), (None, false)),
            ((None, false), (None, true), (None, false)),
            ((None, true), (None, false), (None, false)),
            ((None, true), (None, true), (None, true)),
        ] {
            let mut switches = Switches::default();
            switches.set(switch("all", before.0, before.1));
            switches.set(switch("all", again.0, again.1));
            assert_eq!(only(&switches), held, "{before:?} then {again:?}");
        }
        let mut switches = Switches::default();
        switches.set(switch("all", Some("2026-01-05T09:00:00Z"), false));
        switches.set(switch("all", Some(late), true));
        assert_eq!(only(&switches), (Some(at(late)), true), "one that is over is gone");
    }
}
