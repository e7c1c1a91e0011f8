//! A secret value: it cannot be printed, compared, serialized or cloned by accident, and is wiped when dropped.
//!
//! Must never gain `Debug`, `Display`, `Serialize` or `Clone` that show or spread the value.

use zeroize::Zeroizing;

/// The shortest value that is accepted: anything shorter could not be masked without destroying other text.
pub const SHORTEST: usize = 4;

/// The longest value that is accepted.
pub const LONGEST: usize = 64 * 1024;

/// A secret value.
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes a value over.
    ///
    /// # Errors
    /// Too short to be masked, too long, or with a NUL byte; the message never holds the value.
    pub fn new(value: String) -> Result<Self, &'static str> {
        let value = Zeroizing::new(value);
        if value.len() < SHORTEST {
            return Err("shorter than 4 bytes, so it could not be masked");
        }
        if value.len() > LONGEST {
            return Err("longer than 64 KiB");
        }
        if value.contains('\0') {
            return Err("holds a NUL byte");
        }
        Ok(Self(value))
    }

    /// The value itself, for the one place that sends it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// A second owner of the value; both are wiped.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        Self(self.0.clone())
    }
}
