//! Workspace: the operator's file, `ordain.yaml`. Never part of a catalogue.

use std::sync::Arc;

use crate::decode::Spanned;
use crate::expr::Expr;
use crate::kind::connector::{Network, SecretRef};
use crate::kind::field::Named;
use crate::kind::scalar::{DurationMs, Slug};

record! {
    /// Where and with which keys; all that a spec cannot say.
    pub struct WorkspaceSpec {
        /// Folders of the catalogue, or `std`.
        pub catalogue: Vec<Spanned<Arc<str>>> = vec![Spanned::nowhere("specs".into())],
        /// A fact of runs.
        pub environment: Spanned<Arc<str>> = Spanned::nowhere("local".into()),
        /// How strict the engine is.
        pub profile: Spanned<Profile> = Spanned::nowhere(Profile::Dev),
        /// What specs name by `{setting: …}`.
        pub settings: Named<Spanned<Arc<str>>> = Named::default(),
        /// What each connector is granted, by its name.
        pub connections: Named<Connection> = Named::default(),
        /// Where secrets come from.
        pub secrets: Option<Secrets> = None,
        /// Keys whose signatures count.
        pub trust: Vec<TrustedKey> = Vec::new(),
        /// What lint makes of weights.
        pub lint: LintSettings = LintSettings::standard(),
        /// The author's own rules over the resolved catalogue.
        pub invariants: Vec<Invariant> = Vec::new(),
        /// How often checkpoints of the log are signed, and where they are sent.
        pub checkpoints: Option<Checkpoints> = None,
        /// Under which keys the store keeps what runs carry; in the clear where nothing is said.
        pub payloads: Option<Payloads> = None,
    }
}

record! {
    /// Payloads encrypted at rest. Each key is a secret: 32 bytes in base64.
    pub struct Payloads {
        /// The key under which payloads are written.
        pub encrypt: SecretRef,
        /// Keys of before, which only read.
        pub decrypt: Vec<SecretRef> = Vec::new(),
    }
}

record! {
    /// Checkpoints of the log; what is named here gets each.
    pub struct Checkpoints {
        /// At least so often while there is something new, and when the store is let go of.
        pub every: Spanned<DurationMs> = Spanned::nowhere(DurationMs(3_600_000)),
        /// Appended to this file.
        pub file: Option<Spanned<Arc<str>>> = None,
        /// Given to this program, with its arguments, on standard input.
        pub command: Vec<Spanned<Arc<str>>> = Vec::new(),
        /// Posted to this address.
        pub url: Option<Spanned<Arc<str>>> = None,
    }
}

closed! {
    /// How strict the engine is.
    pub enum Profile {
        /// For trying out.
        Dev = "dev",
        /// For real.
        Prod = "prod",
    }
}

record! {
    /// What a connector is granted.
    pub struct Connection {
        /// `host` or `host:port`.
        pub hosts: Vec<Spanned<Arc<str>>> = Vec::new(),
        /// Secrets by name.
        pub secrets: Vec<Spanned<Arc<str>>> = Vec::new(),
        /// Private networks (CIDR), also needed for loopback.
        pub allow_private: Vec<Spanned<Arc<str>>> = Vec::new(),
        /// Programs: path → `any` or a SHA-256 in hex.
        pub programs: Named<Spanned<Arc<str>>> = Named::default(),
        /// Folders with all below.
        pub read: Vec<Spanned<Arc<str>>> = Vec::new(),
        /// Folders with all below.
        pub write: Vec<Spanned<Arc<str>>> = Vec::new(),
        /// What programs may reach.
        pub network: Spanned<Network> = Spanned::nowhere(Network::None),
    }
}

record! {
    /// Where secrets come from.
    pub struct Secrets {
        /// How.
        pub provider: Spanned<SecretProvider>,
        /// `env`: before the name in capitals.
        pub prefix: Option<Spanned<Arc<str>>> = None,
        /// `file`: the folder.
        pub dir: Option<Spanned<Arc<str>>> = None,
        /// `command`: the program.
        pub program: Option<Spanned<Arc<str>>> = None,
        /// `command`: its first arguments; the name comes last.
        pub args: Vec<Spanned<Arc<str>>> = Vec::new(),
    }
}

closed! {
    /// How secrets are fetched.
    pub enum SecretProvider {
        /// Environment variables.
        Env = "env",
        /// Files of a folder.
        File = "file",
        /// A program's output.
        Command = "command",
    }
}

