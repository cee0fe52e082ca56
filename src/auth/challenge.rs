//! `WWW-Authenticate`: what a registry wants to see (RFC 9110 §11.6.1).
//!
//! Several challenges may share one field or come in several; a comma separates
//! challenges as well as the parameters of one, so only what follows a word tells
//! which it is: `word=` is a parameter, `word` alone begins a challenge. Reading is
//! lenient where registries are sloppy (missing commas, unquoted URLs, unfinished
//! quotes), and takes time linear in the length of the fields.

use http::header::WWW_AUTHENTICATE;
use url::Url;

use super::Scope;
use crate::error::{Error, ErrorKind};
use crate::exchange::Head;

/// How a challenge wants to be answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// `Basic`: user name and password go to the registry (RFC 7617).
    Basic,
    /// `Bearer`: a token from the token server goes to the registry (RFC 6750).
    Bearer,
    /// Any other scheme, such as `Negotiate`, as it was written.
    Other(String),
}

/// One challenge: a scheme, and either parameters or a token68.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    scheme: Scheme,
    token68: Option<String>,
    params: Vec<(String, String)>,
}

/// More challenges or parameters than these are not read.
const MAX_CHALLENGES: usize = 32;
const MAX_PARAMS: usize = 32;

impl Challenge {
    /// The challenges of a response in their order, over all `WWW-Authenticate` fields.
    pub fn all(head: &Head) -> Vec<Self> {
        let mut challenges = Vec::new();
        for field in head.headers.get_all(WWW_AUTHENTICATE) {
            Reader(field.as_bytes()).read(&mut challenges);
        }
        challenges
    }

    /// The challenges of one field value.
    pub fn parse(value: &str) -> Vec<Self> {
        let mut challenges = Vec::new();
        Reader(value.as_bytes()).read(&mut challenges);
        challenges
    }

    /// How it wants to be answered.
    pub fn scheme(&self) -> &Scheme {
        &self.scheme
    }

    /// The token68 of schemes that have one instead of parameters.
    pub fn token68(&self) -> Option<&str> {
        self.token68.as_deref()
    }

    /// The value of a parameter, whose name is compared without case. Of several with
    /// one name the first counts.
    pub fn param(&self, name: &str) -> Option<&str> {
        self.params
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// What a `Bearer` challenge says about the token it wants; `None` for other
    /// schemes. A realm that is no absolute URL is an error, for without one there is
    /// nowhere to go.
    pub fn bearer(&self) -> Option<Result<Bearer, Error>> {
        (self.scheme == Scheme::Bearer).then(|| {
            let realm = self.param("realm").unwrap_or_default();
            let realm = Url::parse(realm).map_err(|_| {
                Error::new(
                    ErrorKind::InvalidResponse,
                    format!(
                        "the registry asks for a token without saying where to get one \
                         (realm {:?}); its authentication is set up wrongly",
                        realm.chars().take(100).collect::<String>()
                    ),
                )
            })?;
            Ok(Bearer {
                realm,
                service: self.param("service").map(str::to_owned),
                scopes: Scope::parse_list(self.param("scope").unwrap_or_default()),
                error: self.param("error").map(str::to_owned),
            })
        })
    }
}

/// The parameters of a `Bearer` challenge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bearer {
    /// The token endpoint. Hostile input until [checked](super::realm::check).
    pub realm: Url,
    /// The service the token is for.
    pub service: Option<String>,
    /// What the token has to allow; often missing, and often only part of the truth.
    pub scopes: Vec<Scope>,
    /// Why the token that was sent is not good enough (RFC 6750 §3.1), such as
    /// `invalid_token` or `insufficient_scope`.
    pub error: Option<String>,
}

