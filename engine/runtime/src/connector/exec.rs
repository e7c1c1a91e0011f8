//! The exec connector: one program, its arguments as they are, inside the fence of [`super::sandbox`].
//!
//! It never uses a shell, never passes on its own environment, never lets a program outlive its step and never reads
//! more than the declared bound.

use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use ordain_spec::shown::beginning;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use zeroize::Zeroizing;

use crate::connector::reply::decode_json;
use crate::connector::sandbox::{SandboxLauncher, Ticket, Word, end_everything_below, frame};
use crate::permit::Permit;
use crate::ports::{
    Cancel, Connector, EnvText, ExecArg, ExecCall, Fault, FaultKind, Later, Pin, PreparedCall, RawReply,
    Stdout, Target,
};
use crate::secrets::{Masker, Secrets};

/// Bytes of the standard error that are read; the rest is thrown away.
const MAX_STDERR: usize = 64 * 1024;

/// Bytes of its end that are looked at.
const TAIL_STDERR: usize = 256;

/// Bytes of the standard error that are kept in a detail.
const SHOWN_STDERR: usize = 2_000;

/// Bytes of all arguments together.
const MAX_ARGUMENTS: usize = 1024 * 1024;

/// How long the end of a killed program is waited for.
const REAP: Duration = Duration::from_secs(5);

/// Programs that read code from their arguments or input.
const SHELLS: [&str; 7] = ["sh", "bash", "dash", "zsh", "ksh", "fish", "busybox"];

/// Programs of whose arguments none may hold computed text.
const INTERPRETERS: [&str; 25] = [
    "python", "perl", "ruby", "node", "deno", "php", "lua", "tclsh", "awk", "gawk", "mawk", "sed", "find",
    "xargs", "env", "nohup", "nice", "timeout", "ssh", "sudo", "su", "doas", "docker", "podman", "kubectl",
];

/// Calls programs.
pub struct ExecConnector {
    secrets: Arc<dyn Secrets>,
    launcher: SandboxLauncher,
    enforcement: Enforcement,
    namespaces: bool,
}

/// What happens where the machine cannot enforce what was declared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Enforcement {
    /// The program is refused (profile `prod`).
    Required,
    /// It runs, and the outcome says so (profile `dev`).
    Reported,
}

type Unsent = (FaultKind, String);

impl ExecConnector {
    /// With a provider of secrets and the way to start the launcher.
    #[must_use]
    pub fn new(secrets: Arc<dyn Secrets>, launcher: SandboxLauncher, enforcement: Enforcement) -> Self {
        Self { secrets, launcher, enforcement, namespaces: true }
    }

    /// One program. Only [`Connector::call`], which consumes a permit, and the harness come here.
    pub(super) async fn run(&self, call: &ExecCall, deadline: Option<Instant>, cancel: &Cancel) -> RawReply {
        let own = Instant::now() + Duration::from_millis(call.timeout_ms);
        let limit = deadline.map_or(own, |deadline| deadline.min(own));
        let ready = tokio::select! {
            biased;
            () = cancel.cancelled() => Err((FaultKind::Cancelled, "cancelled before it was started".to_owned())),
            () = tokio::time::sleep_until(limit.into()) => {
                Err((FaultKind::Timeout, "no time was left to start it".to_owned()))
            }
            ready = self.ticket(call) => ready,
        };
        match ready {
            Err((kind, detail)) => RawReply::unsent(kind, detail),
            Ok(_) if Instant::now() >= limit => {
                RawReply::unsent(FaultKind::Timeout, "no time was left to start it")
            }
            Ok((ticket, masker)) => self.launch(&ticket, call, limit, cancel).await.masked(&masker),
        }
    }

