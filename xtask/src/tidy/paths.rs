//! Finds paths such as `crate::a::b` and `use super::{a, b::c}` in masked code.

/// A path that begins with `crate`, `self` or `super`, and its line.
pub(super) type Found = (usize, Vec<String>);

#[derive(Debug, PartialEq, Eq)]
enum Token {
    Name(String),
    /// `::`
    Into,
    Open,
    Close,
    Comma,
    Star,
    Bang,
    Other,
}

/// Lists the paths; a group is spelt out, one path for each member. Calls of macros are left out: a macro has no module.
pub(super) fn relative(code: &str) -> Vec<Found> {
    expand(code, |name| matches!(name, "crate" | "self" | "super"))
}

/// Lists the paths that begin with `first`.
pub(super) fn starting_with(code: &str, first: &str) -> Vec<Found> {
    expand(code, |name| name == first)
}

/// A path of another file, told from the root of the crate: `None` when it leaves the crate.
pub(super) fn absolute(module: &[&str], path: &[String]) -> Option<Vec<String>> {
    let mut base: Vec<String> = module.iter().map(|part| (*part).to_owned()).collect();
    for (index, part) in path.iter().enumerate() {
        match part.as_str() {
            "crate" if index == 0 => base.clear(),
            "self" => {}
            "super" => {
                base.pop()?;
            }
            _ => base.push(part.clone()),
        }
    }
    Some(base)
}

fn expand(code: &str, begins: impl Fn(&str) -> bool) -> Vec<Found> {
    let tokens = tokens(code);
    let kind = |at: usize| tokens.get(at).map(|(_, token)| token);
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(token) = kind(at) {
        let starts = matches!(token, Token::Name(name) if begins(name))
            && kind(at + 1) == Some(&Token::Into)
            && at.checked_sub(1).and_then(kind) != Some(&Token::Into);
        at = if starts { tree(&tokens, at, Vec::new(), &mut found).max(at + 1) } else { at + 1 };
    }
    found
}

/// Reads one path or group at `at` and returns where it ends.
fn tree(tokens: &[(usize, Token)], mut at: usize, mut prefix: Vec<String>, found: &mut Vec<Found>) -> usize {
    let mut line = 0;
    while let Some((here, token)) = tokens.get(at) {
        line = *here;
        match token {
            Token::Name(name) => {
                prefix.push(name.clone());
                at += 1;
                match tokens.get(at).map(|(_, token)| token) {
                    Some(Token::Into) => at += 1,
                    Some(Token::Bang) => return at,
                    _ => break,
                }
            }
            Token::Open => return group(tokens, at + 1, &prefix, found),
            Token::Star => {
                at += 1;
                break;
            }
            _ => break,
        }
    }
    found.push((line, prefix));
    at
}

fn group(tokens: &[(usize, Token)], mut at: usize, prefix: &[String], found: &mut Vec<Found>) -> usize {
    while let Some((_, token)) = tokens.get(at) {
        match token {
            Token::Close => return at + 1,
            Token::Comma => at += 1,
            _ => {
                at = tree(tokens, at, prefix.to_vec(), found).max(at + 1);
                // What is left is `as ALIAS`.
                while matches!(tokens.get(at), Some((_, token)) if !matches!(token, Token::Comma | Token::Close))
                {
                    at += 1;
                }
            }
        }
    }
    at
}

fn tokens(code: &str) -> Vec<(usize, Token)> {
    let mut tokens = Vec::new();
    let mut line = 1;
    let mut chars = code.chars().peekable();
    while let Some(c) = chars.next() {
        let token = match c {
            '\n' => {
                line += 1;
                continue;
            }
            c if c.is_whitespace() => continue,
            c if c.is_alphanumeric() || c == '_' => {
                let mut name = String::from(c);
                while let Some(more) = chars.next_if(|c| c.is_alphanumeric() || *c == '_') {
                    name.push(more);
                }
                Token::Name(name)
            }
            ':' if chars.next_if_eq(&':').is_some() => Token::Into,
            '{' => Token::Open,
            '}' => Token::Close,
            ',' => Token::Comma,
            '*' => Token::Star,
            '!' if chars.peek() != Some(&'=') => Token::Bang,
            _ => Token::Other,
        };
        tokens.push((line, token));
    }
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(code: &str, expected: &[(usize, &str)]) {
        let found: Vec<(usize, String)> =
            relative(code).into_iter().map(|(line, path)| (line, path.join("::"))).collect();
        let expected: Vec<(usize, String)> =
            expected.iter().map(|(line, path)| (*line, (*path).to_owned())).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn paths_are_found_and_groups_spelt_out() {
        check("use crate::head::Head;", &[(1, "crate::head::Head")]);
        check(
            "use crate::{a, b::{c, d as e}, f::*};\n",
            &[(1, "crate::a"), (1, "crate::b::c"), (1, "crate::b::d"), (1, "crate::f")],
        );
        check("use super::{\n  a::X,\n  b::Y,\n};", &[(2, "super::a::X"), (3, "super::b::Y")]);
        check("pub(crate) fn f(x: crate::a::X) -> super::Y {}", &[(1, "crate::a::X"), (1, "super::Y")]);
        check("crate::a::f::<u8>(1)", &[(1, "crate::a::f")]);
        check("self.x + std::a::b + other::crate_::c", &[]);
        check("crate::log!(1)", &[]);
        check("use self::{a, b};", &[(1, "self::a"), (1, "self::b")]);
    }

    #[track_caller]
    fn check_absolute(module: &[&str], path: &str, expected: Option<&str>) {
        let path: Vec<String> = path.split("::").map(str::to_owned).collect();
        assert_eq!(absolute(module, &path).map(|path| path.join("::")).as_deref(), expected);
    }

    #[test]
    fn paths_are_told_from_the_root() {
        check_absolute(&["a", "b"], "crate::c::X", Some("c::X"));
        check_absolute(&["a", "b"], "super::c::X", Some("a::c::X"));
        check_absolute(&["a", "b"], "super::super::c", Some("c"));
        check_absolute(&["a"], "self::c", Some("a::c"));
        check_absolute(&["a"], "super::super::c", None);
    }
}
