//! The fence around a program: the launcher that this binary becomes when it is started as `__sandbox`.
//!
//! Three stages of the same binary stand between the engine and the program, because a fence is put up by the process
//! that it will hold and `unsafe` code between fork and exec is forbidden here. The *outer* stage leads a session of
//! its own and makes new user, network and process namespaces where the machine permits. The *first* stage is the
//! first process in them: with it all others end, so it ends when the program does. The *inner* stage puts up
//! Landlock and the system call filter, and becomes the program.
//!
//! Each stage reads its [`Ticket`] from the standard input, exactly framed, so that neither arguments nor
//! environment of a launcher ever hold a secret. What it says before the program runs stands on the standard error
//! behind a nonce that the program never learns. It must never run a program that asks for more than was granted,
//! nor hide that something could not be enforced.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, ExitStatus, Stdio};
use std::time::Duration;

use nix::sched::{CloneFlags, unshare};
use nix::sys::signal::{Signal, kill, raise};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::connector::fence;
use crate::ports::Network;

/// The first argument that turns the binary into a launcher.
pub const SUBCOMMAND: &str = "__sandbox";

/// Tells the inner stages which namespaces were made.
const NAMESPACES: &str = "ORDAIN_NAMESPACES";

/// The largest ticket that is read.
const MAX_TICKET: u32 = 32 * 1024 * 1024;

/// How to start a launcher: this binary, with [`SUBCOMMAND`] as its first argument.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SandboxLauncher {
    /// The binary, absolute.
    pub program: PathBuf,
    /// Its first arguments; the stage comes last.
    pub args: Vec<String>,
}

impl SandboxLauncher {
    /// The given binary with [`SUBCOMMAND`].
    #[must_use]
    pub fn new(program: PathBuf) -> Self {
        Self { program, args: vec![SUBCOMMAND.into()] }
    }

    /// The running binary.
    ///
    /// # Errors
    /// It cannot be found.
    pub fn current() -> std::io::Result<Self> {
        std::env::current_exe().map(Self::new)
    }

    pub(super) fn command(&self, stage: &str) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.args).arg(stage).env_clear().current_dir("/");
        command
    }
}

/// What a launcher is to do.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Ticket {
    pub(super) nonce: String,
    pub(super) launcher: SandboxLauncher,
    pub(super) engine: i32,
    pub(super) program: PathBuf,
    pub(super) sha256: Option<String>,
    pub(super) args: Vec<String>,
    pub(super) env: Vec<(String, String)>,
    pub(super) cwd: PathBuf,
    pub(super) read: Vec<PathBuf>,
    pub(super) write: Vec<PathBuf>,
    pub(super) network: Network,
    /// Make namespaces where the machine permits. Always, but in tests of a machine that does not.
    pub(super) namespaces: bool,
    /// What cannot be enforced refuses the program instead of being said.
    pub(super) strict: bool,
}

/// What holds a program.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SandboxReport {
    /// Version of Landlock's interface, 0 without it; path lists want 3.
    pub landlock_abi: i32,
    /// The network is a namespace of its own, without any interface.
    pub network_namespace: bool,
    /// System calls that make sockets are refused.
    pub system_call_filter: bool,
    /// Processes are a namespace of their own, so none outlives the program.
    pub process_namespace: bool,
}

impl SandboxReport {
    /// Path lists hold.
    #[must_use]
    pub fn enforces_files(&self) -> bool {
        self.landlock_abi >= 3
    }

    /// `network: none` holds.
    #[must_use]
    pub fn enforces_no_network(&self) -> bool {
        self.network_namespace || self.system_call_filter
    }

    /// What does not hold, for people; empty where everything does.
    #[must_use]
    pub fn gaps(&self) -> Vec<String> {
        let mut gaps = self.refusing_gaps(Network::None);
        if !self.process_namespace {
            gaps.push("no process namespace: children that leave the group are hunted, not held".into());
        }
        gaps
    }

    /// What a strict launcher refuses for.
    fn refusing_gaps(&self, network: Network) -> Vec<String> {
        let mut gaps = Vec::new();
        if !self.enforces_files() {
            gaps.push(format!("path lists are not enforced (Landlock {} of 3)", self.landlock_abi));
        }
        if network == Network::None && !self.enforces_no_network() {
            gaps.push("`network: none` is not enforced (no network namespace, no system call filter)".into());
        }
        gaps
    }
}

/// What a launcher says on the standard error, each on a line behind the nonce.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Word {
    /// The next thing that happens is the program.
    Ready(SandboxReport),
    /// The program did not start.
    Failed(String),
    /// The program was ended by this signal. Said last.
    Signalled(i32),
}

