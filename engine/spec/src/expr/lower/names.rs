//! The names of operators and functions: a closed list, and the forms in which each is called.

use cel_interpreter::common::ast::operators as op;

use crate::expr::node::{Arithmetic, Comparison, Function, Part};

pub(super) fn comparison(name: &str) -> Option<Comparison> {
    Some(match name {
        op::EQUALS => Comparison::Equal,
        op::NOT_EQUALS => Comparison::NotEqual,
        op::LESS => Comparison::Less,
        op::LESS_EQUALS => Comparison::LessEqual,
        op::GREATER => Comparison::Greater,
        op::GREATER_EQUALS => Comparison::GreaterEqual,
        _ => return None,
    })
}

pub(super) fn arithmetic(name: &str) -> Option<Arithmetic> {
    Some(match name {
        op::ADD => Arithmetic::Add,
        op::SUBSTRACT => Arithmetic::Subtract,
        op::MULTIPLY => Arithmetic::Multiply,
        op::DIVIDE => Arithmetic::Divide,
        op::MODULO => Arithmetic::Remainder,
        _ => return None,
    })
}

/// Every function there is, for messages.
pub(in crate::expr) const FUNCTIONS: &[&str] = &[
    "has",
    "all",
    "exists",
    "exists_one",
    "map",
    "filter",
    "size",
    "contains",
    "startsWith",
    "endsWith",
    "matches",
    "lowerAscii",
    "int",
    "string",
    "duration",
    "timestamp",
    "getFullYear",
    "getMonth",
    "getDate",
    "getDayOfWeek",
    "getHours",
    "getMinutes",
    "min",
    "max",
];

pub(super) fn function(name: &str) -> Option<Function> {
    Some(match name {
        "size" => Function::Size,
        "contains" => Function::Contains,
        "startsWith" => Function::StartsWith,
        "endsWith" => Function::EndsWith,
        "lowerAscii" => Function::LowerAscii,
        "int" => Function::Int,
        "string" => Function::String,
        "duration" => Function::Duration,
        "timestamp" => Function::Timestamp,
        "min" => Function::Min,
        "max" => Function::Max,
        _ => return None,
    })
}

pub(super) fn part(name: &str) -> Option<Part> {
    Some(match name {
        "getFullYear" => Part::FullYear,
        "getMonth" => Part::Month,
        "getDate" => Part::Date,
        "getDayOfWeek" => Part::DayOfWeek,
        "getHours" => Part::Hours,
        "getMinutes" => Part::Minutes,
        _ => return None,
    })
}

/// True where a call of that form (on a target or not, so many arguments) is one of the function's.
pub(super) const fn fits(function: Function, shape: (bool, usize)) -> bool {
    match function {
        Function::Size => matches!(shape, (true, 0) | (false, 1)),
        Function::Contains | Function::StartsWith | Function::EndsWith => matches!(shape, (true, 1)),
        Function::LowerAscii => matches!(shape, (true, 0)),
        Function::Int | Function::String | Function::Duration | Function::Timestamp => {
            matches!(shape, (false, 1))
        }
        Function::Min | Function::Max => !shape.0 && shape.1 >= 1,
    }
}

pub(super) const fn usage(function: Function) -> &'static str {
    match function {
        Function::Size => "`size(list)` or `list.size()`",
        Function::Contains => "`text.contains('part')`",
        Function::StartsWith => "`text.startsWith('part')`",
        Function::EndsWith => "`text.endsWith('part')`",
        Function::LowerAscii => "`text.lowerAscii()`",
        Function::Int => "`int(value)`",
        Function::String => "`string(value)`",
        Function::Duration => "`duration('90s')`",
        Function::Timestamp => "`timestamp('2026-01-31T10:00:00Z')`",
        Function::Min => "`min(a, b)` or `min(list)`",
        Function::Max => "`max(a, b)` or `max(list)`",
    }
}
