//! From the parser's tree to ours: names resolved, chains flattened, patterns compiled, macros told
//! apart again. What cannot be evaluated by any facts is reported here, once.

mod names;

use std::sync::Arc;

use cel_interpreter::IdedExpr;
use cel_interpreter::common::ast::{
    CallExpr, ComprehensionExpr, EntryExpr, Expr as Cel, LiteralValue, SelectExpr, SourceInfo,
    operators as op,
};

use super::literal::{self, MAX_INTEGER};
use super::node::{At, Function, Kind, Loop, LoopKind, Node, Part, Step, StepKind};
use super::scan::{Fault, MAX_DEPTH, is_name_byte};
use super::value::Value;
use crate::diagnostic::nearest;
use crate::kind::scalar::Principal;
pub(super) use names::FUNCTIONS;
use names::{arithmetic, comparison, fits, function, part, usage};

/// Most comprehensions within each other.
const MAX_LOOPS: usize = 2;

/// What `lower` makes.
#[derive(Debug)]
pub(super) struct Lowered {
    pub(super) root: Node,
    /// Faults that leave the rest readable.
    pub(super) faults: Vec<Fault>,
    /// What `actor.is` asks for.
    pub(super) principals: Vec<(Arc<str>, At)>,
}

pub(super) fn lower(source: &str, tree: &IdedExpr, places: &SourceInfo) -> Result<Lowered, Fault> {
    let mut lowering = Lowering {
        source,
        places,
        faults: Vec::new(),
        principals: Vec::new(),
        variables: Vec::new(),
        depth: 0,
    };
    let root = lowering.node(tree)?;
    Ok(Lowered { root, faults: lowering.faults, principals: lowering.principals })
}

struct Lowering<'a> {
    source: &'a str,
    places: &'a SourceInfo,
    faults: Vec<Fault>,
    principals: Vec<(Arc<str>, At)>,
    variables: Vec<Arc<str>>,
    depth: usize,
}

type Result<T, E = Fault> = std::result::Result<T, E>;

