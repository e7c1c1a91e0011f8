//! What a scalar without quotes is: the YAML 1.2 core schema, without its surprises.

use crate::decode::LARGEST_INTEGER;

/// What a plain scalar reads as.
#[derive(Debug, PartialEq)]
pub enum Plain {
    /// Nothing.
    Null,
    /// `true`, `false`
    Bool(bool),
    /// An integer of the language.
    Int(i64),
    /// An integer beyond ±(2^53−1).
    TooLarge,
    /// A number with a fraction or exponent.
    Float(f64),
    /// Anything else.
    Text,
}

/// Reads a plain scalar. `yes`, `no`, `on`, `off` and numbers with a leading zero are strings.
pub fn resolve(text: &str) -> Plain {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Plain::Null,
        "true" | "True" | "TRUE" => return Plain::Bool(true),
        "false" | "False" | "FALSE" => return Plain::Bool(false),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => return Plain::Float(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => return Plain::Float(f64::NEG_INFINITY),
        ".nan" | ".NaN" | ".NAN" => return Plain::Float(f64::NAN),
        _ => {}
    }
    for (prefix, radix) in [("0x", 16), ("0o", 8)] {
        if let Some(digits) = text.strip_prefix(prefix)
            && !digits.is_empty()
            && digits.chars().all(|digit| digit.is_digit(radix))
        {
            return within(i128::from_str_radix(digits, radix).ok());
        }
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if !unsigned.is_empty() && unsigned.bytes().all(|byte| byte.is_ascii_digit()) {
        let zero_led = unsigned.len() > 1 && unsigned.starts_with('0');
        return if zero_led { Plain::Text } else { within(text.parse().ok()) };
    }
    if is_float(unsigned) {
        return text.parse().map_or(Plain::Text, Plain::Float);
    }
    Plain::Text
}

fn within(value: Option<i128>) -> Plain {
    let limit = i128::from(LARGEST_INTEGER);
    match value {
        Some(value) if (-limit..=limit).contains(&value) => {
            i64::try_from(value).map_or(Plain::TooLarge, Plain::Int)
        }
        _ => Plain::TooLarge,
    }
}

/// `12.5`, `.5`, `1e3`, without sign and without a leading zero.
fn is_float(text: &str) -> bool {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let exponent_ok = exponent.is_none_or(|exponent| {
        let exponent = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
        !exponent.is_empty() && digits(exponent)
    });
    exponent_ok
        && digits(whole)
        && digits(fraction)
        && !(whole.is_empty() && fraction.is_empty())
        && !(whole.len() > 1 && whole.starts_with('0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_scalars_follow_the_core_schema() {
        for text in [
            "yes", "no", "on", "off", "017", "-017", "1_000", "1:30", "0x", "0xg", "1.2.3", "e3", ".", "+",
            "00.5",
        ] {
            assert_eq!(resolve(text), Plain::Text, "{text}");
        }
        for (text, value) in [("0", 0), ("-0", 0), ("+7", 7), ("42", 42), ("0x1F", 31), ("0o17", 15)] {
            assert_eq!(resolve(text), Plain::Int(value), "{text}");
        }
        assert_eq!(resolve("9007199254740991"), Plain::Int(LARGEST_INTEGER));
        for text in ["9007199254740992", "-9007199254740992", "0xffffffffffffffffffffffffffffffffffffffffff"]
        {
            assert_eq!(resolve(text), Plain::TooLarge, "{text}");
        }
        for (text, value) in [("1.5", 1.5), (".5", 0.5), ("1e3", 1e3), ("-0.5", -0.5), ("1.", 1.0)] {
            assert_eq!(resolve(text), Plain::Float(value), "{text}");
        }
        assert_eq!(resolve("~"), Plain::Null);
        assert_eq!(resolve("True"), Plain::Bool(true));
    }
}
