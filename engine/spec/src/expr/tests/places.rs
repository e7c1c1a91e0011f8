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
    (written, Text { value: decoded.into(), map: map.into() }, span)
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
