//! SOCKS: through a proxy that passes bytes on.

mod handshake;

pub use handshake::{SocksHandshake, SocksStep};
