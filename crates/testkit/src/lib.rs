//! What tests and examples need: certificates made on the spot, scripted peers, a clock that is turned by hand, and
//! a small site.
#![expect(clippy::expect_used, reason = "test code fails loudly")]

pub mod certs;
pub mod clock;
pub mod nginx;
pub mod peer;
pub mod site;
