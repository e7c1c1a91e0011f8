//! From an action and its arguments to a resolved call: templates rendered, settings looked up, grants
//! cut down to what was asked for. Values are data: nothing here parses them again. Opens nothing.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ordain_plan::{Action, ResolvedConnection};
use ordain_spec::decode::Spanned;
use ordain_spec::expr::{Arg, ArgValue, FactMap, Piece, Template, Value as Fact};
use ordain_spec::kind::capability::Idempotency;
use ordain_spec::kind::connector::{
    Body, ConnectorType, EnvValue, ExecSpec, HttpAuth as AuthSpec, HttpSpec, Method, Network as NetworkSpec,
    Operation, Settable, Stdout as StdoutSpec,
};
use ordain_spec::kind::field::Named;
use ordain_spec::kind::scalar;
use serde_json::{Map, Value};

use crate::connector::breaker::BreakerLimits;
use crate::connector::exec::intersect;
use crate::connector::http::encode_segment;
use crate::ports::{
    Effect, EnvText, ExecArg, ExecCall, FaultKind, HostGrant, HttpAuth, HttpBody, HttpCall, Network, Pin,
    PreparedCall, RawReply, Repeat, Stdout, Target, Terms,
};

/// What the templates of an operation may read beside `input`.
#[derive(Debug, Clone)]
pub struct CallFacts {
    /// The operation's arguments.
    pub input: Map<String, Value>,
    /// The fact `run`.
    pub run: Map<String, Value>,
    /// `call.idempotencyKey`
    pub idempotency_key: String,
    /// `call.attempt`
    pub attempt: u32,
}

impl CallFacts {
    /// The facts of an operation's templates.
    ///
    /// # Errors
    /// When a value is none of the language's.
    pub fn facts(&self) -> Result<FactMap, Unprepared> {
        let mut facts = FactMap::default();
        facts.facts.insert("input".into(), fact(&self.input)?);
        facts.facts.insert("run".into(), fact(&self.run)?);
        let call = [
            ("idempotencyKey", Fact::text(self.idempotency_key.as_str())),
            ("attempt", Fact::Int(i64::from(self.attempt))),
        ];
        facts.facts.insert("call".into(), Fact::map(call));
        Ok(facts)
    }
}

fn fact(map: &Map<String, Value>) -> Result<Fact, Unprepared> {
    Fact::from_json(&Value::Object(map.clone())).map_err(|error| refused(error.to_string()))
}

/// Why a call cannot be made: nothing has left this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unprepared {
    /// Which kind.
    pub kind: FaultKind,
    /// For people.
    pub detail: String,
}

impl From<Unprepared> for RawReply {
    fn from(unprepared: Unprepared) -> Self {
        Self::unsent(unprepared.kind, unprepared.detail)
    }
}

fn refused(detail: impl Into<String>) -> Unprepared {
    Unprepared { kind: FaultKind::Refused, detail: detail.into() }
}

fn missing(detail: impl Into<String>) -> Unprepared {
    Unprepared { kind: FaultKind::Missing, detail: detail.into() }
}

/// The terms under which the reply to an action is judged.
#[must_use]
pub fn terms(action: &Action, operation: &Operation) -> Terms {
    let effect = match action.capability.spec.effect.value {
        scalar::Effect::Read => Effect::Read,
        scalar::Effect::Write => Effect::Write,
        scalar::Effect::Irreversible => Effect::Irreversible,
    };
    let standard = if action.connector.spec.type_.value == ConnectorType::Exec { 0 } else { 200 };
    let codes = |codes: &[Spanned<i64>]| codes.iter().map(|code| code.value).collect::<Vec<_>>();
    Terms {
        effect,
        repeat: if action.idempotency == Idempotency::None { Repeat::Never } else { Repeat::Safe },
        success: operation.success.as_deref().map_or_else(|| vec![standard], codes),
        retryable: codes(&operation.retryable),
    }
}

/// Makes the resolved call of an action.
///
/// # Errors
/// When a template fails, a value cannot stand where it would, or the workspace does not grant it.
pub fn prepare(action: &Action, facts: &FactMap) -> Result<PreparedCall, Unprepared> {
    let connector = &action.connector;
    let operation =
        action.declared_operation().ok_or_else(|| refused("the connector has no such operation"))?;
    let connection = action.connection.as_deref();
    let granted = || {
        connection.ok_or_else(|| {
            missing(format!("the workspace grants `{}` nothing", connector.metadata.name.value))
        })
    };
    let target = match (connector.spec.type_.value, &connector.spec.http, &connector.spec.exec) {
        (ConnectorType::Mock, ..) => Target::Mock,
        (ConnectorType::Http, Some(http), _) => {
            Target::Http(Box::new(http_call(action, http, operation, granted()?, facts)?))
        }
        (ConnectorType::Exec, _, Some(exec)) => {
            Target::Exec(Box::new(exec_call(action, exec, operation, granted()?, facts)?))
        }
        _ => return Err(refused("the connector does not say where it leads")),
    };
    let breaker = &connector.spec.breaker;
    Ok(PreparedCall {
        connector: connector.metadata.name.value.to_string(),
        breaker: BreakerLimits {
            failures: breaker.failures,
            backoff_ms: breaker.backoff.0,
            max_backoff_ms: breaker.max_backoff.0,
        },
        terms: terms(action, operation),
        target,
    })
}