impl Lowering<'_> {
    fn node(&mut self, tree: &IdedExpr) -> Result<Node> {
        let at = self.at(tree);
        if self.depth >= MAX_DEPTH {
            let message = format!("nested more than {MAX_DEPTH} deep");
            return Err(Fault {
                code: "too-large-or-deep",
                start: at.start as usize,
                end: at.end as usize,
                message,
            });
        }
        self.depth += 1;
        let node = self.shallow(tree, at);
        self.depth -= 1;
        node
    }

    fn shallow(&mut self, tree: &IdedExpr, at: At) -> Result<Node> {
        match &tree.expr {
            Cel::Literal(value) => self.literal(value, at),
            Cel::Ident(name) => Ok(self.name(name, at)),
            Cel::Select(_) => self.access(tree, at),
            Cel::Call(call) if call.func_name == op::INDEX => self.access(tree, at),
            Cel::Call(call) => self.call(call, at),
            Cel::List(list) => {
                let items = self.nodes(&list.elements)?;
                let at = at.to(items.last().map_or(at, |last| last.at));
                Ok(Node { at: self.closed(at, b']'), kind: Kind::List(items) })
            }
            Cel::Map(map) => {
                let mut entries = Vec::new();
                let mut whole = at;
                for entry in &map.entries {
                    let EntryExpr::MapEntry(entry) = &entry.expr else { continue };
                    let Some(key) = text_of(&entry.key) else {
                        return Err(syntax(self.at(&entry.key), "a key of a map has to be a string literal"));
                    };
                    let value = self.node(&entry.value)?;
                    whole = whole.to(value.at);
                    entries.push((Arc::from(key), value));
                }
                Ok(Node { at: self.closed(whole, b'}'), kind: Kind::Map(entries) })
            }
            Cel::Comprehension(tree) => self.comprehension(tree, at),
            Cel::Struct(_) => Err(syntax(at, "messages cannot be made here")),
            Cel::Unspecified => Err(syntax(at, "this expression cannot be parsed")),
        }
    }

    fn nodes(&mut self, trees: &[IdedExpr]) -> Result<Vec<Node>> {
        trees.iter().map(|tree| self.node(tree)).collect()
    }

    fn literal(&mut self, value: &LiteralValue, at: At) -> Result<Node> {
        let value = match value {
            LiteralValue::Boolean(value) => Value::Bool(*value.inner()),
            LiteralValue::Int(value) => {
                // The parser reads `-5` as one literal whose place is the sign.
                let at = self.number(at);
                let value = *value.inner();
                if value.unsigned_abs() > MAX_INTEGER.unsigned_abs() {
                    return Ok(self.fault("integer-too-large", at, format!("`{value}` is beyond ±(2^53−1)")));
                }
                return Ok(Node { kind: Kind::Literal(Value::Int(value)), at });
            }
            LiteralValue::Double(value) if value.inner().is_finite() => {
                return Ok(Node { kind: Kind::Literal(Value::Double(*value.inner())), at: self.number(at) });
            }
            LiteralValue::Double(_) => return Err(syntax(at, "a number beyond all bounds")),
            LiteralValue::String(text) => Value::text(text.inner()),
            LiteralValue::Null => Value::Null,
            LiteralValue::UInt(_) => {
                return Err(syntax(at, "unsigned integers are not part of the language"));
            }
            LiteralValue::Bytes(_) => return Err(syntax(at, "bytes are not part of the language")),
        };
        Ok(Node { kind: Kind::Literal(value), at })
    }

    fn name(&self, name: &str, at: At) -> Node {
        let local = self.variables.iter().rposition(|variable| &**variable == name);
        let kind = match local {
            Some(slot) => Kind::Local(slot, name.into()),
            None => Kind::Fact(name.into()),
        };
        let end = at.start.saturating_add(u32::try_from(name.len()).unwrap_or(u32::MAX)).max(at.end);
        Node { kind, at: At { start: at.start, end } }
    }

    /// `base.a.b["c"][0]`, without recursion over its length.
    fn access(&mut self, tree: &IdedExpr, at: At) -> Result<Node> {
        let mut links = vec![tree];
        let has = matches!(&tree.expr, Cel::Select(select) if select.test);
        let mut base = operand(tree).unwrap_or(tree);
        while let Some(next) = operand(base) {
            if matches!(&base.expr, Cel::Select(select) if select.test) {
                break;
            }
            links.push(base);
            base = next;
        }
        let base = self.node(base)?;
        let mut end = base.at;
        let mut steps = Vec::with_capacity(links.len());
        for link in links.into_iter().rev() {
            let step = self.step(link, end)?;
            end = step.at;
            steps.push(step);
        }
        let whole = if has { self.closed(at.to(end), b')') } else { base.at.to(end) };
        Ok(Node { kind: Kind::Access { base: Box::new(base), steps, has }, at: whole })
    }

    fn step(&mut self, link: &IdedExpr, before: At) -> Result<Step> {
        let at = self.at(link);
        match &link.expr {
            Cel::Select(SelectExpr { field, test, .. }) => {
                let from = if *test { self.skip(before.end, b")") } else { at.start };
                let start = self.skip(self.skip(from, b"") + 1, b"");
                let end = start + u32::try_from(field.len()).unwrap_or(0);
                Ok(Step { kind: StepKind::Field(field.as_str().into()), at: At { start, end } })
            }
            Cel::Call(CallExpr { args, .. }) => {
                let index = args.get(1).map(|index| self.node(index));
                let index = index.unwrap_or_else(|| Err(syntax(at, "an index is missing")))?;
                let at = self.closed(at.to(index.at), b']');
                Ok(Step { kind: StepKind::Index(index), at })
            }
            _ => Err(syntax(at, "this expression cannot be parsed")),
        }
    }

    fn call(&mut self, call: &CallExpr, at: At) -> Result<Node> {
        let name = call.func_name.as_str();
        if let (None, [left, right]) = (&call.target, call.args.as_slice()) {
            if let Some(sign) = comparison(name) {
                let pair = Box::new((self.node(left)?, self.node(right)?));
                return Ok(Node { at: pair.0.at.to(pair.1.at), kind: Kind::Compare(sign, pair) });
            }
            match name {
                op::LOGICAL_AND | op::LOGICAL_OR => return self.logic(call),
                op::IN => {
                    let pair = Box::new((self.node(left)?, self.node(right)?));
                    return Ok(Node { at: pair.0.at.to(pair.1.at), kind: Kind::In(pair) });
                }
                _ if arithmetic(name).is_some() => return self.arithmetic(call),
                _ => {}
            }
        }
        match (name, call.args.as_slice()) {
            (op::CONDITIONAL, [_, _, _]) => self.choose(call),
            (op::LOGICAL_NOT, [inner]) => {
                let inner = Box::new(self.node(inner)?);
                Ok(Node { at: at.to(inner.at), kind: Kind::Not(inner) })
            }
            (op::NEGATE, [inner]) => {
                let inner = Box::new(self.node(inner)?);
                Ok(Node { at: at.to(inner.at), kind: Kind::Negate(inner) })
            }
            _ => self.function(call, at),
        }
    }

    fn logic(&mut self, call: &CallExpr) -> Result<Node> {
        let mut terms = Vec::new();
        self.terms(call, &mut terms)?;
        let at = span_of(&terms).unwrap_or(At { start: 0, end: 0 });
        let kind = if call.func_name == op::LOGICAL_AND { Kind::And(terms) } else { Kind::Or(terms) };
        Ok(Node { kind, at })
    }

    /// The parser balances chains, so this recurses as deep as their logarithm.
    fn terms(&mut self, call: &CallExpr, out: &mut Vec<Node>) -> Result<()> {
        for arg in &call.args {
            match &arg.expr {
                Cel::Call(inner) if inner.func_name == call.func_name => self.terms(inner, out)?,
                _ => out.push(self.node(arg)?),
            }
        }
        Ok(())
    }

    fn arithmetic(&mut self, call: &CallExpr) -> Result<Node> {
        let mut links = Vec::new();
        let mut here = call;
        let first = loop {
            let (Some(sign), [left, right]) = (arithmetic(&here.func_name), here.args.as_slice()) else {
                return Err(syntax(At { start: 0, end: 0 }, "this expression cannot be parsed"));
            };
            links.push((sign, right));
            match &left.expr {
                Cel::Call(inner) if arithmetic(&inner.func_name).is_some() && inner.target.is_none() => {
                    here = inner
                }
                _ => break left,
            }
        };
        let first = Box::new(self.node(first)?);
        let mut rest = Vec::with_capacity(links.len());
        for (sign, right) in links.into_iter().rev() {
            rest.push((sign, self.node(right)?));
        }
        let at = first.at.to(rest.last().map_or(first.at, |(_, last)| last.at));
        Ok(Node { kind: Kind::Arithmetic { first, rest }, at })
    }

    fn choose(&mut self, call: &CallExpr) -> Result<Node> {
        let mut arms = Vec::new();
        let mut here = call;
        let last = loop {
            let [condition, then, otherwise] = here.args.as_slice() else {
                return Err(syntax(At { start: 0, end: 0 }, "this expression cannot be parsed"));
            };
            arms.push((self.node(condition)?, self.node(then)?));
            match &otherwise.expr {
                Cel::Call(inner) if inner.func_name == op::CONDITIONAL => here = inner,
                _ => break otherwise,
            }
        };
        let last = Box::new(self.node(last)?);
        let at = arms.first().map_or(last.at, |(condition, _)| condition.at.to(last.at));
        Ok(Node { kind: Kind::Choose(arms, last), at })
    }

    fn comprehension(&mut self, tree: &ComprehensionExpr, at: At) -> Result<Node> {
        let unknown = || syntax(at, "this expression cannot be parsed");
        let range = self.node(&tree.iter_range)?;
        let here = range.at.to(at);
        let name = self.macro_name(at);
        let name_at = self.name_before(at, name);
        if name == "existsOne" {
            let message = "there is no function `existsOne`; did you mean `exists_one`?";
            return Ok(self.fault("unknown-function", name_at, message));
        }
        if self.variables.len() >= MAX_LOOPS {
            let message = format!("comprehensions nested more than {MAX_LOOPS} deep");
            return Ok(self.fault("comprehension-too-deep", name_at, message));
        }
        let (kind, test, result) = parts(tree).ok_or_else(unknown)?;
        let variable: Arc<str> = tree.iter_var.as_str().into();
        let slot = self.variables.len();
        self.variables.push(Arc::clone(&variable));
        let bodies =
            (test.map(|test| self.node(test)).transpose(), result.map(|node| self.node(node)).transpose());
        self.variables.pop();
        let (test, result) = (bodies.0?, bodies.1?);
        let end = result.as_ref().or(test.as_ref()).map_or(at, |body| body.at);
        let whole = self.closed(here.to(end), b')');
        Ok(Node { kind: Kind::Loop(Box::new(Loop { kind, range, variable, slot, test, result })), at: whole })
    }

    /// The word before the bracket at which the parser places what a macro makes.
    fn macro_name(&self, at: At) -> &str {
        let before = self.source.get(..at.start as usize).unwrap_or_default().trim_end();
        let start = before.bytes().rposition(|byte| !is_name_byte(byte)).map_or(0, |at| at + 1);
        before.get(start..).unwrap_or_default()
    }

    fn function(&mut self, call: &CallExpr, at: At) -> Result<Node> {
        let name = call.func_name.as_str();
        let target = call.target.as_deref();
        if name == "is"
            && matches!(target.map(|target| &target.expr), Some(Cel::Ident(root)) if root == "actor")
        {
            return self.actor_is(call, at);
        }
        let mut nodes = Vec::with_capacity(call.args.len() + 1);
        if let Some(target) = target {
            nodes.push(self.node(target)?);
        }
        nodes.extend(self.nodes(&call.args)?);
        let last = nodes.last().map_or(at, |last| last.at);
        let first = nodes.first().map_or(at, |first| first.at);
        let whole = self.closed(at.to(first).to(last), b')');
        let name_at = if target.is_some() { self.name_before(at, name) } else { self.named(at, name) };
        let shape = (target.is_some(), call.args.len());
        if let Some(part) = part(name) {
            return Ok(self.part(part, nodes, shape, whole, name_at));
        }
        if name == "matches" && shape == (true, 1) {
            return Ok(self.matches(nodes, whole));
        }
        let Some(function) = function(name) else {
            return Ok(self.unknown_function(name, name_at));
        };
        if !fits(function, shape) {
            let message = format!("`{name}` is used as {}", usage(function));
            return Ok(self.fault("unknown-function", name_at, message));
        }
        if let (
            Function::Duration | Function::Timestamp,
            [Node { kind: Kind::Literal(Value::Text(text)), at }],
        ) = (function, nodes.as_slice())
        {
            let (at, text) = (*at, Arc::clone(text));
            return Ok(self.time_literal(function, &text, at, whole));
        }
        Ok(Node { kind: Kind::Call(function, nodes), at: whole })
    }

    fn time_literal(&mut self, function: Function, text: &str, at: At, whole: At) -> Node {
        let value = if function == Function::Duration {
            literal::duration(text).map(Value::Duration)
        } else {
            literal::timestamp(text).map(Value::Timestamp)
        };
        match value {
            Some(value) => Node { kind: Kind::Literal(value), at: whole },
            None if function == Function::Duration => self.fault(
                "bad-literal",
                at,
                format!("`{text}` is no duration; write one like `90s` or `1h30m`"),
            ),
            None => {
                let message = format!("`{text}` is no timestamp; write one like `2026-01-31T10:00:00Z`");
                self.fault("bad-literal", at, message)
            }
        }
    }

    fn matches(&mut self, mut nodes: Vec<Node>, whole: At) -> Node {
        let (Some(argument), Some(target)) = (nodes.pop(), nodes.pop()) else {
            return self.fault("expression-syntax", whole, "`matches` is used as `text.matches('pattern')`");
        };
        let Kind::Literal(Value::Text(text)) = &argument.kind else {
            return self.fault(
                "bad-literal",
                argument.at,
                "the pattern of `matches` has to be a literal string",
            );
        };
        match literal::pattern(text) {
            Ok(regex) => Node { kind: Kind::Matches(Box::new(target), regex), at: whole },
            Err(why) => self.fault("bad-literal", argument.at, format!("`{text}` is no pattern: {why}")),
        }
    }

    fn part(
        &mut self,
        part: Part,
        mut nodes: Vec<Node>,
        shape: (bool, usize),
        whole: At,
        name_at: At,
    ) -> Node {
        let zone = if nodes.len() == 2 { nodes.pop() } else { None };
        let (Some(target), (true, 0 | 1)) = (nodes.pop(), shape) else {
            let message =
                format!("`{0}` is used as `time.{0}()` or `time.{0}('Europe/Zurich')`", part.name());
            return self.fault("unknown-function", name_at, message);
        };
        let zone = match zone {
            None => jiff::tz::TimeZone::UTC,
            Some(Node { kind: Kind::Literal(Value::Text(name)), at }) => match literal::time_zone(&name) {
                Some(zone) => zone,
                None => return self.fault("bad-literal", at, format!("`{name}` is no known time zone")),
            },
            Some(other) => {
                return self.fault("bad-literal", other.at, "the time zone has to be a literal string");
            }
        };
        Node { kind: Kind::Part(part, Box::new(target), zone), at: whole }
    }

    fn actor_is(&mut self, call: &CallExpr, at: At) -> Result<Node> {
        let target = call.target.as_deref().map_or(at, |target| self.at(target));
        let [argument] = call.args.as_slice() else {
            return Ok(self.fault(
                "unknown-function",
                target.to(at),
                "`actor.is` is used as `actor.is('role:sre')`",
            ));
        };
        let argument_at = self.at(argument);
        let Some(principal) = text_of(argument) else {
            let at = self.node(argument)?.at;
            return Ok(self.fault("bad-literal", at, "`actor.is` takes a literal such as `'role:sre'`"));
        };
        if Principal::new(principal).is_none() {
            let message = format!("`{principal}` is no principal: `user:`, `group:` or `role:` and a name");
            return Ok(self.fault("bad-literal", argument_at, message));
        }
        let principal: Arc<str> = principal.into();
        self.principals.push((Arc::clone(&principal), argument_at));
        Ok(Node { kind: Kind::ActorIs(principal), at: self.closed(target.to(argument_at), b')') })
    }

    fn unknown_function(&mut self, name: &str, at: At) -> Node {
        let known = FUNCTIONS.iter().copied();
        if FUNCTIONS.contains(&name) {
            let usage = match name {
                "has" => "`has(input.note)`".to_owned(),
                "matches" => "`text.matches('pattern')`".to_owned(),
                _ => format!("`list.{name}(x, …)`"),
            };
            return self.fault("unknown-function", at, format!("`{name}` is used as {usage}"));
        }
        let near = nearest(name, known).map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
        self.fault("unknown-function", at, format!("there is no function `{name}`{near}"))
    }

    fn fault(&mut self, code: &'static str, at: At, message: impl Into<String>) -> Node {
        self.faults.push(Fault {
            code,
            start: at.start as usize,
            end: at.end as usize,
            message: message.into(),
        });
        Node { kind: Kind::Fault, at }
    }

    fn at(&self, tree: &IdedExpr) -> At {
        let length = u32::try_from(self.source.len()).unwrap_or(u32::MAX);
        let (start, end) = self.places.offset_for(tree.id).unwrap_or((0, length));
        At { start: start.min(length), end: end.min(length) }
    }

    /// The first offset from `from` on at which neither blanks, comments nor bytes of `also` stand.
    fn skip(&self, from: u32, also: &[u8]) -> u32 {
        let bytes = self.source.as_bytes();
        let mut at = from as usize;
        loop {
            match bytes.get(at) {
                Some(byte) if byte.is_ascii_whitespace() || also.contains(byte) => at += 1,
                Some(b'/') if bytes.get(at + 1) == Some(&b'/') => {
                    at +=
                        bytes.get(at..).unwrap_or_default().iter().take_while(|byte| **byte != b'\n').count();
                }
                _ => return u32::try_from(at.min(bytes.len())).unwrap_or(u32::MAX),
            }
        }
    }

    /// `at`, up to the closing bracket where that comes next.
    fn closed(&self, at: At, bracket: u8) -> At {
        let end = self.skip(at.end, b",");
        let closes = self.source.as_bytes().get(end as usize) == Some(&bracket);
        At { start: at.start, end: if closes { end + 1 } else { at.end } }
    }

    /// A number's place from its first byte on.
    fn number(&self, at: At) -> At {
        let bytes = self.source.as_bytes();
        let digits =
            if bytes.get(at.start as usize) == Some(&b'-') { self.skip(at.start + 1, b"") } else { at.start };
        let rest = bytes.get(digits as usize..).unwrap_or_default();
        let length = rest.iter().take_while(|byte| is_name_byte(**byte) || **byte == b'.').count();
        At { start: at.start, end: (digits + u32::try_from(length).unwrap_or(0)).max(at.end) }
    }

    fn named(&self, at: At, name: &str) -> At {
        let end = at.start + u32::try_from(name.len()).unwrap_or(0);
        At { start: at.start, end: end.min(u32::try_from(self.source.len()).unwrap_or(u32::MAX)) }
    }

    /// The place of a method's name; the parser gives that of its bracket.
    fn name_before(&self, bracket: At, name: &str) -> At {
        let before = self.source.get(..bracket.start as usize).unwrap_or_default();
        let end = before.trim_end().len();
        let start = end.saturating_sub(name.len());
        At { start: u32::try_from(start).unwrap_or(0), end: u32::try_from(end).unwrap_or(0) }
    }
}

