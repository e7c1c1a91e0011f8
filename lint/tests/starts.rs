//! The binary starts and says what it is. (An integration test here also makes cargo build the binary
//! for the black-box tests of `engine-tests`.)
#![allow(clippy::unwrap_used, reason = "tests")]

#[test]
fn the_binary_says_its_version() {
    let output =
        std::process::Command::new(env!("CARGO_BIN_EXE_spec-lint")).arg("--version").output().unwrap();
    assert!(output.status.success());
    assert!(String::from_utf8_lossy(&output.stdout).starts_with("spec-lint "));
}
