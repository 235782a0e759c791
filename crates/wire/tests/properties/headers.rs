//! `Headers` against a list that is as simple as can be.

use crate::drive::{drive, get};
use proptest::prelude::*;
use wire::Headers;

type Lines = Vec<(String, Vec<u8>)>;

#[derive(Clone, Debug)]
enum Operation {
    Append(String, Vec<u8>),
    Set(String, Vec<u8>),
    Remove(String),
    /// Keeps the lines whose place and length the mask has.
    Retain(u8),
    Clear,
    Extend(Lines),
    /// Takes lines over from a response, padded.
    Parse(Lines),
}

fn any_name() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["a", "A", "b", "bb", "Bb", "long-name", "LONG-name", "", "a b", "a:", "\u{e4}"])
        .prop_map(str::to_owned)
}

fn any_value() -> impl Strategy<Value = Vec<u8>> {
    let text =
        prop::sample::select(vec![&b""[..], b"x", b"x, y", b" x\t", b"much longer than the others", b"\xff"]);
    prop_oneof![9 => text, 1 => prop::sample::select(vec![&b"a\r\nb"[..], b"\0", b"\x7f"])]
        .prop_map(<[u8]>::to_vec)
}

fn any_lines() -> impl Strategy<Value = Lines> {
    let name = prop::sample::select(vec!["a", "B", "bb", "Long-Name"]).prop_map(str::to_owned);
    let value = prop::sample::select(vec![&b""[..], b"1", b"2, 3", b"\xe4"]).prop_map(<[u8]>::to_vec);
    prop::collection::vec((name, value), 0..5)
}

fn any_operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        4 => (any_name(), any_value()).prop_map(|(name, value)| Operation::Append(name, value)),
        4 => (any_name(), any_value()).prop_map(|(name, value)| Operation::Set(name, value)),
        2 => any_name().prop_map(Operation::Remove),
        2 => any::<u8>().prop_map(Operation::Retain),
        1 => Just(Operation::Clear),
        2 => any_lines().prop_map(Operation::Extend),
        2 => any_lines().prop_map(Operation::Parse),
    ]
}

fn trimmed(value: &[u8]) -> Vec<u8> {
    // The values here have no other white space at their ends.
    value.trim_ascii().to_vec()
}

fn is_good(name: &str, value: &[u8]) -> bool {
    let name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    name && !trimmed(value).iter().any(u8::is_ascii_control)
}

fn same(a: &str, b: &str) -> bool {
    a.eq_ignore_ascii_case(b)
}

fn mask_has(mask: u8, place: usize, value: &[u8]) -> bool {
    (mask >> ((place + value.len()) % 8)) & 1 == 1
}

fn headers_of(lines: &Lines) -> Headers {
    let mut headers = Headers::new();
    for (name, value) in lines {
        headers.append(name, value).unwrap();
    }
    headers
}

/// Field lines as a response brings them, with white space around the values.
fn parsed(lines: &Lines) -> Headers {
    let mut input = b"HTTP/1.1 204 No Content\r\n".to_vec();
    for (place, (name, value)) in lines.iter().enumerate() {
        let padding = ["", " ", " \t  "][place % 3].as_bytes();
        input.extend([name.as_bytes(), b":", padding, value, padding, b"\r\n"].concat());
    }
    input.extend_from_slice(b"\r\n");
    drive(&get(), &input, &[]).unwrap().head.headers
}

fn apply(operation: Operation, headers: &mut Headers, model: &mut Lines) {
    match operation {
        Operation::Append(name, value) => {
            assert_eq!(headers.append(&name, &value).is_ok(), is_good(&name, &value));
            if is_good(&name, &value) {
                model.push((name, trimmed(&value)));
            }
        }
        Operation::Set(name, value) => {
            assert_eq!(headers.set(&name, &value).is_ok(), is_good(&name, &value));
            if is_good(&name, &value) {
                match model.iter().position(|(n, _)| same(n, &name)) {
                    None => model.push((name, trimmed(&value))),
                    Some(first) => {
                        model[first].1 = trimmed(&value);
                        let mut place = 0;
                        model.retain(|(n, _)| {
                            place += 1;
                            place - 1 <= first || !same(n, &name)
                        });
                    }
                }
            }
        }
        Operation::Remove(name) => {
            let before = model.len();
            model.retain(|(n, _)| !same(n, &name));
            assert_eq!(headers.remove(&name), before - model.len());
        }
        Operation::Retain(mask) => {
            let (mut place, mut model_place) = (0, 0);
            headers.retain(|_, value| {
                place += 1;
                mask_has(mask, place, value)
            });
            model.retain(|(_, value)| {
                model_place += 1;
                mask_has(mask, model_place, value)
            });
        }
        Operation::Clear => {
            headers.clear();
            model.clear();
        }
        Operation::Extend(lines) => {
            headers.extend_from(&headers_of(&lines));
            model.extend(lines);
        }
        Operation::Parse(lines) => {
            headers.extend_from(&parsed(&lines));
            model.extend(lines);
        }
    }
}

fn check(headers: &Headers, model: &Lines) {
    assert_eq!((headers.len(), headers.is_empty()), (model.len(), model.is_empty()));
    let lines = model.iter().map(|(name, value)| (name.as_str(), &value[..]));
    assert!(headers.iter().eq(lines), "{headers:?} {model:?}");
    for name in ["a", "B", "bb", "long-name", "none", ""] {
        let values: Vec<_> =
            model.iter().filter(|(n, _)| same(n, name)).map(|(_, value)| &value[..]).collect();
        assert_eq!(headers.get_all(name).collect::<Vec<_>>(), values);
        assert_eq!(
            (headers.get(name), headers.contains(name)),
            (values.first().copied(), !values.is_empty())
        );
        let first = values.first().and_then(|value| std::str::from_utf8(value).ok());
        assert_eq!(headers.get_str(name), first);
        let members = values.iter().flat_map(|value| value.split(|&byte| byte == b','));
        let members: Vec<_> = members.map(<[u8]>::trim_ascii).filter(|member| !member.is_empty()).collect();
        assert_eq!(headers.tokens(name).collect::<Vec<_>>(), members);
        assert_eq!(
            headers.has_token(name, "Y"),
            members.iter().any(|member| member.eq_ignore_ascii_case(b"y"))
        );
    }
    // However it came about, a list is the same as one that holds the same lines.
    assert_eq!(*headers, headers_of(model));
    assert_eq!(headers.clone(), *headers);
    let mut shorter = headers_of(model);
    if shorter.remove("a") > 0 {
        assert_ne!(shorter, *headers);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn headers_do_what_a_plain_list_would(operations in prop::collection::vec(any_operation(), 0..30)) {
        let (mut headers, mut model) = (Headers::new(), Lines::new());
        for operation in operations {
            apply(operation, &mut headers, &mut model);
            check(&headers, &model);
        }
    }
}
