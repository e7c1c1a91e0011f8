//! Declaring a record once: the struct, how it is read, what it looks like, what is digested.

/// Declares a record of the spec language. See `decode` for what is derived from it.
#[macro_export]
macro_rules! record {
    ($(#[$meta:meta])* pub struct $name:ident { $($(#[$fmeta:meta])* pub $field:ident : $ty:ty $(= $default:expr)?,)* }) => {
        $(#[$meta])*
        #[derive(Debug, Clone)]
        pub struct $name { $($(#[$fmeta])* pub $field: $ty,)* /** Where it stands. */ pub span: $crate::source::Span }
        impl PartialEq for $name { fn eq(&self, other: &Self) -> bool { true $(&& self.$field == other.$field)* } }
    };
}

/// Declares a closed set of words.
#[macro_export]
macro_rules! closed {
    ($(#[$meta:meta])* pub enum $name:ident { $($(#[$vmeta:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$vmeta])* $variant,)* }
        impl $name {
            /// Every value, in the order of its weight where there is one.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];
            /// The word in specs and JSON.
            #[must_use]
            pub const fn as_str(self) -> &'static str { match self { $(Self::$variant => $word,)* } }
            /// The value of that word.
            #[must_use]
            pub fn from_word(word: &str) -> Option<Self> { match word { $($word => Some(Self::$variant),)* _ => None } }
        }
        impl std::fmt::Display for $name { fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.write_str(self.as_str()) } }
    };
}

/// A value and its place; equality ignores the place.
#[derive(Debug, Clone)]
pub struct Spanned<T> {
    /// The value.
    pub value: T,
    /// Where it stands.
    pub span: crate::source::Span,
}

impl<T: PartialEq> PartialEq for Spanned<T> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl<T> std::ops::Deref for Spanned<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> Spanned<T> {
    /// A value that stands in no file: a default.
    #[must_use]
    pub const fn nowhere(value: T) -> Self {
        Self { value, span: crate::source::Span::nowhere() }
    }
}
