//! Is the catalogue the one that was signed? In profile `prod` nothing is active but what a bundle beside the
//! operator's file seals: every file byte for byte, by a key that the operator's file trusts, in its time, and never
//! older than what was active. In `dev` nobody is asked. Any trouble is "not signed".

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use ordain_kernel::archive::Archive;
use ordain_kernel::evidence::bundle::{self, Bundle, Sealed, Unsealed};
use ordain_kernel::log::envelope::TrustedKey;
use ordain_kernel::reason::{Code, Reason};
use ordain_spec::kind::workspace::{Profile, WorkspaceSpec};
use ordain_spec::workspace::FILE as OPERATORS;

use crate::api::ApiError;
use crate::keys::Key;
use crate::store::header;
use crate::store::read::Reader;
use crate::workspace::Opened;

/// The bundle that seals a workspace's catalogue, beside `ordain.yaml`.
pub const FILE: &str = "catalogue.bundle";

/// What the store remembers of the newest seal that was active.
pub const META: &str = "sealed";

/// Public keys that `ordain init` made for trying out, one a line, in the local state.
pub const DEMO_KEYS: &str = "demo-keys";

/// Public keys whose secret halves are published: of the examples, and of RFC 8032. A test holds the examples'.
pub const PUBLISHED: [&str; 5] = [
    "ed25519:SCnRoahGYdJX8Ga0jJUlWHt50/wrt7GnKGeFltFbcis=",
    "ed25519:QCs1YuTRKtcvhj8mFx/Vc76NUU9fSwUSu3N+JZleFtI=",
    "ed25519:dEjqWiFayq7t5Pv2Td1MfUWw6MsCi4Z5J76hdVKuNyM=",
    "ed25519:kcJNBXNsMNjWZvsC/xO0i/3dz6RJicO5X7dHoMbKAJw=",
    "ed25519:11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=",
];

/// The keys that a workspace trusts to sign catalogues.
#[must_use]
pub fn trusted(spec: &WorkspaceSpec) -> Vec<TrustedKey> {
    let key = |text: &str| STANDARD.decode(text.strip_prefix("ed25519:")?).ok()?.try_into().ok();
    let keys = spec.trust.iter();
    keys.filter_map(|trusted| {
        Some(TrustedKey { id: trusted.id.value.to_string(), public: key(&trusted.key.value)? })
    })
    .collect()
}

/// Where the bundle of a workspace lies.
#[must_use]
pub fn path(workspace: &Opened) -> PathBuf {
    workspace.root.join(FILE)
}

/// Reads a bundle file.
///
/// # Errors
/// Why it is none.
pub fn read(bytes: &[u8]) -> Result<Bundle, String> {
    let archive = Archive::from_bytes(bytes).map_err(|error| error.to_string())?;
    bundle::read(&archive).map_err(|error| error.to_string())
}

/// That a bundle seals the workspace's catalogue at that instant.
///
/// # Errors
/// Why not.
pub fn sealed(
    bundle: &Bundle,
    workspace: &Opened,
    now: Timestamp,
    active: Option<Timestamp>,
) -> Result<Sealed, Unsealed> {
    let sealed = bundle.signed(&trusted(&workspace.spec()))?;
    let catalogue = workspace.read.checked.catalogue.as_ref();
    let files = catalogue.iter().flat_map(|catalogue| catalogue.sources.iter());
    bundle.holds(files.map(|(_, file)| (file.path.as_str(), &*file.text)))?;
    sealed.counts(now, active)?;
    Ok(sealed)
}

/// When the newest seal was signed that was active in the workspace's store; none where there was none.
///
/// # Errors
/// When the store cannot be read.
pub async fn newest(workspace: &Opened) -> Result<Option<Timestamp>, ApiError> {
    let store = workspace.state.join("ordain.db");
    if !store.exists() {
        return Ok(None);
    }
    header::check(&store)?;
    let text = Reader::open(&store, None)?.meta(META).await?;
    Ok(text.and_then(|text| text.parse().ok()))
}

/// What is known of a workspace's seal when its store is opened.
#[derive(Debug, Clone, Default)]
pub struct Seal {
    /// When it was signed; none where nobody asks.
    pub issued: Option<Timestamp>,
    /// Why nothing is active.
    pub refusal: Option<Reason>,
    /// What to do about it.
    pub way_out: &'static str,
}

/// What to do about a key that others may have.
const ANOTHER_KEY: &str =
    "`ordain keys init` makes a key; put its public half in the place of the default one";

