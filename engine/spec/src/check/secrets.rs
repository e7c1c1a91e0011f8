//! What looks like a secret. Nothing here, or in any diagnostic, repeats the text that was found.

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
    text.split(|letter: char| {
        letter.is_whitespace() || matches!(letter, '"' | '\'' | ',' | ';' | '=' | ':' | '&' | '(' | ')')
    })
    .find_map(word)
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

fn is_web_token(word: &str) -> bool {
    word.len() >= 40 && word.starts_with("eyJ") && word.split('.').count() == 3 && word.bytes().all(is_token)
}

/// The same text, byte for byte as long, with what looks like a secret blacked out: for excerpts of files.
#[must_use]
pub fn masked(text: &str) -> String {
    let is_part = |letter: char| letter.is_ascii() && u8::try_from(letter).is_ok_and(is_token);
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let end = rest.find(|letter| is_part(letter) != is_part(first)).unwrap_or(rest.len());
        let (piece, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
        if word(piece).is_some() {
            out.push_str(&"*".repeat(piece.len()));
        } else {
            out.push_str(piece);
        }
        rest = after;
    }
    out
}

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
