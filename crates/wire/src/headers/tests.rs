use super::*;

fn headers(lines: &[(&str, &str)]) -> Headers {
    let mut headers = Headers::new();
    for (name, value) in lines {
        headers.append(name, value).unwrap();
    }
    headers
}

#[test]
fn order_case_and_duplicates_are_kept() {
    let h = headers(&[("b", "1"), ("A", "2"), ("B", " 3\t")]);
    let lines: Vec<_> = h.iter().collect();
    assert_eq!(lines, [("b", &b"1"[..]), ("A", b"2"), ("B", b"3")]);
    assert_eq!(h.get_all("B").collect::<Vec<_>>(), [b"1", b"3"]);
}

#[test]
fn set_replaces_in_place_and_drops_the_others() {
    for value in ["", "x", "much longer than before"] {
        let mut h = headers(&[("a", "1"), ("b", "22"), ("c", "3"), ("B", "4"), ("d", "5")]);
        h.set("B", value).unwrap();
        assert_eq!(h, headers(&[("a", "1"), ("b", value), ("c", "3"), ("d", "5")]));
    }
    let mut h = Headers::new();
    h.set("x", "1").unwrap();
    assert_eq!(h, headers(&[("x", "1")]));
}

#[test]
fn remove_takes_every_line_of_the_name() {
    let mut h = headers(&[("a", "1"), ("b", "2"), ("A", "3"), ("c", "4")]);
    assert_eq!(h.remove("a"), 2);
    assert_eq!(h, headers(&[("b", "2"), ("c", "4")]));
    assert_eq!(h.remove("a"), 0);
}

#[test]
fn extending_keeps_both_lists() {
    let mut h = headers(&[("a", "1")]);
    h.extend_from(&headers(&[("b", "2"), ("c", "3")]));
    assert_eq!(h, headers(&[("a", "1"), ("b", "2"), ("c", "3")]));
}

#[test]
fn lists_are_read_over_all_lines() {
    let h = headers(&[("Connection", ",close,, x "), ("connection", "Upgrade")]);
    let tokens: Vec<_> = h.tokens("connection").collect();
    assert_eq!(tokens, [&b"close"[..], b"x", b"Upgrade"]);
    assert!(h.has_token("Connection", "UPGRADE"));
    assert!(!h.has_token("Connection", "clos"));
}

#[test]
fn injection_is_refused() {
    for name in ["", "a b", "a:", "a\r\nb", "ä", "a\0"] {
        let error = Headers::new().append(name, "v").unwrap_err();
        assert!(matches!(error, RequestError::FieldName { .. }), "{name:?}");
    }
    for (name, shown) in [("Authorization: s3cret", "Authorization:"), ("", ""), ("äb", "ä"), ("a", "a")] {
        let cut = check_name(name).err();
        let expected = (name != "a").then(|| RequestError::FieldName { name: shown.into() });
        assert_eq!(cut, expected, "{name:?}");
    }
    for value in ["a\r\nX: y", "a\nb", "a\rb", "\0", "\x7f", "\x0b"] {
        let error = Headers::new().append("n", value).unwrap_err();
        assert_eq!(error, RequestError::FieldValue { name: "n".into() }, "{value:?}");
    }
    assert!(Headers::new().append("n", b"\xff\tok").is_ok());
}

#[test]
fn of_urls_only_the_place_is_shown() {
    for (value, expected) in [
        ("/next", "/next"),
        ("/next?code=s3cret", "/next?..."),
        ("next#token=s3cret", "next?..."),
        ("https://b:8443/in?code=s3cret#more", "https://b:8443/in?..."),
        ("https://ida:s3cret@b/in", "https://b/in"),
        ("https://ida:s3@cret@b/in", "https://b/in"),
        ("//ida@b", "//b"),
        ("http:\\\\ida:s3cret@b\\in", "http:\\\\b\\in"),
        ("https:/ida:s3cret@b/in", "https:/b/in"),
        ("https:ida:s3cret@b/in", "https:b/in"),
        ("/\\ida:s3cret@b", "/\\b"),
        ("to/ida:1@b", "to/ida:1@b"),
        ("/to/ida@b", "/to/ida@b"),
        ("http://b/to/ida@c", "http://b/to/ida@c"),
    ] {
        for name in ["Location", "content-location", "Referer"] {
            assert_eq!(shown_value(name, value.as_bytes()), expected);
        }
    }
}

#[test]
fn of_fields_with_several_urls_nothing_is_shown() {
    let link = ("Link", "<https://a/>; rel=next, <https://ida:s3cret@b/>");
    let shown = format!("{:?}", headers(&[link, ("refresh", "5; url=/?s3cret")]));
    assert_eq!(shown, r#"{"Link": "[redacted]", "refresh": "[redacted]"}"#);
}

#[test]
fn secrets_are_not_shown() {
    let shown = format!("{:?}", headers(&[("Cookie", "s3cret"), ("X-Api-Key", "s3cret"), ("Accept", "a")]));
    assert!(!shown.contains("s3cret"), "{shown}");
    assert!(shown.contains(r#""Accept": "a""#), "{shown}");
    for name in [
        "AUTHORIZATION",
        "Proxy-Authorization",
        "X-Auth-Token",
        "x-amz-security-token",
        "Client-Secret",
        "set-cookie",
        "Token",
        "X-Authorization",
        "X-Auth-Key",
        "Ocp-Apim-Subscription-Key",
        "x-functions-key",
        "X-Session-Id",
    ] {
        assert!(is_secret_field(name), "{name}");
    }
    for name in
        ["accept", "key", "tokens", "etag", "Idempotency-Key", "Sec-WebSocket-Key", "Author", "X-Author"]
    {
        assert!(!is_secret_field(name), "{name}");
    }
}

#[test]
fn what_is_added_as_secret_stays_one() {
    let mut h = headers(&[("a", "1")]);
    h.append_secret("X-Own", "s3cret").unwrap();
    h.append("b", "2").unwrap();
    let mut copy = headers(&[("c", "3")]);
    copy.extend_from(&h);
    copy.retain(|name, _| name != "a");
    copy.set("x-own", "n3w s3cret").unwrap();
    for list in [&h, &copy] {
        assert_eq!(list.secrets().collect::<Vec<_>>(), ["X-Own"]);
        assert!(list.is_secret("x-own") && !list.is_secret("b"));
        assert!(!format!("{list:?}").contains("s3cret"), "{list:?}");
    }
    assert_eq!(h, headers(&[("a", "1"), ("X-Own", "s3cret"), ("b", "2")]));
}