/// What to do about an operator's file among specs.
const APART: &str = "keep ordain.yaml outside the folders of the catalogue, such as `specs/`";

/// What to do about a bundle.
const SEAL_ANEW: &str = "`ordain bundle build`, then `ordain bundle sign` with a key of `trust`";

impl Seal {
    /// Looks at a workspace; `active` is when the newest seal was signed that was active before.
    #[must_use]
    pub fn of(workspace: &Opened, profile: Profile, now: Timestamp, active: Option<Timestamp>) -> Self {
        if profile != Profile::Prod || workspace.active.is_none() {
            return Self::default();
        }
        let refused = |refusal, way_out| Self { issued: None, refusal: Some(refusal), way_out };
        if let Some(refusal) = misplaced(workspace) {
            return refused(refusal, APART);
        }
        if let Some(refusal) = default_key(workspace) {
            return refused(refusal, ANOTHER_KEY);
        }
        let bundle = match std::fs::read(path(workspace)) {
            Ok(bytes) => read(&bytes).map_err(|why| format!("`{FILE}` is no bundle: {why}")),
            Err(error) => Err(format!("`{FILE}` cannot be read: {error}")),
        };
        let sealed = bundle.and_then(|bundle| {
            sealed(&bundle, workspace, now, active).map_err(|why| format!("`{FILE}`: {why}"))
        });
        match sealed {
            Ok(sealed) => Self { issued: Some(sealed.statement.issued), ..Self::default() },
            Err(why) => refused(Reason::new(Code::UnsignedCatalogue, why), SEAL_ANEW),
        }
    }
}

/// An operator's file where authors write: whoever edits specs could grant what specs may reach.
fn misplaced(workspace: &Opened) -> Option<Reason> {
    let refuse = |why: String| Reason::new(Code::UnsignedCatalogue, why);
    if let Some(folder) = around(&workspace.root, &workspace.spec()) {
        return Some(refuse(format!("`{OPERATORS}` lies inside the catalogue folder `{folder}`")));
    }
    let catalogue = workspace.read.checked.catalogue.as_ref();
    let mut paths =
        catalogue.iter().flat_map(|catalogue| catalogue.sources.iter()).map(|(_, file)| &file.path);
    let inner =
        paths.find(|path| Path::new(path.as_str()).file_name().is_some_and(|name| name == OPERATORS))?;
    Some(refuse(format!("`{inner}` is an operator's file inside the catalogue")))
}

/// The folder of the catalogue in which the operator's own file lies, where one is.
#[must_use]
pub fn around(root: &Path, spec: &WorkspaceSpec) -> Option<String> {
    let root = root.canonicalize().unwrap_or_else(|_| root.to_path_buf());
    let holds = |folder: &str| {
        let folder = root.join(folder);
        root.starts_with(folder.canonicalize().unwrap_or(folder))
    };
    spec.catalogue.iter().map(|folder| &*folder.value).find(|folder| holds(folder)).map(str::to_owned)
}

/// A key that is trusted or signs for a person and that others may have: one made for trying out, or one whose
/// secret half anybody would guess.
fn default_key(workspace: &Opened) -> Option<Reason> {
    let demo = std::fs::read_to_string(workspace.state.join(DEMO_KEYS)).unwrap_or_default();
    let spec = workspace.spec();
    let trusted =
        spec.trust.iter().map(|one| (format!("trust `{}`", one.id.value), one.key.value.to_string()));
    let roster = workspace.active.as_ref().and_then(|active| active.catalogue.roster.clone());
    let people = roster.iter().flat_map(|roster| roster.spec.people.iter());
    let people = people.filter_map(|(name, person)| {
        Some((format!("`user:{name}`"), person.key.as_ref()?.value.to_string()))
    });
    let named: Vec<(String, String)> = trusted.chain(people).collect();
    if named.is_empty() {
        return None;
    }
    let guessed: Vec<String> = (0..=u8::MAX).map(|byte| Key::of_seed([byte; 32]).public()).collect();
    let bad = |(_, key): &&(String, String)| {
        demo.lines().any(|line| line == key) || guessed.contains(key) || PUBLISHED.contains(&key.as_str())
    };
    named.iter().find(bad).map(|(who, _)| {
        Reason::new(
            Code::UnsignedCatalogue,
            format!("the key of {who} is a default key: make one with `ordain keys init`"),
        )
    })
}
