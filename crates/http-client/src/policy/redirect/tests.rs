use super::*;

fn asked<'a>(method: &'a Method, url: &'a Url) -> Asked<'a> {
    Asked { method, url, is_replayable: true, followed: 0 }
}

fn judge(method: &str, from: &str, status: u16, location: Option<&str>, policy: &RedirectPolicy) -> Redirect {
    let (method, url) = (method.parse().unwrap(), Url::parse(from).unwrap());
    let status = StatusCode::from_u16(status).unwrap();
    redirect(asked(&method, &url), status, location.map(str::as_bytes), policy)
}

#[track_caller]
fn follow(method: &str, from: &str, status: u16, location: &str) -> Hop {
    match judge(method, from, status, Some(location), &RedirectPolicy::default()) {
        Redirect::Follow(hop) => hop,
        other => panic!("{method} {from} {status} {location}: {other:?}"),
    }
}

#[test]
fn the_method_follows_the_status() {
    for (status, method, next, keeps_content) in [
        (301, "GET", "GET", true),
        (301, "HEAD", "HEAD", true),
        (301, "POST", "GET", false),
        (301, "PUT", "PUT", true),
        (301, "DELETE", "DELETE", true),
        (302, "GET", "GET", true),
        (302, "POST", "GET", false),
        (302, "PATCH", "PATCH", true),
        (303, "GET", "GET", false),
        (303, "HEAD", "HEAD", false),
        (303, "OPTIONS", "GET", false),
        (303, "WHATEVER", "GET", false),
        (303, "POST", "GET", false),
        (303, "PUT", "GET", false),
        (303, "DELETE", "GET", false),
        (307, "GET", "GET", true),
        (307, "POST", "POST", true),
        (307, "DELETE", "DELETE", true),
        (308, "POST", "POST", true),
        (308, "PUT", "PUT", true),
    ] {
        let hop = follow(method, "http://a/", status, "/b");
        assert_eq!((hop.method.as_str(), hop.keeps_content), (next, keeps_content), "{method} {status}");
    }
}

#[test]
fn locations_are_resolved_against_the_request() {
    for (from, location, to) in [
        ("http://a/b/c?d", "e", "http://a/b/e"),
        ("http://a/b/c?d", "/e", "http://a/e"),
        ("http://a/b/c?d", "../e", "http://a/e"),
        ("http://a/b/c?d", "?e", "http://a/b/c?e"),
        ("http://a/b/c?d", "", "http://a/b/c?d"),
        ("http://a/b", "//evil/x", "http://evil/x"),
        ("http://a/b", "https://c", "https://c/"),
        ("http://a/b", "http://A:80/b", "http://a/b"),
        ("http://a/b#part", "/c", "http://a/c#part"),
        ("http://a/b#part", "/c#own", "http://a/c#own"),
        ("http://a/b#part", "/c#", "http://a/c#"),
        ("http://a/b", "http://user:pass@c/", "http://c/"),
        ("http://user:pass@a/b", "/c", "http://a/c"),
        ("http://a/b", " /c ", "http://a/c"),
        ("http://a/b", "/\u{fc}", "http://a/%C3%BC"),
        ("http://a/b", "http://127.1/", "http://127.0.0.1/"),
    ] {
        assert_eq!(follow("GET", from, 302, location).url.as_str(), to, "{from} {location}");
    }
}

#[test]
fn what_is_not_followed_says_why() {
    let (some, none) = (RedirectPolicy::default(), RedirectPolicy::none());
    for (status, location, policy, reason) in [
        (200, Some("/b"), &some, NotFollowed::NoRedirect),
        (300, Some("/b"), &some, NotFollowed::NoRedirect),
        (304, Some("/b"), &some, NotFollowed::NoRedirect),
        (305, Some("/b"), &some, NotFollowed::NoRedirect),
        (306, Some("/b"), &some, NotFollowed::NoRedirect),
        (399, Some("/b"), &some, NotFollowed::NoRedirect),
        (201, Some("/b"), &some, NotFollowed::NoRedirect),
        (301, None, &some, NotFollowed::NoLocation),
        (301, Some("/b"), &none, NotFollowed::Off),
    ] {
        assert_eq!(
            judge("GET", "http://a/", status, location, policy),
            Redirect::Deliver(reason),
            "{status}"
        );
    }
}

#[test]
fn t23_no_redirect_leads_out_of_http_or_out_of_tls() {
    let policy = RedirectPolicy::default();
    for (from, location, reason) in [
        ("http://a/", "file:///etc/passwd", RefusedRedirect::Scheme),
        ("http://a/", "gopher://a/", RefusedRedirect::Scheme),
        ("http://a/", "javascript:alert(1)", RefusedRedirect::Scheme),
        ("http://a/", "data:text/plain,x", RefusedRedirect::Scheme),
        ("https://a/", "http://a/", RefusedRedirect::Downgrade),
        ("https://a/", "http://b/", RefusedRedirect::Downgrade),
        ("http://a/", "http://", RefusedRedirect::InvalidLocation),
        ("http://a/", "http://[", RefusedRedirect::InvalidLocation),
        ("http://a/", "http://a:99999/", RefusedRedirect::InvalidLocation),
        ("http://a/", "http://a:0/", RefusedRedirect::InvalidLocation),
        ("http://a/", "http://a..b/", RefusedRedirect::InvalidLocation),
    ] {
        assert_eq!(
            judge("GET", from, 302, Some(location), &policy),
            Redirect::Refuse(reason),
            "{from} {location}"
        );
    }
    let mut downgrade = RedirectPolicy::default();
    downgrade.allow_downgrade = true;
    assert!(matches!(judge("GET", "https://a/", 302, Some("http://a/"), &downgrade), Redirect::Follow(_)));
    let within = RedirectPolicy::default().allowed_by(|from, to| from.host() == to.host());
    assert!(matches!(judge("GET", "http://a/", 302, Some("/b"), &within), Redirect::Follow(_)));
    let refused = judge("GET", "http://a/", 302, Some("//127.0.0.1"), &within);
    assert_eq!(refused, Redirect::Refuse(RefusedRedirect::NotAllowed));
}

