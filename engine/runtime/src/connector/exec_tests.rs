//! Real programs behind the real launcher: this test binary starts itself again as the launcher.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};

use super::*;
use crate::connector::reply::settle;
use crate::connector::sandbox::{SandboxReport, capabilities_of_machine};
use crate::ports::{CancelSwitch, Effect, Network, Outcome, Repeat, Terms};
use crate::secret::Secret;
use crate::secrets::SecretError;

const ENTRY: &str = "connector::exec::tests::this_binary_is_the_launcher";

/// Starts this binary's test [`this_binary_is_the_launcher`] as `__sandbox`. The test harness prints on the standard
/// output, so that stands aside on descriptor 9 until the launcher takes it back.
pub(in crate::connector) fn launcher() -> SandboxLauncher {
    let me = std::env::current_exe().unwrap();
    let script = format!(
        "exec 9>&1 >/dev/null; ORDAIN_TEST_STAGE=$0 exec '{}' --exact {ENTRY} --nocapture --test-threads=1",
        me.display()
    );
    SandboxLauncher { program: "/bin/sh".into(), args: vec!["-c".into(), script] }
}

#[test]
fn this_binary_is_the_launcher() {
    let Ok(stage) = std::env::var("ORDAIN_TEST_STAGE") else { return };
    let out = std::fs::OpenOptions::new().write(true).open("/proc/self/fd/9").unwrap();
    nix::unistd::dup2_stdout(&out).unwrap();
    drop(out);
    let code = crate::connector::sandbox::sandbox_main(&[stage]);
    // `ExitCode` does not give its number; the only ones a launcher makes itself are these.
    let code = (0..=255_u8).find(|number| std::process::ExitCode::from(*number) == code).unwrap();
    std::process::exit(code.into());
}

struct Known(BTreeMap<String, String>);

impl Secrets for Known {
    fn read<'a>(&'a self, name: &'a str) -> Later<'a, Result<Secret, SecretError>> {
        Box::pin(async move {
            let value = self.0.get(name).cloned();
            let missing = SecretError::Missing { name: name.into(), place: "the test".into() };
            Ok(Secret::new(value.ok_or(missing)?).unwrap())
        })
    }
}

fn connector() -> ExecConnector {
    let secrets = Known([("canary".to_owned(), "canary-5ecre7-value".to_owned())].into());
    ExecConnector::new(Arc::new(secrets), launcher(), Enforcement::Required)
}

fn machine() -> SandboxReport {
    capabilities_of_machine(&launcher()).expect("the launcher answers")
}

fn call(program: &str, args: &[&str]) -> ExecCall {
    ExecCall {
        program: program.into(),
        pin: Pin::Any,
        args: args.iter().map(|arg| ExecArg::literal(*arg)).collect(),
        env: BTreeMap::new(),
        secrets: Vec::new(),
        cwd: None,
        stdin: None,
        read: Vec::new(),
        write: Vec::new(),
        network: Network::None,
        stdout: Stdout::Text,
        timeout_ms: 20_000,
        max_output: 64 * 1024,
    }
}

/// A script as its own program, in a folder of its own.
struct Script {
    folder: tempfile::TempDir,
}

impl Script {
    fn new(text: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("program");
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        Self { folder }
    }
    fn shell(text: &str) -> Self {
        Self::new(&format!("#!/bin/sh\n{text}\n"))
    }
    fn path(&self) -> String {
        self.folder.path().join("program").to_str().unwrap().to_owned()
    }
    fn call(&self) -> ExecCall {
        call(&self.path(), &[])
    }
    /// A second folder, which a call may write.
    fn outbox(&self) -> PathBuf {
        let outbox = self.folder.path().join("outbox");
        std::fs::create_dir_all(&outbox).unwrap();
        outbox.canonicalize().unwrap()
    }
}

fn run(call: &ExecCall) -> RawReply {
    run_with(call, Cancel::never())
}

