//! What conditions can come to, over all facts there can be: finitely many, because numbers are cut at the
//! constants they are compared with, texts at the literals they are compared with plus one other, presence is
//! yes or no, and what is not understood is free to be anything. One place for lint and for proofs.
//!
//! The facts of a space hold every case of the real ones and perhaps more. So "never" is certain; "sometimes"
//! is only where no free part had a say ([`Witness::is_exact`]). Beyond a bound of work it says
//! [`Found::Undecided`]. It never evaluates in its own way: what an atom comes to is asked of the evaluator.

pub(super) mod atoms;
mod outcomes;
mod samples;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::node::{Comparison, Node};
use super::types::{Path, Scope};
use super::value::Value;
use super::{Expr, FactMap};

/// Most steps of one search.
const LIMIT: usize = 20_000;

/// An expression at its place. `moment` tells places apart at which the clock, budgets and the states of
/// steps may differ.
#[derive(Debug, Clone, Copy)]
pub struct Site<'a> {
    /// The expression.
    pub expr: &'a Expr,
    /// The facts of its place.
    pub scope: &'a Scope,
    /// Which moment.
    pub moment: usize,
}

/// A condition.
#[derive(Debug, Clone)]
pub enum Term<'a> {
    /// The expression is true.
    Holds(Site<'a>),
    /// A part of it is.
    Part(PartOf<'a>),
    /// The fact is one of these, at that moment.
    OneOf(Path, Vec<Value>, usize),
    /// The actor is one of these principals, or belongs to one.
    Actor(Vec<Arc<str>>),
    /// All of them, left to right.
    All(Vec<Term<'a>>),
    /// Any of them, left to right.
    Any(Vec<Term<'a>>),
    /// It does not come out as true.
    Unless(Box<Term<'a>>),
}

/// A part of an expression, for those who look into it.
#[derive(Debug, Clone)]
pub struct PartOf<'a> {
    pub(super) site: Site<'a>,
    pub(super) part: Part<'a>,
}

/// What of a part is asked.
#[derive(Debug, Clone)]
pub(super) enum Part<'a> {
    /// It is true.
    True(&'a Node),
    /// Its value compares so.
    Is(&'a Node, Comparison, Value),
    /// The number of items of that list compares so.
    Size(Path, Comparison, i64),
}

/// Somebody who acts.
#[derive(Debug, Clone, PartialEq)]
pub struct Actor {
    /// The fact `actor`.
    pub fact: Value,
    /// What `actor.is` is true for.
    pub principals: BTreeSet<Arc<str>>,
}

/// What there is in the world, where that is known.
#[derive(Debug, Clone, Default)]
pub struct World {
    /// Everybody who may act; anybody where that is empty.
    pub actors: Arc<[Actor]>,
    /// All values of some facts, by the root: every `capability`.
    pub roots: BTreeMap<Arc<str>, Vec<Value>>,
    /// All values of some facts further down.
    pub known: BTreeMap<Path, Vec<Value>>,
}

/// What a condition comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    True,
    False,
    Error,
}

impl Outcome {
    const fn of(truth: bool) -> Self {
        if truth { Self::True } else { Self::False }
    }
}

/// A condition over the atoms of a space.
#[derive(Debug, Clone)]
enum Logic {
    Known(Outcome),
    Atom(usize),
    Not(Box<Logic>),
    All(Vec<Logic>),
    Any(Vec<Logic>),
    Choose(Vec<(Logic, Logic)>, Box<Logic>),
    Unless(Box<Logic>),
}

/// What an atom comes to for each value of its variable.
#[derive(Debug)]
struct Atom {
    variable: usize,
    outcomes: Vec<Outcome>,
}

/// What a condition is to come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Want {
    /// True.
    True,
    /// False, or no value at all.
    NotTrue,
    /// True, or no value at all.
    NotFalse,
}

impl Want {
    const fn fits(self, outcome: Outcome) -> bool {
        match self {
            Self::True => matches!(outcome, Outcome::True),
            Self::NotTrue => !matches!(outcome, Outcome::True),
            Self::NotFalse => !matches!(outcome, Outcome::False),
        }
    }
}

/// What a search found.
#[derive(Debug, Clone, PartialEq)]
pub enum Found {
    /// No facts make it so. Certain.
    Never,
    /// These facts do; certain where they are exact.
    Sometimes(Witness),
    /// That would take too long to say.
    Undecided,
}

impl Found {
    /// True where it is certain that no facts make it so.
    #[must_use]
    pub const fn is_never(&self) -> bool {
        matches!(self, Self::Never)
    }
}

/// Facts under which something is so.
#[derive(Debug, Clone, PartialEq)]
pub struct Witness {
    /// The facts that had a say, with their values; `None` for one that is absent.
    pub facts: Vec<(String, Option<Value>)>,
    /// Which of the actors.
    pub actor: Option<usize>,
    /// False where something that is not understood had a say.
    pub is_exact: bool,
}

/// The conditions of one question, over the same facts.
#[derive(Debug)]
pub struct Space {
    variables: Vec<atoms::Variable>,
    atoms: Vec<Atom>,
    formulas: Vec<Logic>,
}

/// Values chosen for some variables, by the number of the sample.
type Chosen = Vec<Option<usize>>;

/// The value of this variable has to be known first.
struct Needs(usize);

impl Space {
    /// The space of these conditions; they are asked about by their numbers.
    #[must_use]
    pub fn of(world: &World, terms: &[Term<'_>]) -> Self {
        atoms::Draft::of(world, terms).space()
    }

    /// Facts under which all conditions come to what is wanted of them.
    #[must_use]
    pub fn find(&self, wants: &[(usize, Want)]) -> Found {
        let mut search = Search { space: self, wants, left: LIMIT, chosen: vec![None; self.variables.len()] };
        match search.explore() {
            Some(true) => Found::Sometimes(self.witness(&search.chosen)),
            Some(false) => Found::Never,
            None => Found::Undecided,
        }
    }

    fn witness(&self, chosen: &Chosen) -> Witness {
        let mut witness = Witness { facts: Vec::new(), actor: None, is_exact: true };
        for (variable, sample) in self.variables.iter().zip(chosen) {
            let Some(sample) = *sample else { continue };
            match &variable.key {
                atoms::Key::Actor => witness.actor = variable.origins.get(sample).copied(),
                atoms::Key::Free(..) | atoms::Key::Is(_) => witness.is_exact = false,
                key => {
                    let value = variable.samples.get(sample).cloned().flatten();
                    witness.facts.push((key.to_string(), value));
                }
            }
        }
        witness
    }

    fn outcome(&self, logic: &Logic, chosen: &Chosen) -> Result<Outcome, Needs> {
        match logic {
            Logic::Known(outcome) => Ok(*outcome),
            Logic::Atom(at) => {
                let Some(atom) = self.atoms.get(*at) else { return Ok(Outcome::Error) };
                let sample = chosen.get(atom.variable).copied().flatten().ok_or(Needs(atom.variable))?;
                Ok(atom.outcomes.get(sample).copied().unwrap_or(Outcome::Error))
            }
            Logic::Not(inner) => Ok(match self.outcome(inner, chosen)? {
                Outcome::True => Outcome::False,
                Outcome::False => Outcome::True,
                Outcome::Error => Outcome::Error,
            }),
            Logic::Unless(inner) => Ok(Outcome::of(self.outcome(inner, chosen)? != Outcome::True)),
            Logic::All(terms) => self.chain(terms, Outcome::False, chosen),
            Logic::Any(terms) => self.chain(terms, Outcome::True, chosen),
            Logic::Choose(arms, last) => {
                for (condition, then) in arms {
                    match self.outcome(condition, chosen)? {
                        Outcome::True => return self.outcome(then, chosen),
                        Outcome::False => {}
                        Outcome::Error => return Ok(Outcome::Error),
                    }
                }
                self.outcome(last, chosen)
            }
        }
    }

    /// Left to right, until one decides or errs.
    fn chain(&self, terms: &[Logic], decides: Outcome, chosen: &Chosen) -> Result<Outcome, Needs> {
        for term in terms {
            let outcome = self.outcome(term, chosen)?;
            if outcome == decides || outcome == Outcome::Error {
                return Ok(outcome);
            }
        }
        Ok(if decides == Outcome::True { Outcome::False } else { Outcome::True })
    }
}

/// Looks for facts, choosing a value only where one is needed.
struct Search<'s> {
    space: &'s Space,
    wants: &'s [(usize, Want)],
    left: usize,
    chosen: Chosen,
}

impl Search<'_> {
    /// True where the rest can be chosen so; `None` past the limit.
    fn explore(&mut self) -> Option<bool> {
        self.left = self.left.checked_sub(1)?;
        let mut open = None;
        for (formula, want) in self.wants {
            let Some(logic) = self.space.formulas.get(*formula) else { continue };
            match self.space.outcome(logic, &self.chosen) {
                Ok(outcome) if want.fits(outcome) => {}
                Ok(_) => return Some(false),
                Err(Needs(variable)) => open = open.or(Some(variable)),
            }
        }
        let Some(variable) = open else { return Some(true) };
        let samples = self.space.variables.get(variable).map_or(0, |variable| variable.count);
        for sample in 0..samples {
            self.choose(variable, Some(sample));
            if self.explore()? {
                return Some(true);
            }
        }
        self.choose(variable, None);
        Some(false)
    }

    fn choose(&mut self, variable: usize, sample: Option<usize>) {
        if let Some(place) = self.chosen.get_mut(variable) {
            *place = sample;
        }
    }
}

/// The facts that hold one value at a path, and nothing else.
fn facts_of(path: &Path, value: Option<&Value>) -> FactMap {
    let mut facts = FactMap::default();
    let Some((root, below)) = path.0.split_first() else { return facts };
    let Some((last, between)) = below.split_last() else {
        facts.facts.extend(value.map(|value| (Arc::clone(root), value.clone())));
        return facts;
    };
    let innermost = Value::map(value.map(|value| (Arc::clone(last), value.clone())));
    let whole = between.iter().rev().fold(innermost, |inner, name| Value::map([(Arc::clone(name), inner)]));
    facts.facts.insert(Arc::clone(root), whole);
    facts
}
