//! What the kernel of the machine is told to refuse a program: paths beyond its lists, and the network.
//!
//! Runs in the last process before the program, on its only thread. It must never widen what it was given.

use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, LandlockStatus, PathBeneath, PathFd,
    Ruleset, RulesetAttr, RulesetCreated, RulesetCreatedAttr, Scope,
};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, TargetArch};

use crate::connector::sandbox::SandboxReport;
use crate::ports::Network;

/// What a program may touch.
pub(super) struct Fence<'a> {
    pub(super) program: &'a Path,
    pub(super) read: &'a [PathBuf],
    pub(super) write: &'a [PathBuf],
    pub(super) network: Network,
}

impl Fence<'_> {
    /// Nothing beyond the baseline.
    pub(super) fn probe() -> Self {
        Self { program: Path::new("/bin/true"), read: &[], write: &[], network: Network::None }
    }
}

/// Read and executed by every program, with all below.
const FOLDERS: [&str; 6] = ["/usr", "/lib", "/lib64", "/lib32", "/libx32", "/bin"];

/// Read by every program.
const FILES: [&str; 3] = ["/etc/ld.so.cache", "/etc/localtime", "/dev/urandom"];

/// Puts the fence up around this process for good.
pub(super) fn put_up(
    fence: &Fence<'_>,
    network_namespace: bool,
    process_namespace: bool,
) -> Result<SandboxReport, String> {
    let landlock_abi = restrict_paths(fence)?;
    let system_call_filter = fence.network == Network::None && refuse_sockets();
    Ok(SandboxReport { landlock_abi, network_namespace, system_call_filter, process_namespace })
}

/// Landlock, as much of it as the machine knows; gives the version of its interface that is in force.
fn restrict_paths(fence: &Fence<'_>) -> Result<i32, String> {
    let wrong = |error: landlock::RulesetError| format!("the path lists cannot be enforced: {error}");
    let mut ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(ABI::V5))
        .and_then(|ruleset| ruleset.scope(Scope::from_all(ABI::V6)))
        .map_err(wrong)?;
    if fence.network == Network::None {
        ruleset = ruleset.handle_access(AccessNet::from_all(ABI::V4)).map_err(wrong)?;
    }
    let mut ruleset = ruleset.create().map_err(wrong)?;
    let run = AccessFs::from_read(ABI::V5);
    let read = run & !AccessFs::Execute;
    let write =
        AccessFs::from_all(ABI::V5) & !AccessFs::Execute & !(AccessFs::MakeChar | AccessFs::MakeBlock);
    for folder in FOLDERS {
        ruleset = allow_if_there(ruleset, Path::new(folder), run)?;
    }
    for file in FILES {
        ruleset = allow_if_there(ruleset, Path::new(file), AccessFs::ReadFile.into())?;
    }
    ruleset = allow_if_there(ruleset, Path::new("/dev/null"), AccessFs::ReadFile | AccessFs::WriteFile)?;
    ruleset = allow(ruleset, fence.program, AccessFs::ReadFile | AccessFs::Execute)?;
    for path in fence.read {
        ruleset = allow(ruleset, path, read)?;
    }
    for path in fence.write {
        ruleset = allow(ruleset, path, write)?;
    }
    let status = ruleset.restrict_self().map_err(wrong)?;
    Ok(match status.landlock {
        LandlockStatus::Available { effective_abi, .. } => effective_abi as i32,
        LandlockStatus::NotEnabled | LandlockStatus::NotImplemented => 0,
    })
}

fn allow_if_there(
    ruleset: RulesetCreated,
    path: &Path,
    access: BitFlags<AccessFs>,
) -> Result<RulesetCreated, String> {
    if path.exists() { allow(ruleset, path, access) } else { Ok(ruleset) }
}

fn allow(ruleset: RulesetCreated, path: &Path, access: BitFlags<AccessFs>) -> Result<RulesetCreated, String> {
    let named =
        |error: &dyn std::fmt::Display| format!("path `{}` cannot be granted: {error}", path.display());
    let opened = PathFd::new(path).map_err(|error| named(&error))?;
    let access = if path.is_dir() { access } else { access & AccessFs::from_file(ABI::V5) };
    ruleset.add_rule(PathBeneath::new(opened, access)).map_err(|error| named(&error))
}

/// Refuses the system calls that make sockets, and the ring that can make them unseen.
fn refuse_sockets() -> bool {
    use nix::libc::{EACCES, SYS_io_uring_enter, SYS_io_uring_register, SYS_io_uring_setup, SYS_socket};
    let Ok(machine) = TargetArch::try_from(std::env::consts::ARCH) else { return false };
    let refused = [SYS_socket, SYS_io_uring_setup, SYS_io_uring_enter, SYS_io_uring_register];
    let rules = refused.into_iter().map(|call| (call, Vec::new())).collect();
    let refusal = SeccompAction::Errno(EACCES.unsigned_abs());
    SeccompFilter::new(rules, SeccompAction::Allow, refusal, machine)
        .and_then(BpfProgram::try_from)
        .is_ok_and(|program| seccompiler::apply_filter(&program).is_ok())
}
