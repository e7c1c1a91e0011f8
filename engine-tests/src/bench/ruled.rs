//! One decision over ten rules, and the same ten expressions through the bare expression library.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use cel_interpreter::{Context, Program};
use ordain_kernel::actor::Actor;
use ordain_kernel::decision::{Decision, Outcome, Question, decide};
use ordain_kernel::exemption::{Exempting, Exemptions};
use ordain_kernel::ids::{DecisionId, RunId};
use ordain_spec::catalogue::Catalogue;
use ordain_spec::digest::Digest;
use ordain_spec::expr::{FactMap, Value};
use ordain_spec::kind::metadata::Risk;
use ordain_spec::kind::scalar::{Effect, Mode};
use ordain_spec::kind::selector::Subject;

/// So many that the clock of processor time, which ticks in hundredths, says it to one part in a hundred.
const TIMES: u32 = 100_000;

/// The facts of one step, as the kernel gives them to rules.
fn facts() -> FactMap {
    let text = |text: &str| Value::text(text);
    let facts = [
        (
            "input",
            Value::map([("amount", Value::Int(120)), ("currency", text("EUR")), ("country", text("CH"))]),
        ),
        ("actor", Value::map([("id", text("user:ann")), ("type", text("human"))])),
        (
            "capability",
            Value::map([
                ("name", text("ruled.pay")),
                ("risk", text("medium")),
                ("effect", text("write")),
                ("owner", text("group:team")),
                ("version", text("1.0.0")),
            ]),
        ),
        ("step", Value::map([("id", text("pay")), ("attempt", Value::Int(1)), ("phase", text("do"))])),
        (
            "run",
            Value::map([
                ("id", text("0197a000-0000-7000-8000-000000000000")),
                ("runbook", text("ruled")),
                ("mode", text("live")),
                ("environment", text("production")),
                ("tenant", text("default")),
            ]),
        ),
    ];
    FactMap {
        facts: facts.into_iter().map(|(name, value)| (Arc::from(name), value)).collect(),
        principals: [Arc::from("role:operator")].into(),
    }
}

fn ask(catalogue: &Catalogue) -> Decision {
    let (facts, granted) = (facts(), BTreeSet::new());
    let at = jiff::Timestamp::UNIX_EPOCH;
    let question = Question {
        subject: Subject {
            capability: "ruled.pay",
            risk: Risk::Medium,
            effect: Effect::Write,
            runbook: "ruled",
            environment: "production",
            mode: Mode::Live,
        },
        facts: &facts,
        required: &[],
        granted: &granted,
        exempting: Exempting {
            declared: &BTreeMap::new(),
            asked: &Exemptions::default(),
            roster: None,
            actor: &Actor::system(),
        },
        step: "pay",
        id: &DecisionId::derive(RunId::new(at, [1; 10]), 7),
        at,
        salt: &Digest([3; 32]),
    };
    decide(catalogue.policies.values().map(|policy| &**policy), &question)
}

/// Microseconds of processor time of one decision, its facts made anew, with what every rule came to, the reasons and the salted
/// digest of every fact that was read.
///
/// # Panics
/// When it does not allow: then something else was measured.
#[must_use]
pub fn decision(catalogue: &Catalogue) -> f64 {
    let made = ask(catalogue);
    assert_eq!(made.outcome, Outcome::Allow, "{made:?}");
    assert_eq!(made.policies.iter().map(|policy| policy.rules.len()).sum::<usize>(), 10, "{made:?}");
    let begun = super::cpu_time();
    for _ in 0..TIMES {
        std::hint::black_box(ask(std::hint::black_box(catalogue)));
    }
    (super::cpu_time() - begun).as_secs_f64() * 1e6 / f64::from(TIMES)
}

/// Microseconds of processor time of ten such expressions in the bare library: true or false, nothing else.
///
/// # Panics
/// When the library does not take one.
#[must_use]
#[expect(clippy::expect_used, reason = "without a baseline there is no ratio")]
pub fn bare() -> f64 {
    let expressions = [
        "true",
        "actor_type == 'agent' && risk == 'critical'",
        "amount > 400000",
        "!(currency in ['EUR', 'USD', 'CHF'])",
        "country.startsWith('X')",
        "attempt > 3",
        "amount > 50000",
        "environment == 'production' && mode == 'mock'",
        "owner != 'group:team'",
        "amount <= 50000 && actor_type == 'human'",
    ];
    let programs: Vec<Program> =
        expressions.iter().map(|text| Program::compile(text).expect("an expression")).collect();
    let mut context = Context::default();
    for (name, value) in [
        ("actor_type", "human"),
        ("risk", "medium"),
        ("currency", "EUR"),
        ("country", "CH"),
        ("environment", "production"),
        ("mode", "live"),
        ("owner", "group:team"),
    ] {
        context.add_variable_from_value(name, value);
    }
    context.add_variable_from_value("amount", 120_i64);
    context.add_variable_from_value("attempt", 1_i64);
    let begun = super::cpu_time();
    for _ in 0..TIMES {
        for program in &programs {
            std::hint::black_box(program.execute(&context).expect("a value"));
        }
    }
    (super::cpu_time() - begun).as_secs_f64() * 1e6 / f64::from(TIMES)
}
