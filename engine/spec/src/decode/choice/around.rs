//! Reading of what has more than one form in the kinds around runs: exports, meta schemas, exemptions,
//! ingresses, triggers.

use crate::decode::{Decode, Decoder, KeyRule, Shape, Spanned, WordShape};
use crate::diagnostic::Diagnostic;
use crate::expr::Arg;
use crate::kind::connector::SecretRef;
use crate::kind::exemption::Exact;
use crate::kind::export::Deliver;
use crate::kind::field::Named;
use crate::kind::ingress::SignatureKey;
use crate::kind::meta_schema::{ClosedType, MetaFrom, MetaType};
use crate::kind::scalar::{DurationMs, Identifier, Reference};
use crate::kind::trigger::CatchUp;
use crate::schedule::Schedule;
use crate::source::Span;
use crate::tree::Node;

record! {
    /// The delivering capability and its arguments.
    pub struct DeliverUses {
        /// The delivering capability.
        pub uses: Spanned<Reference>,
        /// Its arguments, over `file`.
        pub with: Named<Arg> = Named::default(),
    }
}

impl Decode for Deliver {
    fn shape() -> Shape {
        const WORDS: &[WordShape] = &[WordShape { word: "download", doc: "An operator fetches it." }];
        Shape::OneOf(vec![Shape::Words(WORDS), DeliverUses::shape()])
    }
    fn decode(node: &Node, cx: &mut Decoder<'_>) -> Option<Self> {
        if node.as_map().is_some() {
            let read = DeliverUses::decode(node, cx)?;
            return Some(Self::Uses { uses: read.uses, with: read.with });
        }
        let text = cx.text(node, "`download` or `{uses: capability, with: {…}}`")?;
        if &*text.value != "download" {
            cx.unknown_value(node.span, &text.value, &["download"]);
            return None;
        }
        Some(Self::Download)
    }
    fn canonical(&self) -> Option<serde_json::Value> {
        match self {
            Self::Download => Some("download".into()),
            Self::Uses { uses, with } => {
                DeliverUses { uses: uses.clone(), with: with.clone(), span: Span::nowhere() }.canonical()
            }
        }
    }
}

/// Types of other schemas in which anything could be written.
const FREE: &[&str] = &["string", "text", "any", "object", "array", "json"];

impl Decode for ClosedType {
    fn shape() -> Shape {
        MetaType::shape()
    }
    fn decode(node: &Node, cx: &mut Decoder<'_>) -> Option<Self> {
        let Some(free) = node.as_text().filter(|text| FREE.contains(&&*text.value)) else {
            return MetaType::decode(node, cx).map(Self);
        };
        let known: Vec<&str> = MetaType::ALL.iter().map(|known| known.as_str()).collect();
        cx.report(
            Diagnostic::law(
                "free-text-in-meta-schema",
                node.span,
                format!("type `{}` lets any text through", free.value),
            )
            .help(format!("use one of {}", crate::decode::listed(&known)))
            .consequence("the engine refuses the catalogue: personal data could leave unseen"),
        );
        // The law is broken already; the field is there all the same.
        Some(Self(MetaType::Id))
    }
    fn canonical(&self) -> Option<serde_json::Value> {
        self.0.canonical()
    }
}

const FROM: &str = "a source (a string like `tags.domain` or `outputs.refund_id`)";

impl Decode for MetaFrom {
    fn shape() -> Shape {
        Shape::Text { what: FROM, pattern: Some(r"^(tags\..+|outputs\.[a-z][a-z0-9_]*)$") }
    }
    fn decode(node: &Node, cx: &mut Decoder<'_>) -> Option<Self> {
        let text = cx.text(node, FROM)?;
        let read = match text.value.split_once('.') {
            Some(("tags", tag)) if !tag.is_empty() => Some(Self::Tag(tag.into())),
            Some(("outputs", name)) => Identifier::new(name).map(Self::Output),
            _ => None,
        };
        if read.is_none() {
            let message = format!("`{}` is neither a tag nor an output", text.value);
            cx.report(
                Diagnostic::law("unknown-value", node.span, message)
                    .help("write `tags.` or `outputs.` and a name: nothing else can be shown"),
            );
        }
        read
    }
    fn canonical(&self) -> Option<serde_json::Value> {
        Some(match self {
            Self::Tag(tag) => format!("tags.{tag}").into(),
            Self::Output(name) => format!("outputs.{name}").into(),
        })
    }
}

