//! Where a section of lines ends: a head or trailers, as their bytes come in.

use crate::error::ParseError;
use crate::head::parse_status_line;
use crate::headers::{is_token, is_value};
use crate::leniency::Rules;
use crate::limits::Limit;

pub(crate) const NO_NAME: ParseError = ParseError::Field("its name is not a token before a colon");
pub(crate) const CONTROL: ParseError = ParseError::Field("its value contains a control character");

/// A folded line where folds are not taken.
pub(crate) const FOLD: ParseError = ParseError::Field("it is folded");

/// Takes the end off a line.
pub(crate) fn without_line_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// Finds the empty line that ends a section, and looks at no byte twice.
///
/// Lines are checked as they come while the section is incomplete, because a peer that sends nonsense need not be waited
/// for. A section that is complete at once is left to the parser. Either way the verdict is that of the first line that
/// is wrong.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SectionEnd {
    /// The first line is a status line.
    is_head: bool,
    scanned: usize,
    line_start: usize,
    fields: usize,
}

impl SectionEnd {
    pub(crate) fn of_head() -> Self {
        Self { is_head: true, scanned: 0, line_start: 0, fields: 0 }
    }

    pub(crate) fn of_trailers() -> Self {
        Self { is_head: false, ..Self::of_head() }
    }

    /// Returns how many bytes of an incomplete section were seen.
    pub(crate) fn scanned(&self) -> usize {
        self.scanned
    }

    /// Returns the length of the section with its empty line, once it is complete and at most `allowed` bytes long.
    /// `input` begins at the same byte on every call.
    pub(crate) fn find(
        &mut self,
        input: &[u8],
        allowed: (Limit, usize),
        rules: &Rules,
    ) -> Result<Option<usize>, ParseError> {
        // Nothing beyond the limit is looked at: the verdict must not hang on how the bytes arrive.
        let input_allowed = input.get(..allowed.1).unwrap_or(input);
        let mut begun = *self;
        match self.scan(input_allowed, rules) {
            Ok(Some(end)) => return Ok(Some(end)),
            Ok(None) => begun.check_lines(input_allowed, self.line_start, rules)?,
            Err(error) => {
                begun.check_lines(input_allowed, self.line_start, rules)?;
                self.fields = begun.fields;
                // What follows the line is not looked at: a fault there would come second.
                let rest = input_allowed.get(self.line_start..).unwrap_or_default();
                let len = rest.iter().position(|&b| b == b'\n').unwrap_or(rest.len());
                let to_its_end = input_allowed.get(..self.line_start + len).unwrap_or_default();
                self.check_partial_line(to_its_end, begun.scanned, rules)?;
                return Err(error);
            }
        }
        self.fields = begun.fields;
        self.check_partial_line(input_allowed, begun.scanned, rules)?;
        if input.len() > allowed.1 {
            return Err(ParseError::TooLarge { limit: allowed.0, allowed: allowed.1 });
        }
        Ok(None)
    }

    /// Tells what is wrong first in a complete section that the parser refused with `error`.
    pub(crate) fn first_fault(mut self, section: &[u8], rules: &Rules, error: ParseError) -> ParseError {
        (self.line_start, self.scanned, self.fields) = (0, 0, 0);
        self.check_lines(section, section.len(), rules).err().unwrap_or(error)
    }

    fn scan(&mut self, input: &[u8], rules: &Rules) -> Result<Option<usize>, ParseError> {
        while let Some(offset) =
            input.get(self.scanned..).and_then(|rest| rest.iter().position(|&b| b == b'\n'))
        {
            let line_feed = self.scanned + offset;
            let line = input.get(self.line_start..line_feed).unwrap_or_default();
            // RFC 9112 §2.2 lets a recipient take LF alone; smuggling lives on that, so it is refused.
            if line.last() != Some(&b'\r') && !rules.leniency.bare_lf {
                return Err(ParseError::BareLf);
            }
            self.scanned = line_feed + 1;
            self.line_start = self.scanned;
            if matches!(line, [] | [b'\r']) {
                return Ok(Some(self.scanned));
            }
        }
        self.scanned = input.len();
        Ok(None)
    }

    /// Checks the complete lines from `line_start` to `end`.
    fn check_lines(&mut self, input: &[u8], end: usize, rules: &Rules) -> Result<(), ParseError> {
        let lines = input.get(self.line_start..end).unwrap_or_default();
        for line in lines.split_inclusive(|&b| b == b'\n') {
            let text = without_line_end(line);
            if !text.is_empty() {
                self.check_line(text, rules)?;
            }
            if self.fields > rules.limits.fields {
                return Err(ParseError::TooLarge { limit: Limit::Fields, allowed: rules.limits.fields });
            }
            self.line_start += line.len();
        }
        Ok(())
    }

