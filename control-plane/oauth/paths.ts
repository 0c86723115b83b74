// Where the endpoints of the protocol are, below the issuer.

export const paths = {
  authorization: '/oauth2/auth',
  token: '/oauth2/token',
  introspection: '/oauth2/introspect',
  revocation: '/oauth2/revoke',
  jwks: '/oauth2/jwks',
  device: '/oauth2/device',
  verification: '/device',
  endSession: '/oauth2/session/end',
  interaction: '/oauth2/interaction',
  resourceMetadata: '/.well-known/oauth-protected-resource',
} as const;
