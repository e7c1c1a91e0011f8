//! `ordain doctor`: what works here and what does not, each with a way out. Changes nothing but what is known of the
//! health of connectors, where there is a store to keep it in.

mod prod;

use std::path::Path;
use std::sync::Arc;

use ordain_kernel::health;
use ordain_kernel::world::Active;
use ordain_plan::render::{Ink, Line};
use ordain_plan::{Grants, compile, missing_connections};
use ordain_runtime::api::Request;
use ordain_runtime::connector::sandbox::{SandboxLauncher, SandboxReport, capabilities_of_machine};
use ordain_runtime::vault;
use ordain_spec::catalogue::{Catalogue, every};
use ordain_spec::diagnostic::{Severity, counted};
use ordain_spec::kind::scalar::Mode;
use ordain_spec::workspace::Workspace;
use serde_json::{Value, json};

use crate::context::Context;
use crate::failure::{Done, Exit, Failure};
use crate::session::Conversation;

/// Checks the workspace, its store and this machine
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Judge as in profile `prod`: what `dev` lets pass is a problem
    #[arg(long)]
    prod: bool,
}

struct Check {
    id: &'static str,
    ok: bool,
    detail: String,
    hint: Option<String>,
}

impl Check {
    fn good(id: &'static str, detail: impl Into<String>) -> Self {
        Self { id, ok: true, detail: detail.into(), hint: None }
    }

    fn bad(id: &'static str, detail: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { id, ok: false, detail: detail.into(), hint: Some(hint.into()) }
    }
}

impl Options {
    /// Checks everything and shows it.
    pub fn run(self, cx: &Context) -> Done {
        let (root, workspace) = cx.read()?;
        let prod =
            self.prod || workspace.spec.as_ref().is_some_and(|spec| spec.profile.value.as_str() == "prod");
        let mut checks = vec![operator_file(&root, &workspace), catalogue(&workspace)];
        if let (Some(spec), Some(catalogue)) = (&workspace.spec, &workspace.checked.catalogue) {
            checks.push(person(catalogue, prod));
            checks.extend(live(catalogue, &Grants::from(spec)));
            if prod {
                checks.extend(prod::checks(&root, spec, catalogue));
                checks.extend(prod::shown(cx));
                checks.push(log(cx, &root));
            }
        }
        checks.extend(health(cx, &root, &workspace));
        checks.push(state(&root));
        checks.push(keys(&root));
        checks.extend(payloads(cx));
        checks.extend(sandbox(prod));
        let rows: Vec<Value> = checks.iter().map(document).collect();
        cx.show(&json!({"checks": rows}), |look| {
            let mut out = String::new();
            for check in &checks {
                let (mark, ink) = if check.ok { ("✓", Ink::Good) } else { ("✗", Ink::Alarm) };
                let mut line =
                    Line::default().with(ink, mark).with(Ink::Plain, " ").with(Ink::Strong, check.id);
                line.pad(22).add(Ink::Plain, &check.detail);
                line.write(look, &mut out);
                if let Some(hint) = &check.hint {
                    let mut line = Line::default();
                    line.pad(22).add(Ink::Dim, "try: ").add(Ink::Plain, hint);
                    line.write(look, &mut out);
                }
            }
            out
        });
        Ok(if checks.iter().all(|check| check.ok) { Exit::Done } else { Exit::Found })
    }
}

fn document(check: &Check) -> Value {
    let mut out = json!({"id": check.id, "ok": check.ok, "detail": check.detail});
    if let (Some(hint), Some(object)) = (&check.hint, out.as_object_mut()) {
        object.insert("hint".into(), hint.clone().into());
    }
    out
}

fn operator_file(root: &Path, workspace: &Workspace) -> Check {
    let place = root.join(ordain_spec::workspace::FILE);
    let broken = workspace.diagnostics.iter().any(|problem| problem.severity == Severity::Law);
    match &workspace.spec {
        Some(_) if !place.exists() => Check::good(
            "workspace",
            format!("{} without an ordain.yaml: the defaults hold, mock runs only", root.display()),
        ),
        Some(spec) if !broken => {
            let detail = format!(
                "{}, environment {}, profile {}",
                root.display(),
                spec.environment.value,
                spec.profile.value
            );
            Check::good("workspace", detail)
        }
        _ => Check::bad(
            "workspace",
            format!("{} cannot be used", place.display()),
            "`ordain lint` shows what is wrong with it",
        ),
    }
}

