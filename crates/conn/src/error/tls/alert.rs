//! The alerts of TLS: their names, and what they mean to whoever receives one.

/// Names an alert as RFC 8446 section 6 does.
pub(super) fn name(code: u8) -> &'static str {
    known(code).map_or("unknown", |(name, _)| name)
}

/// Says what an alert most likely means, as a clause that follows the name.
pub(super) fn hint(code: u8) -> &'static str {
    known(code).map_or("", |(_, hint)| hint)
}

fn known(code: u8) -> Option<(&'static str, &'static str)> {
    Some(match code {
        0 => ("close_notify", ": it ended the session"),
        10 => ("unexpected_message", ""),
        20 => ("bad_record_mac", ": what we sent was changed on the way"),
        22 => ("record_overflow", ""),
        40 => (
            "handshake_failure",
            ": it has no cipher suite or key exchange in common with us, or it wants a client certificate",
        ),
        42 => ("bad_certificate", ": it refuses the client certificate, or wants one"),
        43 => ("unsupported_certificate", ": it does not accept client certificates of this kind"),
        44 => ("certificate_revoked", ": the client certificate is revoked"),
        45 => ("certificate_expired", ": the client certificate has expired"),
        46 => ("certificate_unknown", ": it refuses the client certificate"),
        47 => ("illegal_parameter", ""),
        48 => ("unknown_ca", ": it does not trust the issuer of the client certificate"),
        49 => ("access_denied", ": the client certificate is valid, but has no access"),
        50 => ("decode_error", ""),
        51 => ("decrypt_error", ": a signature or a key did not fit"),
        70 => ("protocol_version", ": it speaks none of the TLS versions that are allowed here"),
        71 => ("insufficient_security", ": it wants stronger cipher suites"),
        80 => ("internal_error", ": something failed inside the server"),
        86 => ("inappropriate_fallback", ""),
        90 => ("user_canceled", ""),
        109 => ("missing_extension", ""),
        110 => ("unsupported_extension", ""),
        112 => ("unrecognized_name", ": it serves no host of this name"),
        113 => ("bad_certificate_status_response", ""),
        115 => ("unknown_psk_identity", ""),
        116 => ("certificate_required", ": it wants a client certificate"),
        120 => ("no_application_protocol", ": it speaks none of the application protocols on offer (ALPN)"),
        _ => return None,
    })
}
