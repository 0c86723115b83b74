// Every bound of the system, in one place, so that nobody guesses; the unit is the last word of the name.

// The agent channel (architecture.md, section 5).
export const frameBytesMax = 1024 * 1024;
export const outputFlushBytesMax = 64 * 1024;
export const outputFlushMsMax = 100;
export const outputWindowBytesMax = 256 * 1024;
export const outputRunBytesMaxDefault = 64 * 1024 * 1024;
export const heartbeatMs = 20_000;
export const heartbeatMissesMax = 2;
export const agentWatchdogMs = 75_000;
export const helloMsMax = 10_000;
export const reconnectBackoffMsMin = 1_000;
export const reconnectBackoffMsMax = 60_000;
export const agentGroupsMax = 64;
export const agentDefinitionsMax = 2_000;
export const slotsMax = 1_000;
/** Frames of one connection that wait or are being handled; beyond that its socket is not read. */
export const inboxFramesMax = 256;
/** Bytes that the server keeps for an agent that does not read. */
export const sendBufferBytesMax = 8 * 1024 * 1024;
export const handshakeMsMax = 10_000;
/** TLS handshakes that a process begins in a second; a reconnect storm waits in a queue (security.md, section 1). */
export const acceptsPerSecondMax = 500;
export const acceptQueueMax = 8_192;
export const pingsPerHeartbeatMax = 32;
export const socketCloseMsMax = 2_000;
export const clockSkewMsMax = 60_000;

// Runs (architecture.md, section 4; rules.md 7 and 9).
export const leaseMs = 15_000;
export const lapsedAttemptsMax = 10;
export const goValidMs = 10_000;
export const actionTimeoutMsDefault = 3_600_000;
export const actionTimeoutMsMax = 7 * 86_400_000;
export const runExpiresMsDefault = 24 * 3_600_000;
export const runExpiresMsMax = 30 * 86_400_000;
export const lostAgentGraceMs = 60_000;
export const cancelGraceMsDefault = 10_000;
export const cancelGraceMsMax = 600_000;
export const priorityMax = 100;
export const sweepMs = 1_000;
/** Each control plane renews its row in the database; one that was not seen for so long holds no connection any more. */
export const serverBeatMs = 2_000;
export const serverLostMs = 10_000;
/** A frame that the store could not take waits so long before it is tried again, at the connection that it came by. */
export const frameRetryMs = 500;
/** How long another control plane is told of what happens to a run that is watched here, from each time it is asked. */
export const watchInterestMs = 30_000;
/** Runs that are watched elsewhere, as one process remembers them. */
export const watchInterestsMax = 20_000;
/** Rows of one kind that one sweep takes; the next takes the rest. */
export const sweepRowsMax = 500;
/** How long an agent is left out for a run that it refused; doubles with each attempt from the least to the most. */
export const leftOutMsMin = 5_000;
export const leftOutMsMax = 600_000;
/** A queued run whose definition nobody advertises any more is refused after this long. */
export const definitionGoneMs = 60_000;
/** Frames about one run that wait for a commit; beyond it the socket is not read. */
export const runFramesPendingMax = 256;
/** Events that a watcher is behind; beyond it they are read from the store again. */
export const watchEventsMax = 256;
export const runEventsPageMax = 500;
export const runRetentionMsDefault = 90 * 86_400_000;
/** Outlives every agent's spool by far (rules.md 16). */
export const tombstoneMs = 365 * 86_400_000;
export const outputRetentionMsDefault = 30 * 86_400_000;
/** What a project may say about either. */
export const retentionMsMin = 3_600_000;
export const retentionMsMax = 36_500 * 86_400_000;
export const keptRunsMin = 1;
export const keptRunsMax = 10_000_000;
/** One piece of what is removed: it shares the commit of whoever writes at the same time, and rests after it. */
export const pruneRowsMax = 1_000;
export const pruneRunsMax = 100;
/** Pages of SQLite that are given back in one piece, and free ones that are kept for what comes. */
export const givenBackPagesMax = 200;
export const freePagesKept = 1_000;
/** How often it is looked whether something has outlived its time. */
export const pruneMs = 60_000;
/** How a decision came about can be explained for so long; the record of events keeps what was decided. */
export const decisionRetentionMs = 30 * 86_400_000;
/** Requests without a good token are counted by day, and the counts kept so long. */
export const denialCountsKeptMs = 400 * 86_400_000;
export const dispatchBatchRunsMax = 256;
export const replaySetMsMin = 7 * 86_400_000;
export const runOutputValueBytesMax = 64 * 1024;
export const statusValuesBytesMax = 16 * 1024;
export const statusMessageCharactersMax = 4_096;
/** What one attempt may write of its own run by its token: entries in all, and in a minute. */
export const runEntriesMax = 1_000;
export const runEntriesPerMinuteMax = 120;
/** A token of a run is good for its timeout and so much longer: the lease before it, and the grace behind it. */
export const runTokenGraceMs = 10 * 60_000;

