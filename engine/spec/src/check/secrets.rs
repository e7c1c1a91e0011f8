//! What looks like a secret. Nothing here, or in any diagnostic, repeats the text that was found.

use std::borrow::Cow;

use crate::diagnostic::{Diagnostic, Edit};
use crate::source::Sources;

/// What a text is by its beginning.
const PREFIXES: &[(&str, &str, usize)] = &[
    ("sk_live_", "a payment key", 16),
    ("rk_live_", "a payment key", 16),
    ("sk_test_", "a payment key", 16),
    ("sk-", "an API key", 23),
    ("ghp_", "a token", 20),
    ("gho_", "a token", 20),
    ("ghs_", "a token", 20),
    ("github_pat_", "a token", 20),
    ("glpat-", "a token", 20),
    ("xoxb-", "a token", 20),
    ("xoxp-", "a token", 20),
    ("AKIA", "an access key", 20),
    ("ASIA", "an access key", 20),
    ("AIza", "an API key", 35),
    ("hvs.", "a token", 20),
    ("npm_", "a token", 30),
    ("SG.", "an API key", 30),
];

/// What sort of secret stands in a text, if one does.
pub(super) fn looks_like(text: &str) -> Option<&'static str> {
    if text.contains("-----BEGIN ") && text.contains("PRIVATE KEY-----") {
        return Some("a private key");
    }
    let mut before = "";
    text.split(ends_word).filter(|word| !word.is_empty()).find_map(|next| {
        let previous = std::mem::replace(&mut before, next);
        word(next).or_else(|| shown_by(previous, next))
    })
}

/// What stands between words. Asked of every letter of every file: those of ASCII come first.
const fn ends_word(letter: char) -> bool {
    match letter {
        '\t'..='\r' | ' ' | '"' | '\'' | ',' | ';' | '=' | ':' | '&' | '(' | ')' | '[' | ']' | '{' | '}' => {
            true
        }
        '\0'..='\u{7f}' => false,
        more => more.is_whitespace(),
    }
}

/// What follows the word for a way to log in, as in the header `Authorization`.
fn shown_by(previous: &str, word: &str) -> Option<&'static str> {
    let is_scheme =
        || ["bearer", "basic", "token"].iter().any(|scheme| previous.eq_ignore_ascii_case(scheme));
    let is_random = || {
        word.bytes().all(is_credential)
            && word.bytes().any(|byte| byte.is_ascii_digit())
            && word.bytes().any(|byte| byte.is_ascii_alphabetic())
    };
    (word.len() >= LEAST && is_scheme() && is_random()).then_some("a credential")
}

fn word(word: &str) -> Option<&'static str> {
    if word.len() < LEAST {
        return None;
    }
    let fits = |prefix: &str, least: usize| {
        // Asked of every word of every file: what is seldom so comes first.
        let Some(rest) = word.strip_prefix(prefix).filter(|_| word.len() >= least) else { return false };
        word.bytes().all(is_token) && rest.bytes().any(|byte| byte.is_ascii_digit())
    };
    let found = PREFIXES.iter().find(|(prefix, _, least)| fits(prefix, *least));
    found.map(|(_, what, _)| *what).or_else(|| is_web_token(word).then_some("a signed web token"))
}

/// The least letters of all that is known.
const LEAST: usize = 16;

const fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.')
}

/// Letters of tokens and of Base64.
const fn is_credential(byte: u8) -> bool {
    is_token(byte) || matches!(byte, b'+' | b'/' | b'~')
}

fn is_web_token(word: &str) -> bool {
    word.len() >= 40 && word.starts_with("eyJ") && word.split('.').count() == 3 && word.bytes().all(is_token)
}

/// The same text, byte for byte as long, with what looks like a secret blacked out: for excerpts of files.
#[must_use]
pub fn masked(text: &str) -> String {
    let is_part = |letter: char| letter.is_ascii() && u8::try_from(letter).is_ok_and(is_credential);
    let mut out = String::with_capacity(text.len());
    let (mut rest, mut before) = (text, "");
    while let Some(first) = rest.chars().next() {
        let end = rest.find(|letter| is_part(letter) != is_part(first)).unwrap_or(rest.len());
        let (piece, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
        if !is_part(first) {
            out.push_str(piece);
        } else if shown_by(before, piece).is_some() {
            out.push_str(&"*".repeat(piece.len()));
        } else {
            piece.split_inclusive(['+', '/', '~']).for_each(|part| mask_word(part, &mut out));
        }
        if is_part(first) {
            before = piece;
        }
        rest = after;
    }
    without_users(&out)
}

/// The same text without who is named in its URLs, and by which password.
fn without_users(text: &str) -> String {
    let mut parts = text.split("://");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find(|letter: char| letter.is_whitespace() || "/?#'\"".contains(letter));
        let (authority, rest) = part.split_at_checked(end.unwrap_or(part.len())).unwrap_or((part, ""));
        let at = authority.rfind('@').unwrap_or(0);
        let (user, host) = authority.split_at_checked(at).unwrap_or(("", authority));
        out.push_str(&format!("://{}{host}{rest}", "*".repeat(user.len())));
    }
    out
}

