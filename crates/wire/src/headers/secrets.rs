//! Which fields are secret, and what may be shown of the others.

use std::borrow::Cow;

/// What is shown in place of a secret.
pub(super) const REDACTED: &str = "[redacted]";

/// Returns what may be seen of a field's value: nothing of credentials, and of URLs neither user-info nor query. What is not
/// UTF-8 is replaced.
///
/// ```
/// assert_eq!(wire::shown_value("Authorization", b"Bearer 1234"), "[redacted]");
/// assert_eq!(wire::shown_value("Location", b"/in?token=1234"), "/in?...");
/// assert_eq!(wire::shown_value("Content-Type", b"text/html"), "text/html");
/// ```
#[must_use]
pub fn shown_value<'a>(name: &str, value: &'a [u8]) -> Cow<'a, str> {
    // URLs often have passwords in their user-info, and tokens in their query or fragment.
    const URLS: [&str; 3] = ["location", "content-location", "referer"];
    // Several URLs among other text: which part is harmless is a guess.
    const MIXED: [&str; 2] = ["refresh", "link"];
    let is_one_of = |names: &[&str]| names.iter().any(|other| name.eq_ignore_ascii_case(other));
    if is_secret_field(name) || is_one_of(&MIXED) {
        return REDACTED.into();
    }
    let text = String::from_utf8_lossy(value);
    if !is_one_of(&URLS) {
        return text;
    }
    let end = text.find(['?', '#']).unwrap_or(text.len());
    let (before, after) = text.split_at(end);
    let rest = if after.is_empty() { "" } else { "?..." };
    // RFC 3986 §3.2: the authority ends at the next slash, its user-info at the last @ before that. As WHATWG has it, a slash
    // may be a backslash, and there may be any number of them behind the scheme.
    let is_slash = |letter| matches!(letter, '/' | '\\');
    let scheme =
        before.find(':').filter(|at| before.get(..*at).is_some_and(is_scheme)).map_or(0, |at| at + 1);
    let slashes =
        before.get(scheme..).unwrap_or_default().chars().take_while(|letter| is_slash(*letter)).count();
    if scheme == 0 && slashes < 2 {
        return format!("{before}{rest}").into();
    }
    let (scheme, behind) = before.split_at(scheme + slashes);
    let (authority, path) = behind.split_at(behind.find(is_slash).unwrap_or(behind.len()));
    let host = authority.rsplit('@').next().unwrap_or_default();
    format!("{scheme}{host}{path}{rest}").into()
}

/// RFC 3986 §3.1
fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

/// Tells whether a field carries a credential, so that its value must not be shown, nor follow a redirect to another
/// origin.
///
/// These are authorization, cookie, set-cookie, token, secret, password, api-key, and every name that ends in one of the last four
/// behind a dash, or in `-authorization`, `-auth`, `-auth-key`, `-access-key`, `-subscription-key`, `-functions-key`,
/// `-session` or `-session-id`.
#[must_use]
pub fn is_secret_field(name: &str) -> bool {
    const NAMES: [&str; 8] =
        ["authorization", "cookie", "set-cookie", "api-key", "apikey", "token", "secret", "password"];
    const ENDINGS: [&str; 13] = [
        "-api-key",
        "-apikey",
        "-token",
        "-secret",
        "-password",
        "-authorization",
        "-auth",
        "-auth-key",
        "-access-key",
        "-subscription-key",
        "-functions-key",
        "-session",
        "-session-id",
    ];
    let ends_with = |ending: &&str| {
        let name = name.as_bytes();
        name.len()
            .checked_sub(ending.len())
            .and_then(|start| name.get(start..))
            .is_some_and(|end| end.eq_ignore_ascii_case(ending.as_bytes()))
    };
    NAMES.iter().any(|secret| name.eq_ignore_ascii_case(secret)) || ENDINGS.iter().any(ends_with)
}
