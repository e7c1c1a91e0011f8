//! Reading of values that may be written in more than one form: a word or a map, one or several.

pub mod around;

use std::sync::Arc;

use super::{Decode, Decoder, KeyRule, Shape, Spanned, WordShape};
use crate::expr::{Arg, Expr};
use crate::kind::budget::OnBreach;
use crate::kind::capability::Idempotency;
use crate::kind::connector::{EnvValue, Mock, MockAnswer, Settable};
use crate::kind::field::Named;
use crate::kind::metadata::{NoRollback, Rollback};
use crate::kind::roster::{ExternalGroup, Group};
use crate::kind::scalar::{Name, Principal, Prose, Reference};
use crate::kind::scenario::{GivenAnswer, GivenAnswers};
use crate::tree::{Node, Value};

record! {
    /// The undoing capability and its arguments.
    pub struct RollbackUses {
        /// The undoing capability.
        pub uses: Spanned<Reference>,
        /// Its arguments, over `input output run`.
        pub with: Named<Arg> = Named::default(),
    }
}

record! {
    /// Why there is no way back.
    pub struct RollbackNone {
        /// `needless` or `impossible`.
        pub none: Spanned<NoRollback>,
        /// The author's reason.
        pub why: Prose,
    }
}

impl Decode for Rollback {
    fn shape() -> Shape {
        Shape::OneOf(vec![RollbackUses::shape(), RollbackNone::shape()])
    }
    fn decode(node: &Node, cx: &mut Decoder<'_>) -> Option<Self> {
        if cx.map(node, "a map (`uses` and `with`, or `none` and `why`)")?.get("none").is_some() {
            let read = RollbackNone::decode(node, cx)?;
            return Some(Self::None { none: read.none.value, why: read.why });
        }
        let read = RollbackUses::decode(node, cx)?;
        Some(Self::Uses { uses: read.uses, with: read.with })
    }
    fn canonical(&self) -> Option<serde_json::Value> {
        let span = crate::source::Span::nowhere();
        match self {
            Self::Uses { uses, with } => {
                RollbackUses { uses: uses.clone(), with: with.clone(), span }.canonical()
            }
            Self::None { none, why } => {
                RollbackNone { none: Spanned::nowhere(*none), why: why.clone(), span }.canonical()
            }
        }
    }
}

record! {
    /// A key of the business.
    pub struct IdempotencyKey {
        /// What two uses must have in common to be one, over `input actor run budget now`.
        pub key: Expr,
    }
}

impl Decode for Idempotency {
    fn shape() -> Shape {
        const WORDS: &[WordShape] = &[
            WordShape { word: "step", doc: "A stable key per step of a run, the same for all attempts." },
            WordShape { word: "natural", doc: "Repeating has the same effect." },
            WordShape { word: "none", doc: "Never repeated." },
        ];
        Shape::OneOf(vec![Shape::Words(WORDS), IdempotencyKey::shape()])
    }
    fn decode(node: &Node, cx: &mut Decoder<'_>) -> Option<Self> {
        if node.as_map().is_some() {
            return IdempotencyKey::decode(node, cx).map(|read| Self::Key(read.key));
        }
        let text = cx.text(node, "`step`, `natural`, `none` or a map with a `key`")?;
        match &*text.value {
            "step" => Some(Self::Step),
            "natural" => Some(Self::Natural),
            "none" => Some(Self::None),
            other => {
                cx.unknown_value(node.span, other, &["step", "natural", "none"]);
                None
            }
        }
    }
    fn canonical(&self) -> Option<serde_json::Value> {
        match self {
            Self::Step => Some("step".into()),
            Self::Natural => Some("natural".into()),
            Self::None => Some("none".into()),
            Self::Key(key) => Some(serde_json::json!({ "key": key.canonical()? })),
        }
    }
}

record! {
    /// A value that the operator's settings hold.
    pub struct SettingRef {
        /// The name of the setting.
        pub setting: Spanned<Name>,
    }
}

impl Decode for Settable {
    fn shape() -> Shape {
        Shape::OneOf(vec![<Arc<str>>::shape(), SettingRef::shape()])
    }
    fn decode(node: &Node, cx: &mut Decoder<'_>) -> Option<Self> {
        if node.as_map().is_some() {
            return SettingRef::decode(node, cx).map(|read| Self::Setting(read.setting));
        }
        let text = cx.text(node, "a string or `{setting: name}`")?;
        Some(Self::Literal(Spanned { value: Arc::clone(&text.value), span: node.span }))
    }
    fn canonical(&self) -> Option<serde_json::Value> {
        match self {
            Self::Literal(text) => text.canonical(),
            Self::Setting(name) => Some(serde_json::json!({ "setting": name.as_str() })),
        }
    }
}

record! {
    /// A value that the operator's settings or secrets hold.
    pub struct EnvRef {
        /// The name of the setting.
        pub setting: Option<Spanned<Name>> = None,
        /// The name of the secret.
        pub secret: Option<Spanned<Name>> = None,
    }
}

