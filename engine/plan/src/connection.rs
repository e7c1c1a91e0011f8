//! What the workspace grants, and what a live run would miss. Only names and settings: no secret's
//! value, no file system, no network. The connectors check again, with links and addresses resolved.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ordain_spec::digest::Digest;
use ordain_spec::kind::Connector;
use ordain_spec::kind::connector::{ConnectorType, EnvValue, HttpSpec, Network, Operation, Settable};
use ordain_spec::kind::field::Named;
use ordain_spec::kind::workspace::{Connection, Profile, WorkspaceSpec};

use crate::model::{Action, Body, Plan, ResolvedConnection};

/// What the operator's file says about runs.
#[derive(Debug, Clone, PartialEq)]
pub struct Grants {
    /// A fact of runs.
    pub environment: Arc<str>,
    /// How strict the engine is.
    pub profile: Profile,
    /// What specs name by `{setting: …}`.
    pub settings: BTreeMap<Arc<str>, Arc<str>>,
    /// What each connector is granted, by its name.
    pub connections: BTreeMap<Arc<str>, Connection>,
}

impl Default for Grants {
    /// Without a workspace file: environment `local`, profile `dev`, no connections.
    fn default() -> Self {
        Self {
            environment: "local".into(),
            profile: Profile::Dev,
            settings: BTreeMap::new(),
            connections: BTreeMap::new(),
        }
    }
}

impl From<&WorkspaceSpec> for Grants {
    fn from(workspace: &WorkspaceSpec) -> Self {
        Self {
            environment: Arc::clone(&workspace.environment.value),
            profile: workspace.profile.value,
            settings: workspace
                .settings
                .iter()
                .map(|(name, text)| (Arc::clone(name), Arc::clone(&text.value)))
                .collect(),
            connections: workspace
                .connections
                .iter()
                .map(|(name, grants)| (Arc::clone(name), grants.clone()))
                .collect(),
        }
    }
}

impl Grants {
    /// What the connector of that name gets, if it gets anything. Connectors of type `mock` need nothing.
    #[must_use]
    pub fn resolve(&self, connector: &Connector) -> Option<ResolvedConnection> {
        let name = connector.metadata.name.value.shared();
        let grants = self.connections.get(&name)?.clone();
        let settings: BTreeMap<_, _> = settings_of(connector)
            .into_iter()
            .filter_map(|setting| Some((Arc::clone(&setting), Arc::clone(self.settings.get(&setting)?))))
            .collect();
        let digest = digest_of(&name, &grants, &settings);
        Some(ResolvedConnection { name, grants, settings, digest })
    }
}

fn digest_of(name: &str, grants: &Connection, settings: &BTreeMap<Arc<str>, Arc<str>>) -> Digest {
    fn list(items: &[ordain_spec::decode::Spanned<Arc<str>>]) -> BTreeSet<&str> {
        items.iter().map(|item| &*item.value).collect()
    }
    let programs: BTreeMap<_, _> =
        grants.programs.iter().map(|(path, hash)| (&**path, &*hash.value)).collect();
    crate::digest::of_json(&serde_json::json!({
        "name": name,
        "hosts": list(&grants.hosts),
        "secrets": list(&grants.secrets),
        "allowPrivate": list(&grants.allow_private),
        "programs": programs,
        "read": list(&grants.read),
        "write": list(&grants.write),
        "network": grants.network.value.as_str(),
        "settings": settings.iter().map(|(name, text)| (&**name, &**text)).collect::<BTreeMap<_, _>>(),
    }))
}

/// The names of all settings that a connector names.
fn settings_of(connector: &Connector) -> BTreeSet<Arc<str>> {
    let mut found = BTreeSet::new();
    let mut see = |settable: &Settable| {
        if let Settable::Setting(name) = settable {
            found.insert(name.value.shared());
        }
    };
    if let Some(http) = &connector.spec.http {
        see(&http.base_url);
    }
    if let Some(exec) = &connector.spec.exec {
        see(&exec.program);
        exec.read.iter().chain(&exec.write).chain(&exec.cwd).for_each(&mut see);
    }
    let own = connector.spec.exec.iter().map(|exec| &exec.env);
    for env in own.chain(connector.spec.operations.iter().map(|(_, operation)| &operation.env)) {
        for (_, value) in env.iter() {
            if let EnvValue::Setting(name) = value {
                found.insert(name.value.shared());
            }
        }
    }
    found
}

/// Why a plan cannot run live in a workspace: one thing that a connector asks for and does not get.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ungranted {
    /// The reason code: `mode_not_allowed` for a connector of type `mock`, else `connection_missing`.
    pub code: &'static str,
    /// The first step that meets it, through sub-runs: `rollout/apply`.
    pub step: String,
    /// The connector.
    pub connector: Arc<str>,
    /// What is missing, in the author's words.
    pub detail: String,
}

