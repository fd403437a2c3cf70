//! One user of the pool, as far as we want to know them. Pure.
//!
//! The e-mail address is looked at only to keep it out of the display name; it is not kept.

use aws_sdk_cognitoidentityprovider::types::{AttributeType, UserType};

/// As long as Synapse takes a display name, in bytes (256 and more are refused).
const DISPLAY_NAME_MAX_BYTES: usize = 255;

/// Attributes that may hold a name to show, the best first.
const NAMES: [&str; 3] = ["name", "preferred_username", "nickname"];

/// Statuses of users who never confirmed themselves, or about whom the pool itself knows nothing.
const UNCONFIRMED: [&str; 2] = ["UNCONFIRMED", "UNKNOWN"];

/// Statuses of users who must not get in any more: to Cognito they were "no longer active", and "disabled due to a potential
/// security threat". It gives them to nobody today.
const CLOSED: [&str; 2] = ["ARCHIVED", "COMPROMISED"];

/// A user of the pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolUser {
    /// The `sub`, as the pool spells it.
    pub subject: String,
    /// False once an administrator has disabled the user, or the pool has closed it.
    pub enabled: bool,
    /// Whether the user is past confirmation. A user made by an administrator is, also before the first sign-in.
    pub confirmed: bool,
    /// The status behind both, as the pool spells it: for people who look there.
    pub status: String,
    /// Whether the pool has verified the e-mail address; without one it has not.
    pub email_verified: bool,
    /// The name the user goes by, made fit to show; never an e-mail address.
    pub display_name: Option<String>,
}

impl PoolUser {
    /// `None` if the answer lacks what must be there: such a user cannot be judged, and must not count as gone.
    pub(super) fn read(user: &UserType) -> Option<Self> {
        let attributes = user.attributes();
        let subject = value(attributes, "sub").filter(|subject| !subject.is_empty())?;
        let status = user.user_status()?.as_str();
        let email = value(attributes, "email").unwrap_or_default();
        Some(Self {
            subject: subject.to_owned(),
            enabled: user.enabled() && !CLOSED.contains(&status),
            confirmed: !UNCONFIRMED.contains(&status),
            status: status.to_owned(),
            email_verified: value(attributes, "email_verified") == Some("true"),
            display_name: NAMES.iter().find_map(|name| display_name(value(attributes, name)?, email)),
        })
    }
}

fn value<'a>(attributes: &'a [AttributeType], name: &str) -> Option<&'a str> {
    attributes.iter().find(|attribute| attribute.name() == name)?.value()
}

fn display_name(written: &str, email: &str) -> Option<String> {
    shown_name(written).filter(|_| !written.trim().eq_ignore_ascii_case(email.trim()))
}

/// What people wrote about themselves, made fit to show: no control characters, none that turn the text around or hide, and
/// nothing with an at sign, which would be an e-mail address or pass for an MXID.
pub fn shown_name(written: &str) -> Option<String> {
    if written.contains(is_at_sign) {
        return None;
    }
    let visible: String = written.chars().filter(|c| !c.is_control() && !is_invisible(*c)).collect();
    let mut shown = visible.trim();
    while shown.len() > DISPLAY_NAME_MAX_BYTES {
        shown = &shown[..shown.floor_char_boundary(DISPLAY_NAME_MAX_BYTES)];
        shown = shown.trim_end();
    }
    (!shown.is_empty()).then(|| shown.to_owned())
}

fn is_at_sign(c: char) -> bool {
    matches!(c, '@' | '\u{fe6b}' | '\u{ff20}')
}

/// Bidirectional controls, and characters without width but for the joiners, which some scripts and emoji need.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{61c}' | '\u{ad}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{feff}'
        | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{fff9}'..='\u{fffb}')
}

#[cfg(test)]
mod tests {
    use aws_sdk_cognitoidentityprovider::types::UserStatusType;
    use proptest::prelude::*;

    use super::*;

    const SUB: &str = "0a1b2c3d-0000-4000-8000-000000000001";

