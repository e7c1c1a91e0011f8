//! A record as the one line that it is written as, verified without being read into a record and written again: one
//! pass over the bytes that takes nothing but the form in which a record is written. Whatever is not plain — an escape
//! in a text, an actor or reasons not met before — is left to the full reading: what is taken here, that takes too.

use std::collections::BTreeSet;
use std::str::FromStr as _;

use jiff::Timestamp;
use ordain_spec::digest::Digest;
use ordain_spec::kind::scenario::Assurance;

use super::Action;
use crate::ids::DecisionId;
use crate::log::tree::{Hash, leaf_hash, leaf_hash_of};

/// How a line without a place says so. Inside of a string it would look otherwise: its quotes would be escaped.
const NOWHERE: &str = ",\"seq\":0,";

/// The leaf of the log that a line without a place (`seq` 0) is at a place. What is in no form is a leaf as it is: who
/// verifies says what it is.
#[must_use]
pub fn leaf_at(line: &str, seq: u64) -> Hash {
    match line.rsplit_once(NOWHERE) {
        Some((before, after)) => leaf_of(before, seq, after),
        None => leaf_hash(line.as_bytes()),
    }
}

fn leaf_of(before: &str, seq: u64, after: &str) -> Hash {
    let seq = seq.to_string();
    leaf_hash_of(&[before, ",\"seq\":", &seq, ",", after].map(str::as_bytes))
}

/// A line in the form of a record. That its `actor` and its `reasons` are some, and its `at` an instant, is for
/// [`Forms`] to say.
#[derive(Debug)]
pub(super) struct Plain<'l> {
    pub action: Action,
    pub subject: &'l str,
    pub run: Option<&'l str>,
    pub run_seq: Option<u64>,
    pub seq: u64,
    pub hash: Digest,
    pub prev_hash: Digest,
    pub payload_digest: Option<Digest>,
    actor: &'l str,
    reasons: &'l str,
    at: &'l str,
    /// The line without the members that are outside the hash, in three pieces: before, between and after them.
    hashed: [&'l str; 3],
    /// All that stands before `seq`.
    before_seq: &'l str,
}

impl<'l> Plain<'l> {
    /// Reads a line; none where it takes the full reading to say what it is.
    pub fn read(line: &'l str) -> Option<Self> {
        let mut rest = Rest(line.strip_prefix('{')?);
        let action = Action::from_word(rest.text("\"action\":\"")?)?;
        let actor = rest.nested(",\"actor\":")?;
        if let Some(assurance) = rest.text(",\"assurance\":\"") {
            Assurance::from_word(assurance)?;
        }
        let at = rest.text(",\"at\":\"")?;
        rest.digest(",\"catalogueDigest\":\"")?;
        if let Some(decision) = rest.text(",\"decisionId\":\"") {
            DecisionId::from_str(decision).ok()?;
        }
        rest.text(",\"engineVersion\":\"")?;
        let before_hash = rest.before(line);
        let hash = rest.digest(",\"hash\":\"")??;
        let after_hash = rest.0;
        let payload_digest = rest.digest(",\"payloadDigest\":\"")?;
        rest.digest(",\"planDigest\":\"")?;
        let prev_hash = rest.digest(",\"prevHash\":\"")??;
        let reasons = rest.nested(",\"reasons\":")?;
        let run = rest.text(",\"runId\":\"");
        let run_seq = rest.number(",\"runSeq\":")?;
        let (before_seq, between) = (rest.before(line)?, rest.before(after_hash)?);
        let seq = rest.number(",\"seq\":")??;
        let after = rest.0;
        rest.text(",\"stepId\":\"");
        let subject = rest.text(",\"subject\":\"")?;
        let hashed = [before_hash?, between, after];
        (rest.0 == "}").then_some(Self {
            action,
            subject,
            run,
            run_seq,
            seq,
            hash,
            prev_hash,
            payload_digest,
            actor,
            reasons,
            at,
            hashed,
            before_seq,
        })
    }

