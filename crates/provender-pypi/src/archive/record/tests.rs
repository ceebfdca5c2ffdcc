use super::{Record, column, split};

#[test]
fn lines() {
    let check = |line: &str, expected: Option<[&str; 3]>| {
        let columns = split(line);
        let columns = columns.as_ref().map(|columns| columns.each_ref().map(String::as_str));
        assert_eq!(columns, expected, "{line:?}");
    };
    check("a,sha256=x,1", Some(["a", "sha256=x", "1"]));
    check("a,,", Some(["a", "", ""]));
    check("\"a,b\",,", Some(["a,b", "", ""]));
    check("\"a\"\"b\",\"\",\"1\"", Some(["a\"b", "", "1"]));
    check("a,b", None);
    check("a,b,c,d", None);
    check(",b,c", None);
    check("\"a,b,c", None);
    check("\"a\"b,c,d", None);
    check("", None);
}

#[test]
fn quotes_at_the_end() {
    assert_eq!(column("\"\"").map(|(column, _)| column), Some(String::new()));
    assert_eq!(column("\""), None);
}

#[test]
fn faults() {
    let check = |record: &str, file: Option<(&str, &str)>, expected: Result<(), &str>| {
        let checked = Record::parse("d/RECORD", record.as_bytes()).and_then(|mut record| {
            if let Some((entry, contents)) = file {
                record.check(entry, &mut contents.as_bytes())?;
            }
            record.finish()
        });
        let checked = checked.map_err(|fault| fault.to_string());
        match (checked, expected) {
            (Ok(()), Ok(())) => {}
            (Err(message), Err(part)) if message.contains(part) => {}
            (checked, _) => panic!("{record:?}: {checked:?} instead of {expected:?}"),
        }
    };
    let sha256 = "sha256=ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0";
    let sha512 = "sha512=3a81oZNherrMQXNJriBBMRLm-k6JqX6iCp7u5ktV05ohkpkqJ0_BqDa6PCOj_uu9RU1EI2Q86A4qmslPpUyknw";
    let abc = Some(("a", "abc"));
    check(&format!("a,{sha256},3\nd/RECORD,,\n"), abc, Ok(()));
    check(&format!("a,{sha256}=,3\r\nd/RECORD,,\r\n"), abc, Ok(()));
    check(&format!("a,{sha512},\nd/RECORD.jws,,\n"), abc, Ok(()));
    check("", Some(("d/RECORD", "")), Ok(()));
    check(&format!("a,{sha256},4"), abc, Err("`a` does not have the size"));
    check(&format!("a,{sha256},3"), Some(("a", "abd")), Err("`a` does not have the hash"));
    check(&format!("a,{sha256},three"), abc, Err("line 1 is not of the form"));
    check("a,md5=kAFQmDzST7DWlj99KOF_cg,3", abc, Err("gives no SHA-256 (or longer) for `a`"));
    check("a,sha256=abc,3", abc, Err("gives no SHA-256 (or longer) for `a`"));
    check("a,,3", abc, Err("gives no SHA-256 (or longer) for `a`"));
    check("d/RECORD,,", abc, Err("does not list `a`"));
    check(&format!("a,{sha256},3\nb,{sha256},3"), abc, Err("lists `b`, which is not"));
    check(&format!("a,{sha256},3\na,{sha256},3"), abc, Err("lists `a` more than once"));
    check("a b c", None, Err("line 1 is not of the form"));
}