/// A word, black where it looks like a secret. What ends it is none of it.
fn mask_word(part: &str, out: &mut String) {
    let bare = part.trim_end_matches(['+', '/', '~']);
    if word(bare).is_none() {
        out.push_str(part);
    } else {
        out.push_str(&"*".repeat(bare.len()));
        out.push_str(part.get(bare.len()..).unwrap_or_default());
    }
}

/// Takes what stands at the places of `secrets` out of the words of all other findings: what an author wrote is
/// repeated by many of them. A repair that would write one is none.
pub fn hush(found: &mut [Diagnostic], secrets: &[Diagnostic], sources: &Sources) {
    if secrets.is_empty() {
        return;
    }
    let texts: Vec<&str> = secrets
        .iter()
        .filter_map(|problem| {
            let span = problem.primary.as_ref()?.span;
            let text = sources.get(span.file)?.slice(span).trim_matches(['\'', '"']);
            (text.len() >= SHORT).then_some(text)
        })
        .collect();
    let hushed = |said: &str| {
        let bare = texts.iter().fold(said.to_owned(), |said, text| said.replace(text, HUSHED));
        masked(&bare)
    };
    for problem in found.iter_mut().filter(|problem| problem.code != "secret-literal") {
        problem.message = hushed(&problem.message);
        problem.help = problem.help.as_deref().map(hushed);
        problem.consequence = problem.consequence.take().map(|said| Cow::Owned(hushed(&said)));
        for label in problem.primary.iter_mut().chain(&mut problem.related) {
            label.text = hushed(&label.text);
        }
        let writes = |edit: &Edit| hushed(&edit.text) != edit.text;
        problem.fix = problem.fix.take().filter(|fix| !fix.edits.iter().any(writes));
    }
}

/// What stands where a secret stood.
const HUSHED: &str = "***";
/// Shorter texts stand in too many words that are no secret.
const SHORT: usize = 4;

/// True for names under which secrets are handed over: `Authorization`, `X-Api-Key`, `DB_PASSWORD`. The
/// last word says it, but for words that say which page comes next or which call this is.
pub(super) fn is_secret_name(name: &str) -> bool {
    const LAST: &[&str] = &[
        "authorization",
        "cookie",
        "password",
        "passwd",
        "passphrase",
        "pwd",
        "secret",
        "token",
        "apikey",
        "accesskey",
        "secretkey",
        "privatekey",
        "credential",
        "credentials",
    ];
    const BEFORE_KEY: &[&str] = &["api", "access", "secret", "private", "auth"];
    const HARMLESS: &[&str] =
        &["page", "next", "continuation", "sync", "resume", "idempotency", "csrf", "xsrf"];
    let lower = name.to_ascii_lowercase();
    let words: Vec<&str> =
        lower.split(|letter: char| !letter.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let Some((last, before)) = words.split_last() else { return false };
    let previous = before.last().copied().unwrap_or_default();
    !HARMLESS.contains(&previous)
        && (LAST.contains(last) || (*last == "key" && BEFORE_KEY.contains(&previous)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_masked_text_is_as_long_and_tells_nothing() {
        let key = format!("sk_live_{}", "a1".repeat(12));
        let text = format!("headers: {{Authorization: 'Bearer {key}'}} # größer\n");
        let masked = masked(&text);
        assert_eq!(masked.len(), text.len());
        assert!(!masked.contains("a1a1") && masked.contains("größer"));
    }

    #[test]
    fn what_logs_in_is_known_by_the_word_before_it() {
        let text = "Authorization: 'Bearer abcdefghijklmnopqrstuvwxyz123456' # and Basic dXNlcjpwYXNzd29yZA9/+== too";
        assert_eq!(looks_like(text), Some("a credential"));
        let masked = masked(text);
        assert_eq!(masked.len(), text.len());
        assert!(!masked.contains("abcdef") && !masked.contains("dXNl") && masked.contains("' # and Basic "));
        assert_eq!(super::masked("url: 'https://u:p@a.org/x'"), "url: 'https://***@a.org/x'");
        for harmless in ["bearer of bad news", "Bearer authentication-as-usual", "basic 12345678901234567890"]
        {
            assert_eq!(looks_like(harmless), None, "{harmless}");
        }
    }

    #[test]
    fn keys_are_known_by_their_beginning() {
        let key = format!("Bearer sk_live_{}", "a1".repeat(12));
        assert_eq!(looks_like(&key), Some("a payment key"));
        assert_eq!(looks_like("a sk_live_ prefix alone"), None);
        assert_eq!(looks_like("re_pay_12345678"), None);
        assert!(
            is_secret_name("X-Api-Key")
                && is_secret_name("DB_PASSWORD")
                && !is_secret_name("Idempotency-Key")
                && !is_secret_name("X-Run")
        );
        assert!(!is_secret_name("TOKENIZERS_PARALLELISM") && !is_secret_name("page_token"));
        assert!(is_secret_name("GITHUB_TOKEN"));
        assert_eq!(looks_like("sk-learn-pipeline-of-the-house"), None);
    }
}
