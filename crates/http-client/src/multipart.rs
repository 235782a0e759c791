//! Forms with files: `multipart/form-data` (RFC 7578).

use std::io;
use std::path::Path;

use resilience::{Entropy, SharedRng};
use wire::{Headers, RequestError};

use crate::body::Body;

/// A form of several parts, files among them. It is streamed; its length is known if that of each part is, and it can be
/// sent again if each part can.
///
/// ```no_run
/// use http_client::{Multipart, Part};
///
/// let form = Multipart::new()
///     .text("keeper", "Ida")
///     .part("photo", Part::file("lamp.jpg")?.content_type("image/jpeg"))
///     .part("log", Part::new(std::fs::File::open("log.txt")?).file_name("log.txt"));
/// http_client::post("https://example.com/upload").multipart(form).send()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Multipart {
    boundary: String,
    parts: Vec<(String, Part)>,
}

/// One part of a [`Multipart`].
#[derive(Debug)]
pub struct Part {
    body: Body,
    file_name: Option<String>,
    content_type: Option<String>,
}

impl Part {
    /// Makes a part of anything that can be content.
    pub fn new(body: impl Into<Body>) -> Self {
        Self { body: body.into(), file_name: None, content_type: None }
    }

    /// Opens a file; its name, without the directories, becomes the part's file name.
    ///
    /// # Errors
    /// It cannot be opened.
    pub fn file(path: impl AsRef<Path>) -> io::Result<Self> {
        let path = path.as_ref();
        let file_name = path.file_name().map(|name| name.to_string_lossy().into_owned());
        Ok(Self { file_name, ..Self::new(Body::file(path)?) })
    }

    /// Sets the file name. A server takes a part that has one for a file.
    #[must_use]
    pub fn file_name(mut self, name: impl Into<String>) -> Self {
        self.file_name = Some(name.into());
        self
    }

    /// Sets the `Content-Type`. Default none: it is not guessed, and servers take text or `application/octet-stream`.
    #[must_use]
    pub fn content_type(mut self, media_type: impl Into<String>) -> Self {
        self.content_type = Some(media_type.into());
        self
    }
}

impl Multipart {
    /// Makes a form without parts. Its boundary is random, 128 bits that nobody can foresee: who could, could end a part
    /// from inside.
    #[must_use]
    pub fn new() -> Self {
        // Each is seeded apart: one would tell its next number by the first.
        let random = || SharedRng::from_os().next_u64();
        Self { boundary: format!("{:016x}{:016x}", random(), random()), parts: Vec::new() }
    }

    /// Adds a text.
    #[must_use]
    pub fn text(self, name: impl Into<String>, text: impl Into<String>) -> Self {
        self.part(name, Part::new(Body::text(text)))
    }

    /// Adds a part.
    #[must_use]
    pub fn part(mut self, name: impl Into<String>, part: Part) -> Self {
        self.parts.push((name.into(), part));
        self
    }

    /// Returns the `Content-Type` of the whole, which names the boundary.
    #[must_use]
    pub fn content_type(&self) -> String {
        format!("multipart/form-data; boundary={}", self.boundary)
    }

    /// Makes the content.
    ///
    /// # Errors
    /// The content type of a part can be no field value: it holds a line break or another control character.
    pub fn into_body(self) -> Result<Body, RequestError> {
        let mut bodies = Vec::with_capacity(self.parts.len() * 2 + 1);
        let mut between = "";
        for (name, part) in self.parts {
            let mut head = format!("{between}--{}\r\n", self.boundary);
            head += &format!("Content-Disposition: form-data; name=\"{}\"", quoted(&name));
            if let Some(file_name) = part.file_name {
                head += &format!("; filename=\"{}\"", quoted(&file_name));
            }
            if let Some(media_type) = part.content_type {
                Headers::new().append("Content-Type", &media_type)?;
                head += &format!("\r\nContent-Type: {media_type}");
            }
            head += "\r\n\r\n";
            bodies.push(head.into());
            bodies.push(part.body);
            between = "\r\n";
        }
        bodies.push(format!("{between}--{}--\r\n", self.boundary).into());
        Ok(Body::joined(bodies))
    }
}

impl Default for Multipart {
    fn default() -> Self {
        Self::new()
    }
}

/// Writes a name as browsers do (HTML, "multipart form data"): UTF-8, with what would end the name or its line encoded.
fn quoted(name: &str) -> String {
    name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t45_boundaries_are_long_and_never_the_same() {
        let mut seen = std::collections::HashSet::new();
        for _ in 0..1000 {
            let boundary = Multipart::new().boundary;
            assert!(boundary.len() == 32 && boundary.bytes().all(|byte| byte.is_ascii_hexdigit()));
            let (first, second) = boundary.split_at(16);
            assert!(seen.insert(first.to_owned()) && seen.insert(second.to_owned()), "{boundary}");
        }
    }

    #[test]
    fn names_cannot_end_their_quotes_or_their_line() {
        for (name, expected) in [
            ("plain", "plain"),
            ("a \"b\"; x=\"c", "a %22b%22; x=%22c"),
            ("a\r\nX: y", "a%0D%0AX: y"),
            ("l\u{f6}we.txt", "l\u{f6}we.txt"),
            ("100%25\\", "100%25\\"),
        ] {
            assert_eq!(quoted(name), expected);
        }
    }

    #[test]
    fn t11_a_content_type_cannot_end_its_line() {
        let form = Multipart::new().part("a", Part::new("b").content_type("text/plain\r\nX: y"));
        assert!(form.into_body().is_err());
    }
}