fn syntax(at: At, message: impl Into<String>) -> Fault {
    Fault {
        code: "expression-syntax",
        start: at.start as usize,
        end: at.end as usize,
        message: message.into(),
    }
}

fn span_of(nodes: &[Node]) -> Option<At> {
    Some(nodes.first()?.at.to(nodes.last()?.at))
}

/// What a field or an item is taken from.
fn operand(tree: &IdedExpr) -> Option<&IdedExpr> {
    match &tree.expr {
        Cel::Select(select) => Some(&select.operand),
        Cel::Call(call) if call.func_name == op::INDEX && call.target.is_none() => call.args.first(),
        _ => None,
    }
}

fn text_of(tree: &IdedExpr) -> Option<&str> {
    match &tree.expr {
        Cel::Literal(LiteralValue::String(text)) => Some(text.inner()),
        _ => None,
    }
}

/// What a macro was written as: its kind, its condition, what it makes of an item.
fn parts(tree: &ComprehensionExpr) -> Option<(LoopKind, Option<&IdedExpr>, Option<&IdedExpr>)> {
    let Cel::Call(step) = &tree.loop_step.expr else { return None };
    let made =
        |added: &'_ IdedExpr| -> bool { matches!(&added.expr, Cel::Ident(name) if *name == tree.iter_var) };
    match (&tree.accu_init.expr, step.func_name.as_str(), step.args.as_slice()) {
        (Cel::Literal(LiteralValue::Boolean(_)), op::LOGICAL_AND, [_, body]) => {
            Some((LoopKind::All, Some(body), None))
        }
        (Cel::Literal(LiteralValue::Boolean(_)), op::LOGICAL_OR, [_, body]) => {
            Some((LoopKind::Exists, Some(body), None))
        }
        (Cel::Literal(LiteralValue::Int(_)), op::CONDITIONAL, [body, _, _]) => {
            Some((LoopKind::ExistsOne, Some(body), None))
        }
        (Cel::List(_), op::CONDITIONAL, [test, added, _]) => {
            let result = added_item(added)?;
            let plain = made(result);
            Some((
                if plain { LoopKind::Filter } else { LoopKind::Map },
                Some(test),
                (!plain).then_some(result),
            ))
        }
        (Cel::List(_), op::ADD, _) => Some((LoopKind::Map, None, Some(added_item(&tree.loop_step)?))),
        _ => None,
    }
}

/// `x` of `accumulator + [x]`.
fn added_item(tree: &IdedExpr) -> Option<&IdedExpr> {
    match &tree.expr {
        Cel::Call(call) if call.func_name == op::ADD => match &call.args.get(1)?.expr {
            Cel::List(list) => list.elements.first(),
            _ => None,
        },
        _ => None,
    }
}
