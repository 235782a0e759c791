//! Responses as the `http` crate has them.

use wire::ResponseHead;

use crate::error::{Error, ErrorKind};
use crate::response::Response;

/// Copies status, version and fields; the content is read from the response inside. Fails only with more field lines than
/// `http` holds (32,768).
impl<'c> TryFrom<Response<'c>> for http::Response<Response<'c>> {
    type Error = Error;

    fn try_from(response: Response<'c>) -> Result<Self, Error> {
        let head: &ResponseHead = response.head();
        let parts = head.try_into().map_err(|error: http::Error| Error::new(ErrorKind::TooLarge, error))?;
        Ok(Self::from_parts(parts, response))
    }
}
