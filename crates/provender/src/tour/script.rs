//! What the tour says: for people as text, for programs as one JSON object per line.

use serde_json::{Value, json};

use crate::output::{Output, Style, print, printable};

/// Says things. What cannot be said any more (a closed pipe) is not missed: the steps go on and
/// are cleaned up after.
#[derive(Debug, Clone, Copy)]
pub(super) struct Script {
    style: Style,
    output: Output,
}

impl Script {
    pub(super) fn new(output: Output) -> Self {
        Self { style: Style::of_stdout(), output }
    }

    /// The heading of a step.
    pub(super) fn step(self, number: u8, title: &str) {
        let text = || format!("\n{}", self.style.bold(&format!("{number}. {title}")));
        self.tell("step", &json!({ "number": number, "title": title }), text);
    }

    /// A command that is about to be run.
    pub(super) fn command(self, command: &str) {
        let text = || format!("  {} {}", self.style.dim("$"), self.style.bold(command));
        self.tell("command", &json!({ "command": command }), text);
    }

    /// What a command printed; long lines are broken between words.
    pub(super) fn output(self, printed: &str) {
        let text = || {
            let pieces = printed.lines().flat_map(wrapped);
            let lines = pieces.map(|piece| format!("    {}", self.style.dim(&printable(&piece))));
            lines.collect::<Vec<_>>().join("\n")
        };
        if !printed.trim().is_empty() {
            self.tell("output", &json!({ "text": printed }), text);
        }
    }

    /// Something was shown to be so.
    pub(super) fn shown(self, what: &str) {
        let text = || format!("  {} {what}", self.style.green("✓"));
        self.tell("shown", &json!({ "text": what }), text);
    }

    /// A paragraph.
    pub(super) fn say(self, paragraph: &str) {
        let words: Vec<&str> = paragraph.split_whitespace().collect();
        self.tell("remark", &json!({ "text": words.join(" ") }), || paragraph.to_owned());
    }

    pub(super) fn farewell(self) {
        let heading = self.style.bold("What to do next");
        let next = "  provender serve              start for good: it prints how to point each client at it\n  \
             provender own add --help     name what is yours, before anybody else does\n  \
             provender token create       let somebody publish\n  \
             provender events --follow    see what happens\n\n\
             The server of this tour, and all that it kept, is gone.";
        self.tell("done", &json!({}), || format!("\n{heading}\n{next}"));
    }

    fn tell(self, fact: &str, fields: &Value, text: impl FnOnce() -> String) {
        let line = if self.output.json {
            let mut line = fields.clone();
            line["fact"] = json!(fact);
            line.to_string()
        } else {
            text()
        };
        let _ = print(&format!("{line}\n"));
    }
}

/// Where output is broken, in characters.
const WIDTH: usize = 116;

/// The line in pieces of at most [`WIDTH`], or longer where a word is; all but the first indented.
fn wrapped(line: &str) -> Vec<String> {
    if line.chars().count() <= WIDTH || !line.starts_with(|c: char| c.is_alphabetic()) {
        return vec![line.to_owned()];
    }
    let mut pieces = vec![String::new()];
    for word in line.split(' ') {
        let last = pieces.last_mut().expect("begins with one piece");
        if last.chars().count() + word.chars().count() < WIDTH {
            if !last.trim().is_empty() {
                last.push(' ');
            }
            last.push_str(word);
        } else {
            pieces.push(format!("  {word}"));
        }
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::{WIDTH, wrapped};

    #[test]
    fn long_lines_are_broken_between_words() {
        assert_eq!(wrapped("short"), ["short"]);
        assert_eq!(wrapped(&format!("  12 {}", "word ".repeat(50))).len(), 1);
        let pieces = wrapped(&format!("Successfully {}", "package ".repeat(40)));
        assert!(pieces.len() > 1 && pieces.iter().all(|piece| piece.chars().count() <= WIDTH));
        let rejoined: Vec<&str> =
            pieces.iter().flat_map(|piece| piece.split_whitespace()).collect();
        assert_eq!(rejoined.len(), 41);
    }
}
