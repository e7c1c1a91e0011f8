//! KDL in its canonical layout: four spaces a level, one space between words, no semicolons but in a block
//! on one line, at most one blank line. What the author decided stays: the order of nodes, what is a
//! property and what a node, blocks of one line or several, comments, blank lines, and strings as written.

pub mod tokens;

use super::WIDTH;
use super::comments::{blank_before, column, line_start};
use super::cover::{Tied, as_written, indent};
use tokens::{Token, What, tokens};

/// Spaces a level.
const INDENT: usize = 4;

/// The text anew. It was read without a problem.
pub fn laid_out(text: &str, tied: &Tied) -> String {
    let mut reader = Reader { text, tokens: tokens(text), at: 0 };
    let nodes = reader.nodes();
    let mut printer = Printer { text, out: String::with_capacity(text.len()), fresh: true, tied };
    printer.nodes(&nodes, 0);
    printer.out
}

/// What stands on lines of its own: a node, or a comment.
enum Line {
    Comment(Token),
    Node(Node),
}

struct Node {
    words: Vec<Token>,
    /// Words behind which the author took a new line.
    broken: Vec<usize>,
    block: Option<Block>,
    /// The comment behind it on its line.
    comment: Option<Token>,
    /// One past its last word or brace.
    end: usize,
}

struct Block {
    lines: Vec<Line>,
    /// Written on one line.
    is_short: bool,
    /// The comment behind `{`.
    comment: Option<Token>,
}

impl Node {
    fn start(&self) -> usize {
        self.words.first().map_or(0, |word| word.start)
    }

    /// One past its last word before its block.
    fn head_end(&self) -> usize {
        self.words.last().map_or(self.end, |word| word.end)
    }
}

struct Reader<'t> {
    text: &'t str,
    tokens: Vec<Token>,
    at: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<Token> {
        self.tokens.get(self.at).copied()
    }

    fn nodes(&mut self) -> Vec<Line> {
        let mut lines = Vec::new();
        while let Some(token) = self.peek() {
            match token.what {
                What::Close => break,
                What::Line | What::Semicolon | What::Continued | What::Open => self.at += 1,
                What::LineComment | What::BlockComment if !self.leads_a_node() => {
                    self.at += 1;
                    lines.push(Line::Comment(token));
                }
                _ => lines.push(Line::Node(self.node())),
            }
        }
        lines
    }

    /// True for a comment between slashes and stars with a node behind it on the line.
    fn leads_a_node(&self) -> bool {
        let here = self.peek().filter(|token| token.what == What::BlockComment);
        let next = self.tokens.get(self.at + 1);
        here.zip(next).is_some_and(|(here, next)| {
            next.what == What::Word
                && self.text.get(here.end..next.start).is_some_and(|gap| !gap.contains('\n'))
        })
    }

    fn node(&mut self) -> Node {
        let mut node = Node { words: Vec::new(), broken: Vec::new(), block: None, comment: None, end: 0 };
        while let Some(token) = self.peek() {
            match token.what {
                What::Word | What::BlockComment => {
                    node.words.push(token);
                    node.end = token.end;
                }
                What::Continued => node.broken.push(node.words.len()),
                What::Open => {
                    self.at += 1;
                    node.block = Some(self.block(token));
                    node.end =
                        self.at.checked_sub(1).and_then(|last| self.tokens.get(last)).map_or(0, |it| it.end);
                    self.behind(&mut node);
                    break;
                }
                What::LineComment if self.goes_on() => {
                    // It stands behind a line that goes on: it has no place but above the node.
                    node.comment = Some(token);
                }
                What::LineComment => {
                    node.comment = Some(token);
                    self.at += 1;
                    break;
                }
                What::Semicolon => {
                    self.at += 1;
                    self.behind(&mut node);
                    break;
                }
                What::Line | What::Close => break,
            }
            self.at += 1;
        }
        node
    }

    fn goes_on(&self) -> bool {
        self.at > 0 && self.tokens.get(self.at - 1).is_some_and(|before| before.what == What::Continued)
    }

    /// The comment behind a node that ended on this line.
    fn behind(&mut self, node: &mut Node) {
        let from = self.tokens.get(self.at.saturating_sub(1)).map_or(0, |token| token.end);
        let next = self.peek().filter(|token| matches!(token.what, What::LineComment | What::BlockComment));
        let Some(token) = next else { return };
        if self.text.get(from..token.start).is_some_and(|gap| !gap.contains('\n')) && !self.leads_a_node() {
            node.comment = Some(token);
            self.at += 1;
        }
    }

    fn block(&mut self, open: Token) -> Block {
        let next = self.peek();
        let comment = next.filter(|token| {
            token.what == What::LineComment
                && self.text.get(open.end..token.start).is_some_and(|gap| !gap.contains('\n'))
        });
        if comment.is_some() {
            self.at += 1;
        }
        let lines = self.nodes();
        let close = self.peek().map_or(self.text.len(), |token| token.start);
        self.at += 1;
        let inner = self.text.get(open.end..close).unwrap_or_default();
        Block { lines, is_short: !inner.contains('\n'), comment }
    }
}