    async fn ticket(&self, call: &ExecCall) -> Result<(Ticket, Masker), Unsent> {
        check_program(&call.program)?;
        check_args(&call.program, &call.args)?;
        let mut secrets = Vec::new();
        let mut env = Vec::new();
        for (name, value) in &call.env {
            if name.is_empty() || name.contains(['=', '\0']) {
                return Err((
                    FaultKind::Refused,
                    format!("`{}` is no environment variable", beginning(name, 80)),
                ));
            }
            let value = match value {
                EnvText::Plain(text) if text.contains('\0') => {
                    return Err((
                        FaultKind::Argument,
                        format!("environment variable `{name}` holds a NUL byte"),
                    ));
                }
                EnvText::Plain(text) => text.clone(),
                EnvText::Secret(secret) if !call.secrets.contains(secret) => {
                    return Err((
                        FaultKind::Missing,
                        format!("secret `{secret}` is not granted to this connector"),
                    ));
                }
                EnvText::Secret(secret) => {
                    let read = self.secrets.read(secret).await;
                    let secret = read.map_err(|error| (FaultKind::Missing, error.to_string()))?;
                    let value = secret.expose().to_owned();
                    secrets.push(secret);
                    value
                }
            };
            env.push((name.clone(), value));
        }
        let ticket = Ticket {
            nonce: nonce()?,
            launcher: self.launcher.clone(),
            engine: std::process::id().try_into().unwrap_or(0),
            program: call.program.clone(),
            sha256: match &call.pin {
                Pin::Any => None,
                Pin::Sha256(digest) => Some(digest.clone()),
            },
            args: call.args.iter().map(|arg| arg.text.clone()).collect(),
            env,
            cwd: call.cwd.clone().unwrap_or_else(|| PathBuf::from("/")),
            read: call.read.clone(),
            write: call.write.clone(),
            network: call.network,
            namespaces: self.namespaces,
            strict: self.enforcement == Enforcement::Required,
        };
        Ok((ticket, Masker::new(&secrets)))
    }

    async fn launch(&self, ticket: &Ticket, call: &ExecCall, limit: Instant, cancel: &Cancel) -> RawReply {
        let input = match input(ticket, call) {
            Ok(input) => input,
            Err(detail) => return RawReply::unsent(FaultKind::Argument, detail),
        };
        let mut command = tokio::process::Command::from(self.launcher.command("outer"));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = match command.spawn() {
            Ok(child) => child,
            Err(error) => {
                return RawReply::unsent(
                    FaultKind::System,
                    format!("the launcher does not start ({})", error.kind()),
                );
            }
        };
        let mut guard = Group(child.id());
        let mut heard = Heard::default();
        let ended = {
            let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
            let Heard { out, err } = &mut heard;
            let work = async {
                let (_, (), (), status) = tokio::try_join!(
                    feed(stdin, &input),
                    read_bounded(stdout, out, call.max_output),
                    read_said(stderr, err),
                    async { child.wait().await.map_err(|error| (FaultKind::System, error.to_string())) },
                )?;
                Ok(status)
            };
            tokio::select! {
                biased;
                () = cancel.cancelled() => Err((FaultKind::Cancelled, "cancelled while it ran".to_owned())),
                () = tokio::time::sleep_until(limit.into()) => Err((FaultKind::Timeout, "it did not end in time".into())),
                ended = work => ended,
            }
        };
        if ended.is_err() {
            guard.end_all().await;
            // Reaped, so that no zombie stays; a process that cannot die is not waited for longer.
            let _ = tokio::time::timeout(REAP, child.wait()).await;
        }
        guard.forget();
        heard.into_reply(&ticket.nonce, call.stdout, ended)
    }
}

impl Connector for ExecConnector {
    fn call<'a>(&'a self, permit: Permit, call: PreparedCall, cancel: Cancel) -> Later<'a, RawReply> {
        Box::pin(async move {
            match call.target {
                Target::Exec(call) => self.run(&call, permit.deadline(), &cancel).await,
                _ => RawReply::unsent(FaultKind::System, "a call of another type reached the exec connector"),
            }
        })
    }
}

/// The session of a launcher. Ends with this value, whatever happens to the call.
struct Group(Option<u32>);

impl Group {
    fn pid(&self) -> Option<Pid> {
        self.0.and_then(|id| i32::try_from(id).ok()).map(Pid::from_raw)
    }

    async fn end_all(&self) {
        if let Some(id) = self.0 {
            // Children that left the session hang below the launcher as long as it lives: so they go first.
            let _ = tokio::task::spawn_blocking(move || end_everything_below(id)).await;
        }
        self.end_group();
    }

    fn end_group(&self) {
        if let Some(pid) = self.pid() {
            // Already gone is as good.
            let _ = killpg(pid, Signal::SIGKILL);
            let _ = kill(pid, Signal::SIGKILL);
        }
    }

    fn forget(&mut self) {
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(id) = self.0 {
            end_everything_below(id);
        }
        self.end_group();
    }
}

/// What was read so far.
#[derive(Default)]
struct Heard {
    out: Zeroizing<Vec<u8>>,
    err: Said,
}

/// The standard error: its beginning, and its very end, where the launcher has the last word.
#[derive(Default)]
struct Said {
    head: Zeroizing<Vec<u8>>,
    tail: Zeroizing<Vec<u8>>,
}

