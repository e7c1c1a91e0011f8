//! What the language's own words mean, where no declaration says it: functions and the roots of facts.

/// A function: its name, how it is called, what it does.
pub const FUNCTIONS: &[(&str, &str, &str)] = &[
    ("has", "has(x.y)", "True where the field is there."),
    (
        "all",
        "list.all(x, condition)",
        "True where the condition holds for every item; of an empty list: true.",
    ),
    ("exists", "list.exists(x, condition)", "True where the condition holds for at least one item."),
    ("exists_one", "list.exists_one(x, condition)", "True where the condition holds for exactly one item."),
    ("map", "list.map(x, value)", "A list with the value of each item."),
    ("filter", "list.filter(x, condition)", "The items for which the condition holds."),
    ("size", "size(x)", "The length of a string in characters, or the number of items."),
    ("contains", "text.contains(part)", "True where the text holds the part."),
    ("startsWith", "text.startsWith(part)", "True where the text begins with the part."),
    ("endsWith", "text.endsWith(part)", "True where the text ends with the part."),
    ("matches", "text.matches('pattern')", "True where the pattern matches the whole text."),
    ("lowerAscii", "text.lowerAscii()", "The text with its ASCII letters in lower case."),
    ("int", "int(x)", "An integer from a number or a text."),
    ("string", "string(x)", "A text from a value."),
    ("duration", "duration('1h')", "A span of time from a literal."),
    ("timestamp", "timestamp('2026-01-05T10:00:00Z')", "An instant from a literal."),
    ("getFullYear", "now.getFullYear('Europe/Zurich')", "The year, in a time zone."),
    ("getMonth", "now.getMonth('UTC')", "The month, from 0, in a time zone."),
    ("getDate", "now.getDate('UTC')", "The day of the month, from 1, in a time zone."),
    ("getDayOfWeek", "now.getDayOfWeek('UTC')", "The day of the week, Sunday is 0, in a time zone."),
    ("getHours", "now.getHours('UTC')", "The hour, in a time zone."),
    ("getMinutes", "now.getMinutes('UTC')", "The minute, in a time zone."),
    ("min", "min(a, b)", "The smaller one."),
    ("max", "max(a, b)", "The greater one."),
    ("is", "actor.is('role:sre')", "True where the actor is, or belongs to, that user, group or role."),
];

/// What a root of facts is.
pub const ROOTS: &[(&str, &str)] = &[
    ("input", "What the capability is given."),
    ("output", "What the capability gave."),
    ("inputs", "What the run was started with."),
    ("constants", "The constants of the runbook."),
    ("steps", "The steps before this one: `state`, `outputs`, `attempts`, `approval`."),
    ("outputs", "What this step gave."),
    ("run", "The run: `id runbook version mode environment tenant startedAt`."),
    ("actor", "Who asks: `id type onBehalfOf`, and `actor.is(…)`."),
    ("budget", "The counters on which this step would be booked."),
    ("now", "The recorded instant, the same on replay."),
    ("item", "The item of the `forEach`."),
    ("index", "The number of the item, from 0."),
    ("capability", "What the policy decides about: `name version risk effect owner tags`."),
    ("step", "The step it decides about: `id attempt phase`."),
    ("call", "The attempt: `idempotencyKey attempt`."),
    ("response", "What the other side answered: `status headers json text exitCode`."),
    ("row", "The row that is filtered."),
    ("catalogue", "Everything that is declared."),
];

/// How a function is called and what it does.
#[must_use]
pub fn function(name: &str) -> Option<(&'static str, &'static str)> {
    FUNCTIONS.iter().find(|(known, ..)| *known == name).map(|(_, call, what)| (*call, *what))
}

/// What a root of facts is.
#[must_use]
pub fn root(name: &str) -> Option<&'static str> {
    ROOTS.iter().find(|(known, _)| *known == name).map(|(_, what)| *what)
}
