//! KDL cut into tokens, comments among them. The text was read before without a problem; nothing here
//! judges it.

/// A token and its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token {
    /// What it is.
    pub what: What,
    /// Its first byte.
    pub start: usize,
    /// One past its last byte.
    pub end: usize,
}

/// What a token can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// A name, an argument, or a property with its value.
    Word,
    /// `{`
    Open,
    /// `}`
    Close,
    /// `;`
    Semicolon,
    /// A line break that ends a node.
    Line,
    /// A backslash and the line break that it takes away.
    Continued,
    /// `// …`
    LineComment,
    /// `/* … */`
    BlockComment,
}

/// All tokens of a text.
pub fn tokens(text: &str) -> Vec<Token> {
    let mut cut = Cut { text, at: 0, tokens: Vec::new() };
    if text.starts_with("/-") {
        let end = text.find(['\n', ';']).unwrap_or(text.len());
        cut.push(What::Word, text.get(..end).map_or(end, |marker| marker.trim_end().len()));
    }
    while cut.step() {}
    cut.tokens
}

struct Cut<'t> {
    text: &'t str,
    at: usize,
    tokens: Vec<Token>,
}

impl Cut<'_> {
    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn push(&mut self, what: What, length: usize) {
        let start = self.at;
        self.at += length.max(1);
        self.tokens.push(Token { what, start, end: self.at });
    }

    /// Passes one token. False at the end.
    fn step(&mut self) -> bool {
        let rest = self.rest();
        let blanks = rest.len() - rest.trim_start_matches(|c: char| c != '\n' && c.is_whitespace()).len();
        self.at += blanks;
        let rest = self.rest();
        let Some(first) = rest.chars().next() else { return false };
        let line = rest.find('\n').unwrap_or(rest.len());
        match first {
            '\n' => self.push(What::Line, 1),
            '{' => self.push(What::Open, 1),
            '}' => self.push(What::Close, 1),
            ';' => self.push(What::Semicolon, 1),
            '/' if rest.starts_with("//") => {
                let length = rest.get(..line).map_or(line, |line| line.trim_end().len());
                self.push(What::LineComment, length);
            }
            '/' if rest.starts_with("/*") => {
                let length = block_comment(rest);
                self.push(What::BlockComment, length);
            }
            // A comment behind the backslash is a token of its own; the line break is gone.
            '\\' => {
                let comment = rest.get(..line).and_then(|line| line.find("//"));
                self.push(What::Continued, 1);
                if let Some(comment) = comment {
                    self.at += comment - 1;
                    let length = self.rest().find('\n').unwrap_or(self.rest().len());
                    self.push(What::LineComment, length);
                }
                let rest = self.rest();
                self.at += rest.find('\n').map_or(rest.len(), |found| found + 1);
            }
            _ => {
                let length = word(rest);
                self.push(What::Word, length);
            }
        }
        true
    }
}

/// Comments nest.
fn block_comment(text: &str) -> usize {
    let (mut depth, mut at) = (0usize, 0);
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        if rest.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest.starts_with("*/") {
            depth = depth.saturating_sub(1);
            at += 2;
            if depth == 0 {
                break;
            }
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    at
}

/// An annotation, a name or value, and where it is a property, what stands behind its `=`.
fn word(text: &str) -> usize {
    let mut at = 0;
    loop {
        at += part(text.get(at..).unwrap_or_default());
        let rest = text.get(at..).unwrap_or_default();
        let next = rest.trim_start_matches([' ', '\t']);
        if let Some(value) = next.strip_prefix('=') {
            at += rest.len() - value.trim_start_matches([' ', '\t']).len();
        } else {
            return at;
        }
    }
}

/// An annotation with what it is about, a string, or a bare word.
fn part(text: &str) -> usize {
    if text.starts_with('(') {
        let close = text.find(')').map_or(text.len(), |close| close + 1);
        let rest = text.get(close..).unwrap_or_default();
        let blanks = rest.len() - rest.trim_start_matches([' ', '\t']).len();
        return close + blanks + part(rest.get(blanks..).unwrap_or_default());
    }
    let hashes = text.len() - text.trim_start_matches('#').len();
    if text.get(hashes..).is_some_and(|body| body.starts_with('"')) {
        return string(text, hashes);
    }
    let ends = |c: char| c.is_whitespace() || matches!(c, '{' | '}' | ';' | '=' | '(' | '"' | '\\');
    text.char_indices().find(|(at, c)| *at > 0 && ends(*c)).map_or(text.len(), |(at, _)| at)
}

/// A string, raw where hashes stand before it.
fn string(text: &str, hashes: usize) -> usize {
    let body = text.get(hashes..).unwrap_or_default();
    let quotes = if body.starts_with("\"\"\"") && !body.starts_with("\"\"\"\"") { 3 } else { 1 };
    let close = format!("{}{}", "\"".repeat(quotes), "#".repeat(hashes));
    let mut at = quotes;
    while let Some(rest) = body.get(at..).filter(|rest| !rest.is_empty()) {
        if rest.starts_with(&close) {
            return hashes + at + close.len();
        }
        let mut letters = rest.chars();
        let first = letters.next().map_or(1, char::len_utf8);
        at += first;
        if hashes == 0 && rest.starts_with('\\') {
            at += letters.next().map_or(0, char::len_utf8);
        }
    }
    text.len()
}
