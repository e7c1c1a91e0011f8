//! Canonical JSON (RFC 8785) and SHA-256.

use std::fmt;

use serde_json::{Number, Value};

/// SHA-256 of something's canonical form.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub [u8; 32]);

/// Length of a digest's text.
const TEXT: usize = PREFIX.len() + 64;

const PREFIX: &str = "sha256:";

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text(&mut [0; TEXT]))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Digest {
    /// The text, in room for it: records hold many digests.
    fn text<'t>(&self, room: &'t mut [u8; TEXT]) -> &'t str {
        let digit = |half: u8| if half < 10 { b'0' + half } else { b'a' + half - 10 };
        let (prefix, hex) = room.split_at_mut(PREFIX.len());
        prefix.copy_from_slice(PREFIX.as_bytes());
        for (pair, byte) in hex.chunks_exact_mut(2).zip(self.0) {
            pair.copy_from_slice(&[digit(byte >> 4), digit(byte & 15)]);
        }
        std::str::from_utf8(room).unwrap_or_default()
    }

    /// SHA-256 of the bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self::of_parts(&[bytes])
    }

    /// SHA-256 of the parts, one after the other.
    #[must_use]
    pub fn of_parts(parts: &[&[u8]]) -> Self {
        use sha2::Digest as _;
        let mut hash = sha2::Sha256::new();
        for part in parts {
            hash.update(part);
        }
        Self(hash.finalize().into())
    }

    /// SHA-256 of the canonical JSON (RFC 8785) of a value. Canonical JSON knows numbers as doubles only:
    /// the integers of the language lie within ±(2^53−1), so each keeps a form of its own.
    #[must_use]
    pub fn of_json(value: &Value) -> Self {
        Self::of(&canonical(value))
    }
}

/// The canonical JSON (RFC 8785) of a value. Every record and every decision needs several: what is no
/// fraction is written here, in one pass.
#[must_use]
pub fn canonical(value: &Value) -> Vec<u8> {
    let mut text = Vec::with_capacity(128);
    write(value, &mut text);
    text
}

fn write(value: &Value, text: &mut Vec<u8>) {
    match value {
        Value::Null => text.extend(b"null"),
        Value::Bool(value) => text.extend(if *value { b"true".as_slice() } else { b"false" }),
        Value::Number(number) => write_number(number, text),
        Value::String(string) => write_string(string, text),
        Value::Array(items) => {
            text.push(b'[');
            for (place, item) in items.iter().enumerate() {
                if place > 0 {
                    text.push(b',');
                }
                write(item, text);
            }
            text.push(b']');
        }
        Value::Object(fields) => {
            text.push(b'{');
            let mut fields: Vec<_> = fields.iter().collect();
            // The order is that of UTF-16.
            fields.sort_by(|(one, _), (other, _)| one.encode_utf16().cmp(other.encode_utf16()));
            for (place, (name, value)) in fields.into_iter().enumerate() {
                if place > 0 {
                    text.push(b',');
                }
                write_string(name, text);
                text.push(b':');
                write(value, text);
            }
            text.push(b'}');
        }
    }
}

/// Integers that a double can hold are their digits; the form of all else is the library's.
fn write_number(number: &Number, text: &mut Vec<u8>) {
    const EXACT: i64 = 1 << f64::MANTISSA_DIGITS;
    match number.as_i64() {
        Some(integer) if (-EXACT..=EXACT).contains(&integer) => text.extend(integer.to_string().into_bytes()),
        // No number of JSON fails; were there one, two of them must still not become one text.
        _ => text.extend(
            serde_json_canonicalizer::to_vec(number).unwrap_or_else(|_| number.to_string().into_bytes()),
        ),
    }
}

fn write_string(string: &str, text: &mut Vec<u8>) {
    // Writing into memory does not fail, and JSON's escapes are those of RFC 8785.
    let _ = serde_json::to_writer(text, string);
}

/// The digest in JSON is its text.
impl serde::Serialize for Digest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.text(&mut [0; TEXT]))
    }
}

impl<'de> serde::Deserialize<'de> for Digest {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(|_| serde::de::Error::custom("not a digest"))
    }
}

/// What no hexadecimal digit is worth.
const NO_DIGIT: u8 = 0x80;

/// The text is no `sha256:` digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a `sha256:` digest of 64 hexadecimal digits")]
pub struct NotADigest;

impl std::str::FromStr for Digest {
    type Err = NotADigest;

    fn from_str(text: &str) -> Result<Self, NotADigest> {
        let hex = text.strip_prefix(PREFIX).ok_or(NotADigest)?.as_bytes();
        let digit = |byte: u8| match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            _ => NO_DIGIT,
        };
        let (mut bytes, mut all) = ([0; 32], 0);
        if hex.len() != 64 {
            return Err(NotADigest);
        }
        for (byte, pair) in bytes.iter_mut().zip(hex.as_chunks().0) {
            let [high, low] = pair.map(digit);
            *byte = high << 4 | low;
            all |= high | low;
        }
        if all > 15 {
            return Err(NotADigest);
        }
        Ok(Self(bytes))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_order_of_keys_and_the_form_of_numbers_do_not_matter() {
        let one = serde_json::json!({"b": 1, "a": [5.0, "x"], "é": null});
        let other: Value = serde_json::from_str(r#"{"\u00e9":null,"a":[5,"x"],"b":1.0}"#).unwrap();
        assert_eq!(Digest::of_json(&one), Digest::of_json(&other));
        assert_eq!(
            Digest::of_json(&serde_json::json!({})).to_string(),
            "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
        );
    }

    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            (-100_i64..100).prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 6, |inner| {
            let name = prop_oneof![any::<String>(), "[a-c\u{e000}\u{10000}\"\\\\\n]{0,3}"];
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::btree_map(name, inner, 0..6)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn the_canonical_form_is_that_of_the_library(value in json()) {
            let ours = String::from_utf8(canonical(&value)).unwrap();
            prop_assert_eq!(ours, serde_json_canonicalizer::to_string(&value).unwrap());
        }
    }

    #[test]
    fn a_digest_reads_its_own_text() {
        let digest = Digest::of(b"abc");
        assert_eq!(digest.to_string().parse(), Ok(digest));
        assert_eq!("sha256:00".parse::<Digest>(), Err(NotADigest));
        assert_eq!(format!("sha256:{}", "g".repeat(64)).parse::<Digest>(), Err(NotADigest));
    }
}
