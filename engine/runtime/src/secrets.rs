//! Where secrets come from, and how their values are kept out of every text.
//!
//! Providers are the workspace's: environment, folder, command. Must never put a value into an error or a log.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use ordain_spec::decode::Spanned;
use ordain_spec::kind::workspace;
use ordain_spec::shown::beginning;
use serde_json::Value;
use tokio::io::AsyncReadExt;
use zeroize::Zeroizing;

use crate::ports::Later;
use crate::secret::{LONGEST, Secret};

/// How long a provider's command may take.
pub const COMMAND_LIMIT: Duration = Duration::from_secs(5);

/// Why a secret could not be had. Holds names only.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// No such secret.
    #[error("secret `{name}` is not there: {place}")]
    Missing {
        /// Its name.
        name: String,
        /// Where it was looked for.
        place: String,
    },
    /// It is there, but no good.
    #[error("secret `{name}` cannot be used: it is {why}")]
    Unusable {
        /// Its name.
        name: String,
        /// Why.
        why: String,
    },
    /// The provider failed.
    #[error("the provider of secrets failed for `{name}`: {why}")]
    Provider {
        /// Its name.
        name: String,
        /// Why.
        why: String,
    },
}

/// Where secrets come from.
pub trait Secrets: Send + Sync {
    /// The secret of that name.
    fn read<'a>(&'a self, name: &'a str) -> Later<'a, Result<Secret, SecretError>>;
}

/// The workspace's provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Provider {
    /// Environment variables: prefix and the name in capitals with `_`.
    Env {
        /// Before the name.
        prefix: String,
    },
    /// Files of a folder.
    File {
        /// The folder.
        dir: PathBuf,
    },
    /// A program's output; the name is its last argument.
    Command {
        /// Absolute path.
        program: PathBuf,
        /// Its first arguments.
        args: Vec<String>,
    },
}

impl Provider {
    /// As the workspace declares it.
    ///
    /// # Errors
    /// What the provider lacks.
    pub fn declared(secrets: &workspace::Secrets) -> Result<Self, String> {
        let text = |field: &Option<Spanned<Arc<str>>>| field.as_ref().map(|field| field.value.to_string());
        let due = |field: &str, value: Option<String>| {
            value.ok_or_else(|| {
                format!("`secrets` of provider `{}` has no `{field}`", secrets.provider.value.as_str())
            })
        };
        Ok(match secrets.provider.value {
            workspace::SecretProvider::Env => Self::Env { prefix: text(&secrets.prefix).unwrap_or_default() },
            workspace::SecretProvider::File => Self::File { dir: due("dir", text(&secrets.dir))?.into() },
            workspace::SecretProvider::Command => Self::Command {
                program: due("program", text(&secrets.program))?.into(),
                args: secrets.args.iter().map(|arg| arg.value.to_string()).collect(),
            },
        })
    }
}

/// The provider of a workspace.
///
/// # Errors
/// What it lacks.
pub fn of(workspace: &workspace::WorkspaceSpec) -> Result<Arc<dyn Secrets>, String> {
    Ok(match &workspace.secrets {
        Some(declared) => Arc::new(ProvidedSecrets::new(Provider::declared(declared)?)),
        None => Arc::new(NoSecrets),
    })
}

/// A workspace without a provider: there is no secret.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoSecrets;

impl Secrets for NoSecrets {
    fn read<'a>(&'a self, name: &'a str) -> Later<'a, Result<Secret, SecretError>> {
        let place = "the workspace has no provider of secrets".to_owned();
        Box::pin(std::future::ready(Err(SecretError::Missing { name: beginning(name, 80), place })))
    }
}

/// Reads variables of the environment; injected in tests.
pub type Variables = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// The provider at work.
#[derive(Clone)]
pub struct ProvidedSecrets {
    provider: Provider,
    variables: Variables,
}

impl ProvidedSecrets {
    /// Over the process's environment.
    #[must_use]
    pub fn new(provider: Provider) -> Self {
        Self { provider, variables: Arc::new(|name| std::env::var(name).ok()) }
    }

    /// Over given variables.
    #[must_use]
    pub fn with_variables(provider: Provider, variables: Variables) -> Self {
        Self { provider, variables }
    }

