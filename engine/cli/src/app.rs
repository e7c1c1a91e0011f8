//! The command line as a whole: global flags, the list of verbs, what happens before and after one.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use ordain_plan::render::Look;

use crate::context::{Context, stdout_look};
use crate::failure::{Done, Exit, Failure};
use crate::{command, groups};

/// A governed workflow engine: what is not declared does not happen
#[derive(Debug, Parser)]
#[command(name = "ordain", version, arg_required_else_help = true, subcommand_required = true)]
#[command(after_help = after())]
pub struct App {
    /// Work in the workspace around this folder: the nearest one upwards with an `ordain.yaml`
    #[arg(short = 'C', value_name = "DIR", default_value = ".", global = true)]
    directory: PathBuf,
    /// Print one JSON document on standard output, whatever happens
    #[arg(long, global = true)]
    json: bool,
    /// Act as this person of the roster (profile `dev`)
    #[arg(long = "as", value_name = "user:NAME", global = true)]
    acting_as: Option<String>,
    #[command(subcommand)]
    verb: Verb,
}

/// What stands below the options.
fn after() -> String {
    format!("{}\n\n`ordain VERB --help` says more about each", groups::codes(Exit::ALL))
}

/// One file each in `command`, one word each in `groups`.
#[derive(Debug, Subcommand)]
enum Verb {
    Init(command::init::Options),
    Lint(command::lint::Options),
    Fmt(command::fmt::Options),
    Convert(command::convert::Options),
    Lsp(command::lsp::Options),
    Specs(command::specs::Options),
    Plan(command::plan::Options),
    Test(command::test::Options),
    Run(command::run::Options),
    Runs(command::runs::Options),
    Show(command::show::Options),
    Watch(command::watch::Options),
    Why(command::why::Options),
    Rerun(command::rerun::Options),
    Approvals(command::approvals::Options),
    Approve(command::approve::Options),
    Reject(command::reject::Options),
    Withdraw(command::withdraw::Options),
    Signal(command::signal::Options),
    Cancel(command::cancel::Options),
    Pause(command::pause::Options),
    Resume(command::resume::Options),
    Resolve(command::resolve::Options),
    Kill(command::kill::Options),
    Revive(command::revive::Options),
    Budgets(command::budgets::Options),
    Quotas(command::quotas::Options),
    Export(command::export::Options),
    Connector(command::connector::Options),
    Keys(command::keys::Options),
    Audit(command::audit::Options),
    Runpack(command::runpack::Options),
    Verify(command::verify::Options),
    Replay(command::replay::Options),
    Regress(command::regress::Options),
    Bundle(command::bundle::Options),
    Backup(command::backup::Options),
    Restore(command::restore::Options),
    Prune(command::prune::Options),
    Rebuild(command::rebuild::Options),
    Report(command::report::Options),
    Drill(command::drill::Options),
    Explain(command::explain::Options),
    Schema(command::schema::Options),
    Doctor(command::doctor::Options),
    Demo(command::demo::Options),
    Completions(command::completions::Options),
}

impl Verb {
    fn run(self, cx: &Context) -> Done {
        match self {
            Self::Init(options) => options.run(cx),
            Self::Lint(options) => options.run(cx),
            Self::Fmt(options) => options.run(cx),
            Self::Convert(options) => options.run(cx),
            Self::Lsp(options) => options.run(cx),
            Self::Specs(options) => options.run(cx),
            Self::Plan(options) => options.run(cx),
            Self::Test(options) => options.run(cx),
            Self::Run(options) => options.run(cx),
            Self::Runs(options) => options.run(cx),
            Self::Show(options) => options.run(cx),
            Self::Watch(options) => options.run(cx),
            Self::Why(options) => options.run(cx),
            Self::Rerun(options) => options.run(cx),
            Self::Approvals(options) => options.run(cx),
            Self::Approve(options) => options.run(cx),
            Self::Reject(options) => options.run(cx),
            Self::Withdraw(options) => options.run(cx),
            Self::Signal(options) => options.run(cx),
            Self::Cancel(options) => options.run(cx),
            Self::Pause(options) => options.run(cx),
            Self::Resume(options) => options.run(cx),
            Self::Resolve(options) => options.run(cx),
            Self::Kill(options) => options.run(cx),
            Self::Revive(options) => options.run(cx),
            Self::Budgets(options) => options.run(cx),
            Self::Quotas(options) => options.run(cx),
            Self::Export(options) => options.run(cx),
            Self::Connector(options) => options.run(cx),
            Self::Keys(options) => options.run(cx),
            Self::Audit(options) => options.run(cx),
            Self::Runpack(options) => options.run(cx),
            Self::Verify(options) => options.run(cx),
            Self::Replay(options) => options.run(cx),
            Self::Regress(options) => options.run(cx),
            Self::Bundle(options) => options.run(cx),
            Self::Backup(options) => options.run(cx),
            Self::Restore(options) => options.run(cx),
            Self::Prune(options) => options.run(cx),
            Self::Rebuild(options) => options.run(cx),
            Self::Report(options) => options.run(cx),
            Self::Drill(options) => options.run(cx),
            Self::Explain(options) => options.run(cx),
            Self::Schema(options) => options.run(cx),
            Self::Doctor(options) => options.run(cx),
            Self::Demo(options) => options.run(cx),
            Self::Completions(options) => options.run(cx),
        }
    }
}

/// Reads the command line, runs the verb, and says how it ended.
pub fn run(arguments: Vec<OsString>) -> ExitCode {
    let wants_json = arguments.iter().any(|argument| argument == "--json");
    let app = match parsed(arguments) {
        Ok(app) => app,
        Err(error) => return unparsed(&error, wants_json).into(),
    };
    let cx = Context { directory: app.directory, json: app.json, acting_as: app.acting_as };
    match app.verb.run(&cx) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            cx.fail(&failure);
            Exit::Unable.into()
        }
    }
}

/// The command line as it is shown: verbs in groups, exit codes with each.
pub fn shown(look: Look) -> clap::Command {
    groups::grouped(App::command(), look)
}

fn parsed(arguments: Vec<OsString>) -> Result<App, clap::Error> {
    let mut command = shown(stdout_look());
    let mut matches = command.try_get_matches_from_mut(arguments)?;
    App::from_arg_matches_mut(&mut matches).map_err(|error| error.format(&mut command))
}

/// Help and version are answers; everything else could not be understood.
fn unparsed(error: &clap::Error, wants_json: bool) -> Exit {
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        let _left = error.print();
        return Exit::Done;
    }
    if wants_json {
        let cx = Context { directory: PathBuf::from("."), json: true, acting_as: None };
        cx.fail(
            &Failure::usage(spec_lint::command::misread(error))
                .hint("`ordain --help` lists the verbs and their options"),
        );
    } else {
        let _left = error.print();
    }
    Exit::Unable
}
