//! The rules of a call, each a pure function.

pub(crate) mod auth;
pub(crate) mod deadlines;
pub(crate) mod decode;
pub(crate) mod keep_alive;
pub(crate) mod prepare;
pub(crate) mod reask;
pub(crate) mod redirect;
pub(crate) mod replay;
pub(crate) mod retry;
pub(crate) mod schedule;
