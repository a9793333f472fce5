//! A browser without a script: cookies, links and forms, one page at a time.

use std::{collections::BTreeMap, net::SocketAddr};

use crate::http::{Answer, Request};

#[derive(Clone)]
pub(crate) struct Browser {
    address: SocketAddr,
    cookies: BTreeMap<String, String>,
    /// Whose pages its forms stand on.
    operator: String,
}

impl Browser {
    pub(crate) fn new(address: SocketAddr) -> Self {
        let cookies = [("sugi-lang".into(), "ko".into())].into();
        Self {
            address,
            cookies,
            operator: String::new(),
        }
    }

    /// The same browser with the pages in a language.
    pub(crate) fn in_lang(mut self, lang: &str) -> Self {
        self.cookies.insert("sugi-lang".into(), lang.into());
        self
    }

    /// The same browser with forms of the pages of an operator.
    pub(crate) fn of(mut self, operator: &str) -> Self {
        self.operator = operator.into();
        self
    }

    pub(crate) fn request(&self, method: &str, path: &str) -> Request {
        let cookies = self.cookies.iter();
        let cookies: Vec<_> = cookies
            .map(|(name, text)| format!("{name}={text}"))
            .collect();
        Request::new(self.address, method, path).header("cookie", &cookies.join("; "))
    }

    /// Opens an address.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.request("GET", path).send().await
    }

    /// Opens a page that is there.
    pub(crate) async fn page(&self, path: &str) -> String {
        let answer = self.get(path).await;
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        answer.text
    }

    pub(crate) fn form(&self, path: &str, fields: &[(&str, &str)]) -> Request {
        let mut body = form_urlencoded::Serializer::new(String::new());
        body.extend_pairs(fields);
        if !fields.iter().any(|(name, _)| *name == "operator") {
            body.append_pair("operator", &self.operator);
        }
        self.request("POST", path)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body.finish())
    }

    /// Sends a form.
    pub(crate) async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let answer = self.form(path, fields).send().await;
        for (_, line) in answer
            .headers
            .iter()
            .filter(|(name, _)| name == "set-cookie")
        {
            let pair = line.split(';').next().unwrap();
            let (name, text) = pair.split_once('=').unwrap();
            self.cookies.insert(name.into(), text.into());
        }
        answer
    }

    /// Sends a form and follows where it leads; what is refused is said where it stands.
    pub(crate) async fn follow(&mut self, path: &str, fields: &[(&str, &str)]) -> String {
        let answer = self.post(path, fields).await;
        if matches!(answer.status, 409 | 422) {
            return answer.text;
        }
        assert_eq!(answer.status, 303, "{path}: {answer:?}");
        let to = answer.header("location").unwrap();
        self.page(to).await
    }

    /// The key of the form on a payment's page: whatever is sent with it is one thing.
    pub(crate) async fn form_key(&self, path: &str) -> String {
        let page = self.page(path).await;
        let (_, after) = page
            .split_once("name=\"key\" value=\"")
            .unwrap_or_else(|| panic!("no form on {path}: {page}"));
        after.split('"').next().unwrap().to_owned()
    }
}
