//! Declarations put beside each other: which kinds may stand in several releases, which once under a name, which
//! once in a catalogue.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::declare::Head;
use crate::catalogue::{Declarations, Releases};
use crate::decode::Spanned;
use crate::diagnostic::{Diagnostic, Severity};
use crate::kind::scalar::{Name, Version};
use crate::kind::{Declared, Kind, Roster};
use crate::source::{Sources, Span};

/// Puts a spec among the others and reports what it is twice.
pub(super) type Join = Box<dyn Fn(&mut Joined, &mut Vec<Diagnostic>) -> bool + Send + Sync>;

/// Declarations while files are put together.
pub(super) struct Joined {
    pub(super) all: Declarations,
    rosters: Vec<Arc<Roster>>,
}

impl Joined {
    /// Nothing yet, of these files.
    pub(super) fn of(sources: Arc<Sources>) -> Self {
        Self { all: Declarations { sources, ..Declarations::default() }, rosters: Vec::new() }
    }

    /// All of it, once every file was joined.
    pub(super) fn finish(mut self, sink: &mut Vec<Diagnostic>) -> Declarations {
        one_roster(&mut self.all, self.rosters, sink);
        self.all
    }
}

fn duplicate(kind: Kind, name: &Spanned<Name>, first: Span, release: &str) -> Diagnostic {
    let message = format!("{kind} `{}`{release} is declared twice", name.value);
    Diagnostic::law("duplicate-spec", name.span, message)
        .label("declared again")
        .related(first, "first declared here")
        .help("remove one of them, or give it another name or version")
        .consequence("the engine refuses the catalogue: it could not tell which one is meant")
}

/// A kind of which several releases may stand side by side.
pub(super) fn release<M: Head + Send + Sync + 'static, S: Send + Sync + 'static>(
    spec: Declared<M, S>,
    kind: Kind,
    into: fn(&mut Declarations) -> &mut Releases<Declared<M, S>>,
) -> Join {
    let spec = Arc::new(spec);
    Box::new(move |joined, sink| {
        let name = spec.metadata.name();
        let version = spec.metadata.version().map(|version| version.value.clone());
        let readable = version.is_some();
        let version = version.unwrap_or_else(|| Version::new(0, 0, 0));
        let releases = into(&mut joined.all).entry(name.value.clone()).or_default();
        if let Some(first) = releases.get(&version) {
            if readable {
                sink.push(duplicate(kind, name, first.metadata.name().span, &format!(" {version}")));
            }
            return readable;
        }
        releases.insert(version, Arc::clone(&spec));
        readable
    })
}

/// Specs of a kind that stands once under a name.
type Singles<T> = BTreeMap<Name, Arc<T>>;

/// A kind that stands once under a name.
pub(super) fn single<M: Head + Send + Sync + 'static, S: Send + Sync + 'static>(
    spec: Declared<M, S>,
    kind: Kind,
    into: fn(&mut Declarations) -> &mut Singles<Declared<M, S>>,
) -> Join {
    let spec = Arc::new(spec);
    Box::new(move |joined, sink| {
        let name = spec.metadata.name();
        let into = into(&mut joined.all);
        match into.get(&name.value) {
            Some(first) => sink.push(twice(kind, &*spec, &**first)),
            None => {
                into.insert(name.value.clone(), Arc::clone(&spec));
            }
        }
        true
    })
}

/// A second spec of a name that stands once.
fn twice<M: Head, S>(kind: Kind, spec: &Declared<M, S>, first: &Declared<M, S>) -> Diagnostic {
    let (name, first_span) = (spec.metadata.name(), first.metadata.name().span);
    match (first.metadata.version(), spec.metadata.version()) {
        (Some(one), Some(other)) if one.value != other.value => Diagnostic::law(
            "versions-not-allowed",
            name.span,
            format!("{kind} `{}` stands in two versions, {} and {}", name.value, one.value, other.value),
        )
        .label("declared again")
        .related(first_span, "first declared here")
        .help("remove the older one: only Capability, Connector, Runbook and Approval may stand in several versions")
        .consequence("the engine refuses the catalogue: both would decide"),
        _ => duplicate(kind, name, first_span, ""),
    }
}

/// What is wrong with a second spec of a kind that stands once in a catalogue.
pub(super) struct Alone {
    code: &'static str,
    message: &'static str,
    consequence: &'static str,
}

pub(super) const META_SCHEMA: Alone = Alone {
    code: "second-meta-schema",
    message: "a second MetaSchema: at most one stands in a catalogue",
    consequence: "the engine refuses the catalogue: there is one list of what may leave",
};
pub(super) const RETENTION: Alone = Alone {
    code: "duplicate-spec",
    message: "a second Retention: at most one stands in a catalogue",
    consequence: "the engine refuses the catalogue: it could not tell how long what is kept",
};

/// The spec of a kind of which at most one stands in a catalogue.
type Single<T> = Option<Arc<T>>;

/// A kind of which at most one stands in a catalogue.
pub(super) fn alone<M: Head + Send + Sync + 'static, S: Send + Sync + 'static>(
    spec: Declared<M, S>,
    into: fn(&mut Declarations) -> &mut Single<Declared<M, S>>,
    wrong: &'static Alone,
) -> Join {
    let spec = Arc::new(spec);
    Box::new(move |joined, sink| {
        let into = into(&mut joined.all);
        match into {
            Some(first) => sink.push(
                Diagnostic::law(wrong.code, spec.metadata.name().span, wrong.message)
                    .label("declared again")
                    .related(first.metadata.name().span, "the first one")
                    .help("make one of them")
                    .consequence(wrong.consequence),
            ),
            None => *into = Some(Arc::clone(&spec)),
        }
        true
    })
}

/// The kind of which exactly one stands in a catalogue: which, is told when all are known.
pub(super) fn roster(spec: Roster) -> Join {
    let spec = Arc::new(spec);
    Box::new(move |joined, _| {
        joined.rosters.push(Arc::clone(&spec));
        true
    })
}

/// Exactly one roster.
fn one_roster(into: &mut Declarations, rosters: Vec<Arc<Roster>>, sink: &mut Vec<Diagnostic>) {
    let mut rosters = rosters.into_iter();
    into.roster = rosters.next();
    let unread = into.any_unread(Kind::Roster);
    let Some(first) = &into.roster else {
        if !unread {
            let message = "the catalogue has no Roster";
            sink.push(
                Diagnostic::new("missing-field", Severity::Law, None, message)
                    .help("add one spec of kind `Roster`; `ordain init` writes it")
                    .consequence("the engine refuses the catalogue: nobody could run or approve anything"),
            );
        }
        return;
    };
    let first = first.metadata.name.span;
    for roster in rosters {
        let span = roster.metadata.name.span;
        sink.push(
            Diagnostic::law("duplicate-spec", span, "a second Roster: exactly one stands in a catalogue")
                .label("declared again")
                .related(first, "the first one")
                .help("make one of them")
                .consequence("the engine refuses the catalogue: it could not tell who is who"),
        );
    }
}
