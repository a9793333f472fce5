//! The program that drives Chromium, and the browsers that it opens.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, ChildStdout, Command, Stdio},
};

use thirtyfour::prelude::*;

pub(crate) struct Driver {
    child: Child,
    url: String,
    /// It may go on talking.
    _says: BufReader<ChildStdout>,
}

impl Driver {
    /// Starts it, and waits until it says on which port it listens.
    pub(crate) fn start() -> Self {
        let mut child = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver is not here; ./test installs it (Debian: chromium-driver)");
        let mut says = BufReader::new(child.stdout.take().unwrap());
        let port = loop {
            let mut line = String::new();
            let length = says.read_line(&mut line).unwrap();
            assert!(length > 0, "chromedriver ended without a port");
            if let Some((_, port)) = line.trim().split_once("started successfully on port ") {
                break port.trim_end_matches('.').to_owned();
            }
        };
        Self {
            child,
            url: format!("http://127.0.0.1:{port}"),
            _says: says,
        }
    }

    /// A browser in a language.
    pub(crate) async fn browser(&self, lang: &str) -> WebDriver {
        let mut wanted = DesiredCapabilities::chrome();
        for arg in [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--disable-dev-shm-usage",
            &format!("--accept-lang={lang}"),
        ] {
            wanted.add_arg(arg).unwrap();
        }
        let browser = WebDriver::new(&self.url, wanted).await;
        let browser = browser.expect("no Chromium; ./test installs it (Debian: chromium)");
        browser.set_window_rect(0, 0, 1440, 900).await.unwrap();
        browser
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