fn catalogue(workspace: &Workspace) -> Check {
    match &workspace.checked.catalogue {
        Some(catalogue) => {
            let count = catalogue.index().len();
            Check::good("catalogue", format!("{count} specs, {}", catalogue.digest()))
        }
        None => Check::bad(
            "catalogue",
            "it breaks laws and does not load",
            "`ordain lint` shows each and its place",
        ),
    }
}

/// Who acts when nobody says `--as`.
fn person(catalogue: &Catalogue, prod: bool) -> Check {
    let login = ordain_runtime::local::own_login();
    if prod {
        return Check::good("person", "profile prod: persons are named by a token or a signature");
    }
    let people = catalogue.roster.iter().flat_map(|roster| roster.spec.people.iter());
    let mut mine =
        people.filter(|(_, person)| person.login.as_ref().is_some_and(|known| *known.value == *login));
    match mine.next() {
        Some((name, _)) => Check::good("person", format!("login `{login}` is user:{name}")),
        None => Check::bad(
            "person",
            format!("nobody in the roster has the login `{login}`: verbs that change something are refused"),
            format!("write `login: {login}` at a person of the roster, or say `--as user:NAME`"),
        ),
    }
}

/// What keeps runbooks that may run live from doing so.
fn live(catalogue: &Catalogue, grants: &Grants) -> Vec<Check> {
    let mut missing: Vec<String> = Vec::new();
    let mut count = 0;
    for runbook in every(&catalogue.runbooks) {
        if !runbook.spec.modes.iter().any(|mode| mode.value == Mode::Live) {
            continue;
        }
        count += 1;
        if let Ok(plan) = compile(runbook, catalogue, grants) {
            missing.extend(missing_connections(&plan).into_iter().map(|fault| fault.detail));
        }
    }
    missing.sort();
    missing.dedup();
    if missing.is_empty() {
        let detail = match count {
            0 => "no runbook may run live".to_owned(),
            1 => "1 runbook may run live, and is granted what it asks for".to_owned(),
            count => format!("{count} runbooks may run live, and are granted what they ask for"),
        };
        return vec![Check::good("connections", detail)];
    }
    missing
        .into_iter()
        .map(|detail| Check::bad("connections", detail, "grant it in ordain.yaml; mock runs work without"))
        .collect()
}

/// How connectors that say how their health is seen are seen now: each is probed.
fn health(cx: &Context, root: &Path, workspace: &Workspace) -> Vec<Check> {
    let (Some(spec), Some(catalogue)) = (&workspace.spec, &workspace.checked.catalogue) else {
        return Vec::new();
    };
    let active = Active { catalogue: Arc::clone(catalogue), grants: Arc::new(Grants::from(spec)) };
    let declared = health::declared(&active);
    if declared.is_empty() || workspace.is_refused() {
        return Vec::new();
    }
    let probed = health::probed(&active);
    if probed.is_empty() || !root.join(".ordain/ordain.db").exists() {
        let unseen = |name| {
            let why = if probed.contains_key(name) {
                "was not probed yet: there is no store to remember it in"
            } else {
                "is not probed: the workspace grants it nothing"
            };
            Check::good("health", format!("`{name}` {why}"))
        };
        return declared.keys().map(unseen).collect();
    }
    let asked = Conversation::open(cx).and_then(|mut conversation| {
        let answer = conversation.ask(&Request::Probe);
        conversation.close();
        answer
    });
    match asked {
        Ok(answer) => {
            answer.get("health").and_then(Value::as_array).into_iter().flatten().map(seen).collect()
        }
        Err(failure) => {
            let hint = failure.error().hint.clone().unwrap_or_else(|| "`ordain audit verify`".to_owned());
            vec![Check::bad("health", failure.error().message.clone(), hint)]
        }
    }
}

/// A row of the answer.
fn seen(row: &Value) -> Check {
    let word = |field: &str| row.get(field).and_then(Value::as_str).unwrap_or_default();
    let reason = |place: &str| row.pointer(place).map(crate::render::reason).unwrap_or_default();
    let (name, since) = (word("connector"), word("since"));
    let mut detail = match word("state") {
        "degraded" => format!("`{name}` is degraded since {since}: {}", reason("/reasons/0")),
        "healthy" => format!("`{name}` is healthy since {since}"),
        _ => format!("`{name}` was not probed yet"),
    };
    if row.get("notProbed").is_some() {
        detail = format!("{detail}; not probed now: {}", reason("/notProbed"));
    }
    if word("state") == "degraded" {
        let hint = format!("see to the other side of `{name}`; operation `{}` asks it", word("operation"));
        return Check::bad("health", detail, hint);
    }
    Check::good("health", detail)
}

