//! Who is calling: the `hs_token`, as `Authorization: Bearer` or, from older servers, `?access_token=`.
//!
//! It looks at the head of a request only, so that a stranger's body is never waited for.

use std::borrow::Cow;

use axum::{
    extract::Request,
    http::header::{AUTHORIZATION, HeaderValue},
};

use super::error::MatrixError;
use crate::intake::SharedSecret;

/// Passes a request on which at least one token is shown and every one shown is right.
pub(super) fn check(request: &Request, expected: &SharedSecret) -> Result<(), MatrixError> {
    let headers = request.headers().get_all(AUTHORIZATION).iter().filter_map(bearer).map(Cow::Borrowed);
    let queries = request.uri().query().into_iter().flat_map(access_tokens);
    let mut verdict = Err(MatrixError::MISSING_TOKEN);
    for token in headers.chain(queries) {
        if !expected.matches(&token) {
            return Err(MatrixError::WRONG_TOKEN);
        }
        verdict = Ok(());
    }
    verdict
}

/// The token of a `Bearer` header; the scheme's case does not matter (RFC 9110, 11.1).
fn bearer(header: &HeaderValue) -> Option<&[u8]> {
    let (scheme, token) = header.as_bytes().split_at_checked("bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"bearer ").then(|| token.trim_ascii())
}

fn access_tokens(query: &str) -> impl Iterator<Item = Cow<'_, [u8]>> {
    query.split('&').filter_map(|pair| pair.strip_prefix("access_token=")).map(percent_decode)
}

/// Decodes the value of a query pair; what is not a valid escape stands for itself.
fn percent_decode(value: &str) -> Cow<'_, [u8]> {
    if !value.contains(['%', '+']) {
        return Cow::Borrowed(value.as_bytes());
    }
    let mut rest = value.as_bytes();
    let mut decoded = Vec::with_capacity(rest.len());
    while let [byte, after @ ..] = rest {
        rest = after;
        decoded.push(match (byte, after) {
            (b'%', [high, low, beyond @ ..]) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                rest = beyond;
                hex_digit(*high) << 4 | hex_digit(*low)
            }
            (b'+', _) => b' ',
            _ => *byte,
        });
    }
    Cow::Owned(decoded)
}

/// The value of a byte known to be a hexadecimal digit.
fn hex_digit(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => (digit | 0x20) - b'a' + 10,
    }
}

#[cfg(test)]
mod tests {
    use super::percent_decode;

    #[test]
    fn escapes_are_decoded_and_the_rest_stands_for_itself() {
        for (value, decoded) in
            [("plain", "plain"), ("a%2Bb%3d", "a+b="), ("a+b", "a b"), ("100%", "100%"), ("%zz%4", "%zz%4")]
        {
            assert_eq!(percent_decode(value), decoded.as_bytes(), "{value}");
        }
    }
}