/// The rest of a field value.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn read(mut self, into: &mut Vec<Challenge>) {
        loop {
            let word = self.take(is_token);
            if word.is_empty() {
                // A blank, a comma, or what should not be there.
                match self.0.split_first() {
                    Some((_, rest)) => self.0 = rest,
                    None => return,
                }
                continue;
            }
            self.skip(is_blank);
            if self.0.first() == Some(&b'=') {
                self.0 = self.0.get(1..).unwrap_or_default();
                let value = self.value();
                // A parameter before the first scheme belongs to nothing.
                if let Some(challenge) = into.last_mut()
                    && challenge.params.len() < MAX_PARAMS
                {
                    challenge.params.push((text(word), value));
                }
                continue;
            }
            if into.len() == MAX_CHALLENGES {
                return;
            }
            into.push(Challenge {
                scheme: scheme(word),
                token68: self.token68(),
                params: Vec::new(),
            });
        }
    }

    /// A token68 is the last thing in its challenge; `realm=x` only looks like one.
    fn token68(&mut self) -> Option<String> {
        let mut ahead = Reader(self.0);
        let start = self.0;
        ahead.take(|b| b.is_ascii_alphanumeric() || b"-._~+/".contains(&b));
        ahead.take(|b| b == b'=');
        let length = start.len() - ahead.0.len();
        ahead.skip(is_blank);
        if length == 0 || !matches!(ahead.0.first(), None | Some(b',')) {
            return None;
        }
        self.0 = ahead.0;
        start.get(..length).map(text)
    }

    /// What follows the `=` of a parameter.
    fn value(&mut self) -> String {
        self.skip(is_blank);
        if self.0.first() != Some(&b'"') {
            // More than a token: unquoted URLs are common.
            return text(self.take(|b| !is_blank(b) && b != b','));
        }
        let mut value = Vec::new();
        let mut bytes = self.0.iter();
        bytes.next();
        while let Some(&byte) = bytes.next() {
            match byte {
                b'"' => break,
                b'\\' => value.extend(bytes.next()),
                _ => value.push(byte),
            }
        }
        self.0 = bytes.as_slice();
        text(&value)
    }

    fn skip(&mut self, those: impl Fn(u8) -> bool) {
        self.take(those);
    }

    fn take(&mut self, those: impl Fn(u8) -> bool) -> &'a [u8] {
        let end = self.0.iter().position(|&b| !those(b));
        let (taken, rest) = self.0.split_at(end.unwrap_or(self.0.len()));
        self.0 = rest;
        taken
    }
}