/// What this machine enforces, found by trying it in a launcher.
///
/// # Errors
/// The launcher did not answer.
pub fn capabilities_of_machine(launcher: &SandboxLauncher) -> Result<SandboxReport, String> {
    let mut command = launcher.command("probe");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let output =
        command.output().map_err(|error| format!("the launcher does not start ({})", error.kind()))?;
    serde_json::from_slice(&output.stdout).map_err(|_| "the launcher did not answer".to_owned())
}

/// The first line of `main`: where this process was started as a launcher, it is one, and this is its exit code.
///
/// Call it on the only thread, before any runtime, terminal or argument parser is set up.
#[must_use]
pub fn intercept() -> Option<ExitCode> {
    let args: Vec<String> =
        std::env::args_os().skip(1).map(|arg| arg.to_string_lossy().into_owned()).collect();
    match args.split_first() {
        Some((first, rest)) if first == SUBCOMMAND => Some(sandbox_main(rest)),
        _ => None,
    }
}

/// The launcher itself: what the binary does when its first argument is [`SUBCOMMAND`]. `args` are those after it.
/// Call it first in `main`, on the only thread, before any runtime or terminal is set up.
pub fn sandbox_main(args: &[String]) -> ExitCode {
    match args.last().map(String::as_str) {
        Some("outer") => outer(),
        Some("first") => first(),
        Some("inner") => inner(),
        Some("probe") => probe(),
        _ => ExitCode::from(2),
    }
}

fn probe() -> ExitCode {
    let (network_namespace, process_namespace) = new_namespaces(Network::None);
    let report = fence::put_up(&fence::Fence::probe(), network_namespace, process_namespace);
    let written = report.ok().and_then(|report| serde_json::to_vec(&report).ok());
    match written.map(|bytes| std::io::stdout().write_all(&bytes)) {
        Some(Ok(())) => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

/// Reads one frame from the standard input and not a byte more: the rest is the program's.
fn read_ticket() -> Result<Ticket, String> {
    let stdin = std::io::stdin().as_fd().try_clone_to_owned().map_err(|_| "no standard input")?;
    let mut stdin = File::from(stdin);
    let mut length = [0_u8; 4];
    stdin.read_exact(&mut length).map_err(|_| "no ticket")?;
    let length = u32::from_be_bytes(length);
    if length > MAX_TICKET {
        return Err("the ticket is too large".into());
    }
    let mut bytes = zeroize::Zeroizing::new(vec![0_u8; length as usize]);
    stdin.read_exact(&mut bytes).map_err(|_| "half a ticket")?;
    serde_json::from_slice(&bytes).map_err(|_| "not a ticket".into())
}

/// One framed ticket.
pub(super) fn frame(ticket: &Ticket) -> Result<zeroize::Zeroizing<Vec<u8>>, String> {
    let body = zeroize::Zeroizing::new(serde_json::to_vec(ticket).map_err(|error| error.to_string())?);
    let length = u32::try_from(body.len()).ok().filter(|length| *length <= MAX_TICKET);
    let length = length.ok_or("arguments and environment are too large")?;
    let mut framed = zeroize::Zeroizing::new(Vec::with_capacity(body.len() + 4));
    framed.extend_from_slice(&length.to_be_bytes());
    framed.extend_from_slice(&body);
    Ok(framed)
}

fn say(nonce: &str, word: &Word) {
    let word = serde_json::to_string(word).unwrap_or_default();
    // One write, so that no line of another process stands inside it. Nobody listening is no fault of ours.
    let _ = std::io::stderr().write_all(format!("{nonce} {word}\n").as_bytes());
}

fn failed(nonce: &str, why: impl Into<String>) -> ExitCode {
    say(nonce, &Word::Failed(why.into()));
    ExitCode::from(126)
}

fn outer() -> ExitCode {
    // A session of its own, so that one signal reaches all of it and no terminal reaches any of it.
    let _ = nix::unistd::setsid();
    // Where the first stage ends before its children do, they are this one's.
    let _ = nix::sys::prctl::set_child_subreaper(true);
    let Ok(ticket) = read_ticket() else {
        return ExitCode::from(126);
    };
    let (network, processes) =
        if ticket.namespaces { new_namespaces(ticket.network) } else { (false, false) };
    let mut command = ticket.launcher.command("first");
    command.env(NAMESPACES, format!("{}{}", u8::from(network), u8::from(processes)));
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => {
            return failed(&ticket.nonce, format!("the launcher does not start ({})", error.kind()));
        }
    };
    let engine = ticket.engine;
    drop(ticket);
    let status = wait_for(&mut child, engine);
    end_own_children();
    match status.and_then(|status| status.code()).and_then(|code| u8::try_from(code).ok()) {
        Some(code) => ExitCode::from(code),
        None => {
            // Killed from outside: so that nobody takes it for an answer, this ends the same way.
            let _ = raise(Signal::SIGKILL);
            ExitCode::from(137)
        }
    }
}

/// The first process of the namespaces: starts the program beside itself (a first process is deaf to its own
/// signals, which a program need not be), collects orphans, and takes everything with it when the program ends.
fn first() -> ExitCode {
    // The outer stage's end is the end of this one, whatever ended it.
    let _ = nix::sys::prctl::set_pdeathsig(Signal::SIGKILL);
    let _ = nix::sys::prctl::set_child_subreaper(true);
    let Ok(ticket) = read_ticket() else {
        return ExitCode::from(126);
    };
    let mut command = ticket.launcher.command("inner");
    command.env(NAMESPACES, std::env::var(NAMESPACES).unwrap_or_default());
    let program = match command.spawn() {
        Ok(child) => child.id(),
        Err(error) => {
            return failed(&ticket.nonce, format!("the launcher does not start ({})", error.kind()));
        }
    };
    let nonce = ticket.nonce.clone();
    drop(ticket);
    let status = collect(i32::try_from(program).unwrap_or(0));
    if nix::unistd::getpid().as_raw() == 1 {
        // Everybody in the namespace but this process.
        let _ = kill(Pid::from_raw(-1), Signal::SIGKILL);
        while waitpid(None, None).is_ok() {}
    } else {
        end_own_children();
    }
    match status {
        Some(WaitStatus::Exited(_, code)) => ExitCode::from(u8::try_from(code).unwrap_or(u8::MAX)),
        Some(WaitStatus::Signaled(_, signal, _)) => {
            say(&nonce, &Word::Signalled(signal as i32));
            ExitCode::from(137)
        }
        _ => {
            say(&nonce, &Word::Signalled(0));
            ExitCode::from(137)
        }
    }
}

/// Waits for the end of the program and of whatever is left to this process meanwhile.
fn collect(program: i32) -> Option<WaitStatus> {
    loop {
        match waitpid(None, None) {
            Ok(status) if status.pid() == Some(Pid::from_raw(program)) => return Some(status),
            Ok(_) | Err(nix::errno::Errno::EINTR) => {}
            Err(_) => return None,
        }
    }
}

/// Waits for the program's end, or for the engine's: then nobody would read the outcome. (The parent-death signal
/// will not do for the latter: it fires when the engine's *thread* ends; and a process that has made a process
/// namespace can start no thread of its own.)
fn wait_for(child: &mut Child, engine: i32) -> Option<ExitStatus> {
    let mut pause = Duration::from_micros(500);
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status),
            Ok(None) if nix::unistd::getppid().as_raw() == engine => {}
            Ok(None) | Err(_) => return None,
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(20));
    }
}

