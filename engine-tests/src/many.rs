//! A catalogue of any size for measurements and tests of speed: realistic specs, ten files a team, each
//! team with a connector, capabilities, an approval, a policy, runbooks and a scenario of its own. Written
//! from its size alone, so that two runs measure the same.

use std::fmt::Write as _;

use crate::Workspace;

/// Files of one team.
const EACH: usize = 10;

/// A workspace with a catalogue of `count` files, all of them lawful.
#[must_use]
pub fn workspace(count: usize) -> Workspace {
    let space = Workspace::empty();
    space.write("ordain.yaml", "apiVersion: ordain/v1\nkind: Workspace\nspec: {catalogue: [specs]}\n");
    for (path, text) in files(count) {
        space.write(&path, &text);
    }
    space
}

/// Paths and texts of a catalogue of `count` files.
#[must_use]
pub fn files(count: usize) -> Vec<(String, String)> {
    let teams = count.saturating_sub(1).div_ceil(EACH);
    let mut files = vec![("specs/policies/roster.yaml".to_owned(), roster(teams))];
    for team in 0..teams {
        files.extend(of_team(team));
    }
    files.truncate(count);
    files
}

fn roster(teams: usize) -> String {
    let mut text = String::from(
        "apiVersion: ordain/v1\nkind: Roster\nmetadata: {name: roster, owner: group:security, summary: Who is who.}\nspec:\n  people:\n    root: {type: human, email: root@example.org}\n    guard: {type: human, email: guard@example.org}\n",
    );
    let mut groups = String::from("  groups:\n    security: ['user:root', 'user:guard']\n");
    let mut operators =
        String::from("  roles:\n    viewer: ['group:security']\n    operator: ['group:security'");
    for team in 0..teams {
        for person in ["ann", "ben", "cat"] {
            let _ =
                writeln!(text, "    {person}-{team}: {{type: human, email: {person}.{team}@example.org}}");
        }
        let _ =
            writeln!(groups, "    team-{team}: ['user:ann-{team}', 'user:ben-{team}', 'user:cat-{team}']");
        let _ = write!(operators, ", 'group:team-{team}'");
    }
    text + &groups + &operators + "]\n"
}

/// The ten files of one team.
fn of_team(team: usize) -> Vec<(String, String)> {
    let files = [
        ("connectors/ledger-<T>.yaml", CONNECTOR),
        ("capabilities/ledger-<T>.read.yaml", READ),
        ("capabilities/ledger-<T>.post.yaml", POST),
        ("capabilities/ledger-<T>.void.yaml", VOID),
        ("capabilities/ledger-<T>.close.yaml", CLOSE),
        ("policies/peers-<T>.yaml", APPROVAL),
        ("policies/ledger-changes-<T>.yaml", POLICY),
        ("runbooks/settle-<T>.yaml", RUNBOOK),
        ("runbooks/settle-works-<T>.yaml", SCENARIO),
        // Last: nothing else needs it where the count leaves no room for all ten.
        ("runbooks/review-<T>.kdl", KDL),
    ];
    let named = |text: &str| text.replace("<T>", &team.to_string());
    files.map(|(path, text)| (named(&format!("specs/{path}")), named(text))).into()
}

const CONNECTOR: &str = r#"apiVersion: ordain/v1
kind: Connector
metadata:
  name: ledger-<T>
  version: 1.2.0
  owner: group:team-<T>
  summary: The books of team <T>.