/// Attempts without any declared limit end after a minute; the law `missing-timeout` leaves none.
const TIMEOUT_MS: u64 = 60_000;

/// Replies without a declared bound end at 64 KiB; the law `unbounded-response` leaves none.
const BOUND: u64 = 64 * 1024;

fn http_call(
    action: &Action,
    spec: &HttpSpec,
    operation: &Operation,
    connection: &ResolvedConnection,
    facts: &FactMap,
) -> Result<HttpCall, Unprepared> {
    let segments = operation.path.as_ref().map(|path| segments(path, facts)).transpose()?.unwrap_or_default();
    let allow_private = connection
        .grants
        .allow_private
        .iter()
        .map(|network| {
            network.value.parse().map_err(|_| refused(format!("`{}` is no network", network.value)))
        })
        .collect::<Result<_, _>>()?;
    Ok(HttpCall {
        base_url: settable(&spec.base_url, connection)?.to_string(),
        method: operation.method.as_ref().map_or(Method::Get, |method| method.value).as_str().to_owned(),
        segments,
        query: texts(&operation.query, facts)?,
        headers: texts(&operation.headers, facts)?,
        body: operation.body.as_ref().map_or(Ok(HttpBody::Empty), |body| http_body(body, facts))?,
        auth: spec.auth.as_ref().map_or(HttpAuth::None, auth),
        grant: HostGrant {
            hosts: strings(&connection.grants.hosts),
            allow_private,
            secrets: strings(&connection.grants.secrets),
        },
        timeout_ms: action.timeout_ms.unwrap_or(TIMEOUT_MS),
        max_response: operation.max_response.as_ref().map_or(BOUND, |size| size.value.0),
    })
}

/// The segments of a path, encoded: what is computed can neither add a segment nor climb out of one.
fn segments(path: &Spanned<Arg>, facts: &FactMap) -> Result<Vec<String>, Unprepared> {
    let ArgValue::Text(template) = &path.value.value else { return Err(refused("a path is a text")) };
    let mut whole = String::new();
    for piece in template.pieces() {
        match piece {
            Piece::Literal(text) => whole.push_str(text),
            Piece::Expr(expr) => {
                let value = expr
                    .eval(facts, ordain_spec::expr::COST_LIMIT)
                    .map_err(|error| refused(error.to_string()))?;
                let text = value
                    .joined()
                    .ok_or_else(|| refused("a path holds texts, integers and booleans only"))?;
                if text.is_empty() {
                    return Err(refused("a part of the path is empty"));
                }
                whole.push_str(&encode_segment(&text));
            }
        }
    }
    let segments: Vec<String> = whole.trim_start_matches('/').split('/').map(str::to_owned).collect();
    let climbs =
        |segment: &String| matches!(segment.to_ascii_lowercase().replace("%2e", ".").as_str(), "." | "..");
    if segments.iter().any(climbs) {
        return Err(refused("the path climbs out of its folder"));
    }
    Ok(segments)
}

fn http_body(body: &Body, facts: &FactMap) -> Result<HttpBody, Unprepared> {
    if let Some(json) = &body.json {
        return Ok(HttpBody::Json(render(json, facts)?.to_json()));
    }
    body.form.as_ref().map_or(Ok(HttpBody::Empty), |form| Ok(HttpBody::Form(texts(form, facts)?)))
}

fn auth(auth: &AuthSpec) -> HttpAuth {
    if let Some(bearer) = &auth.bearer {
        return HttpAuth::Bearer { secret: bearer.secret.value.to_string() };
    }
    if let Some(basic) = &auth.basic {
        return HttpAuth::Basic {
            user: basic.user.value.to_string(),
            secret: basic.secret.value.to_string(),
        };
    }
    auth.header.as_ref().map_or(HttpAuth::None, |header| HttpAuth::Header {
        header: header.name.value.to_string(),
        secret: header.secret.value.to_string(),
    })
}

