//! Connectors and the workspace grant what is asked for, and no more.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ordain_plan::Grants;
use ordain_plan::connection::{grants_url, lies_under};
use ordain_spec::catalogue::every;
use ordain_spec::decode::Spanned;
use ordain_spec::kind::Connector;
use ordain_spec::kind::connector::{Access, EnvValue, HttpAuth, Settable};
use ordain_spec::kind::scalar::Effect;
use ordain_spec::kind::workspace::Connection;
use ordain_spec::source::Span;
use ordain_spec::diagnostic::{Diagnostic, Severity};

use super::{Context, Rule};

/// See its page.
pub const RULE: Rule = Rule::new("granted-but-unused", Severity::Warning, include_str!("granted-but-unused.md"), find);

fn find(cx: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let writes = |connector: &Connector| connector.spec.operations.iter().any(|(_, one)| one.effect.value != Effect::Read);
    for connector in every(&cx.all.connectors).filter(|one| one.spec.access.value == Access::Write && !writes(one)) {
        let name = &connector.metadata.name.value;
        let message = format!("connector `{name}` may write, and none of its operations does");
        found.push(problem(connector.spec.access.span, message));
    }
    let Some(workspace) = &cx.subject.workspace else { return };
    let asked = Asked::of(cx);
    for (name, entry) in &workspace.connections.0 {
        let Some(wants) = asked.connectors.get(name) else {
            found.push(problem(entry.key_span, format!("connection `{name}` is for no connector of the catalogue")));
            continue;
        };
        let idle = wants.idle(&entry.value);
        for (what, span, kind) in idle {
            let message = format!("connection `{name}` grants {kind} `{what}`, which connector `{name}` never asks for");
            found.push(problem(span, message));
        }
    }
    for (name, entry) in &workspace.settings.0 {
        if !asked.settings.contains(&**name) {
            found.push(problem(entry.key_span, format!("no connector names setting `{name}`")));
        }
    }
}

fn problem(span: Span, message: String) -> Diagnostic {
    RULE.at(span, message)
        .help("remove it")
        .consequence("the engine would keep it ready: the next change of a spec could use it and nobody would grant it anew")
}

/// What the connectors of the catalogue ask for.
#[derive(Default)]
struct Asked {
    connectors: BTreeMap<Arc<str>, Wants>,
    settings: BTreeSet<Arc<str>>,
}

/// What the releases of one connector ask for, all together.
#[derive(Default)]
struct Wants {
    secrets: BTreeSet<Arc<str>>,
    programs: BTreeSet<Arc<str>>,
    urls: BTreeSet<Arc<str>>,
    read: BTreeSet<Arc<str>>,
    write: BTreeSet<Arc<str>>,
    /// True where a setting is missing: then it cannot be told what is never asked for.
    unsettled: bool,
}

/// Something that is granted, where, and what it is.
type Grant<'g> = (&'g Arc<str>, Span, &'static str);

impl Wants {
    /// What a connection grants and nobody asks for.
    fn idle<'g>(&self, granted: &'g Connection) -> Vec<Grant<'g>> {
        let mut idle: Vec<Grant<'g>> = Vec::new();
        let mut add = |grants: &'g [Spanned<Arc<str>>], what, is_asked: &dyn Fn(&str) -> bool| {
            let grants = grants.iter().filter(|grant| !is_asked(&grant.value));
            idle.extend(grants.map(|grant| (&grant.value, grant.span, what)));
        };
        let below = |paths: &BTreeSet<Arc<str>>, folder: &str| paths.iter().any(|path| lies_under(path, folder));
        add(&granted.secrets, "secret", &|secret| self.secrets.contains(secret));
        if !self.unsettled {
            add(&granted.hosts, "host", &|host| self.urls.iter().any(|url| grants_url(host, url)));
            add(&granted.read, "the reading of", &|folder| below(&self.read, folder));
            add(&granted.write, "the writing of", &|folder| below(&self.write, folder));
        }
        let programs = granted.programs.0.iter().filter(|(path, _)| !self.programs.contains(&***path));
        idle.extend(programs.map(|(path, entry)| (path, entry.key_span, "program")));
        idle
    }

    /// A path or URL, where it is known.
    fn settled(&mut self, settable: &Settable, grants: &Grants) -> Option<Arc<str>> {
        let found = match settable {
            Settable::Literal(text) => Some(Arc::clone(&text.value)),
            Settable::Setting(name) => grants.settings.get(name.value.as_str()).cloned(),
        };
        self.unsettled |= found.is_none();
        found
    }
}

impl Asked {
    fn of(cx: &Context<'_>) -> Self {
        let (mut asked, grants) = (Self::default(), cx.subject.grants());
        for connector in every(&cx.all.connectors) {
            asked.add(connector, &grants);
        }
        asked
    }

    fn add(&mut self, connector: &Connector, grants: &Grants) {
        let mut wants = self.connectors.remove(connector.metadata.name.value.as_str()).unwrap_or_default();
        if let Some(http) = &connector.spec.http {
            self.settable(&http.base_url);
            let url = wants.settled(&http.base_url, grants);
            wants.urls.extend(url);
            wants.secrets.extend(http.auth.iter().flat_map(secrets_of));
        }
        if let Some(exec) = &connector.spec.exec {
            exec.read.iter().chain(&exec.write).chain(&exec.cwd).chain([&exec.program]).for_each(|path| self.settable(path));
            let program = wants.settled(&exec.program, grants);
            wants.programs.extend(program);
            for path in &exec.read {
                let path = wants.settled(path, grants);
                wants.read.extend(path);
            }
            for path in &exec.write {
                let path = wants.settled(path, grants);
                wants.write.extend(path);
            }
        }
        let own = connector.spec.exec.iter().map(|exec| &exec.env);
        for env in own.chain(connector.spec.operations.iter().map(|(_, operation)| &operation.env)) {
            for (_, value) in env.iter() {
                match value {
                    EnvValue::Secret(name) => {
                        wants.secrets.insert(name.value.shared());
                    }
                    EnvValue::Setting(name) => {
                        self.settings.insert(name.value.shared());
                    }
                    EnvValue::Text(_) => {}
                }
            }
        }
        self.connectors.insert(connector.metadata.name.value.shared(), wants);
    }

    fn settable(&mut self, settable: &Settable) {
        if let Settable::Setting(name) = settable {
            self.settings.insert(name.value.shared());
        }
    }
}

fn secrets_of(auth: &HttpAuth) -> impl Iterator<Item = Arc<str>> {
    let secrets = [
        auth.bearer.as_ref().map(|bearer| &bearer.secret),
        auth.basic.as_ref().map(|basic| &basic.secret),
        auth.header.as_ref().map(|header| &header.secret),
    ];
    secrets.into_iter().flatten().map(|secret| secret.value.shared())
}
