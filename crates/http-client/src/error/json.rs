//! Content that is no JSON.

use std::fmt;

use super::{Error, ErrorKind};

/// Content that is no JSON of the type that was asked for: [`Error::json`] finds it.
pub struct JsonError {
    text: String,
    is_cut: bool,
    source: serde_json::Error,
}

impl JsonError {
    /// What is kept of the content.
    const MAX_TEXT: usize = 64 << 10;

    pub(crate) fn new(source: serde_json::Error, content: &[u8]) -> Self {
        let kept = content.get(..Self::MAX_TEXT).unwrap_or(content);
        let text = String::from_utf8_lossy(kept).into_owned();
        Self { text, is_cut: kept.len() < content.len(), source }
    }

    /// Returns the first 64 KiB of the content, with U+FFFD for what is no UTF-8.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Tells whether there was more content.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// Says what is wrong, in the words of `serde_json`; they can quote the content, which no other text of this error does.
    #[must_use]
    pub fn reason(&self) -> String {
        self.source.to_string()
    }

    /// Returns the line where reading stopped, from 1.
    #[must_use]
    pub fn line(&self) -> usize {
        self.source.line()
    }

    /// Returns the column where reading stopped, in bytes from 1.
    #[must_use]
    pub fn column(&self) -> usize {
        self.source.column()
    }
}

impl std::error::Error for JsonError {}

/// Where it is, not what is there: nobody knows what the content holds.
impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = if self.source.is_data() {
            "the JSON is not of the type that was asked for"
        } else {
            "the content is no JSON"
        };
        write!(f, "{what}: line {}, column {}", self.line(), self.column())
    }
}

impl fmt::Debug for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JsonError")
            .field("text", &format_args!("{} bytes", self.text.len()))
            .field("is_cut", &self.is_cut)
            .field("line", &self.line())
            .field("column", &self.column())
            .finish()
    }
}

impl From<JsonError> for Error {
    fn from(error: JsonError) -> Self {
        Self::new(ErrorKind::Json, error)
    }
}
