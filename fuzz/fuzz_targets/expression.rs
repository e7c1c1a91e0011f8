//! Any bytes as an expression and as a template: parse, check and evaluate without panic, hang or
//! unbounded cost.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ordain_spec::expr::{COST_LIMIT, Expect, Expr, FactMap, Known, Scope, Template, Value, check, facts};
use ordain_spec::source::{FileId, Span};
use ordain_spec::tree::{Text, Way};

fuzz_target!(|source: &str| {
    let span = Span::new(FileId(0), 0, u32::try_from(source.len()).unwrap_or(u32::MAX));
    let text = Text { value: source.into(), way: Way::Straight(0) };
    let scope = Scope::new([("actor", facts::actor()), ("run", facts::run()), ("now", facts::now())]);
    let json = serde_json::json!({"id": "alice", "type": "human"});
    let actor = Value::from_json(&json).unwrap_or(Value::Null);
    let facts = FactMap { facts: [("actor".into(), actor)].into(), principals: Default::default() };
    if let Ok(expr) = Expr::parse(&text, span) {
        let checked = check(&expr, &scope, Expect::Bool, &Known::default());
        let (value, cost) = expr.eval_costed(&facts, COST_LIMIT);
        assert!(cost <= COST_LIMIT);
        if checked.diagnostics.is_empty() && value.is_ok() {
            assert!(cost <= checked.cost, "cost {cost} above the bound {}", checked.cost);
        }
    }
    if let Ok(template) = Template::parse(&text, span) {
        let _ = template.render(&facts);
    }
});