    async fn fetch(&self, name: &str) -> Result<Secret, SecretError> {
        if !is_name(name) {
            return Err(SecretError::Unusable { name: beginning(name, 80), why: "not a name".into() });
        }
        let value = match &self.provider {
            Provider::Env { prefix } => {
                let variable = variable_name(prefix, name);
                (self.variables)(&variable).ok_or_else(|| SecretError::Missing {
                    name: name.into(),
                    place: format!("environment variable `{variable}` is not set"),
                })?
            }
            Provider::File { dir } => read_file(dir.join(name), name).await?,
            Provider::Command { program, args } => run_command(program, args, name).await?,
        };
        Secret::new(value).map_err(|why| SecretError::Unusable { name: name.into(), why: why.into() })
    }
}

impl Secrets for ProvidedSecrets {
    fn read<'a>(&'a self, name: &'a str) -> Later<'a, Result<Secret, SecretError>> {
        Box::pin(self.fetch(name))
    }
}

/// The environment variable of a secret: `ORDAIN_SECRET_` and `stripe-key` is `ORDAIN_SECRET_STRIPE_KEY`.
#[must_use]
pub fn variable_name(prefix: &str, name: &str) -> String {
    let name = name.to_ascii_uppercase().replace(['-', '.'], "_");
    format!("{prefix}{name}")
}

/// Names are names of the language, so they are never paths or options.
fn is_name(name: &str) -> bool {
    name.len() <= 63
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.split(['.', '-']).all(|part| {
            !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        })
}

async fn read_file(path: PathBuf, name: &str) -> Result<String, SecretError> {
    let missing = |error: std::io::Error| SecretError::Missing {
        name: name.into(),
        place: format!("its file cannot be read ({})", error.kind()),
    };
    let file = tokio::fs::File::open(path).await.map_err(missing)?;
    read_value(file, name).await
}

async fn run_command(program: &PathBuf, args: &[String], name: &str) -> Result<String, SecretError> {
    let failed = |why: String| SecretError::Provider { name: name.into(), why };
    if !program.is_absolute() {
        return Err(failed("its program is not an absolute path".into()));
    }
    let mut command = tokio::process::Command::new(program);
    command.args(args).arg(name).env_clear().current_dir("/").process_group(0).kill_on_drop(true);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child =
        command.spawn().map_err(|error| failed(format!("its program does not start ({})", error.kind())))?;
    let group = child.id().and_then(|id| i32::try_from(id).ok()).map(nix::unistd::Pid::from_raw);
    let output = child.stdout.take();
    let ended = tokio::time::timeout(COMMAND_LIMIT, async {
        let value = match output {
            Some(output) => read_value(output, name).await?,
            None => return Err(failed("its program has no output".into())),
        };
        let status =
            child.wait().await.map_err(|error| failed(format!("lost its program ({})", error.kind())))?;
        if status.success() { Ok(value) } else { Err(failed(format!("its program ended with {status}"))) }
    })
    .await;
    if let Some(group) = group {
        // Whatever it left behind ends with it; nothing left is no error.
        let _ = nix::sys::signal::killpg(group, nix::sys::signal::Signal::SIGKILL);
    }
    ended.unwrap_or_else(|_| Err(failed("its program took longer than 5 s".into())))
}

/// Reads a bounded value and takes one trailing line end off.
async fn read_value(from: impl tokio::io::AsyncRead + Unpin, name: &str) -> Result<String, SecretError> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(4096));
    let limit = LONGEST as u64 + 2;
    from.take(limit + 1).read_to_end(&mut bytes).await.map_err(|error| SecretError::Provider {
        name: name.into(),
        why: format!("reading it failed ({})", error.kind()),
    })?;
    let unusable = |why: &str| SecretError::Unusable { name: name.into(), why: why.into() };
    if bytes.len() as u64 > limit {
        return Err(unusable("longer than 64 KiB"));
    }
    let text = std::str::from_utf8(&bytes).map_err(|_| unusable("not UTF-8"))?;
    let text = text.strip_suffix('\n').unwrap_or(text);
    Ok(text.strip_suffix('\r').unwrap_or(text).to_owned())
}

/// Knows values and takes them out of every text, however they were encoded on the way.
#[derive(Clone, Default)]
pub struct Masker {
    patterns: Arc<Vec<Zeroizing<String>>>,
}

/// What stands in a secret's place.
pub const MASK: &str = "[secret]";

