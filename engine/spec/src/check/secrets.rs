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
    let found = PREFIXES.iter().find(|(prefix, _, least)| {
        word.len() >= *least && word.starts_with(prefix) && word.bytes().all(is_token)
    });
    found.map(|(_, what, _)| *what).or_else(|| is_web_token(word).then_some("a signed web token"))
}

const fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.')
}

fn is_web_token(word: &str) -> bool {
    let parts: Vec<&str> = word.split('.').collect();
    parts.len() == 3 && word.len() >= 40 && word.starts_with("eyJ") && word.bytes().all(is_token)
}

/// True for names under which secrets are handed over: `Authorization`, `X-Api-Key`, `DB_PASSWORD`.
pub(super) fn is_secret_name(name: &str) -> bool {
    let plain: String =
        name.to_ascii_lowercase().chars().filter(|letter| letter.is_ascii_alphanumeric()).collect();
    const WHOLE: &[&str] =
        &["authorization", "proxyauthorization", "cookie", "auth", "pass", "pwd", "pat", "key"];
    const PARTS: &[&str] = &[
        "password",
        "passwd",
        "passphrase",
        "secret",
        "token",
        "apikey",
        "accesskey",
        "privatekey",
        "credential",
    ];
    const HARMLESS: &[&str] = &["idempotencykey"];
    !HARMLESS.contains(&plain.as_str())
        && (WHOLE.contains(&plain.as_str()) || PARTS.iter().any(|part| plain.contains(part)))
}

#[cfg(test)]
mod tests {
    use super::*;

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
    }
}
