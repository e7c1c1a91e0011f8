//! Two sides of a change beside one another: which specs with releases stand on both, and what of their
//! meaning changed for those who use them. Never looks at text, only at what was read.

use std::collections::BTreeMap;

use ordain_spec::catalogue::{Declarations, every};
use ordain_spec::decode::Spanned;
use ordain_spec::digest::Digest;
use ordain_spec::kind::field::{Field, FieldMap};
use ordain_spec::kind::scalar::{Name, Version};
use ordain_spec::kind::{Capability, Kind, Runbook};
use ordain_spec::source::Span;

use crate::rules::Context;

/// One release of a spec.
#[derive(Debug, Clone)]
pub struct Release<'a> {
    /// Its kind.
    pub kind: Kind,
    /// Its name.
    pub name: &'a Name,
    /// Its version and where that stands.
    pub version: &'a Spanned<Version>,
    /// What it means.
    pub digest: Digest,
}

/// Every release of every spec, by kind, name and version.
#[must_use]
pub fn releases(all: &Declarations) -> BTreeMap<(&'static str, &Name), Vec<Release<'_>>> {
    let mut found: BTreeMap<_, Vec<Release<'_>>> = BTreeMap::new();
    macro_rules! add {
        ($kind:expr, $specs:expr) => {
            for spec in $specs {
                if let Some(version) = &spec.metadata.version {
                    let name = &spec.metadata.name.value;
                    let release = Release { kind: $kind, name, version, digest: spec.digest };
                    found.entry(($kind.as_str(), name)).or_default().push(release);
                }
            }
        };
    }
    add!(Kind::Capability, every(&all.capabilities));
    add!(Kind::Connector, every(&all.connectors));
    add!(Kind::Runbook, every(&all.runbooks));
    add!(Kind::Approval, every(&all.approvals));
    add!(Kind::Policy, all.policies.values());
    add!(Kind::Budget, all.budgets.values());
    found
        .values_mut()
        .for_each(|releases| releases.sort_by(|one, other| one.version.value.cmp(&other.version.value)));
    found
}

/// The newest release of a spec on both sides.
#[derive(Debug, Clone)]
pub struct Pair<'a> {
    /// As it was.
    pub old: Release<'a>,
    /// As it is.
    pub new: Release<'a>,
}

impl Pair<'_> {
    /// True where the version says that callers have to look: the first number, of `0.x` the second.
    #[must_use]
    pub fn says_breaking(&self) -> bool {
        let (old, new) = (&self.old.version.value, &self.new.version.value);
        new.major > old.major || (old.major == 0 && new.major == 0 && new.minor > old.minor)
    }

    /// True where the version says at least that something was added.
    #[must_use]
    pub fn says_more(&self) -> bool {
        let (old, new) = (&self.old.version.value, &self.new.version.value);
        self.says_breaking() || (new.major == old.major && new.minor > old.minor)
    }
}

/// Every spec that stands on both sides; none where there is no other side.
#[must_use]
pub fn pairs<'a>(cx: &Context<'a>) -> Vec<Pair<'a>> {
    let Some(before) = cx.before else { return Vec::new() };
    let old = releases(&before.checked.declarations);
    let both = releases(cx.all).into_iter().filter_map(|(key, new)| {
        Some(Pair { old: old.get(&key)?.last()?.clone(), new: new.last()?.clone() })
    });
    both.collect()
}

/// The capability of a pair on both sides.
#[must_use]
pub fn capabilities<'a>(cx: &Context<'a>, pair: &Pair<'_>) -> Option<(&'a Capability, &'a Capability)> {
    let find = |all: &'a Declarations, release: &Release<'_>| {
        (release.kind == Kind::Capability).then_some(())?;
        all.capabilities.get(release.name)?.get(&release.version.value).map(AsRef::as_ref)
    };
    Some((find(&cx.before?.checked.declarations, &pair.old)?, find(cx.all, &pair.new)?))
}

/// The runbook of a pair on both sides.
#[must_use]
pub fn runbooks<'a>(cx: &Context<'a>, pair: &Pair<'_>) -> Option<(&'a Runbook, &'a Runbook)> {
    let find = |all: &'a Declarations, release: &Release<'_>| {
        (release.kind == Kind::Runbook).then_some(())?;
        all.runbooks.get(release.name)?.get(&release.version.value).map(AsRef::as_ref)
    };
    Some((find(&cx.before?.checked.declarations, &pair.old)?, find(cx.all, &pair.new)?))
}

/// What callers give, on both sides.
#[must_use]
pub fn inputs<'a>(cx: &Context<'a>, pair: &Pair<'_>) -> Option<(&'a FieldMap, &'a FieldMap)> {
    match capabilities(cx, pair) {
        Some((old, new)) => Some((&old.spec.input, &new.spec.input)),
        None => runbooks(cx, pair).map(|(old, new)| (&old.spec.inputs, &new.spec.inputs)),
    }
}

/// Whether a field can be left out.
#[must_use]
pub fn may_be_absent(field: &Field) -> bool {
    field.optional || field.default.is_some()
}

/// What of the inputs breaks a caller who gave what was asked for before, and where it stands now.
#[must_use]
pub fn breaking(old: &FieldMap, new: &FieldMap) -> Vec<(String, Option<Span>)> {
    let mut found = Vec::new();
    for (name, field) in &old.0 {
        match new.0.get(name) {
            None => found.push((format!("input `{name}` is gone"), None)),
            Some(now) => {
                let place = Some(now.key_span);
                if now.value.type_.value != field.value.type_.value {
                    found.push((
                        format!(
                            "input `{name}` was {} and is {}",
                            field.value.type_.value, now.value.type_.value
                        ),
                        place,
                    ));
                } else if may_be_absent(&field.value) && !may_be_absent(&now.value) {
                    found.push((format!("input `{name}` could be left out and is required"), place));
                } else if narrower(&field.value, &now.value) {
                    found.push((format!("input `{name}` allows less than before"), place));
                }
            }
        }
    }
    for (name, entry) in
        new.0.iter().filter(|(name, entry)| !old.0.contains_key(*name) && !may_be_absent(&entry.value))
    {
        found.push((format!("input `{name}` is new and required"), Some(entry.key_span)));
    }
    found
}

/// Whether values that were allowed no longer are, as far as bounds and words tell.
fn narrower(old: &Field, new: &Field) -> bool {
    let words = match (&old.enum_, &new.enum_) {
        (None, Some(_)) => true,
        (Some(old), Some(new)) => old.value.iter().any(|word| !new.value.contains(word)),
        (_, None) => false,
    };
    let number = |bound: &Option<Spanned<ordain_spec::kind::scalar::Json>>| {
        bound.as_ref().and_then(|bound| bound.value.0.as_f64())
    };
    let length = |bound: &Option<Spanned<u64>>| bound.as_ref().map(|bound| bound.value);
    words
        || raised(number(&old.minimum), number(&new.minimum))
        || lowered(number(&old.maximum), number(&new.maximum))
        || raised(length(&old.min_length), length(&new.min_length))
        || lowered(length(&old.max_length), length(&new.max_length))
        || raised(length(&old.min_items), length(&new.min_items))
        || lowered(length(&old.max_items), length(&new.max_items))
}

fn raised<T: PartialOrd>(old: Option<T>, new: Option<T>) -> bool {
    new.is_some_and(|new| old.is_none_or(|old| new > old))
}

fn lowered<T: PartialOrd>(old: Option<T>, new: Option<T>) -> bool {
    new.is_some_and(|new| old.is_none_or(|old| new < old))
}
