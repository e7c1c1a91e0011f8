//! From an action and its recorded arguments to a resolved call, and from a reply to its output, over a
//! catalogue whose connectors use every field of an operation.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

use std::sync::Arc;

use ordain_plan::{Action, Grants, Plan, compile};
use ordain_spec::check::{check, read_workspace};
use ordain_spec::source::{FileId, Notation, SourceFile, Sources};
use serde_json::{Value as Json, json};

use super::*;
use crate::ports::{FaultKind, RawReply};

const CATALOGUE: &str = include_str!("prepare_tests.yaml");

/// The folder that is granted: it exists on every machine, and no link leads to it.
const FOLDER: &str = "/usr/bin";

fn grants(connections: &str) -> Grants {
    let text = format!(
        "apiVersion: ordain/v1\nkind: Workspace\nspec:\n  settings: {{shop-url: 'https://shop.example.org/api', tool: /usr/bin/tool, data: {FOLDER}}}\n  connections: {connections}\n"
    );
    let file = SourceFile::new("ordain.yaml".into(), text.into(), Notation::Yaml);
    let mut problems = Vec::new();
    let spec = read_workspace(FileId(0), &file, &mut problems);
    assert!(problems.is_empty(), "{problems:?}");
    Grants::from(&spec.unwrap())
}

const GRANTED: &str = "{shop: {hosts: ['shop.example.org:443'], secrets: [shop-key], allowPrivate: [10.0.0.0/8, 127.0.0.1/32]}, \
                       tool: {programs: {/usr/bin/tool: any}, secrets: [tool-token], network: host, read: [/usr]}}";

fn plan_with(text: &str, grants: &Grants) -> Arc<Plan> {
    let mut sources = Sources::default();
    sources.add(SourceFile::new("specs/all.yaml".into(), text.into(), Notation::Yaml));
    let checked = check(sources);
    let catalogue = checked.catalogue.unwrap_or_else(|| panic!("refused: {:#?}", checked.diagnostics));
    let (_, releases) = catalogue.runbooks.iter().next().unwrap();
    compile(releases.values().next_back().unwrap(), &catalogue, grants).unwrap()
}

fn run() -> Json {
    json!({"id": "0197a000-0000-7000-8000-000000000000", "runbook": "all", "version": "1.0.0", "mode": "live",
           "environment": "local", "tenant": "default", "startedAt": "2026-01-05T10:00:00Z"})
}

fn asked<'a>(action: &'a Action, arguments: &'a Json, run: &'a Json) -> Asked<'a> {
    Asked { action, arguments, run, idempotency_key: "k-1", attempt: 2, timeout_ms: None }
}

fn prepared_with(grants: &Grants, step: &str, arguments: &Json) -> Result<PreparedCall, Outcome> {
    let plan = plan_with(CATALOGUE, grants);
    prepare(&asked(plan.step(step).unwrap().action().unwrap(), arguments, &run()))
}

fn http(step: &str, arguments: &Json) -> HttpCall {
    match prepared_with(&grants(GRANTED), step, arguments).unwrap().target {
        Target::Http(call) => *call,
        other => panic!("no HTTP call: {other:?}"),
    }
}

fn exec(grants: &Grants, arguments: &Json) -> Result<ExecCall, Outcome> {
    prepared_with(grants, "work", arguments).map(|call| match call.target {
        Target::Exec(call) => *call,
        other => panic!("no program: {other:?}"),
    })
}

/// The code of a final refusal, and what it says.
fn refusal<T: std::fmt::Debug>(made: Result<T, Outcome>) -> (String, String) {
    match made.unwrap_err() {
        Outcome::Refused { code, detail, retryable: false, retry_after_ms: None } => (code, detail),
        other => panic!("no final refusal: {other:?}"),
    }
}

fn look_input(id: &str) -> Json {
    json!({"id": id, "line": 3, "at": "2026-01-05T10:00:00Z", "tags": ["red", "a b&c"]})
}