struct Printer<'t> {
    text: &'t str,
    out: String,
    fresh: bool,
    /// Lines that stay as they are.
    tied: &'t Tied,
}

impl<'t> Printer<'t> {
    fn slice(&self, token: Token) -> &'t str {
        self.text.get(token.start..token.end).unwrap_or_default()
    }

    fn pad(&mut self, depth: usize) {
        self.out.extend(std::iter::repeat_n(' ', depth * INDENT));
    }

    fn spaced(&mut self, at: usize) {
        if !self.fresh && blank_before(self.text, at) {
            self.out.push('\n');
        }
        self.fresh = false;
    }

    fn nodes(&mut self, lines: &[Line], depth: usize) {
        let mut rest = lines;
        while let Some((line, mut after)) = rest.split_first() {
            match line {
                Line::Comment(token) => {
                    self.spaced(token.start);
                    self.pad(depth);
                    self.out.push_str(self.slice(*token));
                    self.out.push('\n');
                }
                Line::Node(node) => {
                    self.spaced(node.start());
                    if let Some((last, others)) = self.kept(node, after) {
                        self.pad(depth);
                        self.as_written(node, last, depth);
                        after = others;
                    } else {
                        self.node(node, depth);
                    }
                }
            }
            rest = after;
        }
    }

    /// The last of the nodes that stay as they are, from this one on, and what comes behind it; `None` where a new
    /// layout takes nothing off a line that stays.
    fn kept<'l>(&self, first: &'l Node, after: &'l [Line]) -> Option<(&'l Node, &'l [Line])> {
        let gap = |from: usize, to: usize| self.text.get(from..to).is_none_or(|gap| gap.contains('\n'));
        let (mut last, mut rest) = (first, after);
        while let Some((Line::Node(next), others)) = rest.split_first() {
            if last.comment.is_some() || gap(last.end, next.start()) {
                break;
            }
            (last, rest) = (next, others);
        }
        let (start, end) = (line_start(self.text, first.start()), last.end);
        if !std::ptr::eq(first, last) {
            return self.tied.touches(start, end).then_some((last, rest));
        }
        let head_end = first.head_end();
        let child = first.block.as_ref().and_then(|block| match block.lines.first() {
            Some(Line::Node(child)) => Some((block, child)),
            _ => None,
        });
        let joined =
            child.is_some_and(|(block, child)| !gap(head_end, child.start()) && self.short(block).is_none());
        let stays = self.tied.touches(start, head_end) && (!first.broken.is_empty() || joined);
        stays.then_some((first, after))
    }

    /// Nodes as the author wrote them, in their new place.
    fn as_written(&mut self, first: &Node, last: &Node, depth: usize) {
        let (start, end) = (first.start(), last.end);
        let written = self.text.get(start..end).unwrap_or_default();
        self.out.push_str(&as_written(written, indent(self.text, start), depth * INDENT));
        self.comment(last.comment.filter(|comment| comment.start >= end));
        self.out.push('\n');
    }

    fn node(&mut self, node: &Node, depth: usize) {
        self.pad(depth);
        let head = self.head(node, depth);
        self.out.push_str(&head);
        if let Some(block) = &node.block {
            self.block(block, depth);
        }
        self.comment(node.comment);
        self.out.push('\n');
    }

    /// The words of a node; on several lines where the author took them and one is too short.
    fn head(&self, node: &Node, depth: usize) -> String {
        let words: Vec<String> = node.words.iter().map(|word| self.word(*word)).collect();
        let line = words.join(" ");
        if node.broken.is_empty() || depth * INDENT + line.chars().count() <= WIDTH {
            return line;
        }
        let mut out = String::new();
        for (at, word) in words.iter().enumerate() {
            if at > 0 && node.broken.contains(&at) {
                out.push_str(" \\\n");
                out.extend(std::iter::repeat_n(' ', (depth + 1) * INDENT));
            } else if at > 0 {
                out.push(' ');
            }
            out.push_str(word);
        }
        out
    }

    /// A word without blanks around its `=`.
    fn word(&self, token: Token) -> String {
        let written = self.slice(token);
        let Some((name, value)) = written.split_once('=') else { return written.to_owned() };
        let spaced = name.trim_end() != name || value.trim_start() != value;
        if spaced && !name.contains(['"', '#', '(']) {
            format!("{}={}", name.trim_end(), value.trim_start())
        } else {
            written.to_owned()
        }
    }

    fn block(&mut self, block: &Block, depth: usize) {
        if block.lines.is_empty() && block.comment.is_none() {
            self.out.push_str(" {}");
            return;
        }
        let here = column(&self.out, self.out.len());
        let fits = |short: &String| here + 1 + short.chars().count() <= WIDTH || self.is_tied(block);
        if let Some(short) = self.short(block).filter(fits) {
            self.out.push(' ');
            self.out.push_str(&short);
            return;
        }
        self.out.push_str(" {");
        self.comment(block.comment);
        self.out.push('\n');
        self.fresh = true;
        self.nodes(&block.lines, depth + 1);
        self.fresh = false;
        self.pad(depth);
        self.out.push('}');
    }

    fn is_tied(&self, block: &Block) -> bool {
        block.lines.iter().any(|line| match line {
            Line::Node(node) => self.tied.touches(node.start(), node.end),
            Line::Comment(_) => false,
        })
    }

    /// A block on one line, where it was and can be.
    fn short(&self, block: &Block) -> Option<String> {
        if !block.is_short || block.comment.is_some() {
            return None;
        }
        let mut parts = Vec::with_capacity(block.lines.len());
        for line in &block.lines {
            let Line::Node(node) = line else { return None };
            if node.comment.is_some() || !node.broken.is_empty() {
                return None;
            }
            let words: Vec<String> = node.words.iter().map(|word| self.word(*word)).collect();
            let inner = match &node.block {
                Some(block) if block.lines.is_empty() && block.comment.is_none() => " {}".to_owned(),
                Some(block) => format!(" {}", self.short(block)?),
                None => String::new(),
            };
            parts.push(format!("{}{inner}", words.join(" ")));
        }
        Some(format!("{{ {} }}", parts.join("; ")))
    }

    /// The comment behind what was written, in the column where it stood if that is free.
    fn comment(&mut self, comment: Option<Token>) {
        let Some(token) = comment else { return };
        let start = line_start(&self.out, self.out.len());
        let here = self.out.get(start..).unwrap_or_default().chars().count();
        let there = column(self.text, token.start);
        self.out.extend(std::iter::repeat_n(' ', there.saturating_sub(here).max(1)));
        self.out.push_str(self.slice(token));
    }
}
