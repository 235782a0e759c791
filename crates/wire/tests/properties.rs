//! What holds for any response, any sequence of calls and any list of fields.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "test code fails loudly"
)]

#[path = "common/drive.rs"]
mod drive;
#[path = "properties/headers.rs"]
mod headers;
#[path = "properties/operations.rs"]
mod operations;
#[path = "properties/written.rs"]
mod written;

use drive::{drive, get};
use proptest::prelude::*;
use written::{Coding, Written};

/// Cuts as fractions of a length.
fn cuts() -> impl Strategy<Value = Vec<prop::sample::Index>> {
    prop::collection::vec(any::<prop::sample::Index>(), 0..8)
}

fn at(cuts: &[prop::sample::Index], len: usize) -> Vec<usize> {
    let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(len + 1)).collect();
    cuts.sort_unstable();
    cuts
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn what_was_written_is_read_again_at_any_split(
        written in written::any_response(),
        behind in prop::collection::vec(any::<u8>(), 0..20),
        cuts in cuts(),
    ) {
        let mut input = written.encode();
        let len = input.len();
        // Whatever follows a body that only the close ends is part of it.
        let until_close = written.coding == Coding::UntilClose;
        if !until_close {
            input.extend_from_slice(&behind);
        }
        let seen = drive(&get(), &input, &at(&cuts, input.len())).unwrap();
        prop_assert_eq!(seen.left, input.len() - len);
        prop_assert_eq!(Written::seen_in(&seen, &written), written);
    }

    #[test]
    fn what_was_written_and_cut_short_is_refused(
        written in written::any_response(),
        cut in any::<prop::sample::Index>(),
    ) {
        let input = written.encode();
        let cut = cut.index(input.len());
        let result = drive(&get(), &input[..cut], &[]);
        let whole = written.coding == Coding::UntilClose && cut >= input.len() - written.content.len();
        prop_assert_eq!(result.is_ok(), whole, "cut at {}: {:?}", cut, result);
    }

    #[test]
    fn any_bytes_end_the_same_at_any_split(
        parts in prop::collection::vec(prop::sample::select(operations::PARTS), 0..12),
        from in 0..3_usize,
        cuts in cuts(),
    ) {
        // Most begin as a response does, so that there is something to split.
        let start = [&b""[..], b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"];
        let input = [start[from], &parts.concat()].concat();
        let whole = drive(&get(), &input, &[]);
        prop_assert_eq!(drive(&get(), &input, &at(&cuts, input.len())), whole.clone());
        let bytewise: Vec<_> = (1..input.len()).collect();
        prop_assert_eq!(drive(&get(), &input, &bytewise), whole);
    }
}