/// New user, network and process namespaces, as far as the machine permits: (network, processes).
fn new_namespaces(network: Network) -> (bool, bool) {
    let net = if network == Network::None { CloneFlags::CLONE_NEWNET } else { CloneFlags::empty() };
    let rest = CloneFlags::CLONE_NEWPID | CloneFlags::CLONE_NEWIPC;
    let own = (nix::unistd::getuid(), nix::unistd::getgid());
    for flags in [CloneFlags::CLONE_NEWUSER | rest | net, rest | net, CloneFlags::CLONE_NEWUSER | net, net] {
        if flags.is_empty() || unshare(flags).is_err() {
            continue;
        }
        if flags.contains(CloneFlags::CLONE_NEWUSER) {
            // The same user inside; where it cannot be written, the program runs as nobody.
            let _ = std::fs::write("/proc/self/setgroups", "deny");
            let _ = std::fs::write("/proc/self/uid_map", format!("{0} {0} 1", own.0));
            let _ = std::fs::write("/proc/self/gid_map", format!("{0} {0} 1", own.1));
        }
        return (flags.contains(CloneFlags::CLONE_NEWNET), flags.contains(CloneFlags::CLONE_NEWPID));
    }
    (false, false)
}

fn inner() -> ExitCode {
    let _ = nix::sys::prctl::set_pdeathsig(Signal::SIGKILL);
    let namespaces = std::env::var(NAMESPACES).unwrap_or_default();
    let ticket = match read_ticket() {
        Ok(ticket) => ticket,
        Err(_) => return ExitCode::from(126),
    };
    match become_program(&ticket, namespaces.starts_with('1'), namespaces.ends_with('1')) {
        Ok(never) => match never {},
        Err(why) => failed(&ticket.nonce, why),
    }
}