    /// Checks one line as the parser checks it in a complete section; a fold continues the line before.
    fn check_line(&mut self, line: &[u8], rules: &Rules) -> Result<(), ParseError> {
        if self.is_head && self.line_start == 0 {
            return parse_status_line(line).map(drop);
        }
        let value = match line {
            [b' ' | b'\t', ..] if self.fields > 0 && !rules.leniency.obs_fold => return Err(FOLD),
            [b' ' | b'\t', rest @ ..] if self.fields > 0 => rest,
            _ => {
                self.fields += 1;
                let colon = line.iter().position(|&b| b == b':').ok_or(NO_NAME)?;
                let (name, value) = line.split_at_checked(colon).unwrap_or_default();
                if !is_token(name) {
                    return Err(NO_NAME);
                }
                value
            }
        };
        if is_value(value) { Ok(()) } else { Err(CONTROL) }
    }

    /// Refuses what no end of the line can mend: white space before the first field, and a CR that no LF follows.
    /// `seen` bytes were looked at before.
    fn check_partial_line(&self, input: &[u8], seen: usize, rules: &Rules) -> Result<(), ParseError> {
        let is_first_field = self.fields == 0 && !(self.is_head && self.line_start == 0);
        if is_first_field && matches!(input.get(self.line_start), Some(b' ' | b'\t')) {
            return Err(NO_NAME);
        }
        let from = seen.saturating_sub(1).max(self.line_start);
        let fresh = input.get(from..).unwrap_or_default();
        match fresh.windows(2).position(|pair| matches!(pair, [b'\r', next] if *next != b'\n')) {
            Some(at) => {
                // With the byte behind the CR: a status line wants to know whether it is a space.
                let line = input.get(self.line_start..from + at + 2).unwrap_or_default();
                let mut line_alone = *self;
                line_alone.check_line(line, rules).and(Err(CONTROL))
            }
            None => Ok(()),
        }
    }
}

/// How many empty lines may be skipped before status lines.
pub(crate) const MAX_EMPTY_LINES: usize = 8;

/// Counts the bytes of empty lines at the front, up to a number of lines over all calls.
pub(crate) fn skip_empty_lines(input: &[u8], rules: &Rules, lines: &mut usize) -> usize {
    let mut rest = input;
    while *lines < MAX_EMPTY_LINES {
        rest = match rest {
            [b'\r', b'\n', tail @ ..] => tail,
            [b'\n', tail @ ..] if rules.leniency.bare_lf => tail,
            _ => break,
        };
        *lines += 1;
    }
    input.len() - rest.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: (Limit, usize) = (Limit::TrailerBytes, 1000);

    fn find(input: &[u8], cuts: &[usize]) -> Result<Option<usize>, ParseError> {
        let mut section = SectionEnd::of_trailers();
        for cut in cuts {
            if let Some(end) = section.find(&input[..*cut], LIMIT, &Rules::default())? {
                return Ok(Some(end));
            }
        }
        section.find(input, LIMIT, &Rules::default())
    }

    #[test]
    fn the_end_of_a_section_is_found_at_any_split() {
        for (section, end) in [("\r\n", 2), ("a: b\r\n\r\nrest", 8), ("a:\r\nb:\r\n\r\n\r\n", 10)] {
            for split in 0..=section.len() {
                assert_eq!(find(section.as_bytes(), &[split]), Ok(Some(end)), "{section:?} split at {split}");
            }
        }
    }

    #[test]
    fn nonsense_is_refused_before_the_section_ends() {
        for (section, error) in [
            ("\n", ParseError::BareLf),
            ("a: b\n", ParseError::BareLf),
            ("a: b\nc:\rd", ParseError::BareLf),
            ("a: b\r\n\n", ParseError::BareLf),
            (" a: b", NO_NAME),
            (" a\n", NO_NAME),
            ("a\rb\n", NO_NAME),
            ("no colon\r\nc", NO_NAME),
            ("a: \0\r\nc", CONTROL),
            ("a: b\r\n\rc", NO_NAME),
            ("a: b\rc", CONTROL),
            ("a\rb: c", NO_NAME),
            // The first fault counts, wherever the bytes are cut.
            ("no colon\r\nb: \0\r\nc\n", NO_NAME),
        ] {
            for split in 0..=section.len() {
                assert_eq!(
                    find(section.as_bytes(), &[split]),
                    Err(error.clone()),
                    "{section:?} split at {split}"
                );
            }
        }
    }
}
