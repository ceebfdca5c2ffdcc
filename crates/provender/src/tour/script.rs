//! What the tour says.

use crate::output::{Style, print, printable};

/// Says things. What cannot be said any more (a closed pipe) is not missed: the steps go on and
/// are cleaned up after.
#[derive(Debug, Clone, Copy)]
pub(super) struct Script {
    style: Style,
}

impl Script {
    pub(super) fn new() -> Self {
        Self { style: Style::of_stdout() }
    }

    /// The heading of a step.
    pub(super) fn step(self, number: u8, title: &str) {
        line(&format!("\n{}", self.style.bold(&format!("{number}. {title}"))));
    }

    /// A command that is about to be run.
    pub(super) fn command(self, command: &str) {
        line(&format!("  {} {}", self.style.dim("$"), self.style.bold(command)));
    }

    /// What a command printed; long lines are broken between words.
    pub(super) fn output(self, text: &str) {
        for piece in text.lines().flat_map(wrapped) {
            line(&format!("    {}", self.style.dim(&printable(&piece))));
        }
    }

    /// Something was shown to be so.
    pub(super) fn shown(self, text: &str) {
        line(&format!("  {} {text}", self.style.green("✓")));
    }

    pub(super) fn farewell(self) {
        line(&format!("\n{}", self.style.bold("What to do next")));
        say(
            "  provender serve              start for good: it prints how to point each client at it\n  \
             provender own add --help     name what is yours, before anybody else does\n  \
             provender token create       let somebody publish\n  \
             provender events --follow    see what happens\n\n\
             The server of this tour, and all that it kept, is gone.",
        );
    }
}

/// A paragraph.
pub(super) fn say(text: &str) {
    line(text);
}

fn line(text: &str) {
    let _ = print(&format!("{text}\n"));
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