fn become_program(
    ticket: &Ticket,
    network: bool,
    processes: bool,
) -> Result<std::convert::Infallible, String> {
    let program = File::open(&ticket.program).map_err(|error| {
        format!("program `{}` cannot be opened ({})", ticket.program.display(), error.kind())
    })?;
    let pinned = match &ticket.sha256 {
        Some(expected) => Some(check_pin(&program, expected, &ticket.program)?),
        None => None,
    };
    limit_resources();
    let fence = fence::Fence {
        program: &ticket.program,
        read: &ticket.read,
        write: &ticket.write,
        network: ticket.network,
    };
    let report = fence::put_up(&fence, network, processes)?;
    let gaps = report.refusing_gaps(ticket.network);
    if ticket.strict && !gaps.is_empty() {
        return Err(gaps.join("; "));
    }
    // A pinned binary is started from the file that was read, so that nobody can put another in its place between.
    let path = match pinned {
        Some(Kind::Binary) => {
            PathBuf::from(format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&program)))
        }
        Some(Kind::Script) | None => ticket.program.clone(),
    };
    let mut command = Command::new(path);
    command.arg0(&ticket.program).args(&ticket.args).env_clear().current_dir(&ticket.cwd);
    command.envs(ticket.env.iter().map(|(name, value)| (name, value)));
    say(&ticket.nonce, &Word::Ready(report));
    let error = command.exec();
    Err(format!(
        "program `{}` does not start in `{}` ({})",
        ticket.program.display(),
        ticket.cwd.display(),
        error
    ))
}

enum Kind {
    Binary,
    Script,
}

fn check_pin(program: &File, expected: &str, path: &Path) -> Result<Kind, String> {
    let lost =
        |error: std::io::Error| format!("program `{}` cannot be read ({})", path.display(), error.kind());
    let mut hasher = Sha256::new();
    let mut reader = program;
    let mut chunk = vec![0_u8; 64 * 1024];
    let mut kind = Kind::Binary;
    let mut first = true;
    loop {
        let read = reader.read(&mut chunk).map_err(lost)?;
        let Some(bytes) = chunk.get(..read).filter(|bytes| !bytes.is_empty()) else { break };
        if first && bytes.starts_with(b"#!") {
            kind = Kind::Script;
        }
        first = false;
        hasher.update(bytes);
    }
    let found: String = hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    if found == expected.to_ascii_lowercase() {
        Ok(kind)
    } else {
        Err(format!("program `{}` is not the one that was granted: its SHA-256 is {found}", path.display()))
    }
}

fn limit_resources() {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    let _ = setrlimit(Resource::RLIMIT_CORE, 0, 0);
    if let Ok((_, hard)) = getrlimit(Resource::RLIMIT_NOFILE) {
        let files = hard.min(1024);
        let _ = setrlimit(Resource::RLIMIT_NOFILE, files, files);
    }
}

/// How often those that are to end are looked for: who multiplies faster than it dies is left at last.
const HUNTS: u32 = 200;

/// Kills every descendant of this process, which adopts the orphans among them: none is left exactly when it has no
/// child any more. (What `/proc` shows may lack one that was born while it was read, of a parent that is gone by then.)
fn end_own_children() {
    for hunt in 0..HUNTS {
        kill_all(&descendants(std::process::id()));
        loop {
            match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::StillAlive) => break,
                Ok(_) | Err(nix::errno::Errno::EINTR) => {}
                Err(_) => return,
            }
        }
        wait_after(hunt);
    }
}

/// Kills every descendant of another process. Who only looks on may miss one, so none must be seen twice in a row.
pub(super) fn end_everything_below(process: u32) {
    let mut seen = true;
    for hunt in 0..HUNTS {
        let below = descendants(process);
        if below.is_empty() && !seen {
            return;
        }
        seen = !below.is_empty();
        kill_all(&below);
        wait_after(hunt);
    }
}

fn kill_all(processes: &[u32]) {
    for pid in processes.iter().filter_map(|pid| i32::try_from(*pid).ok()) {
        let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
    }
}

fn wait_after(hunt: u32) {
    if hunt > 10 {
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Living descendants of a process, from `/proc`.
pub(super) fn descendants(process: u32) -> Vec<u32> {
    let Ok(folder) = std::fs::read_dir("/proc") else { return Vec::new() };
    let parents: Vec<(u32, u32)> = folder
        .filter_map(Result::ok)
        .filter_map(|entry| entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()))
        .filter_map(|pid| living_parent(pid).map(|parent| (pid, parent)))
        .collect();
    let mut found = Vec::new();
    let mut open = vec![process];
    while let Some(parent) = open.pop() {
        for (pid, _) in parents.iter().filter(|(_, of)| *of == parent) {
            if *pid != process && !found.contains(pid) {
                found.push(*pid);
                open.push(*pid);
            }
        }
    }
    found
}

/// The parent of a process that is not a zombie.
fn living_parent(pid: u32) -> Option<u32> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = stat.rsplit_once(") ")?;
    let mut fields = rest.split(' ');
    let state = fields.next()?;
    if state == "Z" || state == "X" {
        return None;
    }
    fields.next()?.parse().ok()
}