impl Decode for EnvValue {
    fn shape() -> Shape {
        Shape::OneOf(vec![<Arc<str>>::shape(), EnvRef::shape()])
    }
    fn decode(node: &Node, cx: &mut Decoder<'_>) -> Option<Self> {
        if node.as_map().is_none() {
            cx.text(node, "a string, `{setting: name}` or `{secret: name}`")?;
            return Arg::decode(node, cx).map(Self::Text);
        }
        let before = cx.problems();
        let read = EnvRef::decode(node, cx)?;
        match (read.setting, read.secret) {
            (Some(name), None) => Some(Self::Setting(name)),
            (None, Some(name)) => Some(Self::Secret(name)),
            _ if cx.problems() > before => None,
            _ => {
                cx.wrong_type(node, "exactly one of `setting` and `secret`");
                None
            }
        }
    }
    fn canonical(&self) -> Option<serde_json::Value> {
        match self {
            Self::Text(text) => text.canonical(),
            Self::Setting(name) => Some(serde_json::json!({ "setting": name.as_str() })),
            Self::Secret(name) => Some(serde_json::json!({ "secret": name.as_str() })),
        }
    }
}

/// One, or several in a list.
fn one_or_more<T: Decode>(node: &Node, cx: &mut Decoder<'_>) -> Option<Vec<T>> {
    match &node.value {
        Value::List(items) => Some(cx.items(items)),
        _ => T::decode(node, cx).map(|one| vec![one]),
    }
}

/// One alone is written as itself: the same meaning has one form.
fn canonical_answers<T: Decode>(answers: &[T]) -> Option<serde_json::Value> {
    match answers {
        [one] => one.canonical(),
        many => Some(many.iter().filter_map(T::canonical).collect::<Vec<_>>().into()),
    }
}

impl Decode for Mock {
    fn shape() -> Shape {
        Shape::OneOf(vec![MockAnswer::shape(), Shape::List(MockAnswer::shape)])
    }
    fn decode(node: &Node, cx: &mut Decoder<'_>) -> Option<Self> {
        one_or_more(node, cx).map(Self)
    }
    fn canonical(&self) -> Option<serde_json::Value> {
        canonical_answers(&self.0)
    }
}

impl Decode for GivenAnswers {
    fn shape() -> Shape {
        Shape::OneOf(vec![GivenAnswer::shape(), Shape::List(GivenAnswer::shape)])
    }
    fn decode(node: &Node, cx: &mut Decoder<'_>) -> Option<Self> {
        one_or_more(node, cx).map(Self)
    }
    fn canonical(&self) -> Option<serde_json::Value> {
        canonical_answers(&self.0)
    }
}

impl Decode for Group {
    fn shape() -> Shape {
        Shape::OneOf(vec![Shape::List(<Spanned<Principal>>::shape), ExternalGroup::shape()])
    }
    fn decode(node: &Node, cx: &mut Decoder<'_>) -> Option<Self> {
        if node.as_map().is_some() {
            return ExternalGroup::decode(node, cx).map(Self::External);
        }
        let items = cx.list(node, "a list of people or `{external: true, atLeast: n}`")?;
        Some(Self::Members(cx.items(items)))
    }
    fn canonical(&self) -> Option<serde_json::Value> {
        match self {
            Self::Members(members) => members.canonical(),
            Self::External(external) => external.canonical(),
        }
    }
    fn keys() -> Option<KeyRule> {
        Some(Name::RULE)
    }
}

record! {
    /// Asks for an approval beyond the limit.
    pub struct BreachApproval {
        /// The approval.
        pub approval: Spanned<Reference>,
    }
}

impl Decode for OnBreach {
    fn shape() -> Shape {
        const WORDS: &[WordShape] = &[
            WordShape { word: "deny", doc: "The step is denied." },
            WordShape { word: "throttle", doc: "The step waits for the window to turn." },
        ];
        Shape::OneOf(vec![Shape::Words(WORDS), BreachApproval::shape()])
    }
    fn decode(node: &Node, cx: &mut Decoder<'_>) -> Option<Self> {
        if node.as_map().is_some() {
            return BreachApproval::decode(node, cx).map(|read| Self::Approval(read.approval));
        }
        let text = cx.text(node, "`deny`, `throttle` or `{approval: name}`")?;
        match &*text.value {
            "deny" => Some(Self::Deny),
            "throttle" => Some(Self::Throttle),
            other => {
                cx.unknown_value(node.span, other, &["deny", "throttle"]);
                None
            }
        }
    }
    fn canonical(&self) -> Option<serde_json::Value> {
        match self {
            Self::Deny => Some("deny".into()),
            Self::Throttle => Some("throttle".into()),
            Self::Approval(name) => Some(serde_json::json!({ "approval": name.canonical()? })),
        }
    }
}