fn exec_call(
    action: &Action,
    spec: &ExecSpec,
    operation: &Operation,
    connection: &ResolvedConnection,
    facts: &FactMap,
) -> Result<ExecCall, Unprepared> {
    let program = settable(&spec.program, connection)?;
    let pin = connection
        .grants
        .programs
        .get(&program)
        .ok_or_else(|| missing(format!("the workspace does not grant the program `{program}`")))?;
    let pin = if &*pin.value == "any" { Pin::Any } else { Pin::Sha256(pin.value.to_string()) };
    let paths = |asked: &[Settable], granted: &[Spanned<Arc<str>>]| {
        let asked = asked.iter().map(|path| settable(path, connection).map(|path| PathBuf::from(&*path)));
        let asked = asked.collect::<Result<Vec<_>, _>>()?;
        let granted: Vec<PathBuf> = granted.iter().map(|path| PathBuf::from(&*path.value)).collect();
        intersect(&asked, &granted).map_err(missing)
    };
    if spec.network.value == NetworkSpec::Host && connection.grants.network.value == NetworkSpec::None {
        return Err(missing("the workspace does not grant the network"));
    }
    let stdin = operation.stdin.as_ref().map(|stdin| render(&stdin.json, facts)).transpose()?;
    Ok(ExecCall {
        program: Path::new(&*program).to_path_buf(),
        pin,
        args: arguments(operation, facts)?,
        env: environment(spec, operation, connection, facts)?,
        secrets: strings(&connection.grants.secrets),
        cwd: spec
            .cwd
            .as_ref()
            .map(|cwd| settable(cwd, connection))
            .transpose()?
            .map(|cwd| PathBuf::from(&*cwd)),
        stdin: stdin.map(|value| value.to_json()),
        read: paths(&spec.read, &connection.grants.read)?,
        write: paths(&spec.write, &connection.grants.write)?,
        network: if spec.network.value == NetworkSpec::Host { Network::Host } else { Network::None },
        stdout: match operation.stdout.as_ref().map_or(StdoutSpec::None, |stdout| stdout.value) {
            StdoutSpec::Json => Stdout::Json,
            StdoutSpec::Text => Stdout::Text,
            StdoutSpec::None => Stdout::None,
        },
        timeout_ms: action.timeout_ms.unwrap_or(TIMEOUT_MS),
        max_output: operation.max_output.as_ref().map_or(BOUND, |size| size.value.0),
    })
}

fn arguments(operation: &Operation, facts: &FactMap) -> Result<Vec<ExecArg>, Unprepared> {
    let arguments = operation.args.iter().flatten();
    arguments
        .map(|argument| {
            let text = text(&argument.value, facts)?;
            let computed = argument.value.is_computed();
            let begins_computed = computed && begins_computed(&argument.value);
            Ok(ExecArg { text, computed, begins_computed })
        })
        .collect()
}

fn begins_computed(argument: &Arg) -> bool {
    let first = |template: &Template| {
        template.pieces().iter().find(|piece| **piece != Piece::Literal("".into())).cloned()
    };
    match &argument.value {
        ArgValue::Text(template) => matches!(first(template), Some(Piece::Expr(_))),
        _ => false,
    }
}

fn environment(
    spec: &ExecSpec,
    operation: &Operation,
    connection: &ResolvedConnection,
    facts: &FactMap,
) -> Result<BTreeMap<String, EnvText>, Unprepared> {
    spec.env
        .iter()
        .chain(operation.env.iter())
        .map(|(name, value)| {
            let value = match value {
                EnvValue::Text(arg) => EnvText::Plain(text(arg, facts)?),
                EnvValue::Setting(name) => {
                    EnvText::Plain(setting(name.value.as_str(), connection)?.to_string())
                }
                EnvValue::Secret(name) => EnvText::Secret(name.value.to_string()),
            };
            Ok((name.to_string(), value))
        })
        .collect()
}

fn settable(settable: &Settable, connection: &ResolvedConnection) -> Result<Arc<str>, Unprepared> {
    match settable {
        Settable::Literal(text) => Ok(Arc::clone(&text.value)),
        Settable::Setting(name) => setting(name.value.as_str(), connection),
    }
}

fn setting(name: &str, connection: &ResolvedConnection) -> Result<Arc<str>, Unprepared> {
    connection
        .settings
        .get(name)
        .cloned()
        .ok_or_else(|| missing(format!("the workspace has no setting `{name}`")))
}

fn render(arg: &Arg, facts: &FactMap) -> Result<Fact, Unprepared> {
    arg.render(facts).map_err(|error| refused(error.to_string()))
}

fn text(arg: &Arg, facts: &FactMap) -> Result<String, Unprepared> {
    render(arg, facts)?.joined().ok_or_else(|| refused("only texts, integers and booleans can stand here"))
}

fn texts(args: &Named<Arg>, facts: &FactMap) -> Result<Vec<(String, String)>, Unprepared> {
    args.iter().map(|(name, arg)| Ok((name.to_string(), text(arg, facts)?))).collect()
}

fn strings(items: &[Spanned<Arc<str>>]) -> Vec<String> {
    items.iter().map(|item| item.value.to_string()).collect()
}
