//! From a planned action and its recorded arguments to a resolved call, and from a raw reply to its outcome.
//!
//! Here templates are rendered, settings looked up and grants cut to size; past this point a call holds neither. It
//! resolves links of folders, and opens, sends and starts nothing.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use ordain_kernel::health::Probe;
use ordain_plan::{Action, ResolvedConnection};
use ordain_spec::expr::{
    Arg, ArgValue, COST_LIMIT, EvalError, EvalErrorKind, FactMap, Path, Piece, Template, Type, Value,
};
use ordain_spec::kind::Connector;
use ordain_spec::kind::capability::Idempotency;
use ordain_spec::kind::connector::{
    self as declared, Access, ConnectorType, EnvValue, ExecSpec, HttpSpec, Operation, Settable,
};
use ordain_spec::kind::field::Named;
use ordain_spec::kind::scalar;
use ordain_spec::shown::beginning;
use serde_json::{Map, Value as Json, json};

use crate::connector::breaker::BreakerLimits;
use crate::connector::http::encode_segment;
use crate::connector::{exec, reply};
use crate::ports::{
    Effect, EnvText, ExecArg, ExecCall, HostGrant, HttpAuth, HttpBody, HttpCall, Network, Outcome, Pin,
    PreparedCall, RawReply, Repeat, Stdout, Target, Terms, code,
};

/// One attempt as the journal knows it.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// Capability, connector, operation, connection.
    pub action: &'a Action,
    /// The operation's input.
    pub arguments: &'a Json,
    /// The facts `run`.
    pub run: &'a Json,
    /// The key towards the outside.
    pub idempotency_key: &'a str,
    /// Counted from 1.
    pub attempt: u32,
    /// Limit of this attempt; without it the action's own.
    pub timeout_ms: Option<u64>,
}

/// Why there is no call.
struct Not {
    code: &'static str,
    detail: String,
}

type Made<T> = Result<T, Not>;

fn not<T>(code: &'static str, detail: impl Into<String>) -> Made<T> {
    Err(Not { code, detail: detail.into() })
}

fn missing<T>(detail: impl Into<String>) -> Made<T> {
    not(code::CONNECTION_MISSING, detail)
}

fn argument<T>(detail: impl Into<String>) -> Made<T> {
    not(code::ARGUMENT_REFUSED, detail)
}

/// The call of an attempt.
///
/// # Errors
/// A refusal that is final: an expression that has no value, a missing connection, setting or grant, an argument
/// that may not stand where it stands. Nothing happened.
pub fn prepare(asked: &Asked<'_>) -> Result<PreparedCall, Outcome> {
    prepared(asked).map_err(refused)
}

fn refused(Not { code, detail }: Not) -> Outcome {
    let detail = beginning(&detail, 500);
    Outcome::Refused { code: code.into(), detail, retryable: false, retry_after_ms: None }
}

/// The call of a probe, which has no input and no run. Its terms are the operation's own.
///
/// # Errors
/// As of [`prepare`].
pub fn probe(probe: &Probe, limit_ms: u64) -> Result<PreparedCall, Outcome> {
    let Some(operation) = probe.connector.spec.operations.get(&probe.operation) else {
        let detail = format!("there is no operation `{}`", probe.operation);
        return Err(refused(Not { code: code::SYSTEM_FAULT, detail }));
    };
    let way = Way {
        connector: &probe.connector,
        operation,
        connection: Some(&probe.connection),
        limit_ms: Some(limit_ms),
        terms: reply::terms_of(operation, usual(probe.connector.spec.type_.value)),
    };
    let facts = || {
        let call = Value::from_json(&json!({"idempotencyKey": "", "attempt": 1}));
        let facts = [("input", Value::map::<&str>([])), ("call", call.or_else(misfit)?)];
        Ok(FactMap {
            facts: facts.into_iter().map(|(name, value)| (Arc::from(name), value)).collect(),
            ..FactMap::default()
        })
    };
    made(&way, facts).map_err(refused)
}

fn prepared(asked: &Asked<'_>) -> Made<PreparedCall> {
    let operation = operation_of(asked.action)?;
    let way = Way {
        connector: &asked.action.connector,
        operation,
        connection: asked.action.connection.as_deref(),
        limit_ms: [asked.timeout_ms, asked.action.timeout_ms].into_iter().flatten().min(),
        terms: terms(asked.action, operation),
    };
    made(&way, || facts(asked))
}

