//! How an operator's password comes in: from a prompt that does not show it, or from stdin. Never from
//! an argument, which every other user of the machine could read.

use std::io::{IsTerminal as _, Read as _};

use dialoguer::{Password, theme::ColorfulTheme};
use zeroize::Zeroizing;

use crate::cli::Failure;

/// More than any password takes.
const MOST: u64 = 4_096;

#[derive(Debug, Clone, Copy, clap::Args)]
pub(crate) struct PasswordArgs {
    /// Read the password from stdin, its first line, instead of asking for it
    #[arg(long)]
    password_stdin: bool,
}

impl PasswordArgs {
    /// Reads a new password.
    pub(crate) fn read(self) -> Result<Zeroizing<String>, Failure> {
        if self.password_stdin {
            return from(std::io::stdin());
        }
        if !std::io::stdin().is_terminal() {
            let what = "there is no terminal to ask for the password at";
            return Err(Failure::new(what)
                .hint("give it on stdin with --password-stdin")
                .code(2));
        }
        let asked = Password::with_theme(&ColorfulTheme::default())
            .with_prompt("Password 비밀번호 (12 characters or more)")
            .with_confirmation("Once more 다시 한 번", "They differ. 서로 다릅니다.")
            .interact();
        let asked = asked.map_err(|why| Failure::new(format!("the prompt ended: {why}")))?;
        Ok(Zeroizing::new(asked))
    }
}

fn from(input: impl std::io::Read) -> Result<Zeroizing<String>, Failure> {
    let mut text = Zeroizing::new(String::with_capacity(usize::try_from(MOST).unwrap_or(0)));
    input
        .take(MOST)
        .read_to_string(&mut text)
        .map_err(|why| Failure::new(format!("stdin: {why}")).code(2))?;
    let line = text.lines().next().unwrap_or_default();
    if line.is_empty() {
        return Err(Failure::new("there is no password on stdin").code(2));
    }
    Ok(Zeroizing::new(line.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_the_first_line_of_stdin() {
        for (text, password) in [
            ("correct horse battery\n", Some("correct horse battery")),
            ("correct horse battery", Some("correct horse battery")),
            (" 가나다 \r\nmore", Some(" 가나다 ")),
            ("", None),
            ("\n", None),
        ] {
            let read = from(text.as_bytes()).ok();
            assert_eq!(read.as_deref().map(String::as_str), password);
        }
    }
}