    fn user(status: &str, attributes: &[(&str, &str)]) -> UserType {
        let attributes =
            attributes.iter().map(|(name, value)| AttributeType::builder().name(*name).value(*value).build().unwrap());
        UserType::builder()
            .username("someone")
            .enabled(true)
            .user_status(UserStatusType::from(status))
            .set_attributes(Some(attributes.collect()))
            .build()
    }

    fn named(attributes: &[(&str, &str)]) -> Option<String> {
        let all = [&[("sub", SUB), ("email", "jo@example.org")], attributes].concat();
        PoolUser::read(&user("CONFIRMED", &all)).unwrap().display_name
    }

    #[test]
    fn a_user_made_by_an_administrator_counts_as_confirmed() {
        let confirmed = |status| PoolUser::read(&user(status, &[("sub", SUB)])).unwrap().confirmed;
        for status in ["CONFIRMED", "FORCE_CHANGE_PASSWORD", "RESET_REQUIRED", "EXTERNAL_PROVIDER"] {
            assert!(confirmed(status), "{status}");
        }
        for status in UNCONFIRMED {
            assert!(!confirmed(status), "{status}");
        }
    }

    #[test]
    fn a_user_that_the_pool_has_closed_counts_as_disabled() {
        let read = |status| PoolUser::read(&user(status, &[("sub", SUB)])).unwrap();
        for status in CLOSED {
            assert!(read(status).confirmed && !read(status).enabled, "{status}");
        }
        assert!(read("CONFIRMED").enabled);
    }

    #[test]
    fn a_user_without_a_sub_or_a_status_is_unreadable() {
        assert_eq!(PoolUser::read(&user("CONFIRMED", &[("email", "jo@example.org")])), None);
        assert_eq!(PoolUser::read(&user("CONFIRMED", &[("sub", "")])), None);
        let no_status =
            UserType::builder().attributes(AttributeType::builder().name("sub").value(SUB).build().unwrap());
        assert_eq!(PoolUser::read(&no_status.build()), None);
    }

    #[test]
    fn the_name_comes_before_the_preferred_username_and_the_nickname() {
        assert_eq!(
            named(&[("nickname", "jojo"), ("name", " Jo Doe "), ("preferred_username", "jo")]).unwrap(),
            "Jo Doe"
        );
        assert_eq!(named(&[("nickname", "jojo"), ("name", " \n"), ("preferred_username", "jo")]).unwrap(), "jo");
        assert_eq!(named(&[("nickname", "jojo")]).unwrap(), "jojo");
        assert_eq!(named(&[("given_name", "Jo")]), None);
    }

    #[test]
    fn an_address_is_no_name() {
        assert_eq!(named(&[("name", "jo@example.org"), ("nickname", "jojo")]).unwrap(), "jojo");
        assert_eq!(named(&[("name", "Jo <JO@EXAMPLE.ORG>")]), None);
        assert_eq!(named(&[("name", "jo＠example.org")]), None);
        assert_eq!(named(&[("preferred_username", "@admin:phenom.test")]), None);
    }

    #[test]
    fn nothing_that_hides_or_turns_text_around_is_left() {
        assert_eq!(named(&[("name", "\u{202e}Jo\u{200f}\u{0}\u{200b} \r\nD\u{f6}e\u{2066}")]).unwrap(), "Jo D\u{f6}e");
        assert_eq!(named(&[("name", "\u{200b}\u{202e}")]), None);
    }

    #[test]
    fn a_long_name_is_cut_between_characters() {
        let cut = named(&[("name", &"\u{20ac}".repeat(200))]).unwrap();
        assert_eq!(cut, "\u{20ac}".repeat(85));
    }

    proptest! {
        #[test]
        fn a_display_name_is_always_fit_to_show(written in ".*", email in ".*") {
            if let Some(name) = display_name(&written, &email) {
                prop_assert!(!name.is_empty() && name.len() <= DISPLAY_NAME_MAX_BYTES);
                prop_assert!(!name.contains(|c: char| c.is_control() || is_invisible(c) || is_at_sign(c)));
                prop_assert_eq!(name.trim(), &name);
            }
        }
    }
}