spec:
  type: http
  access: write
  http:
    baseUrl: https://ledger-<T>.example.org/v1
    auth: {bearer: {secret: ledger-<T>-key}}
  breaker: {failures: 3, backoff: 1s, maxBackoff: 30s}
  operations:
    read-entry:
      effect: read
      method: GET
      path: /entries/${ input.entry }
      output: {amount: response.json.amount, currency: response.json.currency, open: response.json.open}
      timeout: 5s
      maxResponse: 64KiB
      mock: {output: {amount: 500, currency: EUR, open: true}}
    post-entry:
      effect: write
      method: POST
      path: /entries
      headers: {Idempotency-Key: '${ call.idempotencyKey }'}
      body: {json: {account: '${ input.account }', amount: '${ input.amount }', note: '${ input.note }'}}
      success: [200, 201]
      retryable: [429, 502, 503]
      output: {entry: response.json.id}
      timeout: 10s
      maxResponse: 64KiB
      mock: {output: {entry: ent_12345678}}
    void-entry:
      effect: write
      method: POST
      path: /entries/${ input.entry }/void
      success: [200]
      retryable: [429, 503]
      timeout: 10s
      maxResponse: 64KiB
      mock: {output: {}}
    close-period:
      effect: irreversible
      method: POST
      path: /periods/${ input.period }/close
      success: [200, 204]
      timeout: 30s
      maxResponse: 64KiB
      mock: {output: {}}
"#;

const READ: &str = r#"# Reads one entry; anybody of the team may.
apiVersion: ordain/v1
kind: Capability
metadata:
  name: ledger-<T>.read
  version: 1.0.0
  owner: group:team-<T>
  summary: Reads an entry of the books.
  risk: low
  failureMode: retry
  rollback: {none: needless, why: It changes nothing.}
  tests: [settle-works-<T>]
spec:
  effect: read
  input:
    entry: {type: string, pattern: 'ent_[a-z0-9]{8,32}'}
  output:
    amount: {type: integer, minimum: 0, maximum: 100000000, sensitivity: meta}
    currency: {type: string, enum: [EUR, USD, CHF], sensitivity: meta}
    open: {type: boolean, sensitivity: meta}
  uses: ledger-<T>@^1
  operation: read-entry
  quotas: [{per: actor, limit: 500, window: 1h}]
"#;

const POST: &str = r#"apiVersion: ordain/v1
kind: Capability
metadata:
  name: ledger-<T>.post
  version: 1.4.0
  owner: group:team-<T>
  summary: Posts an entry to the books.
  risk: medium
  failureMode: rollback
  rollback: {uses: ledger-<T>.void@^1, with: {entry: '${ output.entry }'}}
  tests: [settle-works-<T>]
spec:
  effect: write
  input:
    account: {type: string, pattern: 'acc_[a-z0-9]{4,16}'}
    amount: {type: integer, minimum: 1, maximum: 500000, description: In cents.}
    note: {type: string, maxLength: 200, sensitivity: internal}
  output:
    entry: {type: string, maxLength: 64, sensitivity: meta}
  uses: ledger-<T>@^1
  operation: post-entry
  idempotency: step
  timeout: 30s
  quotas: [{per: actor, limit: 50, window: 1h}]
  costs: [{unit: usd_cents, estimate: input.amount, max: 500000}]
  guards:
    - {id: not-tiny, expr: 'input.amount >= 10', reason: amount_too_small}
    - {id: office-hours, expr: 'now.getHours("Europe/Zurich") >= 6 && now.getHours("Europe/Zurich") < 22', reason: outside_hours}
"#;

const VOID: &str = r#"apiVersion: ordain/v1
kind: Capability
metadata:
  name: ledger-<T>.void
  version: 1.0.1
  owner: group:team-<T>
  summary: Voids an entry that was posted.
  risk: medium
  failureMode: halt
  rollback: {none: needless, why: A void entry can be posted anew.}
  tests: [settle-rejected-<T>]
spec:
  effect: write
  input:
    entry: {type: string, maxLength: 64}
  uses: ledger-<T>@^1
  operation: void-entry
  idempotency: natural
  quotas: [{per: owner, limit: 50, window: 1h}]
"#;

const CLOSE: &str = r#"apiVersion: ordain/v1
kind: Capability
metadata:
  name: ledger-<T>.close
  version: 2.0.0
  owner: group:team-<T>
  summary: Closes a period for good.
  risk: high
  failureMode: halt
  rollback: {none: impossible, why: A closed period stays closed.}
  tests: [settle-works-<T>]
