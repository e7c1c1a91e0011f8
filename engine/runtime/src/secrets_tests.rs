//! Providers with real files and programs, and masking against every encoding.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

use std::os::unix::fs::PermissionsExt;
use std::time::Instant;

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn read(secrets: &ProvidedSecrets, name: &str) -> Result<String, SecretError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(secrets.read(name)).map(|secret| secret.expose().to_owned())
}

#[test]
fn names_become_variables() {
    assert_eq!(variable_name("ORDAIN_SECRET_", "stripe-key.eu"), "ORDAIN_SECRET_STRIPE_KEY_EU");
    let variables: Variables = Arc::new(|name| (name == "P_A_B").then(|| "value-of-it".to_owned()));
    let secrets = ProvidedSecrets::with_variables(Provider::Env { prefix: "P_".into() }, variables);
    assert_eq!(read(&secrets, "a-b"), Ok("value-of-it".into()));
    assert!(matches!(read(&secrets, "other"), Err(SecretError::Missing { .. })));
}

#[test]
fn a_file_is_read_by_name_and_never_by_path() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("secrets");
    std::fs::create_dir(&dir).unwrap();
    std::fs::write(dir.join("key"), "of-a-file\r\n").unwrap();
    std::fs::write(dir.join("short"), "abc\n").unwrap();
    std::fs::write(dir.join("large"), "x".repeat(70_000)).unwrap();
    std::fs::write(dir.join("binary"), b"\xff\xfe\xfd\xfc\xfb").unwrap();
    std::fs::write(folder.path().join("outside"), "not this one").unwrap();
    let secrets = ProvidedSecrets::new(Provider::File { dir });
    assert_eq!(read(&secrets, "key"), Ok("of-a-file".into()));
    assert!(matches!(read(&secrets, "none"), Err(SecretError::Missing { .. })));
    for bad in ["../outside", "/etc/passwd", "", "KEY", "a/b", "a..b", "-x"] {
        assert!(matches!(read(&secrets, bad), Err(SecretError::Unusable { .. })), "{bad}");
    }
    for bad in ["short", "large", "binary"] {
        let error = read(&secrets, bad).unwrap_err();
        assert!(matches!(error, SecretError::Unusable { .. }), "{bad}: {error}");
        assert!(!error.to_string().contains("abc"));
    }
}

fn program(text: &str) -> (tempfile::TempDir, ProvidedSecrets) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("provider");
    std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    (folder, ProvidedSecrets::new(Provider::Command { program: path, args: vec!["--get".into()] }))
}

#[test]
fn a_command_gets_the_name_last_and_an_empty_environment() {
    let (_folder, secrets) = program("echo \"$1 $2 $HOME$USER$CARGO\"");
    assert_eq!(read(&secrets, "stripe-key"), Ok("--get stripe-key ".into()));
    let (_folder, secrets) = program("echo value-but-bad; exit 3");
    let error = read(&secrets, "key").unwrap_err();
    assert!(
        matches!(&error, SecretError::Provider { .. }) && !error.to_string().contains("value-but-bad"),
        "{error}"
    );
    let (_folder, secrets) = program("exec /usr/bin/yes");
    assert!(matches!(read(&secrets, "key"), Err(SecretError::Unusable { .. })));
    let relative = Provider::Command { program: "provider".into(), args: vec![] };
    assert!(read(&ProvidedSecrets::new(relative), "key").is_err());
}

#[test]
fn a_command_that_hangs_is_ended_after_its_limit() {
    let (_folder, secrets) = program("trap '' TERM; /usr/bin/sleep 30; echo too-late");
    let began = Instant::now();
    let error = read(&secrets, "key").unwrap_err();
    assert!(error.to_string().contains("5 s"), "{error}");
    assert!(began.elapsed() >= COMMAND_LIMIT && began.elapsed() < Duration::from_secs(15));
}

fn encodings(value: &str) -> Vec<String> {
    let bytes = value.as_bytes();
    let mut all = vec![
        value.to_owned(),
        hex(bytes, false),
        hex(bytes, true),
        percent(bytes, true),
        percent(bytes, true).replace("%2F", "/"),
        percent(bytes, false),
        serde_json::to_string(value).unwrap(),
        html(value),
    ];
    for before in ["", "a", "ab", "key="] {
        let text = format!("{before}{value}&x=1");
        all.push(STANDARD.encode(&text));
        all.push(URL_SAFE_NO_PAD.encode(&text));
    }
    all
}

proptest! {
    #[test]
    fn no_encoding_of_a_secret_passes(value in "[ -~äé]{12,40}", before in "[a-z ]{0,9}", after in "[a-z ]{0,9}") {
        let masker = Masker::new([&Secret::new(value.clone()).unwrap()]);
        for encoded in encodings(&value) {
            let masked = masker.text(&format!("{before}{encoded}{after}"));
            prop_assert!(masked.contains(MASK), "{encoded} -> {masked}");
            prop_assert!(!masked.contains(&value) && !masked.contains(&encoded));
        }
    }
}

#[test]
fn values_are_masked_deep_and_other_text_is_left_alone() {
    let secret = Secret::new("hunter2-hunter2".into()).unwrap();
    let number = Secret::new("123456789".into()).unwrap();
    let masker = Masker::new([&secret, &number]);
    let masked =
        masker.value(json!({"a": ["x hunter2-hunter2 y"], "hunter2-hunter2": 123456789, "n": 5, "b": null}));
    assert_eq!(masked, json!({"a": ["x [secret] y"], "[secret]": "[secret]", "n": 5, "b": null}));
    assert_eq!(masker.text("nothing here"), "nothing here");
    assert_eq!(Masker::default().text("hunter2-hunter2"), "hunter2-hunter2");
}

#[test]
fn the_longer_of_two_secrets_goes_first() {
    let short = Secret::new("hunter".into()).unwrap();
    let long = Secret::new("hunter-two".into()).unwrap();
    assert_eq!(Masker::new([&short, &long]).text("it is hunter-two"), "it is [secret]");
}
