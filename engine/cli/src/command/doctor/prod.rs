//! What must hold before a workspace is trusted with production, each with a way out. Reads only.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use ordain_runtime::checkpoint;
use ordain_runtime::seal::{self, Seal};
use ordain_spec::catalogue::Catalogue;
use ordain_spec::kind::roster::{ActorType, Person};
use ordain_spec::kind::scalar::Principal;
use ordain_spec::kind::workspace::{Profile, WorkspaceSpec};

use super::Check;
use crate::context::Context;

/// Room that a store needs before it is worried about, in bytes.
const ROOM: u64 = 1 << 30;

/// All of them.
pub fn checks(root: &Path, spec: &WorkspaceSpec, catalogue: &Catalogue) -> Vec<Check> {
    let mut checks = vec![
        profile(spec),
        trust(spec),
        outside(root, spec),
        reviewers(catalogue),
        admins(catalogue),
        retention(catalogue),
        programs(spec),
        rights(root),
        room(root),
    ];
    checks.extend(exemptions(catalogue));
    checks
}

/// What others must be able to see: that the catalogue is the signed one, and that the log's checkpoints stand
/// elsewhere.
pub fn shown(cx: &Context) -> Vec<Check> {
    let Ok(workspace) = crate::session::workspace(cx) else { return Vec::new() };
    let seal = Seal::of(&workspace, Profile::Prod, jiff::Timestamp::now(), None);
    let sealed = match (seal.refusal.and_then(|reason| reason.detail), seal.issued) {
        (None, Some(issued)) => {
            Check::good("prod-seal", format!("the catalogue is the one signed at {issued}"))
        }
        (Some(why), _) => Check::bad("prod-seal", why, seal.way_out),
        (None, None) => Check::bad(
            "prod-seal",
            "the catalogue does not load",
            "`ordain lint` shows every broken law and its place",
        ),
    };
    let shipped = match checkpoint::stands_unshipped(&workspace) {
        Some(false) => Check::good("prod-checkpoints", "the newest checkpoint was shipped"),
        Some(true) => Check::bad(
            "prod-checkpoints",
            "the newest checkpoint was not shipped: a log that is cut behind it would not show elsewhere",
            "see where `checkpoints` of ordain.yaml sends them; the next one covers the same records",
        ),
        None => Check::good(
            "prod-checkpoints",
            "checkpoints are shipped nowhere: a log that is cut together with them would not show",
        ),
    };
    vec![sealed, shipped]
}

fn profile(spec: &WorkspaceSpec) -> Check {
    match spec.profile.value {
        Profile::Prod => {
            Check::good("prod-profile", "profile prod: nothing is asserted, catalogues are signed")
        }
        Profile::Dev => Check::bad(
            "prod-profile",
            "profile dev: `--as` names anybody, and live runs need no signed catalogue",
            "write `profile: prod` in ordain.yaml; a store once opened in it refuses dev",
        ),
    }
}

fn trust(spec: &WorkspaceSpec) -> Check {
    match spec.trust.len() {
        0 => Check::bad(
            "prod-trust",
            "no key is trusted: every catalogue counts as unsigned, and live runs are refused",
            "write `trust: [{id: …, key: 'ed25519:…'}]` in ordain.yaml",
        ),
        count => Check::good("prod-trust", format!("{count} keys may sign catalogues")),
    }
}

/// Who edits specs must not be able to edit the operator's file.
fn outside(root: &Path, spec: &WorkspaceSpec) -> Check {
    match seal::around(root, spec) {
        None => Check::good("prod-workspace", "ordain.yaml lies outside the folders of the catalogue"),
        Some(folder) => Check::bad(
            "prod-workspace",
            format!("ordain.yaml lies inside the catalogue folder `{folder}`"),
            "keep specs in a folder of their own, such as `specs/`",
        ),
    }
}

/// In profile prod a local decision is signed with the person's key.
fn reviewers(catalogue: &Catalogue) -> Check {
    let Some(roster) = &catalogue.roster else {
        return Check::bad("prod-reviewers", "there is no roster", "declare one");
    };
    let named = catalogue.approvals.values().flat_map(|releases| releases.values());
    let principals: Vec<&Principal> = named
        .flat_map(|approval| &approval.spec.stages)
        .flat_map(|stage| stage.any_of.iter().map(|who| &who.value))
        .collect();
    let people = ordain_kernel::actor::humans(roster, principals);
    let keyless = |id: &&std::sync::Arc<str>| {
        let person: Option<&Person> = ordain_kernel::actor::person(roster, id);
        person.is_some_and(|person| person.key.is_none() && person.subject.is_none())
    };
    let keyless: Vec<&str> = people.iter().filter(keyless).map(|id| &**id).collect();
    match keyless.as_slice() {
        [] => Check::good("prod-reviewers", format!("{} people can decide in their own name", people.len())),
        some => Check::bad(
            "prod-reviewers",
            format!("{} may approve, and have neither a key nor a subject in the roster", some.join(", ")),
            "`ordain keys init` makes a key; its public half goes to `people.<name>.key`",
        ),
    }
}

