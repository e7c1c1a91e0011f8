//! `ordain connector test`: the harness around a connector.

use ordain_plan::render::{Ink, Line};
use ordain_runtime::connector::exec::Enforcement;
use ordain_runtime::connector::harness::{Subject, examine};
use ordain_runtime::connector::sandbox::SandboxLauncher;
use ordain_spec::kind::workspace::Profile;
use serde_json::json;

use crate::context::Context;
use crate::failure::{Done, Exit, Failure};
use crate::render::resolve::{reference, unresolved};

/// Tries connectors out before anything depends on them
#[derive(Debug, clap::Args)]
pub struct Options {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Tries a connector against a made-up other side: silence, lies, refusals, leaks of secrets
    Test {
        /// The connector: `name` or `name@requirement`
        name: String,
    },
}

impl Options {
    /// Tries everything and shows what holds.
    pub fn run(self, cx: &Context) -> Done {
        let Verb::Test { name } = self.verb;
        let loaded = cx.load()?;
        let reference = reference(&name)?;
        let connector = loaded
            .catalogue
            .connector(&reference)
            .map_err(|error| unresolved("connector", &reference, &error))?;
        let connection = loaded.grants.resolve(connector);
        let fault = |error: std::io::Error| Failure::new("system_fault", error.to_string());
        let launcher = SandboxLauncher::current().map_err(fault)?;
        let enforcement = if loaded.grants.profile == Profile::Prod {
            Enforcement::Required
        } else {
            Enforcement::Reported
        };
        let subject = Subject { connector, connection: connection.as_ref(), launcher, enforcement };
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .map_err(fault)?;
        let checks = runtime.block_on(examine(&subject));
        cx.show(&json!({"connector": connector.metadata.name.value.as_str(), "checks": checks}), |look| {
            let mut out = String::new();
            for check in &checks {
                let (mark, ink) = if check.ok { ("✓ ", Ink::Good) } else { ("✗ ", Ink::Alarm) };
                let mut line = Line::default().with(ink, mark).with(Ink::Strong, &check.id);
                line.add(Ink::Plain, " ").pad(16).add(Ink::Plain, &check.detail);
                line.write(look, &mut out);
            }
            out
        });
        Ok(if checks.iter().all(|check| check.ok) { Exit::Done } else { Exit::Found })
    }
}