    /// True where the content is what the hash was made from.
    pub fn is_held(&self) -> bool {
        Digest::of_parts(&self.hashed.map(str::as_bytes)) == self.hash
    }

    /// The leaf that the record is at a place of the log.
    pub fn leaf(&self, seq: u64) -> Hash {
        let [_, _, after] = self.hashed;
        leaf_of(self.before_seq, seq, after.strip_prefix(',').unwrap_or(after))
    }
}

/// What is left of a line.
struct Rest<'l>(&'l str);

impl<'l> Rest<'l> {
    /// What of the whole was read.
    fn before(&self, whole: &'l str) -> Option<&'l str> {
        whole.get(..whole.len().checked_sub(self.0.len())?)
    }

    /// The text of a member that is there and has nothing escaped; its name ends with a quote.
    fn text(&mut self, name: &str) -> Option<&'l str> {
        let after = self.0.strip_prefix(name)?;
        let end = after.bytes().position(|byte| byte == b'"' || byte == b'\\' || byte < b' ')?;
        let (text, rest) = after.split_at_checked(end)?;
        self.0 = rest.strip_prefix('"')?;
        Some(text)
    }

    /// A digest, where the member is there; the outer none where it is there and no digest.
    fn digest(&mut self, name: &str) -> Option<Option<Digest>> {
        if !self.0.starts_with(name) {
            return Some(None);
        }
        self.text(name)?.parse().ok().map(Some)
    }

    /// A number, where the member is there; the outer none where it is there and no number in its form.
    fn number(&mut self, name: &str) -> Option<Option<u64>> {
        let Some(after) = self.0.strip_prefix(name) else { return Some(None) };
        let end = after.bytes().position(|byte| !byte.is_ascii_digit())?;
        let (digits, rest) = after.split_at_checked(end)?;
        if digits.len() > 1 && digits.starts_with('0') {
            return None;
        }
        self.0 = rest;
        digits.parse().ok().map(Some)
    }

    /// The text of a member that is an object or a list, as far as its brackets say.
    fn nested(&mut self, name: &str) -> Option<&'l str> {
        let after = self.0.strip_prefix(name)?;
        let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
        for (at, byte) in after.bytes().enumerate() {
            match byte {
                _ if escaped => escaped = false,
                b'\\' if quoted => escaped = true,
                b'"' => quoted = !quoted,
                _ if quoted => {}
                b'{' | b'[' => depth = depth.checked_add(1)?,
                b'}' | b']' => depth = depth.checked_sub(1)?,
                _ => {}
            }
            if depth == 0 {
                let (text, rest) = after.split_at_checked(at.checked_add(1)?)?;
                self.0 = rest;
                return Some(text);
            }
        }
        None
    }
}

/// How many forms are kept: more distinct ones than a log has are read in full.
const MOST: usize = 4_096;

/// Actors and reasons as they stood in lines that were read in full, so that they need not be read again.
#[derive(Debug, Clone, Default)]
pub(super) struct Forms {
    known: BTreeSet<String>,
    at: String,
}

impl Forms {
    /// Takes what stands in a line that was read in full.
    pub fn learn(&mut self, line: &str) {
        let Some(plain) = Plain::read(line) else { return };
        // An actor begins with a brace and reasons with a bracket: neither is taken for the other.
        for text in [plain.actor, plain.reasons] {
            if self.known.len() < MOST && !self.known.contains(text) {
                self.known.insert(text.to_owned());
            }
        }
    }

    /// True where all of a line is in its form.
    pub fn hold(&mut self, line: &Plain<'_>) -> bool {
        let known = |text: &str| self.known.contains(text);
        (line.reasons == "[]" || known(line.reasons)) && known(line.actor) && self.is_instant(line.at)
    }

    /// Many records have the instant of the one before.
    fn is_instant(&mut self, text: &str) -> bool {
        if self.at != text {
            let Ok(at) = Timestamp::from_str(text) else { return false };
            let written = at.to_string();
            if written != text {
                return false;
            }
            self.at = written;
        }
        true
    }
}