/// The audit log, from its first record to its last.
fn log(cx: &Context, root: &Path) -> Check {
    if !root.join(".ordain/ordain.db").exists() {
        return Check::good("prod-log", "no store yet: there is nothing to verify");
    }
    let hint = "`ordain audit verify` says more; `ordain restore FILE` puts a copy back";
    match Conversation::open(cx).and_then(|mut conversation| {
        let answer = conversation.ask(&Request::AuditVerify { from_checkpoint: false, checkpoint: None });
        conversation.close();
        answer
    }) {
        Ok(answer) if answer.get("ok").is_some_and(|ok| ok == true) => {
            let records = answer.get("records").and_then(Value::as_u64).unwrap_or_default();
            Check::good("prod-log", format!("{}, each bound to the one before", counted(records, "record")))
        }
        Ok(_) => Check::bad("prod-log", "the audit log was changed", hint),
        Err(failure) => Check::bad("prod-log", failure.error().message.clone(), hint),
    }
}

fn state(root: &Path) -> Check {
    let state = root.join(".ordain");
    let folder = if state.exists() { state.clone() } else { root.to_path_buf() };
    let probe = folder.join(format!(".ordain-doctor-{}", std::process::id()));
    let written = std::fs::File::create_new(&probe).and_then(|_| std::fs::remove_file(&probe));
    match written {
        Ok(()) if state.join("ordain.db").exists() => {
            Check::good("state", format!("store in {}", state.display()))
        }
        Ok(()) => Check::good("state", "no store yet: the first run makes one"),
        Err(error) => Check::bad(
            "state",
            format!("{} cannot be written: {error}", folder.display()),
            "see to its owner and rights",
        ),
    }
}

/// Whether what runs carry is encrypted, and whether its keys are at hand.
fn payloads(cx: &Context) -> Option<Check> {
    let workspace = crate::session::workspace(cx).ok()?;
    let runtime = crate::session::runtime().ok()?;
    Some(match runtime.block_on(vault::standing(&workspace)) {
        Ok((true, detail)) => Check::good("payloads", detail),
        Ok((false, detail)) => {
            Check::bad("payloads", detail, "`ordain keys rotate --payloads` encrypts them")
        }
        Err(error) => Check::bad("payloads", error.message, error.hint.unwrap_or_default()),
    })
}

/// Signing keys are their owner's alone.
fn keys(root: &Path) -> Check {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = root.join(".ordain/keys");
    let Ok(entries) = std::fs::read_dir(&folder) else {
        return Check::good("keys", "no signing keys here; `ordain keys init` makes one");
    };
    let mut count = 0;
    for path in entries.filter_map(Result::ok).map(|entry| entry.path()) {
        let open = path.metadata().is_ok_and(|metadata| metadata.permissions().mode() & 0o077 != 0);
        if open {
            return Check::bad(
                "keys",
                format!("others can read {}", path.display()),
                format!("chmod 600 {}", path.display()),
            );
        }
        count += 1;
    }
    Check::good("keys", format!("{count} signing keys, readable by their owner alone"))
}

/// What this machine can hold programs to.
fn sandbox(prod: bool) -> Vec<Check> {
    let report = SandboxLauncher::current()
        .map_err(|error| Failure::new("system_fault", error.to_string()).error().message.clone())
        .and_then(|launcher| capabilities_of_machine(&launcher));
    let report: SandboxReport = match report {
        Ok(report) => report,
        Err(why) => return vec![Check::bad("sandbox", why, "programs of connectors cannot be started here")],
    };
    let consequence = if prod {
        "profile prod denies connectors that need it"
    } else {
        "profile dev says so and goes on; profile prod denies"
    };
    let held = |id, ok: bool, good: &str, bad: &str| {
        if ok { Check::good(id, good) } else { Check::bad(id, bad, consequence) }
    };
    vec![
        held(
            "sandbox-files",
            report.enforces_files(),
            &format!("path lists are enforced (Landlock {})", report.landlock_abi),
            "path lists are not enforced: Landlock is too old or off",
        ),
        held(
            "sandbox-network",
            report.enforces_no_network(),
            "`network: none` is enforced",
            "`network: none` is not enforced: no network namespace, no system call filter",
        ),
        // Children that leave their group are hunted all the same: worth saying, no problem.
        Check::good(
            "sandbox-processes",
            if report.process_namespace {
                "a step's processes end with it"
            } else {
                "no process namespace: children that leave their group are hunted, not held"
            },
        ),
    ]
}
