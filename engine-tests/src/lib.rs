//! What the black-box tests share: where the binaries are, workspaces in temporary folders, and what a
//! command printed. Knows nothing of the product's insides.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

#[cfg(feature = "bench")]
pub mod bench;
pub mod editor;
pub mod kdl;
pub mod many;
pub mod memory;
pub mod transcript;

/// The root of the checkout.
#[must_use]
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new(".")).to_path_buf()
}

/// A binary of this workspace, built beside the test that asks.
///
/// # Panics
/// When it has not been built: `cargo nextest run --workspace` builds it.
#[must_use]
#[expect(clippy::panic, reason = "a test without its binary must not pass")]
pub fn binary(name: &str) -> PathBuf {
    let mut folder = std::env::current_exe().unwrap_or_default();
    folder.pop();
    if folder.ends_with("deps") {
        folder.pop();
    }
    let path = folder.join(name);
    if path.is_file() {
        path
    } else {
        panic!("{} is not built: run the whole workspace's tests", path.display())
    }
}

/// What a finished command said.
#[derive(Debug, Clone)]
pub struct Said {
    /// Exit code; 128 and the signal where one ended it.
    pub code: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Said {
    fn of(output: &Output) -> Self {
        use std::os::unix::process::ExitStatusExt as _;
        let signal = output.status.signal().map(|signal| 128 + signal);
        Self {
            code: output.status.code().or(signal).unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// The one JSON document on standard output.
    ///
    /// # Panics
    /// When there is none, or something beside it.
    #[must_use]
    #[expect(clippy::panic, reason = "a test of a document without the document must not pass")]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| {
            panic!("not one JSON document ({error}): {}\nstandard error: {}", self.stdout, self.stderr)
        })
    }

    /// The same, after asserting the exit code.
    ///
    /// # Panics
    /// When the exit code differs; says what was printed.
    #[track_caller]
    pub fn expect_code(&self, code: i32) -> &Self {
        assert_eq!(self.code, code, "standard output: {}\nstandard error: {}", self.stdout, self.stderr);
        self
    }
}

/// A workspace in a temporary folder that goes when this is dropped.
#[derive(Debug)]
pub struct Workspace {
    folder: tempfile::TempDir,
    /// Set for every command.
    pub environment: Vec<(String, String)>,
}

impl Workspace {
    /// An empty folder.
    ///
    /// # Panics
    /// When the machine has no room for it.
    #[must_use]
    #[expect(clippy::expect_used, reason = "without a folder there is no test")]
    pub fn empty() -> Self {
        let folder = tempfile::Builder::new().prefix("ordain-test-").tempdir().expect("a temporary folder");
        Self { folder, environment: Vec::new() }
    }

    /// A copy of a folder of the checkout, without its local state.
    ///
    /// # Panics
    /// When it cannot be copied.
    #[must_use]
    #[expect(clippy::expect_used, reason = "without its files there is no test")]
    pub fn copy_of(path: impl AsRef<Path>) -> Self {
        let workspace = Self::empty();
        copy_folder(&root().join(path), workspace.path()).expect("the folder can be copied");
        workspace
    }

    /// Its folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file, making its folders.
    ///
    /// # Panics
    /// When it cannot be written.
    #[expect(clippy::expect_used, reason = "without its files there is no test")]
    pub fn write(&self, path: &str, text: &str) -> &Self {
        let path = self.path().join(path);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).expect("the folder can be made");
        }
        std::fs::write(path, text).expect("the file can be written");
        self
    }

    /// A command of `ordain` in this folder, not yet started.
    #[must_use]
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary("ordain"));
        command
            .args(arguments)
            .current_dir(self.path())
            .env_remove("ORDAIN_TOKEN")
            .env_remove("ORDAIN_SERVER")
            .env_remove("GITHUB_ACTIONS")
            .env_remove("GITHUB_STEP_SUMMARY")
            .env_remove("TF_BUILD")
            .env("NO_COLOR", "1")
            .envs(self.environment.iter().map(|(key, value)| (key, value)))
            .stdin(Stdio::null());
        command
    }

    /// Runs `ordain` to its end.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    #[expect(clippy::expect_used, reason = "without the program there is no test")]
    pub fn ordain(&self, arguments: &[&str]) -> Said {
        Said::of(&self.command(arguments).output().expect("ordain can be started"))
    }

    /// Waits until a process that was started holds the store: whoever asks from then on asks it, and does not become
    /// the holder that makes its calls.
    ///
    /// # Panics
    /// When nobody holds it within two minutes.
    pub fn wait_for_holder(&self) {
        let socket = self.path().join(".ordain/ordain.sock");
        let begun = Instant::now();
        while !socket.exists() {
            assert!(begun.elapsed() < Duration::from_secs(120), "nobody holds the store");
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

/// Runs a program to its end.
///
/// # Panics
/// When it cannot be started.
#[must_use]
#[expect(clippy::expect_used, reason = "without the program there is no test")]
pub fn said_by(command: &mut Command) -> Said {
    Said::of(&command.stdin(Stdio::null()).output().expect("the program can be started"))
}

fn copy_folder(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_name() == ".ordain" {
            continue;
        }
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