impl Said {
    fn add(&mut self, bytes: &[u8]) {
        let room = MAX_STDERR.saturating_sub(self.head.len());
        self.head.extend_from_slice(bytes.get(..bytes.len().min(room)).unwrap_or_default());
        self.tail.extend_from_slice(bytes);
        let beyond = self.tail.len().saturating_sub(TAIL_STDERR);
        self.tail.drain(..beyond);
    }
}

impl Heard {
    fn into_reply(self, nonce: &str, stdout: Stdout, ended: Result<ExitStatus, Unsent>) -> RawReply {
        let (words, said) = split_words(&self.err, nonce);
        let mut reply = RawReply { said: beginning(said.trim(), SHOWN_STDERR), ..RawReply::default() };
        let mut ready = false;
        let (mut refusal, mut signal) = (None, None);
        for word in words {
            match word {
                Word::Ready(report) => {
                    ready = true;
                    reply.warnings = report.gaps();
                }
                Word::Failed(why) => refusal = Some(why),
                Word::Signalled(number) => signal = Some(number),
            }
        }
        if let Some(why) = refusal {
            return RawReply {
                fault: Some(Fault { kind: FaultKind::Refused, detail: beginning(&why, 500) }),
                ..reply
            };
        }
        match ended {
            Err((kind, detail)) => {
                reply.sent = true;
                reply.fault = Some(Fault { kind, detail });
            }
            Ok(_) if !ready => {
                let detail = "the launcher ended before the program began".to_owned();
                reply.fault = Some(Fault { kind: FaultKind::System, detail });
            }
            Ok(status) => {
                reply.sent = true;
                match status.code().filter(|_| signal.is_none()) {
                    Some(code) => reply.complete(code, stdout, &self.out),
                    None => {
                        let detail = format!("the program was ended by signal {}", signal.unwrap_or(9));
                        reply.fault = Some(Fault { kind: FaultKind::Broken, detail });
                    }
                }
            }
        }
        reply
    }
}

impl RawReply {
    fn complete(&mut self, code: i32, stdout: Stdout, out: &[u8]) {
        self.exit_code = Some(code);
        match stdout {
            Stdout::None => {}
            Stdout::Text => self.text = std::str::from_utf8(out).ok().map(str::to_owned),
            Stdout::Json => match decode_json(out) {
                Ok(json) => self.json = Some(json),
                Err(why) => {
                    self.warnings.push(format!("the standard output is not JSON: {why}"));
                    self.no_json = Some(why);
                }
            },
        }
    }
}

/// The launcher's words before and after the program, and what the program said.
fn split_words(err: &Said, nonce: &str) -> (Vec<Word>, String) {
    let head = String::from_utf8_lossy(&err.head);
    let mut rest = head.as_ref();
    let mut words = Vec::new();
    while let Some(line) = rest.strip_prefix(nonce) {
        let (word, after) = line.split_once('\n').unwrap_or((line, ""));
        words.extend(serde_json::from_str::<Word>(word.trim()).ok());
        rest = after;
    }
    let tail = String::from_utf8_lossy(&err.tail);
    let last = tail.rsplit_once(nonce).map(|(_, word)| word.trim());
    let last = last.and_then(|word| serde_json::from_str::<Word>(word).ok());
    words.extend(last.filter(|word| matches!(word, Word::Signalled(_))));
    (words, rest.split(nonce).next().unwrap_or_default().to_owned())
}

/// Three tickets, one for each stage, and then what the program reads.
fn input(ticket: &Ticket, call: &ExecCall) -> Result<Zeroizing<Vec<u8>>, String> {
    let mut input = Zeroizing::new(Vec::new());
    let framed = frame(ticket)?;
    for _ in 0..3 {
        input.extend_from_slice(&framed);
    }
    if let Some(stdin) = &call.stdin {
        serde_json::to_writer(&mut *input, stdin).map_err(|error| error.to_string())?;
    }
    Ok(input)
}

async fn feed(stdin: Option<tokio::process::ChildStdin>, input: &[u8]) -> Result<(), Unsent> {
    if let Some(mut stdin) = stdin {
        // A program need not read what it is given.
        let _ = stdin.write_all(input).await;
        let _ = stdin.shutdown().await;
    }
    Ok(())
}

