// The limits of the authority, of sign-in and of the authorization server; the unit comes last in each name.

// The authority. Numbers of the staleness bound: a change reaches every process that can read the store within two
// polls; past the first bound nothing is written by the old policy, past the second nothing is answered by it.
export const policyPollMs = 250;
export const policyPollMsMax = 2_000;
export const policyStaleWritesMsMax = 5_000;
export const policyStaleReadsMsMax = 10 * 60_000;
export const folderDepthMax = 8;
export const teamDepthMax = 5;
export const delegationDepthMax = 3;
export const rolesMax = 200;
export const conditionsMax = 10;
export const conditionValuesMax = 50;
export const conditionCharactersMax = 500;
export const checksMax = 100;
export const elevationMsMax = 15 * 60_000;
export const supportMsDefault = 4 * 3_600_000;
export const supportMsMax = 7 * 86_400_000;
export const supportRequestsOpenMax = 10;
export const entitlementGraceMsMax = 90 * 86_400_000;

// Sign-in of people (docs/sign-in.md). The cost of a password is argon2id's: memory, passes, lanes (RFC 9106).
export const passwordMemoryKibibytes = 19_456;
export const passwordPasses = 2;
export const passwordLanes = 1;
export const passwordSaltBytes = 16;
export const passwordTagBytes = 32;
export const passwordCharactersMin = 12;
export const passwordCharactersMax = 256;
/** Passwords that are hashed at a time, and those that wait for it; each takes the memory above. */
export const passwordHashesMax = 2;
export const passwordHashesWaitingMax = 64;
export const totpPeriodS = 30;
export const totpSeedBytes = 20;
export const recoveryCodesCount = 10;
export const recoveryCodeBytes = 13;
export const passkeysPerPrincipalMax = 20;
export const passkeyChallengeMs = 5 * 60_000;
export const sessionIdleMsMax = 30 * 60_000;
export const sessionMsMax = 12 * 3_600_000;
/** How often the last use of a session is written, at the most. */
export const sessionTouchMsMin = 60_000;
/** How long a session that ended stays in lists and tables. */
export const sessionKeptMs = 30 * 86_400_000;
/** How long after signing in somebody may change their own factors without signing in again. */
export const freshSignInMsMax = 5 * 60_000;
export const elevationReasonCharactersMin = 3;
export const elevationReasonCharactersMax = 500;
/** Of a form on a page of sign-in. */
export const formBytesMax = 16 * 1024;
export const signInAttemptMs = 10 * 60_000;
export const setupLinkMs = 3_600_000;
export const signInLinkMsDefault = 60 * 60_000;
export const signInLinkMsMax = 24 * 3_600_000;
/** Failures before guessing is slowed down, and how: the delay doubles from the least to the most. */
export const signInFailuresFree = 5;
export const addressFailuresFree = 20;
export const signInDelayMsMin = 2_000;
export const signInDelayMsMax = 15 * 60_000;
/** Codes of six digits are slowed down more, because there are so few. */
export const codeDelayMsMax = 3_600_000;
export const signInForgetMs = 24 * 3_600_000;
export const knownDeviceMs = 90 * 86_400_000;
export const knownNetworkMs = 30 * 86_400_000;
export const knownDevicesMax = 20;
export const signInSweepRowsMax = 500;
export const identityProviderTeamsMax = 200;
export const identityProviderDomainsMax = 50;
export const identityProviderRequestMsMax = 10_000;
export const identityProviderCacheMs = 10 * 60_000;

// Tokens of the authorization server (RFC 9700): short lives for what is checked without asking, rotation for the rest.
export const accessTokenMs = 10 * 60_000;
export const refreshTokenMs = 14 * 86_400_000;
/** From the sign-in on: beyond it a client asks the person again, however often it has refreshed. */
export const grantMs = 90 * 86_400_000;
export const authorizationCodeMs = 60_000;
export const deviceCodeMs = 10 * 60_000;
/** How often a device asks whether it was confirmed (RFC 8628, section 3.2). */
export const devicePollMs = 2_000;
export const interactionMs = 15 * 60_000;
export const idTokenMs = 10 * 60_000;
/** How old the deny list and the keys may be that a process decides by (authority.md, F14: one second). */
export const tokenStalenessMsMax = 500;
/** How far back the deny list is read again, for units that were committed out of order. */
export const revocationOverlapMs = 10_000;
export const assertionMsMax = 10 * 60_000;
export const proofMsMax = 60_000;
export const proofsRememberedMax = 50_000;
export const verifiedTokensMax = 5_000;
export const tokenBodyBytesMax = 32 * 1024;
export const bearerCharactersMax = 8_192;
/** Answers that say no take at least so long, so that their time tells nothing. */
export const inactiveAnswerMsMin = 5;
export const artifactPruneMs = 60_000;
export const artifactPruneRowsMax = 500;
export const credentialsPerServiceMax = 20;
export const federationsPerIssuerMax = 50;
export const conditionNodesMax = 200;
export const issuerAnswerBytesMax = 256 * 1024;
export const issuerMsMax = 5_000;
export const issuerKeysMs = 10 * 60_000;
export const issuerRetryMs = 30_000;
export const userCodesPerMinuteMax = 30;
