//! Any bytes as evidence: archives, audit exports, checkpoints, envelopes. What is read is written back the same,
//! nothing that the one trusted key did not sign is verified, and never a panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ordain_kernel::archive::Archive;
use ordain_kernel::evidence::{audit_export, manifest};
use ordain_kernel::log::Checkpoint;
use ordain_kernel::log::envelope::{Envelope, TrustedKey};
use ordain_kernel::log::note::NoteKey;

fuzz_target!(|bytes: &[u8]| {
    let key = NoteKey { name: "ordain/home".into(), public: [7; 32] };
    if let Ok(archive) = Archive::from_bytes(bytes) {
        assert_eq!(archive.to_bytes(), bytes);
        let _ = manifest::format_of(&archive);
        assert!(audit_export::verify(&archive, std::slice::from_ref(&key)).is_err());
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        assert!(Checkpoint::open(text, &[key]).is_err());
    }
    if let Ok(envelope) = serde_json::from_slice::<Envelope>(bytes) {
        let trusted = [TrustedKey { id: "release".into(), public: [7; 32] }];
        assert!(envelope.open("application/vnd.ordain.bundle+json", &trusted).is_err());
    }
});