// Schedules.
export const cronCharactersMax = 200;
export const zoneCharactersMax = 64;
/** The rarest fire times are years apart: a 29 February that is a Sunday returns after 40 years at the most. */
export const fireTimeYearsMax = 50;
export const fireTimesShownMax = 10;
/** Lateness up to this is no misfire: a restart, not a downtime. */
export const misfireGraceMs = 60_000;
/** Fire times that one schedule makes up for after a downtime; the newest count. */
export const misfiresMax = 100;
/** How soon fire times are seen that another process has stored. */
export const scheduleSweepMs = 5_000;
/** How soon a schedule is tried again whose run could not be stored. */
export const scheduleRetryMs = 1_000;
export const scheduleBatchRowsMax = 64;

// Inputs and names.
export const descriptionCharactersMax = 2_000;
export const inputsBytesMax = 256 * 1024;
export const variableBytesMax = 64 * 1024;
/** How often one change of a variable is tried where writers in other processes are faster. */
export const variableTriesMax = 20;
export const secretCharactersMin = 6;
/** Bytes of all forms of all secrets of one run together: what the masker keeps 28 bytes of memory for. */
export const maskStatesMax = 2_000_000;
export const sealedBytesMax = 384 * 1024;

// HTTP (issue of the API; RFC 9110).
export const requestBodyBytesMax = 1024 * 1024;
export const requestMsMax = 30_000;
export const requestHeadMsMax = 10_000;
export const jsonDepthMax = 32;
export const pageRowsMax = 200;
export const pageRowsDefault = 50;
export const requestsPerMinuteMax = 6_000;
/** Of the requests that a token may make, one address may send one in so many with tokens that are no good. */
export const requestsPerFailedSignIn = 20;
/** Tokens and addresses whose requests are counted at a time; the least recent are forgotten. */
export const rateKeysMax = 10_000;
export const pathParameterCharactersMax = 200;
/** Mean delay of the event loop beyond which, for so many seconds in a row, requests are refused as `unavailable`. */
export const eventLoopDelayMsMax = 1_000;
export const overloadSamplesMin = 3;
export const eventStreamsPerPrincipalMax = 100;
export const eventStreamHeartbeatMs = 15_000;
/** How often one request is decided again when what it was decided on has moved (store.md). */
export const decisionsMax = 3;
export const idempotencyKeyCharactersMax = 255;
export const idempotencyMsMax = 24 * 3_600_000;

// Certificates and tokens (security.md, section 1).
export const leafCertificateMs = 24 * 3_600_000;
export const certificateBackdateMs = 60_000;
export const joinTokenMsDefault = 15 * 60_000;
export const joinTokenMsMax = 7 * 86_400_000;
export const intentMsMax = 5 * 60_000;
export const rootCertificateMs = 20 * 365 * 86_400_000;
export const intermediateCertificateMs = 10 * 365 * 86_400_000;
export const dataPlaneCertificateMs = 2 * 365 * 86_400_000;
export const crlMs = 24 * 3_600_000;
/** A revocation is in the list of its authority this long after it was answered, at the latest. */
export const crlPublishMsMax = 1_000;
/** Of the list that a root signs before its key is taken away, and of one that is signed offline. */
export const offlineCrlMs = 365 * 86_400_000;
/** PBKDF2 rounds over the passphrase of an exported root (RFC 8018): a second of work for each guess. */
export const exportedRootIterations = 1_000_000;
/** What a role may set for the life of an agent's certificate. */
export const agentCertificateMsMin = 3_600_000;
export const agentCertificateMsMax = 24 * 3_600_000;
/** Of any other leaf. */
export const leafCertificateMsMin = 60_000;
export const leafCertificateMsMax = 90 * 86_400_000;
/** Authorities that count at a time, waiting and former ones included. */
export const authoritiesMax = 30;
/** How soon a process sees authorities and roles that another one changed. */
export const pkiSweepMs = 5_000;
/** How often authorities are looked at that run out. */
export const pkiExpiryLookMs = 3_600_000;
/** An authority whose certificate ends within one of these is warned about, once for each. */
export const authorityExpiryWarnMs = [
  180 * 86_400_000,
  90 * 86_400_000,
  30 * 86_400_000,
  7 * 86_400_000,
  86_400_000,
] as const;
/** After a rotation agents are asked to renew, so many a second, so that they do not come all at once. */
export const renewalAsksPerSecondMax = 20;
/** Processes of one agent that are remembered, to tell a restart from a copy. */
export const formerIncarnationsMax = 16;
export const roleNamesMax = 100;
export const trustAnchorsMax = 4;
export const enrollBodyBytesMax = 64 * 1024;
export const enrollRequestsPerMinuteMax = 300;
/** How soon an agent asks again that waits for a person's approval. */
export const approvalRetryMs = 5_000;
/** Of a token that was issued to an owner on the machine of the control plane itself. */
export const recoveredTokenMs = 3_600_000;
export const tokenBytes = 32;

