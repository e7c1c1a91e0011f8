//! The tree that is checked and evaluated: made once from the parser's tree, with names resolved,
//! patterns compiled, chains flattened. Its depth is bounded, so walking it needs no large stack.

use std::sync::Arc;

use super::value::Value;

/// A byte range of the expression's source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct At {
    pub(super) start: u32,
    pub(super) end: u32,
}

impl At {
    pub(super) fn to(self, other: Self) -> Self {
        Self { start: self.start.min(other.start), end: self.end.max(other.end) }
    }
}

#[derive(Debug)]
pub(super) struct Node {
    pub(super) kind: Kind,
    pub(super) at: At,
}

#[derive(Debug)]
pub(super) enum Kind {
    Literal(Value),
    /// The variable of the comprehension at that depth.
    Local(usize, Arc<str>),
    Fact(Arc<str>),
    /// Fields and items of a base, first to last.
    Access {
        base: Box<Node>,
        steps: Vec<Step>,
        has: bool,
    },
    /// All true, left to right.
    And(Vec<Node>),
    /// Any true, left to right.
    Or(Vec<Node>),
    Not(Box<Node>),
    Negate(Box<Node>),
    /// `first op right op right …`, from the left.
    Arithmetic {
        first: Box<Node>,
        rest: Vec<(Arithmetic, Node)>,
    },
    Compare(Comparison, Box<(Node, Node)>),
    In(Box<(Node, Node)>),
    /// The first arm whose condition holds, else the last node.
    Choose(Vec<(Node, Node)>, Box<Node>),
    List(Vec<Node>),
    Map(Vec<(Arc<str>, Node)>),
    Loop(Box<Loop>),
    Call(Function, Vec<Node>),
    Matches(Box<Node>, Arc<regex::Regex>),
    Part(Part, Box<Node>, jiff::tz::TimeZone),
    ActorIs(Arc<str>),
    /// Reported already; evaluating it is an error.
    Fault,
}

#[derive(Debug)]
pub(super) struct Step {
    pub(super) kind: StepKind,
    pub(super) at: At,
}

#[derive(Debug)]
pub(super) enum StepKind {
    Field(Arc<str>),
    Index(Node),
}

#[derive(Debug)]
pub(super) struct Loop {
    pub(super) kind: LoopKind,
    pub(super) range: Node,
    pub(super) variable: Arc<str>,
    /// Depth of the variable; the first is 0.
    pub(super) slot: usize,
    /// The condition; for `map` of three arguments its filter.
    pub(super) test: Option<Node>,
    /// What `map` makes of an item.
    pub(super) result: Option<Node>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LoopKind {
    All,
    Exists,
    ExistsOne,
    Map,
    Filter,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

impl Arithmetic {
    pub(super) const fn sign(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Remainder => "%",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
}

impl Comparison {
    pub(super) const fn sign(self) -> &'static str {
        match self {
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessEqual => "<=",
            Self::Greater => ">",
            Self::GreaterEqual => ">=",
        }
    }

    pub(super) const fn is_equality(self) -> bool {
        matches!(self, Self::Equal | Self::NotEqual)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Function {
    Size,
    Contains,
    StartsWith,
    EndsWith,
    LowerAscii,
    Int,
    String,
    Duration,
    Timestamp,
    Min,
    Max,
}

impl Function {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Size => "size",
            Self::Contains => "contains",
            Self::StartsWith => "startsWith",
            Self::EndsWith => "endsWith",
            Self::LowerAscii => "lowerAscii",
            Self::Int => "int",
            Self::String => "string",
            Self::Duration => "duration",
            Self::Timestamp => "timestamp",
            Self::Min => "min",
            Self::Max => "max",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    FullYear,
    Month,
    Date,
    DayOfWeek,
    Hours,
    Minutes,
}

impl Part {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::FullYear => "getFullYear",
            Self::Month => "getMonth",
            Self::Date => "getDate",
            Self::DayOfWeek => "getDayOfWeek",
            Self::Hours => "getHours",
            Self::Minutes => "getMinutes",
        }
    }
}

impl Node {
    /// Calls `visit` with each node right below this one, in the order of evaluation.
    pub(super) fn each_child<'n>(&'n self, visit: &mut dyn FnMut(&'n Self)) {
        match &self.kind {
            Kind::Literal(_) | Kind::Local(..) | Kind::Fact(_) | Kind::ActorIs(_) | Kind::Fault => {}
            Kind::Access { base, steps, .. } => {
                visit(base);
                for step in steps {
                    if let StepKind::Index(index) = &step.kind {
                        visit(index);
                    }
                }
            }
            Kind::And(nodes) | Kind::Or(nodes) | Kind::List(nodes) | Kind::Call(_, nodes) => {
                nodes.iter().for_each(visit);
            }
            Kind::Not(inner) | Kind::Negate(inner) | Kind::Matches(inner, _) | Kind::Part(_, inner, _) => {
                visit(inner)
            }
            Kind::Arithmetic { first, rest } => {
                visit(first);
                rest.iter().for_each(|(_, node)| visit(node));
            }
            Kind::Compare(_, pair) | Kind::In(pair) => {
                visit(&pair.0);
                visit(&pair.1);
            }
            Kind::Choose(arms, last) => {
                for (condition, then) in arms {
                    visit(condition);
                    visit(then);
                }
                visit(last);
            }
            Kind::Map(entries) => entries.iter().for_each(|(_, node)| visit(node)),
            Kind::Loop(inner) => {
                visit(&inner.range);
                inner.test.iter().chain(&inner.result).for_each(visit);
            }
        }
    }
}
