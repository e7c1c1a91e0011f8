//! Previews of exports: what would leave, before anybody agrees.

use ordain_plan::render::{Ink, Line, Look};
use ordain_spec::diagnostic::counted;
use serde_json::Value;

use super::card::Card;
use super::run::second;
use super::table::{Table, state_ink};
use super::{list, text, value};

/// One preview.
pub fn card(preview: &Value, look: Look) -> String {
    let mut card = Card::new(look, 12);
    let state = text(preview, "state");
    let mut head = Line::default().with(Ink::Strong, text(preview, "export"));
    head.add(Ink::Dim, "  ").add(state_ink(state), state);
    card.line(&head);
    card.plain("preview", text(preview, "id"));
    let rows = preview.get("rows").map(value).unwrap_or_default();
    card.plain("rows", &format!("{rows} of {}, as {}", text(preview, "source"), text(preview, "format")));
    let fields: Vec<String> = list(preview, "fields").iter().map(value).collect();
    card.plain("fields", &fields.join(", "));
    card.plain("asked by", text(preview, "requester"));
    for approval in list(preview, "approvals").iter().filter(|one| text(one, "state") == "open") {
        let who: Vec<String> = list(approval, "eligible").iter().map(value).collect();
        let line = Line::default()
            .with(Ink::People, text(approval, "approval"))
            .with(Ink::Plain, &format!(", stage {}: {}", text(approval, "stage"), who.join(", ")));
        card.say("needs", &line);
    }
    card.plain("expires", text(preview, "expiresAt"));
    card.say("digest", &Line::default().with(Ink::Dim, text(preview, "digest")));
    card.finish()
}

/// A preview and its rows.
pub fn shown(document: &Value, look: Look) -> String {
    let mut out = card(document.get("preview").unwrap_or(&Value::Null), look);
    out.push('\n');
    out.push_str(text(document, "file"));
    out
}

/// All of an export.
pub fn listed(document: &Value, look: Look) -> String {
    let mut table = Table::new(&["preview", "state", "rows", "by", "made", "expires"]);
    for preview in list(document, "previews") {
        let state = text(preview, "state");
        table.row(vec![
            (Ink::Dim, text(preview, "id").chars().take(16).collect()),
            (state_ink(state), state.to_owned()),
            (Ink::Plain, preview.get("rows").map(value).unwrap_or_default()),
            (Ink::Plain, text(preview, "requester").to_owned()),
            (Ink::Dim, second(text(preview, "createdAt"))),
            (Ink::Dim, second(text(preview, "expiresAt"))),
        ]);
    }
    if table.is_empty() { "no previews yet\n".to_owned() } else { table.text(look) }
}

/// A file that was written.
pub fn written(document: &Value, look: Look) -> String {
    let preview = document.get("preview").unwrap_or(&Value::Null);
    let rows = preview.get("rows").map(value).unwrap_or_default();
    let mut line = Line::default().with(Ink::Good, "✓ ");
    line.add(Ink::Plain, &format!("{} in {}", counted(rows, "row"), text(document, "path")));
    let mut card = Card::new(look, 12);
    card.line(&line).say("digest", &Line::default().with(Ink::Dim, text(preview, "digest")));
    card.finish()
}
