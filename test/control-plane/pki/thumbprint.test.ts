import { createHash, X509Certificate } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  certificateThumbprint,
  confirmationOf,
  isConfirmedBy,
} from '../../../control-plane/pki/thumbprint.ts';
import { openAuthority } from '../../support/openssl.ts';

describe('the thumbprint of a certificate', () => {
  it('is SHA-256 over its DER as openssl computes it, in base64url (RFC 8705, section 3.1)', async () => {
    await using authority = await openAuthority();
    const { cert } = await authority.issue({ extensions: ['extendedKeyUsage=clientAuth'] });
    const other = await authority.issue({ extensions: ['extendedKeyUsage=clientAuth'] });
    const certificate = new X509Certificate(cert);
    const printed = certificate.fingerprint256.replaceAll(':', '');
    expect(certificateThumbprint(certificate)).toBe(Buffer.from(printed, 'hex').toString('base64url'));
    expect(certificateThumbprint(certificate)).toBe(
      createHash('sha256').update(certificate.raw).digest('base64url'),
    );
    expect(certificateThumbprint(certificate)).toMatch(/^[A-Za-z0-9_-]{43}$/);

    const confirmation = confirmationOf(certificate);
    expect(isConfirmedBy(confirmation, certificate)).toBe(true);
    expect(isConfirmedBy(confirmation, new X509Certificate(other.cert))).toBe(false);
    expect(isConfirmedBy(confirmation, null)).toBe(false);
    expect(isConfirmedBy({}, null)).toBe(true);
  });
});
