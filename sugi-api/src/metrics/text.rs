//! Prometheus' text form.

use std::fmt::{Display, Write as _};

/// A page of metrics, family after family.
#[derive(Debug, Default)]
pub(crate) struct Text(String);

/// Whether a number can go down.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    /// It counts from the start of the process.
    Counter,
    /// It tells how things are.
    Gauge,
}

impl Text {
    /// A family whose lines have labels. It is told also when it has no lines.
    pub(crate) fn family<'a, const N: usize>(
        &mut self,
        kind: Kind,
        name: &str,
        help: &str,
        lines: impl IntoIterator<Item = ([(&'static str, &'a str); N], impl Display)>,
    ) {
        self.head(kind, name, help);
        for (labels, value) in lines {
            let _ = write!(self.0, "{name}{{");
            // Labels are words of this program, routes and names of shops: nothing to escape.
            for (n, (label, word)) in labels.iter().enumerate() {
                let comma = if n == 0 { "" } else { "," };
                let _ = write!(self.0, "{comma}{label}=\"{word}\"");
            }
            let _ = writeln!(self.0, "}} {value}");
        }
    }

    /// A family of one number.
    pub(crate) fn one(&mut self, kind: Kind, name: &str, help: &str, value: impl Display) {
        self.head(kind, name, help);
        let _ = writeln!(self.0, "{name} {value}");
    }

    pub(crate) fn into_string(self) -> String {
        self.0
    }

    fn head(&mut self, kind: Kind, name: &str, help: &str) {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
        };
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }
}
