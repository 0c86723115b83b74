// Every bound of the agent file, the unit last. Those that the protocol states too must be equal (a test says so).

export const actionTimeoutMsDefault = 3_600_000;
export const actionTimeoutMsMax = 7 * 86_400_000;
export const concurrencyRunsMax = 1_000;
export const concurrencyRunsDefault = 4;
export const shutdownGraceMsDefault = 30_000;
export const shutdownGraceMsMax = 3_600_000;
export const descriptionCharactersMax = 2_000;
export const groupsMax = 64;
export const actionsMax = 2_000;
export const operationsMax = 200;
export const inputsMax = 200;
export const hashesMax = 100;
export const redirectsMax = 20;
export const responseBytesMax = 1024 * 1024 * 1024;
export const runsPerHourMax = 1_000_000;
/** Status entries that an attempt writes by its token: in all, and in a minute. */
export const runEntriesMax = 1_000;
export const runEntriesPerMinuteMax = 120;

/** A pattern that an agent advertises is compiled by servers and browsers. */
export const patternCharactersMax = 1_000;
/** Beyond this many states a pattern counts as unproven. */
export const automatonStatesMax = 10_000;
export const operationNameCharactersMax = 200;
export const requestTimeoutMsDefault = 30_000;
