use super::*;

#[track_caller]
fn check_mask(text: &str, expected: &str) {
    let masked: String = mask(text).into_iter().collect();
    assert_eq!(masked, expected);
}

#[test]
fn comments_and_quotes_are_blank() {
    check_mask("a // b\nc", "a     \nc");
    check_mask("a /* b /* c */ d */ e", "a                   e");
    check_mask("/// doc\n//! doc\nx", "       \n       \nx");
    check_mask(r#"f("a // b", 'c', '\'') "#, "f(        ,    ,     ) ");
    check_mask(r#"f("a\"b") + 1"#, "f(      ) + 1");
    check_mask("r\"a\\\" + b", "      + b");
    check_mask("r#\"a \" b\"# + c", "           + c");
    check_mask("br\"ab\" + c", "b      + c");
    check_mask("let r#type = x;", "let r#type = x;");
    check_mask("fn f<'a>(x: &'a str) {}", "fn f<'a>(x: &'a str) {}");
    check_mask("\"two\nlines\" x", "    \n       x");
}

#[track_caller]
fn check_tests(text: &str, left: &str, blocks: &[(usize, usize)], modules: &[&str]) {
    let mut code = mask(text);
    let (found, names) = blank_tests(&mut code);
    let code: String = code.into_iter().collect();
    assert_eq!(code.split_whitespace().collect::<Vec<_>>().join(" "), left);
    assert_eq!(found.iter().map(|block| (block.line, block.lines)).collect::<Vec<_>>(), blocks);
    assert_eq!(names, modules);
}

#[test]
fn test_items_are_blank() {
    check_tests("a\n#[cfg(test)]\nmod tests {\n  b {}\n}\nc", "a c", &[(2, 4)], &[]);
    check_tests("#[cfg(test)]\nmod tests;\nc", "c", &[(1, 2)], &["tests"]);
    check_tests("#[cfg(test)]\nuse x::{a, b};\nc", "; c", &[(1, 2)], &[]);
    check_tests("#[cfg(all(test, unix))]\nfn f(a: [u8; 3]) { g(); }\nc", "c", &[(1, 2)], &[]);
    check_tests("#[cfg(not(test))]\nfn f() {}", "#[cfg(not(test))] fn f() {}", &[], &[]);
    check_tests("// #[cfg(test)]\nmod a { \"#[cfg(test)]\" }", "mod a { }", &[], &[]);
}

#[track_caller]
fn check_module(inside: &str, expected: Option<&[&str]>) {
    assert_eq!(Source::new("", inside, "").module().as_deref(), expected);
}

#[test]
fn files_are_modules() {
    check_module("src/lib.rs", Some(&[]));
    check_module("src/head.rs", Some(&["head"]));
    check_module("src/policy/retry.rs", Some(&["policy", "retry"]));
    check_module("src/policy/mod.rs", Some(&["policy"]));
    check_module("tests/peers.rs", None);
}

#[test]
fn a_module_that_is_declared_for_tests_is_a_test() {
    let mut sources = [
        Source::new("", "src/head.rs", "#[cfg(test)]\nmod tests;\nmod parse;"),
        Source::new("", "src/head/tests.rs", ""),
        Source::new("", "src/head/tests/rows.rs", ""),
        Source::new("", "src/head/parse.rs", ""),
        Source::new("", "tests/peers.rs", ""),
    ];
    mark_tests(&mut sources);
    let marks: Vec<bool> = sources.iter().map(|source| source.test_only).collect();
    assert_eq!(marks, [false, true, true, false, true]);
}