// The store (store.md): how much shares one commit, and how much may wait for one.
export const storeCommitUnitsMax = 1_000;
export const storeCommitMsMax = 20;
export const storePendingMax = 50_000;
export const storeStatementsMax = 1_000;
export const storeBusyMsMax = 5_000;
export const storeCacheKibibytes = 16 * 1024;
export const storeWalBytesMax = 64 * 1024 * 1024;

// PostgreSQL: connections of one control plane, and how long it waits for the database.
export const storeConnectionsDefault = 8;
export const storeConnectionsMin = 3;
export const storeConnectionsMax = 200;
export const storeConnectMsMax = 5_000;
/** How long the mark of a control plane's last transaction is kept when it was killed. */
export const storeMarksKeptMs = 86_400_000;
/** Units that are sent in one trip in the hope that all of them hold; what is lost where one does not. */
export const storeTogetherUnitsMax = 64;
/** A connection that gives no answer for so long is given up. */
export const storeAnswerMsMax = 30_000;
/** The database itself ends a statement, and a wait for a lock, before that. */
export const storeStatementMsMax = 25_000;
export const storeLockWaitMsMax = 10_000;
/** A short absence is waited for; beyond it every request is refused at once until the database is back. */
export const storeAwayMsMax = 2_000;
/** How long the first connection of a start is tried. */
export const storeOpenMsMax = 10_000;
/** How long it is tried to find out what became of a commit whose answer was lost. */
export const storeOutcomeMsMax = 30_000;
export const storeReconnectMsMin = 100;
export const storeReconnectMsMax = 3_000;
/** How often a unit is run again that the database gave up for the sake of another. */
export const storeRetriesMax = 10;
/** Of one notification; PostgreSQL refuses 8000. */
export const storeHintBytesMax = 7_900;
export const storeHintsWaitingMax = 1_000;
/** Rows that are copied at a time when an installation moves to another engine. */
export const storeCopyRowsMax = 500;

// The agent on its own machine (dispatch.md, "The agent's spool and journal").
export const journalRecordBytesMax = 2 * 1024 * 1024;
export const journalCompactBytesMin = 4 * 1024 * 1024;
/** Output that waits on the agent's disk for its acknowledgement; beyond it the child's pipe is not read. */
export const spoolRunBytesMax = 16 * 1024 * 1024;
export const agentInboxMax = 1_000;
/** How long an offer beyond the free slots is kept before it is refused as busy: grants may cross on the wire. */
export const offerHeldMsMax = 5_000;
export const diskProbeMs = 5_000;
/** How long a leaving agent waits for the acknowledgement of its last ends; its journal keeps what is not. */
export const leaveMsMax = 5_000;
/** Cancels in one session for runs that the agent does not know. */
export const tombstonesMax = 10_000;
export const helloRunsMax = 2_000;
/** Runs that are over and can still be shown to a server that has lost them; the newest count. */
export const keptIntentsMax = 5_000;
export const pastRunsMax = 200;
export const intentCharactersMax = 32 * 1024;
/** Heads of the audit trail that an agent keeps, the newest; and contradictions between them. */
export const keptHeadsMax = 32;
export const headConflictsMax = 8;
/** Earlier lives of a store that a welcome names, and for how long after their end. */
export const earlierIncarnationsMax = 16;
export const earlierIncarnationMs = 90 * 86_400_000;
export const agentFileBytesMax = 4 * 1024 * 1024;
export const reloadQuietMs = 200;
export const enrollMsMax = 30_000;
export const connectMsMax = 15_000;
export const sealingKeyMsMax = 30 * 86_400_000;
export const sealingKeysKeptMax = 3;

