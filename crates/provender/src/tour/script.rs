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
        self.line(&format!("\n{}", self.style.bold(&format!("{number}. {title}"))));
    }

    /// A paragraph.
    pub(super) fn say(self, text: &str) {
        self.line(text);
    }

    /// A command that is about to be run.
    pub(super) fn command(self, command: &str) {
        self.line(&format!("  {} {}", self.style.dim("$"), self.style.bold(command)));
    }

    /// What a command printed.
    pub(super) fn output(self, text: &str) {
        for line in text.lines() {
            self.line(&format!("    {}", self.style.dim(&printable(line))));
        }
    }

    /// Something was shown to be so.
    pub(super) fn shown(self, text: &str) {
        self.line(&format!("  {} {text}", self.style.green("✓")));
    }

    pub(super) fn farewell(self) {
        self.line(&format!("\n{}", self.style.bold("What to do next")));
        self.say(
            "  provender serve              start for good: it prints how to point each client at it\n  \
             provender own add --help     name what is yours, before anybody else does\n  \
             provender token create       let somebody publish\n  \
             provender events --follow    see what happens\n\n\
             The server of this tour, and all that it kept, is gone.",
        );
    }

    fn line(self, text: &str) {
        let _ = print(&format!("{text}\n"));
    }
}
