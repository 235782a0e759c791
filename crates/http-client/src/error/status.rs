//! Responses whose status is an error.

use std::fmt;

use wire::ResponseHead;

use crate::text;

/// A response whose status says that the request failed: [`Error::response`](crate::Error::response) finds it.
#[derive(Clone)]
#[non_exhaustive]
pub struct StatusError {
    /// Its head.
    pub head: ResponseHead,
    /// The first 64 KiB of its content, decoded where it came encoded.
    pub content: Vec<u8>,
    /// Whether there was more content, or reading it failed.
    pub is_cut: bool,
}

impl StatusError {
    pub(crate) const MAX_CONTENT: usize = 64 << 10;

    /// Reads the content as text, as [`Response::text`](crate::Response::text) does.
    #[must_use]
    pub fn text(&self) -> String {
        text::decode(self.content.clone(), self.head.headers.get("content-type"), None)
    }

    /// Reads the content as JSON, such as the problem details of RFC 9457.
    ///
    /// # Errors
    /// The content is no JSON of that type, or was cut: [`Error::json`](super::Error::json).
    #[cfg(feature = "json")]
    pub fn json<T: serde::de::DeserializeOwned>(&self) -> Result<T, super::Error> {
        serde_json::from_slice(text::without_bom(&self.content))
            .map_err(|error| super::JsonError::new(error, &self.content).into())
    }
}

impl std::error::Error for StatusError {}

/// The status alone: nobody knows what the content holds.
impl fmt::Display for StatusError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the server answered {}", self.head.status)
    }
}

impl fmt::Debug for StatusError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StatusError")
            .field("head", &self.head)
            .field("content", &format_args!("{} bytes", self.content.len()))
            .field("is_cut", &self.is_cut)
            .finish()
    }
}