// Secrets at rest (security.md, section 3). The cost is scrypt's N: 128 MiB of memory with r = 8.
export const scryptCostDefault = 131_072;
export const scryptCostMax = 1_048_576;
export const scryptSaltBytes = 16;
export const rewrapBatchRowsMax = 200;
export const keyringDestroyAgeMsMin = 10 * 60_000;

// Execution in the agent (security.md, section 6).
/** How long the agent goes on killing what does not die before it names it as a survivor. */
export const killMsMax = 5_000;
export const stopPollMsMin = 5;
export const stopPollMsMax = 100;
export const survivorsMax = 100;
export const survivorCharactersMax = 200;
/** How often an expression is evaluated again for secrets that other secrets name. */
export const lookupRoundsMax = 10;
/** Of a file that `file()` reads: with all its forms it must still fit into the masker. */
export const lookupFileBytesMax = 256 * 1024;
export const secretFileBytesMax = 64 * 1024;
/** How long an `always` operation may go on after the run was stopped, unless it says less itself. */
export const alwaysMsMax = 60_000;
/** A deadline is looked at on the clock at least this often, because timers do not count suspension. */
export const deadlineSliceMsMax = 5_000;
export const containerPidsMax = 512;
export const engineMsMax = 20_000;
/** For one TCP and TLS connection of an HTTP operation. */
export const httpConnectMsMax = 10_000;
export const vaultRequestMsMax = 10_000;
export const vaultResponseBytesMax = 1024 * 1024;
/** How long pipes may stay open after the command has ended, before what holds them is stopped. */
export const pipeDrainMs = 250;
/** How long what a command left behind may take to terminate. */
export const leftoverGraceMs = 1_000;
/** Of a file that an action lists with its hash: what is read before a start. */
export const hashedFileBytesMax = 1024 * 1024 * 1024;
/** Of a command's last line and of an answer's body, what later expressions can read. */
export const lastLineBytesMax = 64 * 1024;
export const responseBytesMaxDefault = 10 * 1024 * 1024;
export const responseBodyKeptBytesMax = 1024 * 1024;

// The audit trail (rules.md 32): what is appended is chained moments later, and the end of the chain is signed.
export const auditDetailsBytesMax = 64 * 1024;
export const auditChainRowsMax = 200;
export const auditChainMs = 200;
export const auditSweepMs = 5_000;
export const auditSealMs = 10_000;
export const auditVerifyRowsMax = 1_000;
export const auditDenialReasonsMax = 100;
export const auditHeadCharactersMax = 8_192;
/** Rows that one page of a filtered list looks at; the next page goes on behind them. */
export const auditScanRowsMax = 20_000;
/** Events of one process that wait to be chained and are not read back for it. */
export const auditFreshMax = 20_000;
export const auditExportRowsMax = 500;
/** Of what a client calls itself, in an event. */
export const userAgentCharactersMax = 300;
export const denialsPerMinuteMax = 100_000;
/** Of one line of an export: details and request of one event, twice in the envelope. */
export const auditLineCharactersMax = 1024 * 1024;
export const auditTailRowsMax = 200;
/** Threads that verify together, where the machine has as many processors. */
export const auditVerifyThreadsMax = 4;
/** Signed heads are kept so long, and the newest one always. */
export const auditHeadsKeptMs = 7 * 86_400_000;
export const auditRetentionDaysMin = 7;
export const auditRetentionDaysMax = 36_500;
export const auditPruneRowsMax = 10_000;
/** Within it, a principal's reading of one log is one event. */
export const auditReadMs = 3_600_000;
export const auditReadsRememberedMax = 10_000;
export const auditSampleMs = 60_000;
export const auditSampledKeysMax = 10_000;
/** Join tokens that were spent or have lapsed are kept so long, for who asks who joined by which. */
export const joinTokenKeptMs = 90 * 86_400_000;
/** How long requests that are under way have when the process ends, and what gathered of traces. */
export const requestsFinishMsMax = 10_000;
export const tracesFlushMsMax = 3_000;
/** Runs whose spans one process is making. */
export const tracedRunsMax = 20_000;
/** How often what has outlived its time is removed. */
export const upkeepMs = 3_600_000;

// Backups: encrypted in chunks, so that none is given out before it was verified.
export const backupChunkBytes = 64 * 1024;
export const backupHeaderBytesMax = 4_096;
export const backupPassphraseCharactersMin = 12;
export const backupPassphraseCharactersMax = 1_024;
export const restoredSessionsStep = 1_000_000;
