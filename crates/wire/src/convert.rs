//! To and from the types of the `http` crate.
//!
//! They cost copies, and what `http` cannot hold is lost on the way: letter case, and the order of lines with different
//! names.

use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, request, response};

use crate::head::{RequestHead, ResponseHead};
use crate::headers::Headers;

/// Takes over every line; names are in lower case, as `http` has them. What is sensitive there is secret here.
impl From<&HeaderMap> for Headers {
    fn from(map: &HeaderMap) -> Self {
        let mut headers = Self::new();
        for (name, value) in map {
            // What http allows in a name and a value is allowed here.
            headers.push_checked(name.as_str(), value.as_bytes());
            if value.is_sensitive() {
                headers.mark_last();
            }
        }
        headers
    }
}

/// Fails only with more lines than a [`HeaderMap`] holds (32,768).
impl TryFrom<&Headers> for HeaderMap {
    type Error = http::Error;

    fn try_from(headers: &Headers) -> Result<Self, http::Error> {
        let mut map = Self::try_with_capacity(headers.len())?;
        for (name, value) in headers.iter() {
            let mut value_of = HeaderValue::from_bytes(value)?;
            value_of.set_sensitive(headers.is_secret(name));
            map.try_append(HeaderName::from_bytes(name.as_bytes())?, value_of)?;
        }
        Ok(map)
    }
}

/// Fails only with more field lines than a [`HeaderMap`] holds. The reason phrase has no place there.
impl TryFrom<&ResponseHead> for response::Parts {
    type Error = http::Error;

    fn try_from(head: &ResponseHead) -> Result<Self, http::Error> {
        let mut response = Response::new(());
        *response.status_mut() = head.status;
        *response.version_mut() = head.version;
        *response.headers_mut() = HeaderMap::try_from(&head.headers)?;
        Ok(response.into_parts().0)
    }
}

impl<'a> RequestHead<'a> {
    /// Makes the head of an `http` request: origin-form (authority-form for CONNECT), `Host` from the URI's authority;
    /// `headers` are its fields, converted by [`Headers::from`]. `http` leaves an empty path before a query empty, which
    /// cannot be sent: write `/?query`.
    ///
    /// ```
    /// use wire::{Headers, RequestHead};
    ///
    /// let parts = http::Request::get("http://example.com/a?b").body(())?.into_parts().0;
    /// let headers = Headers::from(&parts.headers);
    /// let head = RequestHead::from_parts(&parts, &headers);
    /// assert_eq!((head.target, head.host), ("/a?b", Some("example.com")));
    /// # Ok::<(), http::Error>(())
    /// ```
    #[must_use]
    pub fn from_parts(parts: &'a request::Parts, headers: &'a Headers) -> Self {
        let authority = parts.uri.authority().map(|authority| {
            // Credentials of a URI go nowhere by themselves.
            authority.as_str().rsplit_once('@').map_or(authority.as_str(), |(_, host)| host)
        });
        let target = match (&parts.method, authority, parts.uri.path_and_query()) {
            (&Method::CONNECT, Some(authority), _) => authority,
            (.., Some(target)) => target.as_str(),
            (.., None) => "/",
        };
        let mut head = Self::new(&parts.method, target, headers);
        head.version = parts.version;
        head.host = authority;
        head
    }
}

impl RequestHead<'_> {
    /// Copies the head into an `http` request without content.
    ///
    /// # Errors
    /// The target is no URI, or there are more field lines than a [`HeaderMap`] holds.
    pub fn to_request(&self) -> Result<Request<()>, http::Error> {
        let mut request =
            Request::builder().method(self.method).uri(self.target).version(self.version).body(())?;
        *request.headers_mut() = HeaderMap::try_from(self.headers)?;
        Ok(request)
    }
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::*;

    #[test]
    fn lines_survive_the_way_there_and_back() {
        let mut headers = Headers::new();
        for (name, value) in [("Set-Cookie", "a=b"), ("X-Text", "ü"), ("set-cookie", "c=d")] {
            headers.append(name, value).unwrap();
        }
        let map = HeaderMap::try_from(&headers).unwrap();
        assert!(map["set-cookie"].is_sensitive() && !map["x-text"].is_sensitive());
        let mut marked = map.clone();
        marked.get_mut("x-text").unwrap().set_sensitive(true);
        let marked = Headers::from(&marked);
        assert!(marked.is_secret("X-Text") && !format!("{marked:?}").contains('ü'));
        assert!(HeaderMap::try_from(&marked).unwrap()["x-text"].is_sensitive());
        let back = Headers::from(&map);
        let cookies: Vec<_> = back.get_all("set-cookie").collect();
        assert_eq!((cookies, back.get("x-text")), (vec![&b"a=b"[..], b"c=d"], headers.get("X-Text")));
    }

    #[test]
    fn heads_become_parts_and_parts_heads() {
        let mut head = ResponseHead { status: StatusCode::NOT_FOUND, ..ResponseHead::default() };
        head.headers.append("A", "b").unwrap();
        let parts = response::Parts::try_from(&head).unwrap();
        assert_eq!(
            (parts.status, &parts.headers["a"]),
            (StatusCode::NOT_FOUND, &HeaderValue::from_static("b"))
        );

        let request = Request::post("http://u:p@a:81/b").header("X", "y").body(()).unwrap();
        let (parts, ()) = request.into_parts();
        let headers = Headers::from(&parts.headers);
        let head = RequestHead::from_parts(&parts, &headers);
        assert_eq!((head.method, head.target, head.host), (&Method::POST, "/b", Some("a:81")));
        let connect = Request::connect("a:443").body(()).unwrap().into_parts().0;
        assert_eq!(RequestHead::from_parts(&connect, &headers).target, "a:443");
        let again = head.to_request().unwrap();
        assert_eq!((again.uri().path(), &again.headers()["x"]), ("/b", &HeaderValue::from_static("y")));
    }
}
