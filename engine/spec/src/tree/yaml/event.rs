//! The events of a YAML text in our own words. The only module that knows the parser.

use std::borrow::Cow;

use granit_parser::{ErrorKind, Event as Foreign, Parser, ScalarStyle, StructureStyle};

use super::Placed;
use crate::scan::DEPTH;

/// Fewer bytes are seldom written for one event.
const BYTES_AN_EVENT: usize = 8;

/// What a YAML text is made of.
#[derive(Debug, Clone, PartialEq)]
pub enum Event<'t> {
    /// A document begins.
    DocumentStart,
    /// A document ends.
    DocumentEnd,
    /// A scalar.
    Scalar {
        /// As the parser decoded it.
        value: Cow<'t, str>,
        /// How it is written.
        style: Style,
        /// The place of its tag, if any.
        tag: Option<(u32, u32)>,
        /// The number of its anchor, or 0.
        anchor: usize,
    },
    /// A list begins.
    ListStart {
        /// Between brackets.
        flow: bool,
        /// The place of its tag, if any.
        tag: Option<(u32, u32)>,
    },
    /// A list ends.
    ListEnd,
    /// A map begins.
    MapStart {
        /// Between braces.
        flow: bool,
        /// The place of its tag, if any.
        tag: Option<(u32, u32)>,
    },
    /// A map ends.
    MapEnd,
    /// An anchor was defined on the node before.
    Anchor,
    /// `*name`; the number of the anchor, or 0.
    Alias(usize),
}

/// How a scalar is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Without quotes.
    Plain,
    /// `'…'`
    Single,
    /// `"…"`
    Double,
    /// `|`
    Literal,
    /// `>`
    Folded,
}

/// Where and why the parser stopped.
#[derive(Debug)]
pub struct Broken {
    /// Byte offset of the problem.
    pub offset: usize,
    /// Byte offset of what was being read: an open bracket or the start of a quoted string.
    pub opened_at: usize,
    /// True when it is nested too deeply.
    pub too_deep: bool,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub help: &'static str,
}

/// All events up to the end, or up to where the parser stopped.
pub struct Outcome<'t> {
    /// The events with their places.
    pub events: Vec<Placed<'t>>,
    /// Where it stopped.
    pub broken: Option<Broken>,
}

/// Parses a text. Later documents are read also when an earlier one is broken: the caller covers the
/// broken place and parses again.
pub fn parse(text: &str) -> Outcome<'_> {
    let options = granit_parser::options! {
        emit_anchor_events: true,
        emit_unresolved_aliases: true,
        disallow_directives: true,
        emit_comments: false,
        flow_nesting_limit: DEPTH * 2,
        block_nesting_limit: DEPTH * 2,
    };
    let mut events = Vec::with_capacity(text.len() / BYTES_AN_EVENT);
    let mut open = Vec::new();
    let mut last = 0;
    for next in Parser::new_from_str_with_options(text, options) {
        let (foreign, place) = match next {
            Ok(pair) => pair,
            Err(error) => {
                let offset = error.marker().byte_offset().unwrap_or(last).min(text.len());
                let broken = broken(error.kind(), offset, open.first().copied().unwrap_or(last));
                return Outcome { events, broken: Some(broken) };
            }
        };
        let range = place.byte_range().unwrap_or(last..last);
        let tag = place.tag_span().and_then(|tag| tag.byte_range());
        let tag = tag.map(|tag| (narrow(tag.start), narrow(tag.end)));
        match &foreign {
            Foreign::SequenceStart(StructureStyle::Flow, ..)
            | Foreign::MappingStart(StructureStyle::Flow, ..) => {
                open.push(range.start);
            }
            // Only flow collections end with a bracket of their own.
            Foreign::SequenceEnd | Foreign::MappingEnd if range.end > range.start => {
                open.pop();
            }
            Foreign::Anchor(..) => {}
            _ => last = range.start,
        }
        if let Some(event) = own(foreign, tag) {
            events.push((event, narrow(range.start), narrow(range.end)));
        }
    }
    Outcome { events, broken: None }
}

fn narrow(offset: usize) -> u32 {
    u32::try_from(offset).unwrap_or(u32::MAX)
}

fn own(foreign: Foreign<'_>, tag: Option<(u32, u32)>) -> Option<Event<'_>> {
    Some(match foreign {
        Foreign::DocumentStart(..) => Event::DocumentStart,
        Foreign::DocumentEnd => Event::DocumentEnd,
        Foreign::Scalar(value, style, anchor, _) => {
            Event::Scalar { value, style: own_style(style), tag, anchor }
        }
        Foreign::SequenceStart(style, ..) => Event::ListStart { flow: style == StructureStyle::Flow, tag },
        Foreign::SequenceEnd => Event::ListEnd,
        Foreign::MappingStart(style, ..) => Event::MapStart { flow: style == StructureStyle::Flow, tag },
        Foreign::MappingEnd => Event::MapEnd,
        Foreign::Anchor(..) => Event::Anchor,
        Foreign::Alias(number) => Event::Alias(number),
        Foreign::UnresolvedAlias(_) => Event::Alias(0),
        _ => return None,
    })
}

const fn own_style(style: ScalarStyle) -> Style {
    match style {
        ScalarStyle::Plain => Style::Plain,
        ScalarStyle::SingleQuoted => Style::Single,
        ScalarStyle::DoubleQuoted => Style::Double,
        ScalarStyle::Literal => Style::Literal,
        ScalarStyle::Folded => Style::Folded,
    }
}

fn broken(kind: &ErrorKind, offset: usize, opened_at: usize) -> Broken {
    let help = match kind {
        ErrorKind::TabNotAllowed
        | ErrorKind::TabInBlockIndentation
        | ErrorKind::TabInIndentation
        | ErrorKind::TabInPlainScalar
        | ErrorKind::TabAtBlockScalarStart => "indent with spaces",
        ErrorKind::MappingValueNotAllowed | ErrorKind::InvalidColonPlacement => {
            "quote a text that holds `: `, or mend the indentation"
        }
        ErrorKind::DirectiveDisallowed => "remove the directive: spec files are YAML 1.2 without directives",
        ErrorKind::UnexpectedCharacter { .. } => "quote a text that begins with such a character",
        ErrorKind::UnclosedQuotedScalar | ErrorKind::InvalidQuotedScalarIndent => "close the quotes",
        _ => "mend the YAML here: brackets and quotes are closed, texts with special characters quoted",
    };
    let inner = matches!(
        kind,
        ErrorKind::UnclosedQuotedScalar
            | ErrorKind::InvalidQuotedScalarIndent
            | ErrorKind::DocumentIndicatorInQuotedScalar
            | ErrorKind::InvalidColonPlacement
            | ErrorKind::InvalidFlowScalarIndent
            | ErrorKind::ExpectedFlowMappingSeparator
            | ErrorKind::ExpectedFlowSequenceSeparator
            | ErrorKind::UnclosedFlowCollection { .. }
            | ErrorKind::UnexpectedEofFlowSequence
            | ErrorKind::UnexpectedEofFlowMapping
            | ErrorKind::UnexpectedEofImplicitFlowMapping
            | ErrorKind::UnexpectedEof
    );
    Broken {
        offset,
        opened_at: if inner { opened_at.min(offset) } else { offset },
        too_deep: matches!(kind, ErrorKind::RecursionLimitExceeded),
        message: kind.to_string(),
        help,
    }
}