#[test]
fn a_computed_part_of_a_path_stays_within_its_segment() {
    let call = http("look", &look_input("a/../b?c#d%2F é"));
    assert_eq!(call.segments, ["v1", "orders", "a%2F..%2Fb%3Fc%23d%252F%20%C3%A9", "lines-3", "all"]);
    assert_eq!(call.base_url, "https://shop.example.org/api");
    assert_eq!(call.method, "GET");
    let (code, detail) = refusal(prepared_with(&grants(GRANTED), "look", &look_input("")));
    assert_eq!(code, "argument_refused", "{detail}");
}

#[test]
fn a_query_gives_each_item_of_a_list_under_its_name_and_the_authors_text_as_it_is() {
    let call = http("look", &look_input("a"));
    let mut query: Vec<(&str, &str)> = call.query.iter().map(|(name, text)| (&**name, &**text)).collect();
    query.sort_unstable();
    let expected = [("fixed", "a&b=c"), ("line", "3"), ("tag", "a b&c"), ("tag", "red"), ("year", "2026")];
    assert_eq!(query, expected);
}

#[test]
fn headers_are_computed_over_the_call_and_the_run() {
    let headers: BTreeMap<String, String> = http("look", &look_input("a")).headers.into_iter().collect();
    assert_eq!(headers["X-Key"], "k-1");
    assert_eq!(headers["X-Attempt"], "2");
    assert_eq!(headers["X-Run"], "0197a000-0000-7000-8000-000000000000");
    assert_eq!(headers["X-Since"], "2026-01-05T10:00:00Z");
}

#[test]
fn a_json_body_keeps_types_and_a_form_holds_texts() {
    let put = http("put", &json!({"id": "o'1\n", "line": 7}));
    assert_eq!(put.method, "POST");
    assert_eq!(put.body, HttpBody::Json(json!({"order": "o'1\n", "lines": [7, "fixed"], "note": "line 7"})));
    let HttpBody::Form(mut form) = http("pay", &json!({"id": "a&line=9", "line": 3})).body else {
        panic!("no form")
    };
    form.sort_unstable();
    assert_eq!(form, [("line".into(), "3".into()), ("order".into(), "a&line=9".into())]);
}

#[test]
fn a_call_is_granted_what_the_workspace_grants_and_its_secrets_are_only_named() {
    let call = http("look", &look_input("a"));
    assert_eq!(call.grant.hosts, ["shop.example.org:443"]);
    assert_eq!(call.grant.secrets, ["shop-key"]);
    let networks: Vec<String> = call.grant.allow_private.iter().map(ToString::to_string).collect();
    assert_eq!(networks, ["10.0.0.0/8", "127.0.0.1/32"]);
    assert_eq!(call.auth, HttpAuth::Bearer { secret: "shop-key".into() });
    assert_eq!(call.max_response, 64 * 1024);
}

#[test]
fn the_smallest_timeout_holds_and_the_terms_are_those_declared() {
    let plan = plan_with(CATALOGUE, &grants(GRANTED));
    let action = plan.step("look").unwrap().action().unwrap();
    let (arguments, run) = (look_input("a"), run());
    let timeout = |given: Option<u64>| {
        let call = prepare(&Asked { timeout_ms: given, ..asked(action, &arguments, &run) }).unwrap();
        let Target::Http(http) = call.target else { panic!("no HTTP call") };
        http.timeout_ms
    };
    assert_eq!((timeout(None), timeout(Some(8_000)), timeout(Some(500))), (7_000, 7_000, 500));

    let look = prepare(&asked(action, &arguments, &run)).unwrap();
    assert_eq!(look.connector, "shop");
    assert_eq!(look.breaker, BreakerLimits { failures: 2, backoff_ms: 3_000, max_backoff_ms: 9_000 });
    let expected =
        Terms { effect: Effect::Read, repeat: Repeat::Safe, success: vec![200, 204], retryable: vec![503] };
    assert_eq!(look.terms, expected);
    let arguments = json!({"id": "a", "line": 3});
    let terms = |step: &str| prepared_with(&grants(GRANTED), step, &arguments).unwrap().terms;
    assert_eq!(
        (terms("put").repeat, terms("pay").repeat, terms("put").success),
        (Repeat::Never, Repeat::Safe, vec![200])
    );
    assert_eq!(terms("work").success, [0], "a program that ends with 0");
}

