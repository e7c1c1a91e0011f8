//! Texts made to hang, abort or mislead.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;

/// Parses, checks and evaluates on the small stack of a test thread.
fn all_the_way(source: &str) -> Vec<&'static str> {
    match parse(source) {
        Err(faults) => faults.iter().map(|fault| fault.code).collect(),
        Ok(expr) => {
            let (value, cost) = expr.eval_costed(&facts(), COST_LIMIT);
            let checked = check(&expr, &scope(), Expect::Bool, &Known::default());
            if checked.diagnostics.is_empty() {
                assert!(cost <= checked.cost, "{source}: cost {cost}, bound {}", checked.cost);
                let surprise = value.err().map(|error| error.kind).filter(|kind| {
                    !matches!(
                        kind,
                        EvalErrorKind::Arithmetic | EvalErrorKind::Index | EvalErrorKind::Conversion
                    )
                });
                assert_eq!(surprise, None, "{source}: what is checked has types, facts and a bound");
            }
            checked.diagnostics.iter().map(|fault| fault.code).collect()
        }
    }
}

#[test]
fn depth_and_length_end_in_a_diagnostic() {
    let nested_all = "[1,2,3].all(a, ".repeat(7) + "true" + &")".repeat(7);
    let table = [
        ("(".repeat(801) + "1" + &")".repeat(801), "too-large-or-deep"),
        ("[".repeat(801), "too-large-or-deep"),
        ("{'a':".repeat(200), "too-large-or-deep"),
        (vec!["1"; 5000].join(" + "), "too-large-or-deep"),
        (vec!["true"; 5000].join(" && "), "too-large-or-deep"),
        ("a".repeat(2049), "too-large-or-deep"),
        ("!-".repeat(900) + "1", "too-large-or-deep"),
        (vec!["1"; 600].join("=="), "too-large-or-deep"),
        ("'a'".to_owned() + &".size()".repeat(200), "too-large-or-deep"),
        (nested_all, "comprehension-too-deep"),
        ("input".to_owned() + &".a".repeat(1000), "undeclared-input"),
        ("input".to_owned() + &"[0]".repeat(600), "type-mismatch"),
        ("true?1:".repeat(280) + "1", "non-boolean-guard"),
        (vec!["1"; 680].join("+"), "non-boolean-guard"),
    ];
    for (source, code) in table {
        let start = Instant::now();
        let codes = all_the_way(&source);
        let shown: String = source.chars().take(40).collect();
        assert!(codes.contains(&code), "{shown}: {codes:?}");
        assert!(start.elapsed() < Duration::from_secs(2), "{shown} took {:?}", start.elapsed());
    }
}

/// The deepest trees there are need little of a stack: worker threads have 2 MiB.
#[test]
fn the_deepest_tree_fits_a_small_stack() {
    let deep = [
        "[".repeat(62) + "1" + &"]".repeat(62),
        "-(".repeat(62) + "1" + &")".repeat(62),
        "true ? 1 : (".repeat(50) + "2" + &")".repeat(50),
        "{'a': ".repeat(62) + "1" + &"}".repeat(62),
        "size([".repeat(31) + "1" + &"])".repeat(31),
        "[1].map(x, [2].map(y, ".to_owned() + &"(1 + ".repeat(50) + "x" + &")".repeat(52),
    ];
    let run = move || {
        for source in &deep {
            let expr = parse(source).unwrap_or_else(|faults| panic!("{source}: {faults:?}"));
            assert!(expr.eval(&facts(), COST_LIMIT).is_ok(), "{source}");
            assert_eq!(
                check(&expr, &scope(), Expect::Anything, &Known::default()).diagnostics,
                [],
                "{source}"
            );
        }
    };
    let thread = std::thread::Builder::new().stack_size(768 << 10).spawn(run).unwrap();
    thread.join().unwrap();
}

#[test]
fn long_chains_within_the_limit_are_fine() {
    let ands = vec!["true"; 255].join(" && ");
    assert_eq!(parse(&ands).unwrap().is_true(&facts(), COST_LIMIT), Ok(true));
    let sum = vec!["1"; 680].join("+");
    assert_eq!(parse(&sum).unwrap().eval(&facts(), COST_LIMIT), Ok(Value::Int(680)));
    let chosen = "false?1:".repeat(250) + "2";
    assert_eq!(parse(&chosen).unwrap().eval(&facts(), COST_LIMIT), Ok(Value::Int(2)));
}

/// Words of which most texts are nearly expressions.
const WORDS: &[&str] = &[
    "input",
    "input.amount",
    "input.note",
    "input.list",
    "input.tags",
    "now",
    "actor",
    "1",
    "0",
    "1.5",
    "'a'",
    "\"b\"",
    "true",
    "false",
    "null",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ".",
    ",",
    ":",
    "?",
    "!",
    "-",
    "+",
    "*",
    "/",
    "%",
    "&&",
    "||",
    "==",
    "!=",
    "<",
    ">",
    "in",
    ".all(x, ",
    ".map(x, ",
    ".exists(x,",
    "has(",
    "size(",
    ".matches('a')",
    "duration('1h')",
    "x",
    "é",
    "\u{202e}",
    "'",
    "\\",
    "`",
    "r'",
    "b'",
    "1u",
    "//",
    "\n",
    "@",
    "$",
    "${",
    "9007199254740993",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]

    #[test]
    fn no_text_panics(source in "\\PC{0,300}") {
        all_the_way(&source);
    }

    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..2048)) {
        all_the_way(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn no_words_panic(words in proptest::collection::vec(proptest::sample::select(WORDS), 0..60)) {
        let source = words.join(" ");
        all_the_way(&source);
        all_the_way(&words.concat());
        let (text, span) = text(&source);
        let _ = Template::parse(&text, span);
    }
}

/// Not a benchmark: a fence against an evaluation that compiles a pattern or copies facts each time.
#[test]
fn a_small_guard_takes_microseconds() {
    let source = "input.amount < 100 && actor.type in ['human', 'agent'] && actor.id.matches('[a-z]+')";
    let expr = parse(source).unwrap();
    let facts = facts();
    let rounds = 2_000;
    let start = Instant::now();
    for _ in 0..rounds {
        assert_eq!(expr.is_true(&facts, COST_LIMIT), Ok(true));
    }
    let each = start.elapsed() / rounds;
    assert!(each < Duration::from_micros(100), "{each:?} each");
    println!("{each:?} each");
}