record! {
    /// A key whose signatures count.
    pub struct TrustedKey {
        /// Its name.
        pub id: Spanned<Arc<str>>,
        /// `ed25519:` and base64.
        pub key: Spanned<Arc<str>>,
    }
}

record! {
    /// What lint makes of weights.
    pub struct LintSettings {
        /// Levels or slugs that block.
        pub deny: Vec<Spanned<Arc<str>>> = Vec::new(),
    }
}

impl LintSettings {
    /// Nothing said.
    #[must_use]
    pub const fn standard() -> Self {
        Self { deny: Vec::new(), span: crate::source::Span::nowhere() }
    }
}

record! {
    /// A rule of the author's own, reported under `x-<id>`.
    pub struct Invariant {
        /// Its name.
        pub id: Spanned<Slug>,
        /// Over `catalogue`; must be true.
        pub expr: Expr,
        /// For people.
        pub message: Option<crate::kind::scalar::Prose> = None,
    }
}

impl WorkspaceSpec {
    /// The same with every place that is said from the workspace file on made absolute: a setting, a granted
    /// folder or program, the folder of secrets or the program that fetches them, that is `.` or begins with `./` lies below `folder`, the
    /// folder of `ordain.yaml`. Nothing else changes; what else is relative is refused where it is used.
    #[must_use]
    pub fn located(mut self, folder: &str) -> Self {
        for entry in self.settings.0.values_mut() {
            locate(&mut entry.value.value, folder);
        }
        if let Some(checkpoints) = &mut self.checkpoints {
            for place in checkpoints.file.iter_mut().chain(checkpoints.command.first_mut()) {
                locate(&mut place.value, folder);
            }
        }
        for entry in self.connections.0.values_mut() {
            let grants = &mut entry.value;
            for path in grants.read.iter_mut().chain(&mut grants.write) {
                locate(&mut path.value, folder);
            }
            let programs = std::mem::take(&mut grants.programs.0);
            grants.programs.0 = programs
                .into_iter()
                .map(|(mut path, pin)| {
                    locate(&mut path, folder);
                    (path, pin)
                })
                .collect();
        }
        if let Some(secrets) = &mut self.secrets {
            for path in secrets.dir.iter_mut().chain(&mut secrets.program) {
                locate(&mut path.value, folder);
            }
        }
        self
    }
}

fn locate(text: &mut Arc<str>, folder: &str) {
    let folder = folder.trim_end_matches('/');
    if &**text == "." {
        *text = if folder.is_empty() { "/".into() } else { folder.into() };
    } else if let Some(below) = text.strip_prefix("./") {
        *text = format!("{folder}/{}", below.trim_start_matches('/')).into();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

    use super::*;
    use crate::decode::{Decode as _, Decoder};
    use crate::source::{FileId, Notation};
    use crate::tree::yaml;

    fn workspace(text: &str) -> WorkspaceSpec {
        let nodes = yaml::read(FileId(0), text, &mut Vec::new());
        let mut cx = Decoder::for_text(text, Notation::Yaml);
        let spec = WorkspaceSpec::decode(nodes.first().unwrap(), &mut cx).unwrap();
        assert_eq!(cx.finish(), Vec::new());
        spec
    }

    #[test]
    fn places_said_from_the_workspace_file_on_lie_below_its_folder_and_nothing_else_moves() {
        let text = "
settings: {here: ., files: ./files, data: /srv/data, url: 'https://a.example/./b', odd: .files, up: ../x}
connections:
  tar: {programs: {./tools/tar: any, /usr/bin/tar: any}, read: [., /srv], write: [./out], hosts: [./host]}
secrets: {provider: file, dir: ./secrets}
";
        let moved = workspace(text).located("/w/space/");
        let expected = "
settings: {here: /w/space, files: /w/space/files, data: /srv/data, url: 'https://a.example/./b', odd: .files, up: ../x}
connections:
  tar: {programs: {/w/space/tools/tar: any, /usr/bin/tar: any}, read: [/w/space, /srv], write: [/w/space/out], hosts: [./host]}
secrets: {provider: file, dir: /w/space/secrets}
";
        assert_eq!(moved, workspace(expected));
        assert_eq!(workspace(expected).located("/elsewhere"), workspace(expected));
    }
}
