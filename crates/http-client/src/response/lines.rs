//! Content line by line.

use super::Response;
use crate::error::Error;
use crate::text::utf8;

/// The lines of a response's content, without their ends (LF, or CR LF); what is no UTF-8 becomes U+FFFD.
///
/// A line is at most as long as [`Limits::buffered`](crate::Limits::buffered) allows. After an error no more come.
#[derive(Debug)]
pub struct Lines<'c> {
    response: Response<'c>,
    is_over: bool,
}

impl<'c> Lines<'c> {
    pub(super) fn new(response: Response<'c>) -> Self {
        Self { response, is_over: false }
    }

    fn line(&mut self) -> Result<Option<String>, Error> {
        let mut line = Vec::new();
        loop {
            let len = self.response.fill()?;
            if len == 0 {
                self.is_over = true;
                return Ok((!line.is_empty()).then(|| utf8(line)));
            }
            let waiting = self.response.waiting(len);
            let end = waiting.iter().position(|byte| *byte == b'\n');
            let part = waiting.get(..end.unwrap_or(len)).unwrap_or(waiting);
            if line.len() as u64 + part.len() as u64 > self.response.buffered {
                return Err(self.response.too_large());
            }
            line.extend_from_slice(part);
            self.response.advance(end.map_or(len, |end| end + 1));
            if end.is_some() {
                if line.last() == Some(&b'\r') {
                    line.pop();
                }
                return Ok(Some(utf8(line)));
            }
        }
    }
}

impl Iterator for Lines<'_> {
    type Item = Result<String, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        self.line().inspect_err(|_| self.is_over = true).transpose()
    }
}
