//! The one form of a JSON value that is signed (OLPC canonical JSON, as TUF's implementations read it).

use serde_json::Value;

/// The canonical form: no spaces, members in the order of their names' bytes, and in strings only `"` and
/// `\` escaped. So it is not always JSON itself, and only ever hashed and signed.
///
/// Numbers are whole here: metadata has no others.
pub(super) fn canonical(value: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    write(value, &mut bytes);
    bytes
}

fn write(value: &Value, bytes: &mut Vec<u8>) {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_unstable_by(|one, other| one.0.as_bytes().cmp(other.0.as_bytes()));
            let write_member = |(name, value): &(&String, &Value), bytes: &mut Vec<u8>| {
                write_string(name, bytes);
                bytes.push(b':');
                write(value, bytes);
            };
            write_list(*b"{}", &members, bytes, write_member);
        }
        Value::Array(items) => write_list(*b"[]", items, bytes, write),
        Value::String(text) => write_string(text, bytes),
        Value::Number(_) | Value::Bool(_) | Value::Null => {
            bytes.extend_from_slice(value.to_string().as_bytes());
        }
    }
}

fn write_list<T>(
    brackets: [u8; 2],
    items: &[T],
    bytes: &mut Vec<u8>,
    mut write_item: impl FnMut(&T, &mut Vec<u8>),
) {
    bytes.push(brackets[0]);
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            bytes.push(b',');
        }
        write_item(item, bytes);
    }
    bytes.push(brackets[1]);
}

fn write_string(text: &str, bytes: &mut Vec<u8>) {
    bytes.push(b'"');
    for byte in text.bytes() {
        if matches!(byte, b'"' | b'\\') {
            bytes.push(b'\\');
        }
        bytes.push(byte);
    }
    bytes.push(b'"');
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::canonical;

    #[test]
    fn the_form_is_one() {
        let check = |value: serde_json::Value, expected: &str| {
            assert_eq!(String::from_utf8(canonical(&value)).unwrap(), expected);
        };
        check(json!({}), "{}");
        check(json!([]), "[]");
        check(
            json!({"b": 1, "a": [true, null, "x"], "B": -2}),
            r#"{"B":-2,"a":[true,null,"x"],"b":1}"#,
        );
        check(json!("a\"b\\c"), r#""a\"b\\c""#);
        check(json!("line\nbreak\tü€😀"), "\"line\nbreak\tü€😀\"");
        // By bytes of UTF-8 and so by code points, where JavaScript would put the surrogates first.
        check(json!({"\u{ffff}": 1, "\u{10000}": 2}), "{\"\u{ffff}\":1,\"\u{10000}\":2}");
    }
}