fn run_with(call: &ExecCall, cancel: Cancel) -> RawReply {
    runtime().block_on(connector().run(call, None, &cancel))
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

fn terms(effect: Effect, repeat: Repeat) -> Terms {
    Terms { effect, repeat, success: vec![0], retryable: vec![75] }
}

fn judged(reply: &RawReply, effect: Effect, repeat: Repeat) -> Outcome {
    settle(reply, &terms(effect, repeat), |facts| Ok(facts.clone()))
}

fn is_running(marker: &str) -> bool {
    std::fs::read_dir("/proc").unwrap().filter_map(Result::ok).any(|entry| {
        let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).contains(marker)
    })
}

/// Waits for something that the kernel does in its own time; a failure after ten seconds.
fn eventually(what: &str, holds: impl Fn() -> bool) {
    let limit = Instant::now() + Duration::from_secs(10);
    while !holds() {
        assert!(Instant::now() < limit, "{what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_program_gets_its_arguments_as_they_are_and_no_environment_but_its_own() {
    let script = Script::shell(r#"printf '%s|' "$@"; /usr/bin/env"#);
    let mut call = script.call();
    call.args =
        vec![ExecArg::literal("--"), ExecArg::computed("-rf $(id) ; *"), ExecArg::literal("zwei drei")];
    call.env.insert("GREETING".into(), EnvText::Plain("hello".into()));
    let reply = run(&call);
    assert_eq!(reply.exit_code, Some(0), "{reply:?}");
    let text = reply.text.unwrap();
    assert!(text.starts_with("--|-rf $(id) ; *|zwei drei|"), "{text}");
    let mut variables: Vec<&str> = text.rsplit('|').next().unwrap().lines().collect();
    variables.retain(|line| !["PWD=/", "OLDPWD=/", "SHLVL=1", "_=/usr/bin/env", "SHLVL=0"].contains(line));
    assert_eq!(variables, ["GREETING=hello"]);
}

#[test]
fn standard_input_is_the_json_and_nothing_of_the_ticket() {
    let mut call = call("/bin/cat", &[]);
    call.stdin = Some(json!({"name": "ümlaut", "n": 5}));
    call.stdout = Stdout::Json;
    let reply = run(&call);
    assert_eq!(reply.json, Some(json!({"name": "ümlaut", "n": 5})), "{reply:?}");
    let empty = run(&tests::call("/bin/cat", &[]));
    assert_eq!((empty.exit_code, empty.text.as_deref()), (Some(0), Some("")));
}

#[test]
fn exit_codes_are_judged_by_effect_and_idempotency() {
    let no = run(&Script::shell("echo because >&2; exit 3").call());
    assert_eq!(no.exit_code, Some(3));
    let outcome = judged(&no, Effect::Write, Repeat::Safe);
    assert!(
        matches!(&outcome, Outcome::Refused { code, detail, retryable: false, .. }
            if code == "connector_refused" && detail.contains("because")),
        "{outcome:?}"
    );
    assert!(matches!(judged(&no, Effect::Write, Repeat::Never), Outcome::Unknown { .. }));
    assert!(matches!(judged(&no, Effect::Read, Repeat::Safe), Outcome::Refused { retryable: false, .. }));
    let busy = run(&Script::shell("exit 75").call());
    assert!(matches!(judged(&busy, Effect::Write, Repeat::Safe), Outcome::Refused { retryable: true, .. }));
    let killed = run(&Script::shell("kill -9 $$").call());
    assert!(killed.sent && killed.exit_code.is_none(), "{killed:?}");
    assert_eq!(
        killed.fault.as_ref().map(|fault| fault.detail.as_str()),
        Some("the program was ended by signal 9")
    );
    let noisy = run(&Script::shell("/usr/bin/head -c 1000000 /dev/urandom >&2; kill -6 $$").call());
    assert!(noisy.exit_code.is_none() && noisy.fault.is_some(), "{noisy:?}");
    assert!(matches!(judged(&killed, Effect::Write, Repeat::Safe), Outcome::Unknown { .. }));
    assert!(matches!(judged(&killed, Effect::Read, Repeat::Safe), Outcome::Refused { retryable: true, .. }));
}

#[test]
fn a_program_that_ignores_sigterm_and_its_children_end_at_the_timeout() {
    let marker = format!("8{}", std::process::id());
    let script = Script::shell(&format!(
        "trap '' TERM HUP INT\n(trap '' TERM; exec /usr/bin/sleep {marker}) &\nwhile :; do /usr/bin/sleep {marker}; done"
    ));
    let mut call = script.call();
    call.timeout_ms = 1_500;
    let began = Instant::now();
    let reply = run(&call);
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
    assert_eq!(reply.fault.as_ref().map(|fault| fault.kind), Some(FaultKind::Timeout), "{reply:?}");
    assert!(reply.sent);
    assert!(
        matches!(judged(&reply, Effect::Write, Repeat::Safe), Outcome::Unknown { code, .. } if code == "connector_timeout")
    );
    eventually("children live on", || !is_running(&marker));
}

#[test]
fn a_child_that_leaves_the_session_ends_with_the_program() {
    leaves_the_session(&connector(), 7);
}

#[test]
fn it_ends_with_the_program_also_where_there_are_no_namespaces() {
    assert!(machine().process_namespace, "without namespaces the other test is this one: {:?}", machine());
    leaves_the_session(&ExecConnector { namespaces: false, ..connector() }, 4);
}

fn leaves_the_session(connector: &ExecConnector, first_digit: u8) {
    let marker = format!("{first_digit}{}", std::process::id());
    let script = Script::shell(&format!(
        "(/usr/bin/setsid /usr/bin/setsid --fork /usr/bin/sleep {marker} &) </dev/null >/dev/null 2>&1\n\
         while ! /usr/bin/test -e \"$1/seen\"; do /usr/bin/sleep 0.01; done\necho done"
    ));
    let outbox = script.outbox();
    let mut call = script.call();
    call.args = vec![ExecArg::literal(outbox.to_str().unwrap())];
    call.write = vec![outbox.clone()];
    let watcher = {
        let marker = marker.clone();
        std::thread::spawn(move || {
            eventually("the child never ran", || is_running(&marker));
            std::fs::write(outbox.join("seen"), "").unwrap();
        })
    };
    let reply = runtime().block_on(connector.run(&call, None, &Cancel::never()));
    watcher.join().unwrap();
    assert_eq!(reply.warnings.is_empty(), connector.namespaces, "what is not held is said: {reply:?}");
    assert_eq!(reply.text.as_deref(), Some("done\n"), "{reply:?}");
    eventually("the child outlived the program", || !is_running(&marker));
}

/// A program that is never there twice: each process starts the next one and ends.
#[test]
fn nobody_escapes_by_having_a_child_and_ending_while_hunted() {
    for (namespaces, timeout_ms) in [(false, 20_000), (false, 1_000), (true, 20_000)] {
        let script = Script::shell(
            "echo >> \"$1/hops\"\n\"$0\" \"$1\" hop </dev/null >/dev/null 2>&1 9>&- &\n\
             [ -n \"$2\" ] || /usr/bin/sleep \"$3\"",
        );
        let outbox = script.outbox();
        let hops = || std::fs::metadata(outbox.join("hops")).map_or(0, |file| file.len());
        let mut call = script.call();
        let lasts = if timeout_ms < 20_000 { "20" } else { "0.2" };
        call.args = [outbox.to_str().unwrap(), "", lasts].map(ExecArg::literal).into();
        call.write = vec![outbox.clone()];
        call.timeout_ms = timeout_ms;
        let connector = ExecConnector { namespaces, ..connector() };
        let reply = runtime().block_on(connector.run(&call, None, &Cancel::never()));
        assert_eq!(reply.exit_code.is_some(), timeout_ms == 20_000, "{reply:?}");
        let before = hops();
        assert!(before > 1, "it never hopped: {before}");
        std::thread::sleep(Duration::from_millis(300));
        assert_eq!(hops(), before, "it lives on (namespaces: {namespaces})");
    }
}

#[test]
fn a_cancel_ends_it_and_says_so() {
    let marker = format!("6{}", std::process::id());
    let (switch, cancel) = CancelSwitch::new();
    let trigger = {
        let marker = marker.clone();
        std::thread::spawn(move || {
            eventually("it never ran", || is_running(&format!("sleep\0{marker}")));
            switch.cancel();
        })
    };
    let reply = run_with(&call("/usr/bin/sleep", &[&marker]), cancel);
    trigger.join().unwrap();
    assert_eq!(reply.fault.as_ref().map(|fault| fault.kind), Some(FaultKind::Cancelled), "{reply:?}");
    assert!(reply.sent);
    eventually("it lives on", || !is_running(&marker));
    let (switch, cancel) = CancelSwitch::new();
    switch.cancel();
    assert!(!run_with(&call("/usr/bin/true", &[]), cancel).sent);
}

#[test]
fn a_call_that_is_dropped_leaves_nothing_behind() {
    let marker = format!("5{}", std::process::id());
    let call = call("/usr/bin/sleep", &[&marker]);
    runtime().block_on(async {
        let connector = connector();
        let never = Cancel::never();
        let mut running = Box::pin(connector.run(&call, None, &never));
        let limit = Instant::now() + Duration::from_secs(10);
        while !is_running(&format!("sleep\0{marker}")) {
            assert!(Instant::now() < limit, "it never ran");
            let _ = tokio::time::timeout(Duration::from_millis(20), &mut running).await;
        }
    });
    eventually("it lives on", || !is_running(&marker));
}

/// Only as a child of [`a_killed_engine_takes_its_programs_along`]: an engine in the middle of a call.
#[test]
fn an_engine_in_the_middle_of_a_call() {
    if let Ok(marker) = std::env::var("ORDAIN_TEST_ENGINE") {
        run(&call("/usr/bin/sleep", &[&marker]));
    }
}

#[test]
fn a_killed_engine_takes_its_programs_along() {
    let marker = format!("3{}", std::process::id());
    let mut engine = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "connector::exec::tests::an_engine_in_the_middle_of_a_call"])
        .env("ORDAIN_TEST_ENGINE", &marker)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    eventually("it never ran", || is_running(&format!("sleep\0{marker}")));
    engine.kill().unwrap();
    engine.wait().unwrap();
    eventually("the program outlived its engine", || !is_running(&format!("sleep\0{marker}")));
}

#[test]
fn endless_output_is_cut_at_the_bound() {
    let mut call = call("/usr/bin/yes", &[]);
    call.max_output = 10_000;
    let reply = run(&call);
    assert_eq!(reply.fault.as_ref().map(|fault| fault.kind), Some(FaultKind::TooLarge), "{reply:?}");
    assert!(
        matches!(judged(&reply, Effect::Write, Repeat::Safe), Outcome::Unknown { code, .. } if code == "output_invalid")
    );
    let noisy = Script::shell("/usr/bin/yes 0123456789 | /usr/bin/head -c 30000000 >&2; echo ok");
    let reply = run(&noisy.call());
    assert_eq!(reply.text.as_deref(), Some("ok\n"), "a full standard error must not stop it: {reply:?}");
    assert!(reply.said.len() < 3_000);
}

#[test]
fn paths_beyond_the_lists_cannot_be_read_or_written() {
    assert!(machine().enforces_files(), "this machine cannot show it: {:?}", machine());
    let script = Script::shell(
        "/usr/bin/cat \"$1/allowed/in\" || exit 10\n/usr/bin/cat \"$1/other/in\" && exit 11\n\
         echo out > \"$1/write/out\" || exit 12\necho out > \"$1/allowed/out\" && exit 13\n\
         echo out > \"$1/other/out\" && exit 14\n/usr/bin/cat /etc/passwd && exit 15\n\
         echo > \"$1/allowed/in\" && exit 16\n/usr/bin/ls /home /root /tmp && exit 17\n\
         /usr/bin/cat \"$1/write/link\" && exit 18\nexit 42",
    );
    let root = script.folder.path().canonicalize().unwrap();
    for folder in ["allowed", "other", "write"] {
        std::fs::create_dir(root.join(folder)).unwrap();
        std::fs::write(root.join(folder).join("in"), format!("{folder}\n")).unwrap();
    }
    std::os::unix::fs::symlink(root.join("other/in"), root.join("write/link")).unwrap();
    let mut call = script.call();
    call.args = vec![ExecArg::literal(root.to_str().unwrap())];
    call.read = vec![root.join("allowed")];
    call.write = vec![root.join("write")];
    let reply = run(&call);
    assert_eq!(reply.exit_code, Some(42), "{reply:?}");
    assert_eq!(reply.text.as_deref(), Some("allowed\n"));
    assert_eq!(std::fs::read_to_string(root.join("write/out")).unwrap(), "out\n");
    assert_eq!(std::fs::read_to_string(root.join("allowed/in")).unwrap(), "allowed\n");
    assert!(!root.join("other/out").exists());
}

const SOCKETS: &str = r#"#!/usr/bin/python3
import socket, sys
def tried(name, act):
    try:
        act()
        print(name, "open")
    except OSError as error:
        print(name, "refused")
port = int(sys.argv[1])
tried("tcp", lambda: socket.create_connection(("127.0.0.1", port), 2))
tried("udp", lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", port)))
tried("unix", lambda: socket.socket(socket.AF_UNIX).connect(sys.argv[2]))
"#;

fn sockets(network: Network) -> String {
    let script = Script::new(SOCKETS);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let path = script.folder.path().join("sock");
    let _unix = std::os::unix::net::UnixListener::bind(&path).unwrap();
    let mut call = script.call();
    let port = listener.local_addr().unwrap().port().to_string();
    call.args = vec![ExecArg::literal(port), ExecArg::literal(path.to_str().unwrap())];
    call.network = network;
    let reply = run(&call);
    reply.text.clone().unwrap_or_else(|| panic!("{reply:?}"))
}

#[test]
fn without_network_no_socket_opens_and_with_it_they_do() {
    assert!(Path::new("/usr/bin/python3").exists(), "this test needs python3");
    assert!(machine().enforces_no_network(), "this machine cannot show it: {:?}", machine());
    assert_eq!(sockets(Network::None), "tcp refused\nudp refused\nunix refused\n");
    // The same program without the fence really opens them, so the refusals above are the fence's.
    let open = sockets(Network::Host);
    assert!(open.starts_with("tcp open\nudp open\n"), "{open}");
}

#[test]
fn a_pinned_program_is_the_one_that_was_read() {
    let bytes = std::fs::read("/usr/bin/true").unwrap();
    let digest: String = sha2::Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    let mut pinned = call("/usr/bin/true", &[]);
    pinned.pin = Pin::Sha256(digest.clone());
    let reply = run(&pinned);
    assert_eq!(reply.exit_code, Some(0), "{reply:?}");
    pinned.program = "/usr/bin/false".into();
    let reply = run(&pinned);
    assert!(!reply.sent && reply.fault.as_ref().is_some_and(|f| f.detail.contains("SHA-256")), "{reply:?}");
    assert!(matches!(
        judged(&reply, Effect::Write, Repeat::Never),
        Outcome::Refused { retryable: false, .. }
    ));
    let script = Script::shell("echo pinned");
    let digest = sha2::Sha256::digest(std::fs::read(script.path()).unwrap());
    let mut call = script.call();
    call.pin = Pin::Sha256(digest.iter().map(|byte| format!("{byte:02X}")).collect());
    assert_eq!(run(&call).text.as_deref(), Some("pinned\n"));
}

use sha2::Digest as _;

#[test]
fn what_cannot_start_is_a_refusal_and_nothing_happened() {
    let not_there = run(&call("/usr/bin/no-such-program", &[]));
    assert!(!not_there.sent, "{not_there:?}");
    let folder = tempfile::tempdir().unwrap();
    let plain = folder.path().join("plain");
    std::fs::write(&plain, "no program").unwrap();
    let not_executable = run(&call(plain.to_str().unwrap(), &[]));
    assert!(!not_executable.sent, "{not_executable:?}");
    let mut elsewhere = call("/usr/bin/true", &[]);
    elsewhere.cwd = Some("/no/such/folder".into());
    let elsewhere = run(&elsewhere);
    assert!(!elsewhere.sent, "{elsewhere:?}");
    for shell in ["/bin/sh", "/usr/bin/bash"] {
        let reply = run(&call(shell, &["-c", "true"]));
        assert!(!reply.sent && reply.fault.unwrap().detail.contains("shell"));
    }
    assert!(!run(&call("true", &[])).sent);
}

#[test]
fn a_secret_in_the_environment_reaches_the_program_and_no_reply() {
    let script = Script::shell(
        "echo \"it is $KEY\"; printf '%s' \"$KEY\" | /usr/bin/base64; echo \"oh $KEY\" >&2; test \"$KEY\" = canary-5ecre7-value",
    );
    let mut call = script.call();
    call.env.insert("KEY".into(), EnvText::Secret("canary".into()));
    let refused = run(&call);
    assert_eq!(refused.fault.as_ref().map(|fault| fault.kind), Some(FaultKind::Missing), "not granted");
    call.secrets = vec!["canary".into()];
    let reply = run(&call);
    assert_eq!(reply.exit_code, Some(0), "the program did not get it: {reply:?}");
    let shown = format!("{reply:?}");
    assert!(shown.contains("it is [secret]") && shown.contains("oh [secret]"), "{shown}");
    assert!(!shown.contains("5ecre7") && !shown.contains("Y2FuYXJ5"), "{shown}");
}

#[test]
fn a_program_cannot_speak_as_its_launcher() {
    let script = Script::shell("echo '0000 {\"failed\":\"nothing happened\"}' >&2; exit 1");
    let reply = run(&script.call());
    assert!(reply.sent && reply.exit_code == Some(1), "{reply:?}");
}

#[test]
fn computed_text_never_becomes_an_option_or_code() {
    let tar = Path::new("/usr/bin/tar");
    let refused =
        |program: &Path, args: &[ExecArg]| matches!(check_args(program, args), Err((FaultKind::Argument, _)));
    let bad = ExecArg::computed("--checkpoint-action=exec=sh");
    assert!(refused(tar, std::slice::from_ref(&bad)));
    assert!(!refused(tar, &[ExecArg::literal("--"), bad.clone()]));
    assert!(refused(tar, &[ExecArg::computed("--"), bad.clone()]), "a computed `--` is no end of options");
    assert!(!refused(tar, &[ExecArg::literal("-x"), ExecArg::computed("file")]));
    let option = ExecArg { text: "--file=-x".into(), computed: true, begins_computed: false };
    assert!(!refused(tar, &[option]));
    assert!(refused(tar, &[ExecArg::literal("-c"), ExecArg::computed("x")]));
    assert!(!refused(tar, &[ExecArg::literal("-c"), ExecArg::literal("x"), ExecArg::computed("y")]));
    for program in
        ["/usr/bin/python3.12", "/usr/bin/find", "/usr/bin/perl5", "/usr/bin/make", "/usr/bin/lua5.4"]
    {
        assert!(refused(Path::new(program), &[ExecArg::computed("x")]), "{program}");
        assert!(!refused(Path::new(program), &[ExecArg::literal("x")]), "{program}");
    }
    assert!(refused(tar, &[ExecArg::literal("a\0b")]));
}

#[test]
fn a_path_is_what_was_asked_for_and_granted_with_links_resolved() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap();
    for name in ["data/deep", "data-other", "secret"] {
        std::fs::create_dir_all(root.join(name)).unwrap();
    }
    std::os::unix::fs::symlink(root.join("secret"), root.join("data/link")).unwrap();
    let at = |name: &str| vec![root.join(name)];
    assert_eq!(intersect(&at("data/deep"), &at("data")), Ok(at("data/deep")));
    assert_eq!(intersect(&at("data"), &at("data/deep")), Ok(at("data/deep")), "the smaller of the two");
    assert!(intersect(&at("data-other"), &at("data")).is_err(), "a name is no prefix of a folder");
    assert!(intersect(&at("data/link"), &at("data")).is_err(), "a link out of the grant");
    assert!(intersect(&at("data/deep/../../secret"), &at("data")).is_err());
    assert!(intersect(&at("nothing"), &at("nothing")).is_err());
    assert!(intersect(&at("data"), &[]).is_err());
    assert_eq!(intersect(&[], &at("data")), Ok(Vec::new()));
}

#[test]
fn what_a_machine_cannot_enforce_is_said() {
    let bare = SandboxReport::default();
    assert_eq!(bare.gaps().len(), 3, "{:?}", bare.gaps());
    let full = SandboxReport {
        landlock_abi: 6,
        network_namespace: true,
        system_call_filter: true,
        process_namespace: true,
    };
    assert!(full.gaps().is_empty());
    let value: Value = serde_json::to_value(full).unwrap();
    assert_eq!(value["landlockAbi"], 6);
}

#[test]
fn everyday_programs_work_behind_the_fence() {
    let folder = tempfile::tempdir().unwrap();
    let site = folder.path().canonicalize().unwrap();
    for name in ["live/crm/deep", "staging/crm"] {
        std::fs::create_dir_all(site.join(name)).unwrap();
    }
    std::fs::write(site.join("live/crm/a"), "one\n").unwrap();
    std::fs::write(site.join("live/crm/deep/b"), "two\n").unwrap();
    std::fs::write(site.join("staging/crm/c"), "three\n").unwrap();
    let at = |program: &str, args: &[&str]| {
        let mut call = call(program, args);
        call.cwd = Some(site.clone());
        call.read = vec![site.clone()];
        call.write = vec![site.clone()];
        let reply = run(&call);
        assert_eq!(reply.exit_code, Some(0), "{program} {args:?}: {reply:?}");
        reply.text.unwrap()
    };
    at("/usr/bin/mkdir", &["--parents", "--", "vault/new"]);
    at(
        "/usr/bin/tar",
        &["--create", "--sort=name", "--file", "vault/crm.tar", "--directory", "live/crm", "."],
    );
    at(
        "/usr/bin/tar",
        &["--extract", "--no-same-owner", "--file", "vault/crm.tar", "--directory", "vault/new"],
    );
    at("/usr/bin/tar", &["--compare", "--file", "vault/crm.tar", "--directory", "live/crm"]);
    at("/usr/bin/cp", &["--recursive", "--no-target-directory", "--", "vault/new", "vault/copy"]);
    assert_eq!(at("/usr/bin/diff", &["--recursive", "--brief", "--", "live/crm", "vault/copy"]), "");
    assert!(
        at("/usr/bin/sha256sum", &["--", "live/crm/a"])
            .starts_with("2c8b08da5ce60398e1f19af0e5dccc744df274b8")
    );
    assert_eq!(at("/usr/bin/ls", &["-1", "--", "live/crm"]), "a\ndeep\n");
    assert_eq!(at("/usr/bin/stat", &["--printf", "%s", "--", "live/crm/a"]), "4");
    assert_eq!(at("/usr/bin/printf", &["--", "%s", "text"]), "text");
    let swap = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/restore-drill/tools/swap");
    let swap = swap.canonicalize().unwrap();
    let said = at(swap.to_str().unwrap(), &["--", "key-1", "live/crm", "staging/crm"]);
    assert_eq!(said, "{\"live\":\"live/crm\",\"entries\":2}\n");
    assert_eq!(std::fs::read_to_string(site.join("live/crm/c")).unwrap(), "three\n");
    assert_eq!(std::fs::read_to_string(site.join("staging/crm/a")).unwrap(), "one\n");
}