#[test]
fn a_program_gets_its_arguments_environment_and_folders_and_nothing_else() {
    let call = exec(&grants(GRANTED), &json!({"id": "-rf", "line": 3})).unwrap();
    assert_eq!(call.program, PathBuf::from("/usr/bin/tool"));
    let arg = |text: &str, computed: bool, begins_computed: bool| ExecArg {
        text: text.into(),
        computed,
        begins_computed,
    };
    let expected = [
        arg("--order=-rf", true, false),
        arg("--", false, false),
        arg("-rf", true, true),
        arg("plain", false, false),
    ];
    assert_eq!(call.args, expected);
    let env: BTreeMap<String, EnvText> = [
        ("HOME".to_owned(), EnvText::Plain(FOLDER.into())),
        ("TOKEN".to_owned(), EnvText::Secret("tool-token".into())),
        ("LANG".to_owned(), EnvText::Plain("C".into())),
        ("LINE".to_owned(), EnvText::Plain("3".into())),
    ]
    .into();
    assert_eq!(call.env, env);
    assert_eq!(call.stdin, Some(json!({"line": 3})));
    assert_eq!(call.cwd, Some(FOLDER.into()));
    assert_eq!(call.read, [std::fs::canonicalize(FOLDER).unwrap()], "asked for a part of what is granted");
    assert_eq!(call.write, Vec::<PathBuf>::new());
    assert_eq!((call.network, call.stdout, call.max_output), (Network::Host, Stdout::Json, 2048));
    assert_eq!((call.pin, call.secrets), (Pin::Any, vec!["tool-token".to_owned()]));
}

#[test]
fn without_connection_setting_or_grant_there_is_no_call() {
    let input = json!({"id": "a", "line": 3});
    let missing = |connections: &str, step: &str, input: &Json| {
        let (code, detail) = refusal(prepared_with(&grants(connections), step, input));
        assert_eq!(code, "connection_missing", "{detail}");
        detail
    };
    assert!(missing("{}", "look", &look_input("a")).contains("no connection `shop`"));
    let tool = |grants: &str| missing(&format!("{{tool: {{{grants}}}}}"), "work", &input);
    assert!(tool("network: host, read: [/usr]").contains("program `/usr/bin/tool` is not granted"));
    assert!(tool("programs: {/usr/bin/tool: any}, read: [/usr]").contains("network: host"));
    assert!(tool("programs: {/usr/bin/tool: any}, network: host").contains("is not granted"));

    // The law on `ordain.yaml` refuses this pin; the last look before the call does too.
    let mut odd = grants("{tool: {programs: {/usr/bin/tool: any}, network: host, read: [/usr]}}");
    for pin in odd.connections.values_mut().flat_map(|connection| connection.programs.0.values_mut()) {
        pin.value.value = "maybe".into();
    }
    let (code, detail) = refusal(prepared_with(&odd, "work", &input));
    assert!(code == "connection_missing" && detail.contains("SHA-256"), "{code}: {detail}");

    let mut without = grants(GRANTED);
    without.settings.remove("shop-url");
    let (code, detail) = refusal(prepared_with(&without, "look", &look_input("a")));
    assert_eq!((&*code, &*detail), ("connection_missing", "the workspace has no setting `shop-url`"));
}

#[test]
fn an_argument_that_is_missing_is_an_expression_error_and_nothing_is_made() {
    let (code, detail) = refusal(exec(&grants(GRANTED), &json!({"id": "a"})));
    assert_eq!(code, "expression_error", "{detail}");
    let (code, _) = refusal(prepared_with(&grants(GRANTED), "look", &json!({"line": 3})));
    assert_eq!(code, "expression_error");
}