/// Without an admin no kill switch is lifted and nothing is erased.
fn admins(catalogue: &Catalogue) -> Check {
    let roster = catalogue.roster.as_ref();
    let admins = roster.map(|roster| {
        let people = roster.spec.people.iter().filter(|(_, person)| person.type_.value == ActorType::Human);
        let role = Principal::new("role:admin");
        let is = |id: &str| {
            role.as_ref().is_some_and(|role| {
                ordain_kernel::actor::belongs(roster, id, &std::collections::BTreeSet::new(), role)
            })
        };
        people.filter(|(name, _)| is(&format!("user:{name}"))).count()
    });
    match admins.unwrap_or_default() {
        0 => Check::bad(
            "prod-admins",
            "nobody has `role:admin`: no kill switch can be lifted and nothing erased",
            "give somebody the role in the roster",
        ),
        1 => Check::good(
            "prod-admins",
            "one person has `role:admin`; a second keeps the house open when one is away",
        ),
        count => Check::good("prod-admins", format!("{count} people have `role:admin`")),
    }
}

fn retention(catalogue: &Catalogue) -> Check {
    match &catalogue.retention {
        Some(retention) => Check::good(
            "prod-retention",
            format!("payloads go as declared; {} legal holds", retention.spec.holds.len()),
        ),
        None => Check::bad(
            "prod-retention",
            "no Retention is declared: what runs carried is kept for ever",
            "declare one in `policies/`; `ordain prune` then erases what is due",
        ),
    }
}

/// A program that is granted by its path alone can be replaced.
fn programs(spec: &WorkspaceSpec) -> Check {
    let granted = spec.connections.iter().flat_map(|(name, connection)| {
        connection.programs.iter().map(move |(path, program)| (name, path, program))
    });
    let loose: Vec<String> = granted
        .filter(|(_, _, program)| &*program.value == "any")
        .map(|(name, path, _)| format!("`{path}` of `{name}`"))
        .collect();
    match loose.as_slice() {
        [] => Check::good("prod-programs", "every granted program is named with its digest"),
        some => Check::bad(
            "prod-programs",
            format!("granted by path alone: {}", some.join(", ")),
            "write the program's sha256 instead of `any`",
        ),
    }
}

/// The store and its keys are their owner's alone.
fn rights(root: &Path) -> Check {
    let state = root.join(".ordain");
    let places = [state.clone(), state.join("ordain.db")];
    let open = places
        .iter()
        .find(|path| path.metadata().is_ok_and(|metadata| metadata.permissions().mode() & 0o077 != 0));
    match open {
        None => Check::good("prod-rights", "the local state is its owner's alone"),
        Some(path) => Check::bad(
            "prod-rights",
            format!("others can look into {}", path.display()),
            format!("chmod -R go= {}", state.display()),
        ),
    }
}

/// Where the disk is full nothing can be recorded, so nothing is done.
fn room(root: &Path) -> Check {
    match ordain_runtime::machine::free_bytes(root) {
        Ok(free) => {
            let detail = format!("{} MiB are free where the store lies", free >> 20);
            if free >= ROOM {
                Check::good("prod-room", detail)
            } else {
                Check::bad(
                    "prod-room",
                    detail,
                    "make room: without it nothing can be recorded, and nothing is done",
                )
            }
        }
        Err(error) => {
            Check::bad("prod-room", format!("the disk cannot be asked: {error}"), "see to the disk")
        }
    }
}

/// Exemptions weaken a control: whoever goes to production should know which.
fn exemptions(catalogue: &Catalogue) -> Vec<Check> {
    let say = |exemption: &std::sync::Arc<ordain_spec::kind::Exemption>| {
        let spec = &exemption.spec;
        let until = spec.expires.as_ref().map(|expires| expires.value.0.to_string()).unwrap_or_default();
        Check::good(
            "prod-exemption",
            format!(
                "`{}` exempts from {}/{} until {until}, once agreed to",
                exemption.metadata.name.value, spec.exempts.policy.value, spec.exempts.rule.value
            ),
        )
    };
    catalogue.exemptions.values().map(say).collect()
}
