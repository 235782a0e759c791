use super::*;
use crate::limits::Limits;

fn parse(bytes: &str) -> Result<ResponseHead, ParseError> {
    let mut head = ResponseHead::default();
    head.parse(bytes.as_bytes(), &Rules::default())?;
    Ok(head)
}

#[test]
fn status_lines_are_read_by_the_letter() {
    #[track_caller]
    fn check(line: &str, expected: Result<(Version, u16, &str), ParseError>) {
        let parsed = parse(&format!("{line}\r\n\r\n"));
        let found = parsed.as_ref().map(|h| (h.version, h.status.as_u16(), h.reason.as_str()));
        assert_eq!(found.map_err(Clone::clone), expected, "{line:?}");
    }
    let (v10, v11) = (Version::HTTP_10, Version::HTTP_11);
    check("HTTP/1.1 200 OK", Ok((v11, 200, "OK")));
    check("HTTP/1.0 404 Not Found", Ok((v10, 404, "Not Found")));
    check("HTTP/1.1 204 ", Ok((v11, 204, "")));
    check("HTTP/1.1 204", Ok((v11, 204, "")));
    check("HTTP/1.2 200 OK", Ok((v11, 200, "OK")));
    check("HTTP/1.1 200 Grüße", Ok((v11, 200, "Grüße")));
    check("HTTP/1.1 599 \tX", Ok((v11, 599, "\tX")));
    check("HTTP/2.0 200 OK", Err(ParseError::Version));
    check("HTTP/1 200 OK", Err(ParseError::Version));
    check("http/1.1 200 OK", Err(ParseError::NotHttp));
    check("ICY 200 OK", Err(ParseError::NotHttp));
    check("HTTP/1.1  200 OK", Err(ParseError::StatusLine));
    check("HTTP/1.1\t200 OK", Err(ParseError::StatusLine));
    check("HTTP/1.1 20 OK", Err(ParseError::StatusLine));
    check("HTTP/1.1 2000 OK", Err(ParseError::StatusLine));
    check("HTTP/1.1 +20 OK", Err(ParseError::StatusLine));
    check("HTTP/1.1 200 \x7f", Err(ParseError::StatusLine));
    check("HTTP/1.1 200 a\rb", Err(ParseError::StatusLine));
    check("HTTP/1.1 099 Low", Err(ParseError::StatusCode(99)));
    check("HTTP/1.1 600 High", Err(ParseError::StatusCode(600)));
}

#[test]
fn a_reason_that_is_not_utf_8_is_latin_1() {
    let mut head = ResponseHead::default();
    head.parse(b"HTTP/1.1 200 Gr\xfc\xdfe\r\n\r\n", &Rules::default()).unwrap();
    assert_eq!(head.reason, "Grüße");
}

#[test]
fn fields_are_read_by_the_letter() {
    #[track_caller]
    fn check(fields: &str, expected: Result<&[(&str, &str)], ParseError>) {
        let parsed = parse(&format!("HTTP/1.1 200 OK\r\n{fields}\r\n"));
        let found = parsed.as_ref().map(|head| {
            head.headers.iter().map(|(n, v)| (n, std::str::from_utf8(v).unwrap())).collect::<Vec<_>>()
        });
        assert_eq!(found.map_err(Clone::clone), expected.map(<[_]>::to_vec), "{fields:?}");
    }
    let name = Err(ParseError::Field("its name is not a token before a colon"));
    let value = Err(ParseError::Field("its value contains a control character"));
    check("", Ok(&[]));
    check("A: 1\r\nb:2\r\nA:\t3 \t\r\n", Ok(&[("A", "1"), ("b", "2"), ("A", "3")]));
    check("Empty:\r\n", Ok(&[("Empty", "")]));
    check("A: 1\r\n  2\r\n\t 3\r\nB: 4\r\n", Ok(&[("A", "1 2 3"), ("B", "4")]));
    check("A:\r\n 1\r\n", Ok(&[("A", "1")]));
    check(" A: 1\r\n", name.clone());
    check("A : 1\r\n", name.clone());
    check(": 1\r\n", name.clone());
    check("no colon\r\n", name);
    check("A: 1\rB: 2\r\n", value.clone());
    check("A: \0\r\n", value);
}

#[test]
fn more_fields_than_the_limit_are_refused_and_as_many_are_not() {
    for (allowed, sent) in [(0, 0), (3, 3), (3, 4), (48, 48), (48, 49), (49, 49), (100, 100), (100, 101)] {
        let limits = Limits { fields: allowed, ..Limits::default() };
        let rules = Rules { limits, ..Rules::default() };
        let head = format!("HTTP/1.1 200 OK\r\n{}\r\n", "a: b\r\n".repeat(sent));
        let parsed = ResponseHead::default().parse(head.as_bytes(), &rules);
        let expected = if sent <= allowed {
            Ok(())
        } else {
            Err(ParseError::TooLarge { limit: Limit::Fields, allowed })
        };
        assert_eq!(parsed, expected, "{sent} of {allowed}");
    }
}

#[test]
fn targets_have_one_of_four_forms() {
    #[track_caller]
    fn check(method: &Method, target: &str, good: bool) {
        assert_eq!(check_target(method, target).is_ok(), good, "{method} {target:?}");
    }
    let (get, connect, options) = (&Method::GET, &Method::CONNECT, &Method::OPTIONS);
    check(get, "/", true);
    check(get, "/a?b=c%20d", true);
    check(get, "//evil/", true);
    check(get, "http://a/b", true);
    check(get, "HTTP://a", true);
    check(get, "https://a?b", true);
    check(get, "http://", false);
    check(get, "http:///b", false);
    check(get, "http://u:p@a/", false);
    check(get, "ftp://a/", false);
    check(options, "*", true);
    check(connect, "a:443", true);
    check(connect, "[::1]:443", true);
    check(get, "", false);
    check(get, "*", false);
    check(get, "a", false);
    check(get, "/a#b", false);
    check(get, "/a b", false);
    check(get, "/a\r\nX: y", false);
    check(get, "/ä", false);
    check(get, "/\x7f", false);
    check(get, "a:443", false);
    check(connect, "/", false);
    check(connect, "a", false);
    check(connect, ":443", false);
    check(connect, "a\\b:443", false);
    check(connect, "a:0", false);
    check(connect, "a:65536", false);
    check(connect, "a:+1", false);
    check(connect, "a:b:1", false);
    check(connect, "::1:443", false);
    check(connect, "u@a:443", false);
}

#[test]
fn a_host_is_an_authority_whoever_gives_it() {
    for (host, good) in [
        ("a", true),
        ("a:81", true),
        ("[::1]:81", true),
        ("", true),
        ("u:p@a", false),
        ("a/b", false),
        ("a b", false),
        ("a\\b", false),
    ] {
        let mut own = Headers::new();
        own.append("Host", host).unwrap();
        let none = Headers::new();
        for head in [
            RequestHead::new(&Method::GET, "/", &none).with_host(host),
            RequestHead::new(&Method::GET, "/", &own).with_host("other"),
        ] {
            let result = head.encode(None, &mut Vec::new());
            assert_eq!(result, if good { Ok(()) } else { Err(RequestError::Host) }, "{host:?}");
        }
    }
}