/// A connector's operation within what the workspace grants.
struct Way<'a> {
    connector: &'a Connector,
    operation: &'a Operation,
    connection: Option<&'a ResolvedConnection>,
    /// Beside the operation's own.
    limit_ms: Option<u64>,
    terms: Terms,
}

fn made(way: &Way<'_>, facts: impl FnOnce() -> Made<FactMap>) -> Made<PreparedCall> {
    let (connector, operation) = (way.connector, way.operation);
    let name = connector.metadata.name.value.as_str();
    let call = |target| PreparedCall {
        connector: name.to_owned(),
        breaker: BreakerLimits {
            failures: connector.spec.breaker.failures,
            backoff_ms: connector.spec.breaker.backoff.0,
            max_backoff_ms: connector.spec.breaker.max_backoff.0,
        },
        terms: way.terms.clone(),
        target,
    };
    if connector.spec.type_.value == ConnectorType::Mock {
        return Ok(call(Target::Mock));
    }
    if connector.spec.access.value == Access::Read && operation.effect.value != scalar::Effect::Read {
        return not(code::READ_ONLY_CONNECTOR, format!("connector `{name}` only reads"));
    }
    let Some(connection) = way.connection else {
        return missing(format!("the workspace has no connection `{name}`"));
    };
    let making = Making { limit_ms: way.limit_ms, operation, connection, facts: facts()? };
    match (connector.spec.type_.value, &connector.spec.http, &connector.spec.exec) {
        (ConnectorType::Http, Some(http), _) => Ok(call(Target::Http(Box::new(making.http(http)?)))),
        (ConnectorType::Exec, _, Some(exec)) => Ok(call(Target::Exec(Box::new(making.exec(exec)?)))),
        _ => not(code::SYSTEM_FAULT, format!("connector `{name}` does not say where it speaks to")),
    }
}

/// The outcome of an attempt. `fit` holds the output against the capability's schema.
pub fn settle<F>(asked: &Asked<'_>, reply: &RawReply, fit: F) -> Outcome
where
    F: FnOnce(Map<String, Json>) -> Result<Map<String, Json>, String>,
{
    let operation = match operation_of(asked.action) {
        Ok(operation) => operation,
        Err(Not { code, detail }) => return Outcome::Unknown { code: code.into(), detail },
    };
    reply::settle(reply, &terms(asked.action, operation), |response| {
        let mut facts = facts(asked).map_err(|not| not.detail)?;
        let response =
            Value::from_json(&Json::Object(response.clone())).map_err(|misfit| misfit.to_string())?;
        facts.facts.insert("response".into(), response);
        fit(output_of(asked.action, operation, &facts, reply.no_json.as_deref())?)
    })
}

/// The values of the operation's `output`. An optional field that the answer does not have, or has as null, is
/// absent; every other error is a misfit.
fn output_of(
    action: &Action,
    operation: &Operation,
    facts: &FactMap,
    no_json: Option<&str>,
) -> Result<Map<String, Json>, String> {
    let mut output = Map::new();
    for (name, expr) in operation.output.iter() {
        let optional = action.capability.spec.output.get(name).is_some_and(|field| field.optional);
        match expr.eval(facts, COST_LIMIT) {
            Ok(Value::Null) if optional => {}
            Ok(value) => {
                output.insert(name.to_string(), value.to_json());
            }
            Err(EvalError { kind: EvalErrorKind::FactMissing, .. }) if optional => {}
            Err(error) => {
                let why = no_json.filter(|_| expr.reads().iter().any(is_json));
                let why = why.map_or_else(String::new, |why| format!("; the answer is no JSON: {why}"));
                return Err(format!("output `{name}`: {error}{why}"));
            }
        }
    }
    Ok(output)
}

/// True for a path into the JSON of the answer.
fn is_json(path: &Path) -> bool {
    let mut segments = path.segments();
    segments.next() == Some("response") && segments.next() == Some("json")
}

fn operation_of(action: &Action) -> Made<&Operation> {
    match action.declared_operation() {
        Some(operation) => Ok(operation),
        None => not(code::SYSTEM_FAULT, format!("there is no operation `{}`", action.call_name())),
    }
}

/// How the reply of an action is judged.
fn terms(action: &Action, operation: &Operation) -> Terms {
    Terms {
        effect: match action.capability.spec.effect.value {
            scalar::Effect::Read => Effect::Read,
            scalar::Effect::Write => Effect::Write,
            scalar::Effect::Irreversible => Effect::Irreversible,
        },
        repeat: match action.idempotency {
            Idempotency::None => Repeat::Never,
            Idempotency::Step | Idempotency::Key(_) | Idempotency::Natural => Repeat::Safe,
        },
        ..reply::terms_of(operation, usual(action.connector.spec.type_.value))
    }
}

/// What an answer is that says success where nothing is declared.
const fn usual(connector: ConnectorType) -> i64 {
    match connector {
        ConnectorType::Exec => 0,
        ConnectorType::Http | ConnectorType::Mock => 200,
    }
}

fn misfit<T>(misfit: impl std::fmt::Display) -> Made<T> {
    not(code::SYSTEM_FAULT, misfit.to_string())
}

/// `input call run`.
fn facts(asked: &Asked<'_>) -> Made<FactMap> {
    let read = |value: &Json| Value::from_json(value).or_else(misfit);
    // Without `with` the operation's input is the capability's, whose types are declared.
    let typed = match &asked.action.capability.spec.with {
        None => Value::typed(asked.arguments, &Type::fields(&asked.action.capability.spec.input)).ok(),
        Some(_) => None,
    };
    let input = match typed {
        Some(input) => input,
        None => read(asked.arguments)?,
    };
    let call = json!({"idempotencyKey": asked.idempotency_key, "attempt": asked.attempt});
    let facts = [("input", input), ("call", read(&call)?), ("run", run_facts(read(asked.run)?))];
    Ok(FactMap {
        facts: facts.into_iter().map(|(name, value)| (Arc::from(name), value)).collect(),
        ..FactMap::default()
    })
}

/// `run.startedAt` is an instant.
fn run_facts(run: Value) -> Value {
    let Value::Map(fields) = run else { return run };
    let mut fields = Arc::unwrap_or_clone(fields);
    if let Some(at) = fields.get_mut("startedAt")
        && let Ok(instant) = at.clone().conform(&Type::Timestamp)
    {
        *at = instant;
    }
    Value::Map(Arc::new(fields))
}

/// What a call is made of.
struct Making<'a> {
    limit_ms: Option<u64>,
    operation: &'a Operation,
    connection: &'a ResolvedConnection,
    facts: FactMap,
}

