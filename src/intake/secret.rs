//! A secret that callers must present. It is compared in constant time and never printed.

use std::fmt;

use subtle::ConstantTimeEq;

/// The `hs_token`, or the secret of the roster hook.
#[derive(Clone)]
pub struct SharedSecret(Box<[u8]>);

impl SharedSecret {
    /// Takes the secret as configured. An empty one matches nothing.
    pub fn new(secret: impl AsRef<[u8]>) -> Self {
        Self(secret.as_ref().into())
    }

    /// Whether `presented` is the secret. The time taken tells at most whether the lengths agree.
    pub fn matches(&self, presented: &[u8]) -> bool {
        !self.0.is_empty() && bool::from(self.0.ct_eq(presented))
    }
}

impl fmt::Debug for SharedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SharedSecret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::SharedSecret;

    #[test]
    fn only_the_whole_secret_matches() {
        let secret = SharedSecret::new("tok-en");
        assert!(secret.matches(b"tok-en"));
        for wrong in ["", "tok-e", "tok-en ", "TOK-EN", "tok-eN"] {
            assert!(!secret.matches(wrong.as_bytes()), "{wrong:?}");
        }
    }

    #[test]
    fn an_empty_secret_matches_nothing() {
        assert!(!SharedSecret::new("").matches(b""));
    }

    #[test]
    fn a_secret_is_not_printed() {
        assert!(!format!("{:?}", SharedSecret::new("tok-en")).contains("tok"));
    }
}
