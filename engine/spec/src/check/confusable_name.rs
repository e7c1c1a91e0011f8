//! Law `confusable-name`: two names that one reads as the same.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::context::{Context, law};
use crate::diagnostic::Diagnostic;
use crate::source::Span;

pub(super) fn check(cx: &Context<'_>, sink: &mut Vec<Diagnostic>) {
    let mut seen: BTreeMap<(&str, Cow<'_, str>), (&str, Span)> = BTreeMap::new();
    let heads = cx.heads();
    let roster = cx.all.roster.as_ref().map(|roster| &roster.spec);
    let people = roster
        .into_iter()
        .flat_map(|spec| spec.people.0.iter().map(|(name, entry)| ("user", &**name, entry.key_span)));
    let groups = roster
        .into_iter()
        .flat_map(|spec| spec.groups.0.iter().map(|(name, entry)| ("group", &**name, entry.key_span)));
    let roles = roster
        .into_iter()
        .flat_map(|spec| spec.roles.0.iter().map(|(name, entry)| ("role", &**name, entry.key_span)));
    let specs = heads.iter().map(|head| (head.kind.as_str(), head.name.value.as_str(), head.name.span));
    for (kind, name, span) in specs.chain(people).chain(groups).chain(roles) {
        let (other, place) = *seen.entry((kind, skeleton(name))).or_insert((name, span));
        if other != name {
            sink.push(
                law("confusable-name", span, format!("`{name}` is easily read as `{other}`"))
                    .related(place, format!("`{other}`"))
                    .help("rename one of them")
                    .consequence("the engine refuses the catalogue: a reviewer could take one for the other"),
            );
        }
    }
}

/// What the eye keeps of a name.
fn skeleton(name: &str) -> Cow<'_, str> {
    let mut pairs = name.as_bytes().windows(2);
    if !name.contains(['0', '1']) && !pairs.any(|pair| matches!(pair, b"rn" | b"vv")) {
        return Cow::Borrowed(name);
    }
    Cow::Owned(name.replace("rn", "m").replace("vv", "w").replace('0', "o").replace('1', "l"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_look_alike_have_one_skeleton() {
        assert_eq!(skeleton("payrnents"), skeleton("payments"));
        assert_eq!(skeleton("db.fa1lover0"), skeleton("db.fallovero"));
        assert_ne!(skeleton("db.failover"), skeleton("db.fallover"));
    }
}