async fn read_bounded(
    from: Option<impl AsyncRead + Unpin>,
    into: &mut Vec<u8>,
    limit: u64,
) -> Result<(), Unsent> {
    let Some(from) = from else { return Ok(()) };
    let lost = |error: std::io::Error| (FaultKind::Broken, format!("its output was lost ({})", error.kind()));
    from.take(limit.saturating_add(1)).read_to_end(into).await.map_err(lost)?;
    if into.len() as u64 > limit {
        return Err((FaultKind::TooLarge, format!("its output is longer than {limit} bytes")));
    }
    Ok(())
}

/// Keeps the beginning and the end and drains the rest, so that the program never waits for us.
async fn read_said(from: Option<impl AsyncRead + Unpin>, into: &mut Said) -> Result<(), Unsent> {
    let Some(mut from) = from else { return Ok(()) };
    let mut chunk = vec![0_u8; 8 * 1024];
    loop {
        let read = match from.read(&mut chunk).await {
            Ok(0) | Err(_) => return Ok(()),
            Ok(read) => read,
        };
        into.add(chunk.get(..read).unwrap_or_default());
    }
}

fn nonce() -> Result<String, Unsent> {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes)
        .map_err(|_| (FaultKind::System, "the machine gives no random bytes".to_owned()))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// The program's name without trailing digits and dots.
fn base_name(program: &Path) -> String {
    let name = program.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.').to_owned()
}

fn check_program(program: &Path) -> Result<(), Unsent> {
    let shown = program.display();
    if !program.is_absolute() {
        return Err((FaultKind::Refused, format!("program `{shown}` is not an absolute path")));
    }
    let real = std::fs::canonicalize(program).map_err(|error| {
        (FaultKind::Missing, format!("program `{shown}` is not there ({})", error.kind()))
    })?;
    for path in [program, &real] {
        if SHELLS.contains(&base_name(path).as_str()) {
            return Err((FaultKind::Refused, format!("program `{shown}` is a shell")));
        }
    }
    Ok(())
}

/// What computed text may never become: an option, or code.
///
/// # Errors
/// The first argument that is refused.
pub fn check_args(program: &Path, args: &[ExecArg]) -> Result<(), (FaultKind, String)> {
    let refused =
        |index: usize, why: &str| Err((FaultKind::Argument, format!("argument {} {why}", index + 1)));
    let name = base_name(program);
    let reads_code = INTERPRETERS.contains(&name.as_str()) || name == "make";
    let (mut options_over, mut code_next, mut bytes) = (false, false, 0_usize);
    for (index, arg) in args.iter().enumerate() {
        bytes = bytes.saturating_add(arg.text.len() + 1);
        if arg.text.contains('\0') {
            return refused(index, "holds a NUL byte");
        }
        if arg.computed && (reads_code || code_next) {
            return refused(index, "is computed and would be read as code");
        }
        if arg.begins_computed && !options_over && arg.text.starts_with('-') {
            return refused(
                index,
                "is computed and begins with `-`; a literal `--` before it makes it a value",
            );
        }
        options_over |= !arg.computed && arg.text == "--";
        code_next = matches!(arg.text.as_str(), "-c" | "-e");
    }
    if bytes > MAX_ARGUMENTS {
        return Err((FaultKind::Argument, "the arguments are longer than 1 MiB".into()));
    }
    Ok(())
}

/// What was asked for *and* granted: paths with links resolved. A folder grants all below it.
///
/// # Errors
/// A path that was asked for is not there or not granted at all.
pub fn intersect(asked: &[PathBuf], granted: &[PathBuf]) -> Result<Vec<PathBuf>, String> {
    let granted: Vec<PathBuf> = granted.iter().filter_map(|path| std::fs::canonicalize(path).ok()).collect();
    let mut allowed = Vec::new();
    for path in asked {
        if !path.is_absolute() {
            return Err(format!("path `{}` is not absolute", path.display()));
        }
        let real = std::fs::canonicalize(path)
            .map_err(|error| format!("path `{}` cannot be resolved ({})", path.display(), error.kind()))?;
        let before = allowed.len();
        if granted.iter().any(|grant| real.starts_with(grant)) {
            allowed.push(real);
        } else {
            allowed.extend(granted.iter().filter(|grant| grant.starts_with(&real)).cloned());
        }
        if allowed.len() == before {
            return Err(format!("path `{}` is not granted", path.display()));
        }
    }
    allowed.sort();
    allowed.dedup();
    Ok(allowed)
}

#[cfg(test)]
#[path = "exec_tests.rs"]
pub(super) mod tests;