/// Everything that a live run of the plan would miss: undo actions and sub-runs included, each fault
/// of a connector once, at the first step that meets it. Empty when a live run can start.
#[must_use]
pub fn missing_connections(plan: &Plan) -> Vec<Ungranted> {
    let mut search = Search::default();
    search.plan(plan, "");
    search.found
}

#[derive(Default)]
struct Search {
    found: Vec<Ungranted>,
    known: BTreeSet<(Arc<str>, String)>,
    plans: BTreeSet<Digest>,
}

impl Search {
    fn plan(&mut self, plan: &Plan, path: &str) {
        if !self.plans.insert(plan.digest) {
            return;
        }
        for step in &plan.steps {
            let place = format!("{path}{}", step.id);
            match &step.body {
                Body::Use(action) => {
                    self.action(action, &place);
                    if let Some(undo) = &action.undo {
                        self.action(&undo.action, &place);
                    }
                }
                Body::SubRun(child) => self.plan(child, &format!("{place}/")),
                Body::Approve(_) | Body::Wait { .. } | Body::Signal | Body::Export(_) => {}
            }
        }
    }

    fn action(&mut self, action: &Action, step: &str) {
        let connector = action.connector.metadata.name.value.shared();
        if action.connector.spec.type_.value == ConnectorType::Mock {
            let detail = format!("connector `{connector}` is of type `mock`: it has declared answers only");
            self.report("mode_not_allowed", step, connector, detail);
            return;
        }
        let Some(connection) = &action.connection else {
            let detail = format!("the workspace has no connection `{connector}`");
            self.report("connection_missing", step, connector, detail);
            return;
        };
        for detail in Wants::of(action, connection).missing() {
            self.report("connection_missing", step, Arc::clone(&connector), detail);
        }
    }

    fn report(&mut self, code: &'static str, step: &str, connector: Arc<str>, detail: String) {
        if self.known.insert((Arc::clone(&connector), detail.clone())) {
            self.found.push(Ungranted { code, step: step.to_owned(), connector, detail });
        }
    }
}

/// One operation beside what its connector is granted.
struct Wants<'a> {
    connector: &'a Connector,
    operation: Option<&'a Operation>,
    connection: &'a ResolvedConnection,
}

impl<'a> Wants<'a> {
    fn of(action: &'a Action, connection: &'a ResolvedConnection) -> Self {
        Self { connector: &action.connector, operation: action.declared_operation(), connection }
    }

    fn missing(&self) -> Vec<String> {
        let mut out = Vec::new();
        if let Some(http) = &self.connector.spec.http {
            self.http(http, &mut out);
        }
        if let Some(exec) = &self.connector.spec.exec {
            if let Some(program) = self.settle(&exec.program, &mut out)
                && self.connection.grants.programs.get(&program).is_none()
            {
                out.push(format!(
                    "program `{program}` is not among `programs` of connection `{}`",
                    self.connection.name
                ));
            }
            self.folders("read", &exec.read, &mut out);
            self.folders("write", &exec.write, &mut out);
            if let Some(cwd) = &exec.cwd {
                self.settle(cwd, &mut out);
            }
            if exec.network.value == Network::Host && self.connection.grants.network.value == Network::None {
                out.push(format!("connection `{}` does not grant `network: host`", self.connection.name));
            }
            self.environment(&exec.env, &mut out);
        }
        if let Some(operation) = self.operation {
            self.environment(&operation.env, &mut out);
        }
        out
    }

    fn http(&self, http: &HttpSpec, out: &mut Vec<String>) {
        if let Some(url) = self.settle(&http.base_url, out) {
            match authority(&url) {
                Some((host, port)) if !self.grants_host(host, port) => {
                    out.push(format!(
                        "host `{host}` is not among `hosts` of connection `{}`",
                        self.connection.name
                    ));
                }
                Some((host, _)) if !is_private_on_its_way(&url, host) => {
                    out.push(format!("`{url}` is plain http to a host that is not loopback"));
                }
                Some(_) => {}
                None => out.push(format!("`{url}` is no URL with a host")),
            }
        }
        if let Some(auth) = &http.auth {
            let secrets = [
                auth.bearer.as_ref().map(|bearer| &bearer.secret),
                auth.basic.as_ref().map(|basic| &basic.secret),
                auth.header.as_ref().map(|header| &header.secret),
            ];
            secrets.into_iter().flatten().for_each(|secret| self.secret(secret.value.as_str(), out));
        }
    }

    fn grants_host(&self, host: &str, port: Option<&str>) -> bool {
        self.connection.grants.hosts.iter().any(|granted| is_for(&granted.value, host, port))
    }

