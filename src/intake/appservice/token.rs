//! Who is calling: the `hs_token`, as `Authorization: Bearer` or, from older servers, `?access_token=`.
//!
//! It looks at the head of a request only, so that a stranger's body is never waited for.

use std::borrow::Cow;

use axum::{
    extract::Request,
    http::header::{AUTHORIZATION, HeaderValue},
};
use url::form_urlencoded;

use super::error::MatrixError;
use crate::intake::SharedSecret;

/// Passes a request on which at least one token is shown and every one shown is right.
pub(super) fn check(request: &Request, expected: &SharedSecret) -> Result<(), MatrixError> {
    let headers =
        request.headers().get_all(AUTHORIZATION).iter().filter_map(bearer).map(|token| expected.matches(token));
    let queries = request.uri().query().into_iter().flat_map(access_tokens);
    let queries = queries.map(|token| expected.matches(token.as_bytes()));
    let mut verdict = Err(MatrixError::MISSING_TOKEN);
    for is_right in headers.chain(queries) {
        if !is_right {
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

/// A `+` is a space there, as in a form. What is no UTF-8 when it is decoded is no token: a registration's is plain ASCII.
fn access_tokens(query: &str) -> impl Iterator<Item = Cow<'_, str>> {
    let pairs = query.split('&').filter(|pair| pair.starts_with("access_token="));
    pairs.flat_map(|pair| form_urlencoded::parse(pair.as_bytes())).map(|(_, token)| token)
}

#[cfg(test)]
mod tests {
    use super::access_tokens;

    #[test]
    fn escapes_are_decoded_and_the_rest_stands_for_itself() {
        for (value, decoded) in
            [("plain", "plain"), ("a%2Bb%3d", "a+b="), ("a+b", "a b"), ("100%", "100%"), ("%zz%4", "%zz%4")]
        {
            let query = format!("ts=1&access_token={value}&access_token=");
            assert_eq!(access_tokens(&query).collect::<Vec<_>>(), [decoded, ""], "{value}");
        }
        assert_eq!(access_tokens("access%5Ftoken=a&token=b").count(), 0);
    }
}
