//! The one type that carries a secret.

use std::fmt;

use zeroize::Zeroizing;

/// A secret: wiped from memory, and without a way to print it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes a text. Its buffer must never have moved: what a growing buffer leaves behind is not wiped.
    pub fn new(text: Zeroizing<String>) -> Self {
        Self(text)
    }

    /// Returns the text, to be joined into a file.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}
