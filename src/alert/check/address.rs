//! Addresses of servers, as people write them.

/// An address of HTTP, taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Address<'a> {
    /// Whether it is one of https.
    pub(super) secure: bool,
    /// What stands before the host, with user and password.
    pub(super) login: Option<&'a str>,
    /// The host.
    pub(super) host: &'a str,
    /// Where the host ends: the path, a query and a fragment.
    pub(super) rest: &'a str,
}

impl<'a> Address<'a> {
    /// Takes an address apart.
    pub(super) fn read(text: &'a str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        let secure = match scheme {
            "https" => true,
            "http" => false,
            _ => return None,
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, rest) = rest.split_at(end);
        let (login, place) = match authority.rsplit_once('@') {
            Some((login, place)) => (Some(login), place),
            None => (None, authority),
        };
        let (host, port) = match place.strip_prefix('[') {
            Some(inner) => {
                let (host, port) = inner.split_once(']')?;
                let is_good = host.parse::<std::net::Ipv6Addr>().is_ok() && (port.is_empty() || port.starts_with(':'));
                is_good.then_some((host, port.strip_prefix(':')))?
            }
            None => place.split_once(':').map_or((place, None), |(host, port)| (host, Some(port))),
        };
        let is_host = place.starts_with('[') || is_host(host);
        let is_port = port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0));
        let is_path = rest.chars().all(|c| c.is_ascii_graphic());
        (is_host && is_port && is_path).then_some(Self { secure, login, host, rest })
    }

    /// Whether it is this machine.
    pub(super) fn is_here(&self) -> bool {
        self.host == "localhost" || self.host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }
}

/// Whether a text can be the name of a host.
pub(super) fn is_host(text: &str) -> bool {
    let is_part = |part: &str| {
        !part.is_empty() && part.len() <= 63 && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
    };
    text.len() <= 253 && text.strip_suffix('.').unwrap_or(text).split('.').all(is_part)
}

/// Whether a text is an address of mail: `user@example.org`, or `Name <user@example.org>`.
pub(super) fn is_mailbox(text: &str) -> bool {
    let address = match text.strip_suffix('>') {
        Some(text) => text.rsplit_once('<').map(|(_, address)| address),
        None => Some(text.trim()),
    };
    address.and_then(|address| address.rsplit_once('@')).is_some_and(|(user, host)| {
        let is_user =
            !user.is_empty() && user.chars().all(|c| !c.is_whitespace() && !c.is_control() && !"<>,@".contains(c));
        let is_literal = host.strip_prefix('[').is_some_and(|host| host.ends_with(']'));
        is_user && (is_literal || is_host(host)) && !text.chars().any(char::is_control)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_apart() {
        let check = |text: &str, expect: Option<(bool, Option<&str>, &str, &str)>| {
            let found = Address::read(text).map(|a| (a.secure, a.login, a.host, a.rest));
            assert_eq!(found, expect, "{text}");
        };
        check("https://a.example.org", Some((true, None, "a.example.org", "")));
        check("http://u:p@am:9093/x?y#z", Some((false, Some("u:p"), "am", "/x?y#z")));
        check("http://[::1]:9093/", Some((false, None, "::1", "/")));
        check("am:9093", None);
        check("matrix.example.org", None);
        check("ftp://a.example.org", None);
        check("https://", None);
        check("https://a b/", None);
        check("https://a:0", None);
        check("https://a:99999", None);
        check("https://a/ü", None);
        assert!(Address::read("http://127.0.0.1:9093").is_some_and(|a| a.is_here()));
        assert!(Address::read("http://127.0.0.1.example.org").is_some_and(|a| !a.is_here()));
    }

    #[test]
    fn people_have_a_user_and_a_host() {
        for good in ["a@b.org", "rmqgit <a@b.org>", "\"A, B\" <a+c@b.org>", "a@localhost", "a@[192.0.2.1]"] {
            assert!(is_mailbox(good), "{good}");
        }
        for bad in ["", "x", "nobody at all", "a@", "@b", "a b@c", "a@b@c", "x <a@b", "a@b\r\nBcc: c@d"] {
            assert!(!is_mailbox(bad), "{bad}");
        }
    }
}