    fn folders(&self, right: &str, wanted: &[Settable], out: &mut Vec<String>) {
        let granted =
            if right == "read" { &self.connection.grants.read } else { &self.connection.grants.write };
        for folder in wanted {
            if let Some(path) = self.settle(folder, out)
                && !granted.iter().any(|grant| lies_under(&path, &grant.value))
            {
                out.push(format!("`{path}` is not under `{right}` of connection `{}`", self.connection.name));
            }
        }
    }

    fn environment(&self, env: &Named<EnvValue>, out: &mut Vec<String>) {
        for (_, value) in env.iter() {
            match value {
                EnvValue::Text(_) => {}
                EnvValue::Setting(name) => self.setting(name.value.as_str(), out),
                EnvValue::Secret(name) => self.secret(name.value.as_str(), out),
            }
        }
    }

    fn settle(&self, settable: &Settable, out: &mut Vec<String>) -> Option<Arc<str>> {
        match settable {
            Settable::Literal(text) => Some(Arc::clone(&text.value)),
            Settable::Setting(name) => {
                self.setting(name.value.as_str(), out);
                self.connection.settings.get(name.value.as_str()).cloned()
            }
        }
    }

    fn setting(&self, name: &str, out: &mut Vec<String>) {
        if !self.connection.settings.contains_key(name) {
            out.push(format!("the workspace has no setting `{name}`"));
        }
    }

    fn secret(&self, name: &str, out: &mut Vec<String>) {
        if !self.connection.grants.secrets.iter().any(|granted| &*granted.value == name) {
            out.push(format!(
                "secret `{name}` is not among `secrets` of connection `{}`",
                self.connection.name
            ));
        }
    }
}

/// True where a granted `host` or `host:port` lets a connector speak to a URL.
#[must_use]
pub fn grants_url(granted: &str, url: &str) -> bool {
    authority(url).is_some_and(|(host, port)| is_for(granted, host, port))
}

fn is_for(granted: &str, host: &str, port: Option<&str>) -> bool {
    match granted.rsplit_once(':') {
        Some((name, number)) if !name.ends_with(':') && number.bytes().all(|b| b.is_ascii_digit()) => {
            bare(name).eq_ignore_ascii_case(host) && Some(number) == port
        }
        _ => bare(granted).eq_ignore_ascii_case(host),
    }
}

/// True where what is sent to a URL is encrypted, or never leaves this machine.
fn is_private_on_its_way(url: &str, host: &str) -> bool {
    let scheme = url.split_once("://").map_or("", |(scheme, _)| scheme);
    scheme.eq_ignore_ascii_case("https")
        || (scheme.eq_ignore_ascii_case("http") && ordain_spec::check::is_loopback(host))
}

/// Host and port of an absolute URL. Anything odd (user info, no host) is `None`.
fn authority(url: &str) -> Option<(&str, Option<&str>)> {
    let (scheme, rest) = url.split_once("://")?;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let authority = rest.get(..end)?;
    if authority.contains('@') || authority.is_empty() {
        return None;
    }
    let default = match scheme {
        "https" => Some("443"),
        "http" => Some("80"),
        _ => None,
    };
    let (host, port) = if let Some(inner) = authority.strip_prefix('[') {
        let (host, after) = inner.split_once(']')?;
        (host, after.strip_prefix(':'))
    } else {
        authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port)))
    };
    (!host.is_empty()).then_some((host, port.or(default)))
}

/// A host without the brackets of an IPv6 address.
fn bare(host: &str) -> &str {
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
}

/// True when `path` is `folder` or lies under it, by its text; `..` never lies under anything.
#[must_use]
pub fn lies_under(path: &str, folder: &str) -> bool {
    let folder = folder.trim_end_matches('/');
    let path = path.trim_end_matches('/');
    if path.split('/').any(|part| part == "..") {
        return false;
    }
    path == folder || path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::{authority, lies_under};

    #[test]
    fn a_url_names_its_host_and_port() {
        assert_eq!(authority("https://api.example.org/v1"), Some(("api.example.org", Some("443"))));
        assert_eq!(authority("http://127.0.0.1:8080"), Some(("127.0.0.1", Some("8080"))));
        assert_eq!(authority("http://[::1]:8080/x"), Some(("::1", Some("8080"))));
        assert_eq!(authority("https://user@host/"), None);
        assert_eq!(authority("https:///x"), None);
        assert_eq!(authority("api.example.org"), None);
    }

    #[test]
    fn a_folder_grants_what_is_below_it_and_nothing_beside_it() {
        assert!(lies_under("/srv/data", "/srv/data/"));
        assert!(lies_under("/srv/data/a", "/srv/data"));
        assert!(!lies_under("/srv/database", "/srv/data"));
        assert!(!lies_under("/srv", "/srv/data"));
        assert!(!lies_under("/srv/data/../../etc", "/srv/data"));
        assert!(lies_under("/anything", "/"));
    }
}