impl<T: Decode> Decode for Exact<T> {
    fn shape() -> Shape {
        T::shape()
    }
    fn decode(node: &Node, cx: &mut Decoder<'_>) -> Option<Self> {
        if let Some(text) = node.as_text().filter(|text| text.value.contains('*')) {
            let message = format!("`{}` is a pattern; an exemption names what it is for", text.value);
            cx.report(
                Diagnostic::law("exemption-wildcard", node.span, message).help("list the names").consequence(
                    "the engine refuses the catalogue: what is added later would be exempt unseen",
                ),
            );
            return None;
        }
        T::decode(node, cx).map(Self)
    }
    fn canonical(&self) -> Option<serde_json::Value> {
        self.0.canonical()
    }
    fn keys() -> Option<KeyRule> {
        T::keys()
    }
}

impl Decode for SignatureKey {
    fn shape() -> Shape {
        const WORDS: &[WordShape] =
            &[WordShape { word: "roster", doc: "The Ed25519 key that the roster has for whoever asks." }];
        Shape::OneOf(vec![Shape::Words(WORDS), SecretRef::shape()])
    }
    fn decode(node: &Node, cx: &mut Decoder<'_>) -> Option<Self> {
        if node.as_map().is_some() {
            return SecretRef::decode(node, cx).map(|read| Self::Secret(read.secret));
        }
        let text = cx.text(node, "`roster` or `{secret: name}`")?;
        if &*text.value != "roster" {
            cx.unknown_value(node.span, &text.value, &["roster"]);
            return None;
        }
        Some(Self::Roster)
    }
    fn canonical(&self) -> Option<serde_json::Value> {
        match self {
            Self::Roster => Some("roster".into()),
            Self::Secret(name) => Some(serde_json::json!({ "secret": name.as_str() })),
        }
    }
}

const SCHEDULE: &str =
    "a schedule (a string like `30 2 * * 1-5`: minute, hour, day of month, month, day of week)";

impl Decode for Schedule {
    fn shape() -> Shape {
        Shape::Text { what: SCHEDULE, pattern: Some(r"^ *[^ ]+( +[^ ]+){4} *$") }
    }
    fn decode(node: &Node, cx: &mut Decoder<'_>) -> Option<Self> {
        let text = cx.text(node, SCHEDULE)?;
        let read = Self::parse(&text.value);
        if let Err(fault) = &read {
            let place = text.place(node.span, fault.at.start, fault.at.end);
            cx.report(
                Diagnostic::law("bad-literal", place, fault.message.clone())
                    .help(fault.help.clone())
                    .consequence("the engine refuses the catalogue: it could not tell when to start"),
            );
        }
        read.ok()
    }
    fn canonical(&self) -> Option<serde_json::Value> {
        Some(self.source().into())
    }
}

record! {
    /// Which missed times are made up for.
    pub struct CatchUpLatest {
        /// So many at most, oldest first.
        pub at_most: Spanned<u64>,
        /// None that is older.
        pub within: Spanned<DurationMs>,
    }
}

impl Decode for CatchUp {
    fn shape() -> Shape {
        const WORDS: &[WordShape] = &[WordShape { word: "none", doc: "They are recorded and passed over." }];
        Shape::OneOf(vec![Shape::Words(WORDS), CatchUpLatest::shape()])
    }
    fn decode(node: &Node, cx: &mut Decoder<'_>) -> Option<Self> {
        if node.as_map().is_some() {
            let read = CatchUpLatest::decode(node, cx)?;
            return Some(Self::Latest { at_most: read.at_most, within: read.within });
        }
        let text = cx.text(node, "`none` or `{atMost: n, within: duration}`")?;
        if &*text.value != "none" {
            cx.unknown_value(node.span, &text.value, &["none"]);
            return None;
        }
        Some(Self::None)
    }
    fn canonical(&self) -> Option<serde_json::Value> {
        match self {
            Self::None => Some("none".into()),
            Self::Latest { at_most, within } => {
                CatchUpLatest { at_most: *at_most, within: *within, span: Span::nowhere() }.canonical()
            }
        }
    }
}