fn scheme(word: &[u8]) -> Scheme {
    if word.eq_ignore_ascii_case(b"basic") {
        Scheme::Basic
    } else if word.eq_ignore_ascii_case(b"bearer") {
        Scheme::Bearer
    } else {
        Scheme::Other(text(word))
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn is_blank(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

/// `tchar` of RFC 9110 §5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;
    use proptest::prelude::*;

    fn shape(value: &str) -> Vec<String> {
        Challenge::parse(value).iter().map(one).collect()
    }

    /// A challenge in one unambiguous notation.
    fn one(challenge: &Challenge) -> String {
        let mut shape = match &challenge.scheme {
            Scheme::Basic => "basic".to_owned(),
            Scheme::Bearer => "bearer".to_owned(),
            Scheme::Other(name) => name.clone(),
        };
        if let Some(token) = &challenge.token68 {
            shape += &format!(" <{token}>");
        }
        for (name, value) in &challenge.params {
            shape += &format!(" {name}=[{value}]");
        }
        shape
    }

    #[test]
    fn the_example_of_the_token_documentation() {
        let challenges = Challenge::parse(
            r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:samalba/my-app:pull,push""#,
        );
        let bearer = challenges[0].bearer().unwrap().unwrap();
        assert_eq!(bearer.realm.as_str(), "https://auth.docker.io/token");
        assert_eq!(bearer.service.as_deref(), Some("registry.docker.io"));
        assert_eq!(
            bearer.scopes,
            ["repository:samalba/my-app:pull,push".parse().unwrap()]
        );
        assert_eq!(bearer.error, None);
    }

    #[test]
    fn the_example_of_rfc_9110() {
        assert_eq!(
            shape(
                r#"Basic realm="simple", Newauth realm="apps", type=1, title="Login to \"apps\"""#
            ),
            [
                "basic realm=[simple]",
                r#"Newauth realm=[apps] type=[1] title=[Login to "apps"]"#
            ]
        );
    }

    #[test]
    fn schemes_and_names_have_no_case() {
        let challenges = Challenge::parse(r#"BEARER REALM="https://a/t", bAsIc Realm=x"#);
        assert_eq!(challenges[0].param("realm"), Some("https://a/t"));
        assert!(challenges[0].bearer().unwrap().is_ok());
        assert_eq!(challenges[1].scheme(), &Scheme::Basic);
        assert!(challenges[1].bearer().is_none());
    }

    #[test]
    fn token68_is_told_from_parameters() {
        let cases: [(&str, &[&str]); 8] = [
            ("Negotiate", &["Negotiate"]),
            (
                "Negotiate, Basic realm=x",
                &["Negotiate", "basic realm=[x]"],
            ),
            (
                "Negotiate YWJj, Basic realm=x",
                &["Negotiate <YWJj>", "basic realm=[x]"],
            ),
            ("Negotiate a+/-._~9==", &["Negotiate <a+/-._~9==>"]),
            (
                "NTLM abc= ,, Basic realm=x",
                &["NTLM <abc=>", "basic realm=[x]"],
            ),
            ("Basic realm=x", &["basic realm=[x]"]),
            ("Basic realm = x", &["basic realm=[x]"]),
            ("Basic realm==x", &["basic realm=[=x]"]),
        ];
        for (value, expected) in cases {
            assert_eq!(shape(value), expected, "{value}");
        }
        assert_eq!(
            Challenge::parse("Negotiate YQ==")[0].token68(),
            Some("YQ==")
        );
    }

    #[test]
    fn sloppy_registries_are_understood() {
        let cases: [(&str, &[&str]); 9] = [
            (
                "Bearer realm=https://a.example/token?x=1,service=s",
                &["bearer realm=[https://a.example/token?x=1] service=[s]"],
            ),
            (
                r#"Bearer realm="https://a/t" service="s" scope="x y""#,
                &["bearer realm=[https://a/t] service=[s] scope=[x y]"],
            ),
            (
                r#"Bearer  ,realm="https://a/t",,service="s","#,
                &["bearer realm=[https://a/t] service=[s]"],
            ),
            (
                r#"Bearer realm="https://a/t"#,
                &["bearer realm=[https://a/t]"],
            ),
            (r#"Bearer realm="a\"#, &["bearer realm=[a]"]),
            (r#"Bearer realm="""#, &["bearer realm=[]"]),
            (r#"realm="lost", Basic realm="x""#, &["basic realm=[x]"]),
            (r#"@@ Basic realm="x""#, &["basic realm=[x]"]),
            ("NTLM Basic realm=x", &["NTLM", "basic realm=[x]"]),
        ];
        for (value, expected) in cases {
            assert_eq!(shape(value), expected, "{value}");
        }
        assert!(shape("").is_empty() && shape(" , ,").is_empty());
    }

    #[test]
    fn several_fields_are_one_list() {
        let mut head = Head::default();
        for value in [
            "Negotiate",
            "Bearer realm=\"https://a/t\"",
            "Basic realm=\"\u{e9}\"",
        ] {
            head.headers.append(
                WWW_AUTHENTICATE,
                HeaderValue::from_bytes(value.as_bytes()).unwrap(),
            );
        }
        let shapes: Vec<_> = Challenge::all(&head).iter().map(one).collect();
        assert_eq!(
            shapes,
            ["Negotiate", "bearer realm=[https://a/t]", "basic realm=[é]"]
        );
    }

    #[test]
    fn the_first_of_two_equal_parameters_counts() {
        let challenge =
            &Challenge::parse(r#"Bearer realm="https://good/", realm="https://evil/""#)[0];
        assert_eq!(challenge.param("realm"), Some("https://good/"));
    }

    #[test]
    fn a_bearer_challenge_without_a_usable_realm_is_an_error() {
        for value in ["Bearer", "Bearer realm=\"/token\"", "Bearer service=x"] {
            let error = Challenge::parse(value)[0].bearer().unwrap().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidResponse, "{value}");
        }
    }

    #[test]
    fn hostile_fields_neither_grow_nor_take_long() {
        for unit in ["a,", "a ", "a=", "a b=", "a b=\"", "\"", "a=\\", "= ", "@"] {
            let value = unit.repeat(100_000);
            let challenges = Challenge::parse(&value);
            assert!(challenges.len() <= MAX_CHALLENGES, "{unit}");
            assert!(
                challenges.iter().all(|c| c.params.len() <= MAX_PARAMS),
                "{unit}"
            );
        }
    }

    proptest! {
        #[test]
        fn any_field_is_read_without_panic(bytes: Vec<u8>) {
            let mut head = Head::default();
            if let Ok(value) = HeaderValue::from_bytes(&bytes) {
                head.headers.insert(WWW_AUTHENTICATE, value);
            }
            for challenge in Challenge::all(&head) {
                let _ = challenge.bearer();
            }
        }

        #[test]
        fn near_misses_are_read_without_panic(text in "(Basic|Bearer|[a-z=\", \\\\/]|realm=){0,30}") {
            Challenge::parse(&text);
        }

        #[test]
        fn what_is_quoted_reads_back(values in prop::collection::vec("[ -~]{0,20}", 0..8)) {
            let mut field = "Bearer x=y".to_owned();
            for (at, value) in values.iter().enumerate() {
                let escaped = value.replace('\\', "\\\\").replace('"', "\\\"");
                field += &format!(", p{at}=\"{escaped}\"");
            }
            let challenges = Challenge::parse(&field);
            prop_assert_eq!(challenges.len(), 1);
            for (at, value) in values.iter().enumerate() {
                prop_assert_eq!(challenges[0].param(&format!("P{at}")), Some(value.as_str()));
            }
        }
    }
}