spec:
  effect: irreversible
  input:
    period: {type: string, pattern: '20[0-9]{2}-[01][0-9]'}
  uses: ledger-<T>@^1
  operation: close-period
  approval: peers-<T>
  quotas: [{per: capability, limit: 4, window: 1h}]
"#;

const APPROVAL: &str = r#"apiVersion: ordain/v1
kind: Approval
metadata: {name: peers-<T>, version: 1.0.0, owner: group:team-<T>, summary: 'Peers, then security.'}
spec:
  stages:
    - {id: peers, anyOf: ['group:team-<T>'], quorum: 2, expires: 4h}
    - id: security
      anyOf: ['group:security']
      expires: 8h
      stepUp: true
      form: {ticket: {type: string, pattern: 'CHG-[0-9]{1,8}'}}
  rationale: {minLength: 20}
  remind: 1h
"#;

const POLICY: &str = r#"apiVersion: ordain/v1
kind: Policy
metadata: {name: ledger-changes-<T>, version: 1.0.0, owner: group:security, summary: Who may touch the books.}
spec:
  applies: {capabilities: [ledger-<T>.*]}
  rules:
    - {id: team-may, allow: 'true', to: ['group:team-<T>'], reason: team_member}
    - {id: no-agents, deny: 'actor.type == "agent" && capability.effect != "read"', reason: agent_not_permitted,
       message: An agent may propose this but a person starts it.}
    - {id: large-needs-two, require: peers-<T>, when: 'has(input.amount) && input.amount > 100000', reason: large_amount}
"#;

const RUNBOOK: &str = r#"apiVersion: ordain/v1
kind: Runbook
metadata:
  name: settle-<T>
  version: 1.3.0
  owner: group:team-<T>
  summary: Posts what is open and closes the period.
spec:
  inputs:
    entry: {type: string, pattern: 'ent_[a-z0-9]{8,32}'}
    account: {type: string, pattern: 'acc_[a-z0-9]{4,16}'}
    period: {type: string, pattern: '20[0-9]{2}-[01][0-9]'}
    amounts: {type: array, maxItems: 20, items: {type: integer, minimum: 1, maximum: 500000}}
  modes: [mock, live]
  roles: {run: ['group:team-<T>'], view: ['group:team-<T>', 'group:security']}
  constants: {largest: 400000, wanted: [EUR, CHF]}
  timeout: 12h
  concurrency: {key: inputs.period, limit: 1, onLimit: queue}
  onFailure: rollback
  steps:
    - id: look
      uses: ledger-<T>.read@^1
      with: {entry: '${ inputs.entry }'}
      retry: {attempts: 3, backoff: exponential, initial: 1s, max: 20s}
    - id: post
      needs: [look]
      uses: ledger-<T>.post@^1
      when: 'steps.look.outputs.open && steps.look.outputs.currency in constants.wanted'
      forEach: {in: inputs.amounts, as: part, maxItems: 20, maxParallel: 2}
      with:
        account: '${ inputs.account }'
        amount: '${ part }'
        note: 'part ${ index } of ${ inputs.entry }'
      guards: [{id: not-too-large, expr: part <= constants.largest, reason: amount_too_large}]
    - id: agreed
      needs: [look, {step: post, on: ok}]
      approve: peers-<T>
      show: {entry: '${ inputs.entry }', amount: '${ steps.look.outputs.amount }', posted: '${ steps.post.state }'}
    - id: close
      needs: [agreed]
      uses: ledger-<T>.close@^2
      with: {period: '${ inputs.period }'}
      show: {ticket: '${ steps.agreed.approval.ticket }'}
    - id: check
      needs: [look, {step: close, on: any}]
      uses: ledger-<T>.read@^1
      with: {entry: '${ inputs.entry }'}
      ensures: [{id: same-amount, expr: outputs.amount == steps.look.outputs.amount, reason: amount_changed}]
      onFailure: continue
  outputs: {amount: steps.look.outputs.amount, closed: steps.close.state == "succeeded"}
