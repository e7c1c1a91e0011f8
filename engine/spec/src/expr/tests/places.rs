//! Carets: the file's text under every diagnostic, through folds and escapes.

use super::*;

/// A file in which a scalar of those pieces stands: (decoded, written).
fn file(pieces: &[(&str, &str)]) -> (String, Text, Span) {
    let mut written = "when: ".to_owned();
    let (start, mut decoded, mut map) = (written.len(), String::new(), Vec::new());
    for (meaning, spelling) in pieces {
        map.push((u32::try_from(decoded.len()).unwrap(), u32::try_from(written.len()).unwrap()));
        decoded.push_str(meaning);
        written.push_str(spelling);
    }
    let span = Span::new(FileId(3), u32::try_from(start).unwrap(), u32::try_from(written.len()).unwrap());
    (written, Text { value: decoded.into(), way: Way::of(&map) }, span)
}

fn underlined(written: &str, fault: &Diagnostic) -> String {
    let span = fault.primary.as_ref().unwrap().span;
    assert_eq!(span.file, FileId(3));
    written[span.start as usize..span.end as usize].to_owned()
}

#[test]
fn a_caret_goes_through_escapes_and_folds() {
    let pieces = [
        ("input.currency == ", "input.currency == "),
        ("'", "\\x27"),
        ("EURO", "EURO"),
        ("'", "\\x27"),
        (" &&", " &&"),
        (" ", "\n        "),
        ("input.amuont < 3", "input.amuont < 3"),
    ];
    let (written, text, span) = file(&pieces);
    let expr = Expr::parse(&text, span).unwrap();
    let faults = check(&expr, &scope(), Expect::Bool, &Known::default()).diagnostics;
    let places: Vec<_> = faults.iter().map(|fault| (fault.code, underlined(&written, fault))).collect();
    // The closing escape is one byte of the string: the caret ends with its first.
    assert_eq!(places[0].0, "value-outside-domain");
    assert!(places[0].1.starts_with("\\x27EURO\\"), "{places:?}");
    assert_eq!(places[1], ("undeclared-input", "amuont".to_owned()));
}

#[test]
fn a_caret_in_a_template_stands_at_the_expression() {
    let source = "pay ${ input.amount } in ${ input.curency } now ${ 1 + }";
    let (written, text, span) = file(&[(source, source)]);
    let faults = Template::parse(&text, span).unwrap_err();
    assert_eq!(faults.len(), 1);
    let at = faults[0].primary.as_ref().unwrap().span.start as usize;
    assert!(written[at..].trim_start().starts_with('}'), "{}", &written[at..]);

    let source = "pay ${ input.amount } in ${ input.curency }";
    let (written, text, span) = file(&[(source, source)]);
    let template = Template::parse(&text, span).unwrap();
    let faults = check::check_template(&template, &scope(), &Known::default()).diagnostics;
    assert_eq!(underlined(&written, &faults[0]), "curency");
    let evaluated = template.render(&facts()).unwrap_err();
    assert_eq!(&written[evaluated.span.start as usize..evaluated.span.end as usize], "input.curency");
}

#[test]
fn an_error_of_evaluation_names_its_place() {
    let source = "input.amount > 3 && input.missing.deeper == 1";
    let (written, text, span) = file(&[(source, source)]);
    let error = Expr::parse(&text, span).unwrap().eval(&facts(), COST_LIMIT).unwrap_err();
    assert_eq!(&written[error.span.start as usize..error.span.end as usize], "input.missing");
    assert_eq!(error.message, "`input.missing` is missing");
}

/// The first string below a key of that name.
fn find<'n>(node: &'n crate::tree::Node, key: &str) -> Option<&'n crate::tree::Node> {
    use crate::tree::Value as TreeValue;
    match &node.value {
        TreeValue::Map(map) => map.entries.iter().find_map(|(name, value)| {
            let here = Some(value).filter(|value| &*name.text == key && value.as_text().is_some());
            here.or_else(|| find(value, key))
        }),
        TreeValue::List(items) => items.iter().find_map(|item| find(item, key)),
        _ => None,
    }
}

#[test]
fn carets_stand_in_every_kind_of_scalar() {
    let fault = "input.live && inptu.amount < 3";
    let yaml = [
        format!("when: {fault}\n"),
        format!("when: '{fault} && \"it''s\" == \"x\"'\n"),
        "when: \"input.live \\x26\\u0026 inptu.amount \\x3c 3\"\n".to_owned(),
        "when: \"input.live &&\\\n    \\ inptu.amount < 3\"\n".to_owned(),
        "when: >-\n  input.live &&\n  inptu.amount\n  < 3\n".to_owned(),
        "when: |\n  input.live &&\n    // a word about it\n    inptu.amount < 3\n".to_owned(),
        "# ünïcode\nwhen: 'input.currency == \"é\" && inptu.amount < 3'\n".to_owned(),
        "when: input.live &&\n  inptu.amount < 3\n".to_owned(),
    ];
    let kdl = [
        format!("ordain \"v1\"\nrunbook \"r\" {{ step \"s\" {{ when \"{fault}\" }} }}\n"),
        format!("ordain \"v1\"\nrunbook \"r\" {{ step \"s\" {{ when #\"{fault} && \"a\" == \"a\"\"# }} }}\n"),
        "ordain \"v1\"\nrunbook \"r\" { step \"s\" { when \"input.live \\u{26}& inptu.amount < 3\" } }\n".to_owned(),
        "ordain \"v1\"\nrunbook \"r\" { step \"s\" { when \"\"\"\n    input.live &&\n    inptu.amount < 3\n    \"\"\" } }\n"
            .to_owned(),
    ];
    let yaml = yaml.iter().map(|source| (source, crate::tree::yaml::read as fn(_, &str, &mut _) -> _));
    let kdl = kdl.iter().map(|source| (source, crate::tree::kdl::read as fn(_, &str, &mut _) -> _));
    for (source, read) in yaml.chain(kdl) {
        let mut problems: Vec<Diagnostic> = Vec::new();
        let documents: Vec<crate::tree::Node> = read(FileId(3), source, &mut problems);
        assert_eq!(problems, [], "{source}");
        let node = documents.iter().find_map(|document| find(document, "when")).unwrap();
        let expr = Expr::parse(node.as_text().unwrap(), node.span).unwrap();
        let faults = check(&expr, &scope(), Expect::Bool, &Known::default()).diagnostics;
        let unknown = faults.iter().find(|fault| fault.code == "unknown-fact").unwrap();
        assert_eq!(underlined(source, unknown), "inptu", "{source}");
    }
}
