//! Bounds on what a peer may make us hold.

use std::fmt;

/// Bounds on one response. Each error names its limit and the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes of one head, status line and fields together. Default 64 KiB.
    pub head_bytes: usize,
    /// Field lines in one head or one trailer section. Default 256.
    pub fields: usize,
    /// Bytes of extension on one chunk-size line. Default 4 KiB.
    pub chunk_extension_bytes: usize,
    /// Bytes of chunk extension in one message. Default 64 KiB.
    pub chunk_extensions_total: usize,
    /// Bytes of the trailer section. Default 16 KiB.
    pub trailer_bytes: usize,
    /// Informational (1xx) responses before the final one. Default 16.
    pub informational: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head_bytes: 64 << 10,
            fields: 256,
            chunk_extension_bytes: 4 << 10,
            chunk_extensions_total: 64 << 10,
            trailer_bytes: 16 << 10,
            informational: 16,
        }
    }
}

/// Names a field of [`Limits`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Limit {
    /// [`Limits::head_bytes`].
    HeadBytes,
    /// [`Limits::fields`].
    Fields,
    /// [`Limits::chunk_extension_bytes`].
    ChunkExtensionBytes,
    /// [`Limits::chunk_extensions_total`].
    ChunkExtensionsTotal,
    /// [`Limits::trailer_bytes`].
    TrailerBytes,
    /// [`Limits::informational`].
    Informational,
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::HeadBytes => "bytes of head",
            Self::Fields => "field lines",
            Self::ChunkExtensionBytes => "bytes of extension on one chunk",
            Self::ChunkExtensionsTotal => "bytes of chunk extensions",
            Self::TrailerBytes => "bytes of trailers",
            Self::Informational => "informational responses",
        })
    }
}
