//! What tests and examples need: certificates made on the spot, scripted peers, a bad network, a clock that is turned by hand,
//! a small site, and the bodies of the fuzz targets.
#![expect(clippy::expect_used, reason = "test code fails loudly")]

pub mod certs;
pub mod clock;
pub mod connect_proxy;
pub mod fault;
pub mod fuzz;
pub mod httpbin;
pub mod nginx;
pub mod node;
pub mod peer;
mod program;
pub mod site;
pub mod socks;
