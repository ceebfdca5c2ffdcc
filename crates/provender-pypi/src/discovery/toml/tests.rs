use proptest::prelude::*;

use super::{Malformed, Value, parse};

/// Everything a file says, a line each.
fn told(text: &str) -> Result<String, Malformed> {
    fn tell(path: &str, value: &Value, lines: &mut Vec<String>) {
        match value {
            Value::Text(text) => lines.push(format!("{path} is {text}")),
            Value::Truth(truth) => lines.push(format!("{path} is {truth}")),
            Value::Other => lines.push(format!("{path} is something")),
            Value::List(values) => {
                for (place, value) in values.iter().enumerate() {
                    tell(&format!("{path}/{place}"), value, lines);
                }
            }
            Value::Table(table) => {
                for (key, value) in &table.0 {
                    tell(&format!("{path}/{key}"), value, lines);
                }
            }
        }
    }
    let mut lines = Vec::new();
    tell("", &Value::Table(parse(text)?), &mut lines);
    Ok(lines.join("; "))
}

#[test]
fn files() {
    let check = |text: &str, expected: &str| {
        assert_eq!(told(text).as_deref(), Ok(expected), "{text}");
    };
    check("", "");
    check("# nothing\n\n", "");
    check("a = \"b\" # c", "/a is b");
    check("a='b\\n#'\r\nc = true\r\n", "/a is b\\n#; /c is true");
    check("a.b = false\n\"c d\".'e' = 1979-05-27T07:32:00Z", "/a/b is false; /c d/e is something");
    check("a = -1.5e3", "/a is something");
    check(r#"a = "\"\u0041\\\t""#, "/a is \"A\\\t");
    check("a = \"\"\"b\n\"c\"\"\"", "/a is b\n\"c");
    check("a = [ # first\n 'b',\n 'c', # second\n]\nd = []", "/a/0 is b; /a/1 is c");
    check("a = [{b = 'c', d.e = true}, {}]", "/a/0/b is c; /a/0/d/e is true");
    check("[a]\nb = 'c'\n[a.d] # e\nf = 'g'", "/a/b is c; /a/d/f is g");
    check("[[a]]\nb = 'c'\n[[a]]\n[a.d]\ne = 'f'", "/a/0/b is c; /a/1/d/e is f");
    check("[[a.b]]\nc = 'd'\n[ x . y ]\nz = 'z'", "/a/b/0/c is d; /x/y/z is z");
}

#[test]
fn what_is_no_toml() {
    let deep = format!("a = {}{}", "[".repeat(40), "]".repeat(40));
    let dotted = format!("{}a = 1", "a.".repeat(100_000));
    let headed = format!("[{}a]", "a.".repeat(100_000));
    let cases = [
        "a",
        "a =",
        "= b",
        "a = b = c",
        "a = 'b",
        "a = \"b\nc\"",
        "a = [",
        "a = ['b' 'c']",
        "[a",
        "[]",
        "[[a]\n",
        "a = {b = 'c'",
        "a = 'b' c",
        "a = 'b'\na = 'c'",
        "a = 'b'\n[a]",
        "[a]\n[[a]]",
        "a = \"\\x\"",
        "a = \"\\uD800\"",
        "a = \"\\u00é\"",
        "a = 'b'\na.c = 'd'",
        &deep,
        &dotted,
        &headed,
    ];
    for text in cases {
        assert_eq!(told(text), Err(Malformed), "{text}");
    }
}

proptest! {
    #[test]
    fn nothing_makes_it_fall(text in r#"([a-c=\[\]{}.,'"\\# \n]|true|é){0,60}"#) {
        let _ = parse(&text);
    }
}