"#;

const KDL: &str = r##"ordain "v1"
// The entry is looked at, a while later again.
runbook "review-<T>" version="1.0.0" owner="group:team-<T>" summary="Looks at an entry twice." {
    inputs {
        entry type="string" pattern="ent_[a-z0-9]{8,32}"
    }
    step "first" uses="ledger-<T>.read@^1" {
        with entry="${ inputs.entry }"
    }
    step "rest" wait="10m" {
        need "first"
    }
    step "second" uses="ledger-<T>.read@^1" {
        need "rest"
        when "steps.first.outputs.open"
        with entry="${ inputs.entry }"
        ensure "same-currency" expr="outputs.currency == steps.first.outputs.currency" reason="currency_changed"
    }
    outputs amount="steps.first.outputs.amount"
}
"##;

const SCENARIO: &str = r#"apiVersion: ordain/v1
kind: Scenario
metadata: {name: settle-works-<T>, owner: group:team-<T>, summary: Posts two parts and closes the period.}
spec:
  run: settle-<T>@^1
  as: user:ann-<T>
  at: 2026-01-05T10:00:00Z
  inputs: {entry: ent_12345678, account: acc_1234, period: 2026-01, amounts: [100, 20000]}
  act:
    - {approve: peers-<T>, stage: peers, by: user:ben-<T>}
    - {approve: peers-<T>, stage: peers, by: user:cat-<T>}
    - {approve: peers-<T>, stage: security, by: user:root, form: {ticket: CHG-1}}
  expect:
    state: succeeded
    steps: {post: {state: succeeded}, close: {state: succeeded}}
    calls: {ledger-<T>.post-entry: 2, ledger-<T>.close-period: 1}
---
apiVersion: ordain/v1
kind: Scenario
metadata: {name: settle-rejected-<T>, owner: group:team-<T>, summary: A no takes back what was posted.}
spec:
  run: settle-<T>@^1
  as: user:ann-<T>
  at: 2026-01-05T10:00:00Z
  inputs: {entry: ent_12345678, account: acc_1234, period: 2026-01, amounts: [100, 20000]}
  act: [{reject: peers-<T>, stage: peers, by: user:ben-<T>}]
  expect: {state: rejected, rollback: done, calls: {ledger-<T>.void-entry: 2}}
---
apiVersion: ordain/v1
kind: Scenario
metadata: {name: settle-too-large-<T>, owner: group:team-<T>, summary: Large parts are not posted.}
spec:
  run: settle-<T>@^1
  as: user:ann-<T>
  at: 2026-01-05T10:00:00Z
  inputs: {entry: ent_12345678, account: acc_1234, period: 2026-01, amounts: [500000]}
  expect: {state: denied, reasons: [amount_too_large]}
---
apiVersion: ordain/v1
kind: Scenario
metadata: {name: settle-too-small-<T>, owner: group:team-<T>, summary: Tiny parts are not posted.}
spec:
  run: settle-<T>@^1
  as: user:ann-<T>
  at: 2026-01-05T10:00:00Z
  inputs: {entry: ent_12345678, account: acc_1234, period: 2026-01, amounts: [5]}
  expect: {state: denied, reasons: [amount_too_small]}
---
apiVersion: ordain/v1
kind: Scenario
metadata: {name: settle-at-night-<T>, owner: group:team-<T>, summary: Nothing is posted at night.}
spec:
  run: settle-<T>@^1
  as: user:ann-<T>
  at: 2026-01-05T02:00:00Z
  inputs: {entry: ent_12345678, account: acc_1234, period: 2026-01, amounts: [100]}
  expect: {state: denied, reasons: [outside_hours]}
"#;
