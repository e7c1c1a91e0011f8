//! Any bytes as evidence: archives, audit exports, runpacks, bundles, checkpoints, envelopes. What is read is written back the same,
//! nothing that the one trusted key did not sign is verified, and never a panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ordain_kernel::archive::Archive;
use ordain_kernel::evidence::{audit_export, bundle, manifest, paths, runpack};
use ordain_kernel::log::Checkpoint;
use ordain_kernel::log::envelope::{Envelope, TrustedKey};
use ordain_kernel::log::note::NoteKey;

fuzz_target!(|bytes: &[u8]| {
    let key = NoteKey { name: "ordain/home".into(), public: [7; 32], until: None };
    if let Ok(archive) = Archive::from_bytes(bytes) {
        assert_eq!(archive.to_bytes(), bytes);
        let _ = manifest::format_of(&archive);
        assert!(audit_export::verify(&archive, std::slice::from_ref(&key)).is_err());
        assert!(runpack::verify(&archive, std::slice::from_ref(&key)).is_err());
        let release = TrustedKey { id: "release".into(), public: [7; 32] };
        if let Ok(bundle) = bundle::read(&archive) {
            assert!(bundle.signed(&[release]).is_err());
        }
        for (name, _) in archive.iter() {
            if let Some(path) = paths::path_of("catalogue", name) {
                assert_eq!(paths::name_of("catalogue", &path), name);
            }
        }
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        assert!(Checkpoint::open(text, &[key]).is_err());
    }
    if let Ok(envelope) = serde_json::from_slice::<Envelope>(bytes) {
        let trusted = [TrustedKey { id: "release".into(), public: [7; 32] }];
        assert!(envelope.open("application/vnd.ordain.bundle+json", &trusted).is_err());
    }
});