#[test]
fn what_is_no_text_is_refused_where_text_is_due() {
    for id in [json!(["a"]), json!({"a": 1}), json!(null)] {
        let (code, detail) = refusal(exec(&grants(GRANTED), &json!({"id": id, "line": 3})));
        assert!(["argument_refused", "expression_error"].contains(&&*code), "{code}: {detail}");
    }
}

#[test]
fn a_connector_of_declared_answers_is_never_called() {
    let call = prepared_with(&Grants::default(), "pretend", &json!({})).unwrap();
    assert_eq!(call.target, Target::Mock);
}

#[test]
fn a_refusal_never_carries_what_a_terminal_would_obey() {
    let long = format!("\u{1b}[2J\u{202e}{}", "x".repeat(5_000));
    let connections = "{tool: {network: host}}";
    let mut grants = grants(connections);
    grants.settings.insert("tool".into(), long.into());
    let (_, detail) = refusal(exec(&grants, &json!({"id": "a", "line": 3})));
    assert!(detail.chars().count() <= 520 && !detail.contains(['\u{1b}', '\u{202e}']), "{detail}");
}

fn answered(json: Json) -> RawReply {
    RawReply { sent: true, status: Some(200), json: Some(json), ..RawReply::default() }
}

fn settled(reply: &RawReply) -> Outcome {
    let plan = plan_with(CATALOGUE, &grants(GRANTED));
    let (arguments, run) = (look_input("a"), run());
    settle(&asked(plan.step("look").unwrap().action().unwrap(), &arguments, &run), reply, Ok)
}

#[test]
fn an_optional_output_that_is_missing_or_null_is_absent() {
    let output = |json: Json| match settled(&answered(json)) {
        Outcome::Succeeded { output, .. } => Json::Object(output),
        other => panic!("not succeeded: {other:?}"),
    };
    assert_eq!(output(json!({"text": "t"})), json!({"text": "t"}));
    assert_eq!(output(json!({"text": "t", "note": null})), json!({"text": "t"}));
    assert_eq!(output(json!({"text": "t", "note": "n", "more": 1})), json!({"text": "t", "note": "n"}));
}

#[test]
fn a_required_output_that_is_missing_does_not_fit_and_a_read_is_refused() {
    for reply in [answered(json!({"note": "n"})), answered(json!("text")), answered(json!(null))] {
        match settled(&reply) {
            Outcome::Refused { code, .. } => assert_eq!(code, "output_invalid"),
            other => panic!("not refused: {other:?}"),
        }
    }
}

#[test]
fn the_schema_is_asked_about_the_output_and_its_word_counts() {
    let plan = plan_with(CATALOGUE, &grants(GRANTED));
    let (arguments, run) = (json!({"id": "a", "line": 3}), run());
    let asked = asked(plan.step("work").unwrap().action().unwrap(), &arguments, &run);
    let reply = RawReply {
        sent: true,
        exit_code: Some(0),
        json: Some(json!({"text": "long"})),
        ..RawReply::default()
    };
    let seen = std::cell::Cell::new(false);
    let outcome = settle(&asked, &reply, |output| {
        seen.set(output["text"] == "long");
        Err("too long".into())
    });
    assert!(seen.get());
    assert_eq!(outcome, Outcome::Unknown { code: "output_invalid".into(), detail: "too long".into() });
}

#[test]
fn nothing_sent_is_a_refusal_and_the_schema_is_not_asked() {
    let plan = plan_with(CATALOGUE, &grants(GRANTED));
    let (arguments, run) = (json!({"id": "a", "line": 3}), run());
    let asked = asked(plan.step("work").unwrap().action().unwrap(), &arguments, &run);
    let outcome = settle(&asked, &RawReply::unsent(FaultKind::Missing, "no key"), |_| panic!("asked"));
    assert!(matches!(outcome, Outcome::Refused { .. }), "{outcome:?}");
}
