//! A source file as the rules see it: without comments, without what stands in quotes, without tests.

use std::collections::BTreeSet;

/// One Rust file.
#[derive(Debug)]
pub(super) struct Source {
    /// From the root of the workspace.
    pub(super) path: String,
    /// From the root of its package.
    pub(super) inside: String,
    /// The text with comments, quoted text and tests blanked out; lines stay where they are.
    pub(super) code: String,
    pub(super) lines: usize,
    pub(super) test_blocks: Vec<TestBlock>,
    /// Compiled for tests only, as a whole.
    pub(super) test_only: bool,
    /// Modules declared under `#[cfg(test)]` that have their own file.
    test_modules: Vec<String>,
}

/// An item under `#[cfg(test)]`, from its first line on.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TestBlock {
    pub(super) line: usize,
    pub(super) lines: usize,
}

impl Source {
    pub(super) fn new(path: &str, inside: &str, text: &str) -> Self {
        let mut code = mask(text);
        let (test_blocks, test_modules) = blank_tests(&mut code);
        Self {
            path: path.to_owned(),
            inside: inside.to_owned(),
            code: code.into_iter().collect(),
            lines: text.lines().count(),
            test_blocks,
            test_only: inside.starts_with("tests/") || inside.starts_with("benches/"),
            test_modules,
        }
    }

    /// The module that the file is, `None` outside `src`. The root of a crate is the empty path.
    pub(super) fn module(&self) -> Option<Vec<&str>> {
        let path = self.inside.strip_prefix("src/")?.strip_suffix(".rs")?;
        let path = path.strip_suffix("/mod").unwrap_or(path);
        Some(if matches!(path, "lib" | "main") { Vec::new() } else { path.split('/').collect() })
    }

    /// Lines that are not tests.
    pub(super) fn own_lines(&self) -> usize {
        self.lines.saturating_sub(self.test_blocks.iter().map(|block| block.lines).sum())
    }
}

/// Marks the files of modules that their parents declare under `#[cfg(test)]`, and what lies under those.
pub(super) fn mark_tests(sources: &mut [Source]) {
    let mut test_modules = BTreeSet::new();
    for source in sources.iter() {
        let Some(module) = source.module() else { continue };
        for name in &source.test_modules {
            let child: Vec<&str> = module.iter().copied().chain([name.as_str()]).collect();
            test_modules.insert(child.join("::"));
        }
    }
    for source in sources {
        let under_test = source.module().is_some_and(|module| {
            (1..=module.len()).any(|n| test_modules.contains(&module.get(..n).unwrap_or_default().join("::")))
        });
        source.test_only |= under_test;
    }
}

/// Blanks out comments and what stands in quotes.
fn mask(text: &str) -> Vec<char> {
    let mut chars: Vec<char> = text.chars().collect();
    let mut at = 0;
    while let Some(&c) = chars.get(at) {
        let next = chars.get(at + 1).copied();
        let end = match (c, next) {
            ('/', Some('/')) => find(&chars, at, "\n").unwrap_or(chars.len()),
            ('/', Some('*')) => end_of_comment(&chars, at),
            ('r', Some('"' | '#')) if !follows_name(&chars, at) => end_of_raw_string(&chars, at),
            ('"', _) => end_of_quote(&chars, at, '"'),
            ('\'', Some('\\')) => end_of_quote(&chars, at, '\''),
            ('\'', Some(_)) if chars.get(at + 2) == Some(&'\'') => at + 3,
            _ => at,
        };
        blank(&mut chars, at, end);
        at = end.max(at + 1);
    }
    chars
}

fn blank(chars: &mut [char], from: usize, to: usize) {
    for c in chars.iter_mut().take(to).skip(from).filter(|c| **c != '\n') {
        *c = ' ';
    }
}

fn find(chars: &[char], from: usize, needle: &str) -> Option<usize> {
    let needle: Vec<char> = needle.chars().collect();
    (from..chars.len()).find(|&at| chars.get(at..).is_some_and(|rest| rest.starts_with(&needle)))
}

/// Comments nest.
fn end_of_comment(chars: &[char], from: usize) -> usize {
    let (mut at, mut depth) = (from, 0_usize);
    while let Some(&c) = chars.get(at) {
        match (c, chars.get(at + 1)) {
            ('/', Some('*')) => {
                depth += 1;
                at += 2;
            }
            ('*', Some('/')) => {
                depth -= 1;
                at += 2;
                if depth == 0 {
                    return at;
                }
            }
            _ => at += 1,
        }
    }
    at
}

fn end_of_quote(chars: &[char], from: usize, quote: char) -> usize {
    let mut at = from + 1;
    while let Some(&c) = chars.get(at) {
        match c {
            '\\' => at += 2,
            c if c == quote => return at + 1,
            _ => at += 1,
        }
    }
    chars.len()
}

/// `r"..."` and `r#"..."#`; a raw name such as `r#type` is left alone.
fn end_of_raw_string(chars: &[char], from: usize) -> usize {
    let hashes = chars.iter().skip(from + 1).take_while(|c| **c == '#').count();
    if chars.get(from + 1 + hashes) != Some(&'"') {
        return from;
    }
    let closing = format!("\"{}", "#".repeat(hashes));
    find(chars, from + 2 + hashes, &closing).map_or(chars.len(), |at| at + closing.len())
}

/// The `r` of a byte string `br"..."` follows a `b` that is no name.
fn follows_name(chars: &[char], at: usize) -> bool {
    let before = |n: usize| at.checked_sub(n).and_then(|at| chars.get(at)).copied().unwrap_or(' ');
    let name = |c: char| c.is_alphanumeric() || c == '_';
    if matches!(before(1), 'b' | 'c') { name(before(2)) } else { name(before(1)) }
}

/// Blanks out what stands under `#[cfg(test)]`; code must be masked.
fn blank_tests(code: &mut [char]) -> (Vec<TestBlock>, Vec<String>) {
    let (mut blocks, mut modules) = (Vec::new(), Vec::new());
    let mut from = 0;
    while let Some(at) =
        ["#[cfg(test)]", "#[cfg(all(test"].iter().filter_map(|mark| find(code, from, mark)).min()
    {
        let end = end_of_item(code, at);
        let item = code.get(at..end).unwrap_or_default();
        let text: String = item.iter().collect();
        modules.extend(declared_module(&text));
        let line = 1 + code.iter().take(at).filter(|c| **c == '\n').count();
        blocks.push(TestBlock { line, lines: 1 + item.iter().filter(|c| **c == '\n').count() });
        blank(code, at, end);
        from = end.max(at + 1);
    }
    (blocks, modules)
}

/// The end of the item that an attribute belongs to: its `;`, or the bracket that closes its body.
fn end_of_item(code: &[char], from: usize) -> usize {
    let (mut round, mut curly) = (0_usize, 0_usize);
    for (at, c) in code.iter().enumerate().skip(from) {
        match c {
            '(' | '[' => round += 1,
            ')' | ']' => round = round.saturating_sub(1),
            '{' => curly += 1,
            '}' => {
                curly = curly.saturating_sub(1);
                if curly == 0 {
                    return at + 1;
                }
            }
            ';' if round == 0 && curly == 0 => return at + 1,
            _ => {}
        }
    }
    code.len()
}

fn declared_module(item: &str) -> Option<String> {
    let declaration = item.strip_suffix(';')?;
    let mut words = declaration.split_whitespace().rev();
    let name = words.next()?;
    (words.next()? == "mod").then(|| name.to_owned())
}

#[cfg(test)]
mod tests;
