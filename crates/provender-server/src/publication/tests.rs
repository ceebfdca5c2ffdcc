use bytes::Bytes;
use futures_util::stream;
use provender_domain::{Problem, ProblemCode};
use provender_ecosystem::Form;

use super::{Sink, read_form};
use crate::limits::{FIELD_BYTES, FORM_PARTS};
use crate::multipart::Multipart;
use crate::request::RequestBodyError;

struct Memory(Vec<u8>);

impl Sink for Memory {
    async fn write(&mut self, chunk: Bytes) -> Result<(), Problem> {
        self.0.extend_from_slice(&chunk);
        Ok(())
    }
}

fn part(parameters: &str, content: &[u8]) -> Vec<u8> {
    let head = format!("--b\r\nContent-Disposition: form-data; {parameters}\r\n\r\n");
    [head.as_bytes(), content, b"\r\n"].concat()
}

fn read(parts: &[Vec<u8>]) -> Result<(Form, Vec<u8>), Problem> {
    let body = [parts.concat(), b"--b--\r\n".to_vec()].concat();
    let chunks: Vec<_> = body.chunks(64 * 1024).map(Bytes::copy_from_slice).map(Ok).collect();
    let chunks = stream::iter::<Vec<Result<_, RequestBodyError>>>(chunks);
    let mut form = Multipart::new("multipart/form-data; boundary=b", chunks).unwrap();
    let mut archive = Memory(Vec::new());
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut fields = Form::default();
    runtime.block_on(read_form(&mut form, "content", &mut fields, &mut archive))?;
    Ok((fields, archive.0))
}

#[test]
fn fields_stand_before_and_behind_the_archive() {
    let (form, archive) = read(&[
        part("name=a", b"1"),
        part("name=content; filename=\"x-1.whl\"", b"bytes\0\xff"),
        part("name=a", b""),
    ])
    .unwrap();
    let pair = |value: &str| ("a".to_owned(), value.to_owned());
    assert_eq!(form.fields, [pair("1"), pair("")]);
    assert_eq!(form.file_name.as_deref(), Some("x-1.whl"));
    assert_eq!(archive, b"bytes\0\xff");
}

#[test]
fn refusals() {
    let archive = || part("name=content; filename=f", b"x");
    let check = |parts: &[Vec<u8>], code: ProblemCode, message: &str| {
        let problem = read(parts).unwrap_err();
        assert_eq!(problem.code, code, "{problem}");
        assert!(problem.public.contains(message), "{problem} has no {message:?}");
    };
    check(&[part("name=a", b"1")], ProblemCode::InvalidRequest, "no file");
    check(&[archive(), archive()], ProblemCode::InvalidRequest, "exactly one file");
    check(&[part("name=:sha256", b"ab"), archive()], ProblemCode::InvalidRequest, ":sha256");
    check(&[part("name=a", b"\xff")], ProblemCode::InvalidRequest, "\"a\" is not UTF-8");
    let large = vec![b'x'; FIELD_BYTES + 1];
    check(&[part("name=a", &large), archive()], ProblemCode::TooLarge, "field \"a\"");
    let three = [part("name=a", &large[1..]), part("name=b", &large[1..]), part("name=c", b"x")];
    check(&three, ProblemCode::TooLarge, "fields");
    let many: Vec<_> = (0..=FORM_PARTS).map(|_| part("name=a", b"")).collect();
    check(&many, ProblemCode::TooLarge, "at most");
}

#[test]
fn an_empty_archive_is_still_one() {
    let (form, archive) = read(&[part("name=content; filename=f", b"")]).unwrap();
    assert_eq!((form.file_name.as_deref(), archive.len()), (Some("f"), 0));
}