impl Making<'_> {
    fn http(&self, http: &HttpSpec) -> Made<HttpCall> {
        let grants = &self.connection.grants;
        Ok(HttpCall {
            base_url: self.settled(&http.base_url)?,
            method: self.operation.method.as_ref().map_or("GET", |method| method.value.as_str()).to_owned(),
            segments: match &self.operation.path {
                Some(path) => self.segments(&path.value)?,
                None => Vec::new(),
            },
            query: self.pairs("query", &self.operation.query)?,
            headers: self.pairs("headers", &self.operation.headers)?,
            body: self.body()?,
            auth: auth_of(http)?,
            grant: HostGrant {
                hosts: grants.hosts.iter().map(|host| host.value.to_string()).collect(),
                allow_private: networks(grants.allow_private.iter().map(|net| &*net.value))?,
                secrets: grants.secrets.iter().map(|name| name.value.to_string()).collect(),
            },
            timeout_ms: self.timeout_ms()?,
            max_response: bound(
                "maxResponse",
                self.operation.max_response.as_ref().map(|size| size.value.0),
            )?,
        })
    }

    fn exec(&self, exec: &ExecSpec) -> Made<ExecCall> {
        let grants = &self.connection.grants;
        let program = self.settled(&exec.program)?;
        let Some(pin) = grants.programs.get(&program) else {
            return missing(format!("program `{program}` is not granted"));
        };
        if exec.network.value == declared::Network::Host && grants.network.value == declared::Network::None {
            return missing("the connection does not grant `network: host`");
        }
        let granted = |paths: &[ordain_spec::decode::Spanned<Arc<str>>]| -> Vec<PathBuf> {
            paths.iter().map(|path| PathBuf::from(&*path.value)).collect()
        };
        Ok(ExecCall {
            program: PathBuf::from(program),
            pin: pin_of(&pin.value)?,
            args: self.args()?,
            env: self.env(exec)?,
            secrets: grants.secrets.iter().map(|name| name.value.to_string()).collect(),
            cwd: exec.cwd.as_ref().map(|cwd| self.settled(cwd)).transpose()?.map(PathBuf::from),
            stdin: match &self.operation.stdin {
                Some(stdin) => Some(self.rendered("stdin", &stdin.json)?.to_json()),
                None => None,
            },
            read: self.paths(&exec.read, &granted(&grants.read))?,
            write: self.paths(&exec.write, &granted(&grants.write))?,
            network: match exec.network.value {
                declared::Network::None => Network::None,
                declared::Network::Host => Network::Host,
            },
            stdout: match self.operation.stdout.as_ref().map(|stdout| stdout.value) {
                Some(declared::Stdout::Json) => Stdout::Json,
                Some(declared::Stdout::Text) => Stdout::Text,
                Some(declared::Stdout::None) | None => Stdout::None,
            },
            timeout_ms: self.timeout_ms()?,
            max_output: bound("maxOutput", self.operation.max_output.as_ref().map(|size| size.value.0))?,
        })
    }

    fn timeout_ms(&self) -> Made<u64> {
        let own = self.operation.timeout.as_ref().map(|timeout| timeout.value.0);
        let given = [self.limit_ms, own];
        bound("timeout", given.into_iter().flatten().min())
    }

    fn settled(&self, settable: &Settable) -> Made<String> {
        match settable {
            Settable::Literal(text) => Ok(text.value.to_string()),
            Settable::Setting(name) => self.setting(name.value.as_str()),
        }
    }

    fn setting(&self, name: &str) -> Made<String> {
        match self.connection.settings.get(name) {
            Some(text) => Ok(text.to_string()),
            None => missing(format!("the workspace has no setting `{name}`")),
        }
    }

    fn paths(&self, asked: &[Settable], granted: &[PathBuf]) -> Made<Vec<PathBuf>> {
        let asked: Vec<PathBuf> =
            asked.iter().map(|path| self.settled(path).map(PathBuf::from)).collect::<Made<_>>()?;
        exec::intersect(&asked, granted).or_else(missing)
    }

    fn rendered(&self, place: &str, arg: &Arg) -> Made<Value> {
        arg.render(&self.facts).or_else(|error| not(code::EXPRESSION_ERROR, format!("`{place}`: {error}")))
    }

    fn text(&self, place: &str, arg: &Arg) -> Made<String> {
        let value = self.rendered(place, arg)?;
        match as_text(&value) {
            Some(text) => Ok(text),
            None => argument(format!("`{place}` is {}, where text is due", value.describe())),
        }
    }

    /// Names and texts; a list gives its name several times.
    fn pairs(&self, place: &str, named: &Named<Arg>) -> Made<Vec<(String, String)>> {
        let mut pairs = Vec::new();
        for (name, arg) in named.iter() {
            let place = format!("{place}.{name}");
            let value = self.rendered(&place, arg)?;
            let values = match &value {
                Value::List(items) => items.to_vec(),
                single => vec![single.clone()],
            };
            for value in values {
                match as_text(&value) {
                    Some(text) => pairs.push((name.to_string(), text)),
                    None => return argument(format!("`{place}` is {}, where text is due", value.describe())),
                }
            }
        }
        Ok(pairs)
    }

    fn body(&self) -> Made<HttpBody> {
        let Some(body) = &self.operation.body else { return Ok(HttpBody::Empty) };
        match (&body.json, &body.form) {
            (Some(json), None) => Ok(HttpBody::Json(self.rendered("body.json", json)?.to_json())),
            (None, Some(form)) => Ok(HttpBody::Form(self.pairs("body.form", form)?)),
            (None, None) => Ok(HttpBody::Empty),
            (Some(_), Some(_)) => not(code::SYSTEM_FAULT, "a body is JSON or a form, not both"),
        }
    }

    /// What an author wrote stands as it is; what was computed is encoded and stays within its segment.
    fn segments(&self, path: &Arg) -> Made<Vec<String>> {
        let ArgValue::Text(template) = &path.value else {
            return not(code::SYSTEM_FAULT, "the path is no text");
        };
        let mut segments = Vec::new();
        let mut open = (String::new(), false);
        for piece in template.pieces() {
            match piece {
                Piece::Expr(expr) => {
                    let value = expr.eval(&self.facts, COST_LIMIT);
                    let value =
                        value.or_else(|error| not(code::EXPRESSION_ERROR, format!("`path`: {error}")))?;
                    let Some(text) = as_text(&value) else {
                        return argument(format!("`path` holds {}, where text is due", value.describe()));
                    };
                    open.0.push_str(&encode_segment(&text));
                    open.1 = true;
                }
                Piece::Literal(text) => {
                    for (number, part) in text.split('/').enumerate() {
                        if number > 0 {
                            segments.push(std::mem::take(&mut open));
                        }
                        open.0.push_str(part);
                    }
                }
            }
        }
        segments.push(open);
        if segments.iter().any(|(segment, computed)| *computed && segment.is_empty()) {
            return argument("a path parameter is empty");
        }
        let leading = usize::from(segments.first().is_some_and(|(segment, _)| segment.is_empty()));
        Ok(segments.into_iter().skip(leading).map(|(segment, _)| segment).collect())
    }

    fn args(&self) -> Made<Vec<ExecArg>> {
        let declared = self.operation.args.as_deref().unwrap_or_default();
        let argument = |(index, arg): (usize, &ordain_spec::decode::Spanned<Arg>)| {
            let text = self.text(&format!("args[{index}]"), &arg.value)?;
            let template = match &arg.value.value {
                ArgValue::Text(template) => Some(template),
                _ => None,
            };
            Ok(ExecArg {
                text,
                computed: template.is_some_and(Template::is_computed),
                begins_computed: template.is_some_and(begins_computed),
            })
        };
        declared.iter().enumerate().map(argument).collect()
    }

    fn env(&self, exec: &ExecSpec) -> Made<BTreeMap<String, EnvText>> {
        let mut env = BTreeMap::new();
        for (name, value) in exec.env.iter().chain(self.operation.env.iter()) {
            let value = match value {
                EnvValue::Text(arg) => EnvText::Plain(self.text(&format!("env.{name}"), arg)?),
                EnvValue::Setting(setting) => EnvText::Plain(self.setting(setting.value.as_str())?),
                EnvValue::Secret(secret) => EnvText::Secret(secret.value.to_string()),
            };
            env.insert(name.to_string(), value);
        }
        Ok(env)
    }
}