impl Masker {
    /// Over these secrets.
    #[must_use]
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a Secret>) -> Self {
        let mut patterns = Vec::new();
        for secret in secrets {
            add_patterns(secret.expose(), &mut patterns);
        }
        patterns.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        patterns.dedup();
        Self { patterns: Arc::new(patterns) }
    }

    /// The text without any known value.
    #[must_use]
    pub fn text(&self, text: &str) -> String {
        let mut masked = text.to_owned();
        for pattern in self.patterns.iter() {
            if masked.contains(pattern.as_str()) {
                masked = masked.replace(pattern.as_str(), MASK);
            }
        }
        masked
    }

    /// The value without any known value, names of fields included.
    #[must_use]
    pub fn value(&self, value: Value) -> Value {
        if self.patterns.is_empty() {
            return value;
        }
        match value {
            Value::String(text) => Value::String(self.text(&text)),
            Value::Array(items) => Value::Array(items.into_iter().map(|item| self.value(item)).collect()),
            Value::Object(fields) => Value::Object(
                fields.into_iter().map(|(name, item)| (self.text(&name), self.value(item))).collect(),
            ),
            Value::Number(number) if self.text(&number.to_string()) != number.to_string() => {
                Value::String(MASK.into())
            }
            other => other,
        }
    }

    /// Headers without any known value.
    #[must_use]
    pub fn headers(&self, headers: BTreeMap<String, String>) -> BTreeMap<String, String> {
        headers.into_iter().map(|(name, value)| (self.text(&name), self.text(&value))).collect()
    }
}

fn add_patterns(value: &str, patterns: &mut Vec<Zeroizing<String>>) {
    let mut add = |pattern: String| {
        if pattern.len() >= crate::secret::SHORTEST {
            patterns.push(Zeroizing::new(pattern));
        }
    };
    add(value.to_owned());
    for line in value.lines().map(str::trim).filter(|line| line.len() >= 16) {
        add(line.to_owned());
    }
    let bytes = value.as_bytes();
    add(hex(bytes, false));
    add(hex(bytes, true));
    add(percent(bytes, false));
    add(percent(bytes, true).replace("%20", "+"));
    add(percent(bytes, true));
    add(percent(bytes, true).replace("%2F", "/"));
    add(percent(bytes, false).to_ascii_lowercase());
    // JSON, and JSON inside JSON.
    let mut escaped = value.to_owned();
    for _ in 0..2 {
        escaped = in_json(&escaped);
        add(escaped.replace('/', "\\/"));
        add(escaped.clone());
    }
    add(html(value));
    add(value.escape_default().to_string());
    add(value.escape_debug().to_string());
    add(STANDARD.encode(bytes));
    add(STANDARD_NO_PAD.encode(bytes));
    for shift in 0..3_usize {
        for engine in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
            add(base64_inside(bytes, shift, &engine));
        }
    }
}

/// The part of a base64 text that does not depend on what stands around the value, for one alignment.
fn base64_inside(bytes: &[u8], shift: usize, engine: &base64::engine::GeneralPurpose) -> String {
    let mut shifted = Zeroizing::new(vec![0_u8; shift]);
    shifted.extend_from_slice(bytes);
    let encoded = engine.encode(shifted.as_slice());
    let first = (shift * 8).div_ceil(6);
    let whole = shifted.len() * 8 / 6;
    let inside = encoded.get(first..whole).unwrap_or_default();
    // Shorter pieces would be found in innocent text.
    if inside.len() >= 6 { inside.to_owned() } else { String::new() }
}

/// As a JSON text holds it, without the quotes around it.
fn in_json(value: &str) -> String {
    let quoted = serde_json::to_string(value).unwrap_or_default();
    let inside = quoted.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
    inside.unwrap_or_default().to_owned()
}

fn hex(bytes: &[u8], capitals: bool) -> String {
    bytes.iter().map(|byte| if capitals { format!("{byte:02X}") } else { format!("{byte:02x}") }).collect()
}

/// Percent-encoding; `strict` leaves only letters, digits, `-._~`, else also what paths may hold.
fn percent(bytes: &[u8], strict: bool) -> String {
    let plain = |byte: u8| {
        byte.is_ascii_alphanumeric()
            || b"-._~".contains(&byte)
            || (!strict && b"!$&'()*+,;=:@/".contains(&byte))
    };
    bytes
        .iter()
        .map(|byte| if plain(*byte) { char::from(*byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

fn html(value: &str) -> String {
    value
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}

#[cfg(test)]
#[path = "secrets_tests.rs"]
mod tests;
