//! The pages of the laws about expressions say what is so.

use super::*;

const PAGES: &[(&str, &str)] = &[
    ("bad-literal", include_str!("../../check/bad-literal.md")),
    ("certain-arithmetic-error", include_str!("../../check/certain-arithmetic-error.md")),
    ("comprehension-too-deep", include_str!("../../check/comprehension-too-deep.md")),
    ("cost-over-limit", include_str!("../../check/cost-over-limit.md")),
    ("expression-syntax", include_str!("../../check/expression-syntax.md")),
    ("non-boolean-guard", include_str!("../../check/non-boolean-guard.md")),
    ("sensitive-fact-in-guard", include_str!("../../check/sensitive-fact-in-guard.md")),
    ("type-mismatch", include_str!("../../check/type-mismatch.md")),
    ("unbounded-collection", include_str!("../../check/unbounded-collection.md")),
    ("unguarded-optional", include_str!("../../check/unguarded-optional.md")),
    ("unknown-fact", include_str!("../../check/unknown-fact.md")),
    ("unknown-function", include_str!("../../check/unknown-function.md")),
    ("value-outside-domain", include_str!("../../check/value-outside-domain.md")),
];

/// The lines of the block of expressions below a heading.
fn block<'p>(page: &'p str, heading: &str) -> Vec<&'p str> {
    let (_, below) = page.split_once(&format!("## {heading}\n")).unwrap();
    let (_, below) = below.split_once("```cel\n").unwrap();
    below.split_once("```").unwrap().0.lines().collect()
}

/// Code and underlined text of what is wrong with a guard.
fn found(source: &str) -> Vec<(&'static str, String)> {
    let scope = scope().clearance(Sensitivity::Personal);
    let faults = match parse(source) {
        Err(faults) => faults,
        Ok(expr) => check(&expr, &scope, Expect::Bool, &Known::default()).diagnostics,
    };
    let place = |fault: &Diagnostic| {
        let span = fault.primary.as_ref().unwrap().span;
        source[span.start as usize..span.end as usize].to_owned()
    };
    faults.iter().map(|fault| (fault.code, place(fault))).collect()
}

#[test]
fn each_page_shows_its_law() {
    for (slug, page) in PAGES {
        assert!(page.starts_with(&format!("# {slug}\n\n")), "{slug}");
        let refused = block(page, "Refused");
        assert!(!refused.is_empty(), "{slug}");
        for line in refused {
            let (source, mark) = line.split_once("  // error: ").unwrap();
            let (code, place) = mark.split_once(' ').unwrap();
            let place = place.strip_prefix('"').and_then(|place| place.strip_suffix('"')).unwrap();
            assert_eq!(code, *slug);
            assert_eq!(found(source), [(*slug, place.to_owned())], "{source}");
        }
        for source in block(page, "Accepted") {
            assert_eq!(found(source), [], "{slug}: {source}");
        }
    }
}
