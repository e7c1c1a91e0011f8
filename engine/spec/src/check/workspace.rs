//! Laws about the operator's file: what it grants is named exactly, and nothing in it is a secret.

use super::bodies::once;
use super::context::{law, real};
use super::hosts::{is_link_local, without_port};
use super::programs::{SHELLS, plain_name};
use super::rosters::{KEY_DUE, is_public_key};
use super::scope::invariants;
use super::secrets::looks_like;
use crate::diagnostic::Diagnostic;
use crate::expr::{Expect, Known, check as check_expr};
use crate::kind::workspace::{Connection, SecretProvider, WorkspaceSpec};
use crate::source::Span;

/// Asks the laws about an operator's file.
pub(super) fn check(spec: &WorkspaceSpec, sink: &mut Vec<Diagnostic>) {
    real("environment", &spec.environment, sink);
    for (_, connection) in spec.connections.iter() {
        self::connection(connection, sink);
    }
    for (name, entry) in &spec.settings.0 {
        real(&format!("settings.{name}"), &entry.value, sink);
        if let Some(what) = looks_like(&entry.value.value) {
            sink.push(
                law("secret-literal", entry.value.span, format!("{what} is written in setting `{name}`"))
                    .help("take it out and change it at its issuer; the provider of `secrets` hands secrets over"),
            );
        }
    }
    secrets(spec, sink);
    once("key", spec.trust.iter().map(|key| (&*key.id.value, key.id.span)), sink);
    for key in spec.trust.iter().filter(|key| !is_public_key(&key.key.value)) {
        sink.push(
            law("wrong-type", key.key.span, format!("the key `{}` is no public key", key.id.value))
                .help(KEY_DUE),
        );
    }
    once("invariant", spec.invariants.iter().map(|rule| (rule.id.value.as_str(), rule.id.span)), sink);
    let scope = invariants();
    for rule in &spec.invariants {
        sink.append(&mut check_expr(&rule.expr, &scope, Expect::Bool, &Known::default()).diagnostics);
    }
}

fn connection(connection: &Connection, sink: &mut Vec<Diagnostic>) {
    for host in &connection.hosts {
        let name = without_port(&host.value);
        if host.value.contains('*') {
            sink.push(
                law("wildcard-host", host.span, format!("`{}` names many hosts", host.value))
                    .help("name each host"),
            );
        } else if is_link_local(name) {
            sink.push(
                law(
                    "link-local-host",
                    host.span,
                    format!("`{}` is a link-local or metadata address", host.value),
                )
                .help("remove it: these are never reached"),
            );
        } else if host.value.contains('/') || host.value.contains('@') || name.is_empty() {
            sink.push(
                law("wrong-type", host.span, format!("`{}` is neither `host` nor `host:port`", host.value))
                    .help("write the host alone, without scheme and path"),
            );
        }
    }
    for network in &connection.allow_private {
        private(&network.value, network.span, sink);
    }
    for (path, entry) in &connection.programs.0 {
        absolute(path, entry.key_span, sink);
        if SHELLS.contains(&plain_name(path)) {
            sink.push(
                law("shell-program", entry.key_span, format!("`{path}` is a shell"))
                    .help("grant the program itself"),
            );
        }
        let pin = &entry.value;
        let is_digest =
            pin.value.len() == 64 && pin.value.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if &*pin.value != "any" && !is_digest {
            sink.push(
                law("wrong-type", pin.span, format!("`{}` is neither `any` nor a SHA-256", pin.value))
                    .help("write `any`, or the 64 hexadecimal digits of the program's SHA-256"),
            );
        }
    }
    for folder in connection.read.iter().chain(&connection.write) {
        absolute(&folder.value, folder.span, sink);
    }
}

/// `./…` is below the folder of the operator's file.
fn absolute(path: &str, span: Span, sink: &mut Vec<Diagnostic>) {
    let begins = path.starts_with('/') || path == "." || path.starts_with("./");
    if !begins || path.split('/').any(|part| part == "..") {
        sink.push(
            law("relative-program", span, format!("`{path}` is no absolute path"))
                .help("write the whole path, or one that begins with `./`"),
        );
    }
}

/// A network in the form `10.0.0.0/8`.
fn private(text: &str, span: Span, sink: &mut Vec<Diagnostic>) {
    let cut = text.split_once('/').and_then(|(address, length)| {
        Some((address.parse::<std::net::IpAddr>().ok()?, length.parse::<u8>().ok()?))
    });
    let fits = cut.is_some_and(|(address, length)| length <= if address.is_ipv4() { 32 } else { 128 });
    if !fits {
        sink.push(
            law("wrong-type", span, format!("`{text}` is no network"))
                .help("write it like `10.0.0.0/8` or `fd00::/8`"),
        );
    } else if cut.is_some_and(|(address, _)| is_link_local(&address.to_string())) {
        sink.push(
            law("link-local-host", span, format!("`{text}` is link-local"))
                .help("remove it: these are never reached"),
        );
    }
}

fn secrets(spec: &WorkspaceSpec, sink: &mut Vec<Diagnostic>) {
    if let (Some(payloads), None) = (&spec.payloads, &spec.secrets) {
        let message = "payloads are to be encrypted, and no provider of `secrets` has the key".to_owned();
        sink.push(
            law("missing-field", payloads.span, message)
                .help("declare `secrets`, such as `{provider: env, prefix: ORDAIN_SECRET_}`"),
        );
    }
    let Some(secrets) = &spec.secrets else { return };
    let missing = match secrets.provider.value {
        SecretProvider::File if secrets.dir.is_none() => "dir",
        SecretProvider::Command if secrets.program.is_none() => "program",
        _ => "",
    };
    if !missing.is_empty() {
        let message = format!("the provider `{}` has no `{missing}`", secrets.provider.value);
        sink.push(law("missing-field", secrets.provider.span, message).help(format!("add `{missing}`")));
    }
    for path in secrets.dir.iter().chain(&secrets.program) {
        absolute(&path.value, path.span, sink);
    }
}
