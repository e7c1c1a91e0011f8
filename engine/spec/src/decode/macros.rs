//! The declaring macros: `record!` and `closed!` of the language, and `words!`, which the kernel's own words share.

/// Declares a record of the spec language: a struct with documented fields, of which those without
/// a default are mandatory. It implements [`Decode`](crate::decode::Decode) and
/// [`Record`](crate::decode::Record); equality ignores places. `short field` lets a bare text stand for
/// the record with that field alone; `keyed Type` says what the keys of a map of such records must be.
#[macro_export]
macro_rules! record {
    (@shape $name:ident $docs:expr, $ty:ty) => {
        $crate::decode::FieldShape::new(stringify!($name), $docs, <$ty as $crate::decode::Decode>::shape, true)
    };
    (@shape $name:ident $docs:expr, $ty:ty, $default:expr) => {{
        let default: $ty = $default;
        $crate::decode::FieldShape::new(stringify!($name), $docs, <$ty as $crate::decode::Decode>::shape, false)
            .with_default(<$ty as $crate::decode::Decode>::canonical(&default))
    }};
    (@read $fields:ident, $field:expr, $cx:ident, $ty:ty) => {
        $fields.required::<$ty>($field, $cx)
    };
    (@read $fields:ident, $field:expr, $cx:ident, $ty:ty, $default:expr) => {
        Some($fields.optional::<$ty>($field, $cx).unwrap_or_else(|| $default))
    };
    (@kept $value:expr, $ty:ty) => {
        true
    };
    (@kept $value:expr, $ty:ty, $default:expr) => {{
        let default: $ty = $default;
        $value != default
    }};
    ($(#[doc = $doc:expr])* pub struct $name:ident $(short $short:ident)? $(keyed $rule:ident)? {
        $($(#[doc = $fdoc:expr])* pub $field:ident : $ty:ty $(= $default:expr)?,)*
    }) => {
        $(#[doc = $doc])*
        #[derive(Debug, Clone)]
        pub struct $name {
            $($(#[doc = $fdoc])* pub $field: $ty,)*
            /// Where it stands.
            pub span: $crate::source::Span,
        }

        impl PartialEq for $name {
            fn eq(&self, other: &Self) -> bool {
                true $(&& self.$field == other.$field)*
            }
        }

        impl $crate::decode::Record for $name {
            fn record() -> &'static $crate::decode::RecordShape {
                static SHAPE: std::sync::LazyLock<$crate::decode::RecordShape> =
                    std::sync::LazyLock::new(|| $crate::decode::RecordShape {
                        name: stringify!($name),
                        doc: $crate::decode::prose(&[$($doc),*]),
                        short: [$(stringify!($short),)? ""].first().copied().filter(|name| !name.is_empty()),
                        fields: vec![$($crate::record!(@shape $field &[$($fdoc),*], $ty $(, $default)?)),*],
                    });
                &SHAPE
            }
        }

        impl $crate::decode::Decode for $name {
            fn shape() -> $crate::decode::Shape {
                $crate::decode::Shape::Record(<Self as $crate::decode::Record>::record)
            }

            $(fn keys() -> Option<$crate::decode::KeyRule> {
                Some($crate::kind::scalar::$rule::RULE)
            })?

            fn decode(node: &$crate::tree::Node, cx: &mut $crate::decode::Decoder<'_>) -> Option<Self> {
                let record = <Self as $crate::decode::Record>::record();
                let fields = $crate::decode::Fields::open(node, record, cx)?;
                let mut shapes = record.fields.iter();
                // All fields are read before the first missing one ends it.
                $(let $field: Option<$ty> =
                    shapes.next().and_then(|shape| $crate::record!(@read fields, shape, cx, $ty $(, $default)?));)*
                Some(Self { $($field: $field?,)* span: node.span })
            }

            fn canonical(&self) -> Option<serde_json::Value> {
                let record = <Self as $crate::decode::Record>::record();
                let mut out = serde_json::Map::new();
                let mut shapes = record.fields.iter();
                $(if let Some(shape) = shapes.next()
                    && $crate::record!(@kept self.$field, $ty $(, $default)?)
                    && let Some(value) = <$ty as $crate::decode::Decode>::canonical(&self.$field)
                {
                    out.insert(shape.name.clone(), value);
                })*
                Some(serde_json::Value::Object(out))
            }
        }
    };
}

/// Declares a closed set of words as an enum: what the program says, in JSON and to people.
#[macro_export]
macro_rules! words {
    ($(#[doc = $doc:expr])* pub enum $name:ident {
        $($(#[doc = $vdoc:expr])* $variant:ident = $word:literal,)*
    }) => {
        $(#[doc = $doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[doc = $vdoc])* $variant,)* }

        impl $name {
            /// Every value, in the order of its weight where there is one.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The word in specs and JSON.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }

            /// The value of that word.
            #[must_use]
            pub fn from_word(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)* _ => None }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let word = <std::borrow::Cow<'de, str> as serde::Deserialize<'de>>::deserialize(deserializer)?;
                Self::from_word(&word)
                    .ok_or_else(|| serde::de::Error::unknown_variant(&word, &[$($word),*]))
            }
        }
    };
}

/// The same for words that specs say: with their meanings, for the readers and the schema.
#[macro_export]
macro_rules! closed {
    ($(#[doc = $doc:expr])* pub enum $name:ident {
        $($(#[doc = $vdoc:expr])* $variant:ident = $word:literal,)*
    }) => {
        $crate::words! {
            $(#[doc = $doc])*
            pub enum $name { $($(#[doc = $vdoc])* $variant = $word,)* }
        }

        impl $crate::decode::Decode for $name {
            fn shape() -> $crate::decode::Shape {
                const WORDS: &[$crate::decode::WordShape] =
                    &[$($crate::decode::WordShape { word: $word, doc: concat!($($vdoc),*) },)*];
                $crate::decode::Shape::Words(WORDS)
            }

            fn decode(node: &$crate::tree::Node, cx: &mut $crate::decode::Decoder<'_>) -> Option<Self> {
                let known: &[&str] = &[$($word),*];
                let text = cx.text(node, &format!("one of the words {}", $crate::decode::listed(known)))?;
                // After a misspelt word reading goes on with the one that was meant: the law is broken already.
                Self::from_word(&text.value)
                    .or_else(|| Self::from_word(cx.unknown_value(node.span, &text.value, known)?))
            }

            fn canonical(&self) -> Option<serde_json::Value> {
                Some(self.as_str().into())
            }
        }
    };
}
