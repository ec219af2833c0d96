//! Signatures of messages.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;

/// Returns HMAC-SHA256 in base64.
pub(super) fn hmac_sha256(key: &[u8], message: &[u8]) -> String {
    STANDARD.encode(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_that_of_rfc_4231() {
        let hex: Vec<u8> =
            STANDARD.decode(hmac_sha256(b"Jefe", b"what do ya want for nothing?")).expect("it is base64");
        let hex: String = hex.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat();
        assert_eq!(hex, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    }
}