fn begins_computed(template: &Template) -> bool {
    matches!(template.pieces().first(), Some(Piece::Expr(_)))
}

/// A scalar as text; lists, maps and null have none.
fn as_text(value: &Value) -> Option<String> {
    match value {
        Value::Double(_) => Some(value.to_json().to_string()),
        Value::Timestamp(_) | Value::Duration(_) => value.to_json().as_str().map(str::to_owned),
        other => other.joined(),
    }
}

fn bound(field: &str, value: Option<u64>) -> Made<u64> {
    match value.filter(|value| *value > 0) {
        Some(value) => Ok(value),
        None => not(code::SYSTEM_FAULT, format!("the operation has no `{field}`")),
    }
}

fn auth_of(http: &HttpSpec) -> Made<HttpAuth> {
    let Some(auth) = &http.auth else { return Ok(HttpAuth::None) };
    match (&auth.bearer, &auth.basic, &auth.header) {
        (Some(bearer), None, None) => Ok(HttpAuth::Bearer { secret: bearer.secret.value.to_string() }),
        (None, Some(basic), None) => {
            Ok(HttpAuth::Basic { user: basic.user.value.to_string(), secret: basic.secret.value.to_string() })
        }
        (None, None, Some(header)) => Ok(HttpAuth::Header {
            header: header.name.value.to_string(),
            secret: header.secret.value.to_string(),
        }),
        _ => not(code::SYSTEM_FAULT, "`auth` is one of `bearer`, `basic` and `header`"),
    }
}

fn networks<'a>(texts: impl Iterator<Item = &'a str>) -> Made<Vec<ipnet::IpNet>> {
    let read = |text: &str| {
        let network = text.parse::<ipnet::IpNet>().ok();
        network.or_else(|| text.parse::<std::net::IpAddr>().ok().map(ipnet::IpNet::from))
    };
    texts
        .map(|text| match read(text) {
            Some(network) => Ok(network),
            None => missing(format!("`{text}` in `allowPrivate` is no network")),
        })
        .collect()
}

fn pin_of(text: &str) -> Made<Pin> {
    let digest = text.strip_prefix("sha256:").unwrap_or(text);
    match text {
        "any" => Ok(Pin::Any),
        _ if digest.len() == 64 && digest.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
            Ok(Pin::Sha256(digest.to_ascii_lowercase()))
        }
        _ => missing("a program is granted as `any` or by its SHA-256"),
    }
}

#[cfg(test)]
#[path = "prepare_tests.rs"]
mod tests;
