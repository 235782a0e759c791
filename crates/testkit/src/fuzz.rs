//! The bodies of the fuzz targets: a fuzzer calls them with what it makes up, ordinary tests with what was saved.
#![expect(clippy::panic, reason = "a fuzzer finds what panics")]

mod chunked;
mod cookie_date;
mod cookies_txt;
mod drive;
mod exchange_ops;
mod reference;
mod request;
mod response;
mod set_cookie;

use wire::{Leniency, Limits};

pub use chunked::chunked;
pub use cookie_date::cookie_date;
pub use cookies_txt::cookies_txt;
pub use exchange_ops::exchange_ops;
pub use request::request;
pub use response::response;
pub use set_cookie::set_cookie;

/// What a choice stands for: `t` limits that a short input can reach, `l` all leniency, `b` both, `f` no folded lines.
fn rules(choice: u8) -> (Limits, Leniency) {
    let (mut limits, mut leniency) = (Limits::default(), Leniency::default());
    if matches!(choice, b't' | b'b') {
        limits.head_bytes = 96;
        limits.fields = 3;
        limits.chunk_extension_bytes = 6;
        limits.chunk_extensions_total = 12;
        limits.trailer_bytes = 24;
        limits.informational = 2;
    }
    if matches!(choice, b'l' | b'b') {
        leniency.bare_lf = true;
        leniency.leading_empty_lines = true;
        leniency.padded_chunk_size = true;
    }
    leniency.obs_fold = choice != b'f';
    (limits, leniency)
}