#[test]
fn t22_the_limit_counts_redirects() {
    let url = Url::parse("http://a/").unwrap();
    let policy = RedirectPolicy::limited(3);
    for (followed, refused) in [(0, false), (2, false), (3, true), (4, true)] {
        let asked = Asked { followed, ..asked(&Method::GET, &url) };
        let verdict = redirect(asked, StatusCode::FOUND, Some(b"/"), &policy);
        let too_many = Redirect::Refuse(RefusedRedirect::TooMany { limit: 3 });
        assert_eq!(verdict == too_many, refused, "{followed}");
    }
}

#[test]
fn content_that_is_gone_is_not_asked_for_again() {
    let url = Url::parse("http://a/").unwrap();
    for (status, expected) in [(307, false), (308, false), (301, true), (303, true)] {
        let asked = Asked { is_replayable: false, ..asked(&Method::POST, &url) };
        let verdict =
            redirect(asked, StatusCode::from_u16(status).unwrap(), Some(b"/b"), &RedirectPolicy::default());
        assert_eq!(matches!(verdict, Redirect::Follow(_)), expected, "{status}");
        assert!(expected || verdict == Redirect::Deliver(NotFollowed::ContentConsumed));
    }
}

fn fields(lines: &[(&str, &str)]) -> Headers {
    let mut headers = Headers::new();
    for (name, value) in lines {
        headers.append(name, value).unwrap();
    }
    headers
}

fn names(headers: &Headers) -> Vec<String> {
    headers.iter().map(|(name, _)| name.to_ascii_lowercase()).collect()
}

#[test]
fn t1_t2_t3_secrets_stay_at_their_origin() {
    let own = [
        ("Host", "x"),
        ("Authorization", "s"),
        ("Cookie", "s"),
        ("Proxy-Authorization", "s"),
        ("X-Api-Key", "s"),
        ("X-Auth-Token", "s"),
        ("Accept", "a"),
    ];
    for (from, to, stays) in [
        ("http://a/", "/b", true),
        ("http://a/", "http://a:80/b", true),
        ("http://a/", "http://A./b", false),
        ("http://a/", "http://a:81/b", false),
        ("http://a/", "https://a/b", false),
        ("http://a:443/", "https://a/b", false),
        ("http://a/", "http://b/b", false),
        ("http://a.b/", "http://b/b", false),
        ("http://b/", "http://a.b/b", false),
    ] {
        let mut headers = fields(&own);
        carry_over(&mut headers, &follow("GET", from, 302, to));
        let expected = if stays { names(&fields(&own)) } else { vec!["accept".to_owned()] };
        assert_eq!(names(&headers), expected, "{from} {to}");
    }
}

#[test]
fn secrets_go_along_to_origins_that_the_caller_named() {
    let mut policy = RedirectPolicy::default();
    policy.keep_headers_for.push(conn::Origin::https("b").unwrap());
    for (to, keeps) in [("https://b/", true), ("https://b:444/", false), ("https://c/", false)] {
        let Redirect::Follow(hop) = judge("GET", "https://a/", 302, Some(to), &policy) else {
            panic!("{to}")
        };
        assert_eq!((hop.keeps_secrets, hop.same_origin), (keeps, false), "{to}");
        let mut headers = fields(&[("Host", "x"), ("Authorization", "s")]);
        carry_over(&mut headers, &hop);
        assert_eq!(names(&headers), if keeps { vec!["authorization"] } else { vec![] }, "{to}");
    }
}

#[test]
fn t8_without_content_nothing_describes_it() {
    let own = fields(&[
        ("Content-Type", "text/plain"),
        ("Content-Length", "3"),
        ("CONTENT-ENCODING", "gzip"),
        ("Transfer-Encoding", "chunked"),
        ("Expect", "100-continue"),
        ("Accept", "a"),
    ]);
    let mut dropped = own.clone();
    carry_over(&mut dropped, &follow("POST", "http://a/", 303, "/b"));
    assert_eq!(names(&dropped), ["accept"]);
    let mut kept = own.clone();
    carry_over(&mut kept, &follow("POST", "http://a/", 307, "/b"));
    assert_eq!(names(&kept), names(&own));
}

#[test]
fn a_location_in_any_charset_is_asked_for_as_it_came() {
    let url = Url::parse("http://a/").unwrap();
    for (location, expected) in [
        (&b"/gr\xfcn?\xfc"[..], "http://a/gr%FCn?%FC"),
        ("/gr\u{fc}n".as_bytes(), "http://a/gr%C3%BCn"),
        ("http://b\u{fc}cher.example/".as_bytes(), "http://xn--bcher-kva.example/"),
    ] {
        let policy = RedirectPolicy::default();
        let verdict = redirect(asked(&Method::GET, &url), StatusCode::FOUND, Some(location), &policy);
        let Redirect::Follow(hop) = verdict else { panic!("{verdict:?}") };
        assert_eq!(hop.url.as_str(), expected);
        assert_eq!(format!("{}{}", hop.url.origin().ascii_serialization(), hop.target()), expected);
    }
}
