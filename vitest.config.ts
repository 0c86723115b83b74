// The whole suite runs in real processes and over real sockets, so files run in forks and few at a time. What is about
// the store runs a second time, over PostgreSQL.
import { defineConfig } from 'vitest/config';

/** Where many write at once, and what is about PostgreSQL alone. */
const overPostgres = [
  'test/control-plane/{store,runs,agents,schedules,audit,oauth,authority}/**/*.test.ts',
  'test/system/{replicas,runs}.test.ts',
  'test/faults/{random-kills,replicas,database}.test.ts',
  ...(process.env['WAYSIDE_LONG'] === undefined
    ? []
    : ['test/system/*.test.ts', 'test/faults/network.test.ts']),
];
const overPostgresAlone = [
  'test/control-plane/store/{postgres,move}/**',
  'test/faults/{replicas,database}.test.ts',
  'test/system/replicas.test.ts',
];
/** About the files, the plans and the threads of SQLite, or setting up what they test by writing into its file. */
const overSqliteAlone = [
  'test/control-plane/authority/matrix.test.ts',
  'test/control-plane/runs/store-read.test.ts',
  'test/control-plane/schedules/routes.test.ts',
  'test/control-plane/store/{backup,durability,faults,group-commit,lock,migrate,schema}.test.ts',
];

export default defineConfig({
  test: {
    pool: 'forks',
    maxWorkers: 2,
    maxConcurrency: 2,
    testTimeout: 30_000,
    // Real processes on a shared machine: what fails once there is tried once more, and what fails twice is broken.
    retry: process.env['CI'] === undefined ? 0 : 1,
    hookTimeout: 60_000,
    reporters: ['default'],
    projects: [
      {
        extends: true,
        test: {
          name: 'sqlite',
          include: ['test/**/*.test.ts'],
          exclude: overPostgresAlone,
          env: { WAYSIDE_TEST_ENGINE: 'sqlite' },
        },
      },
      {
        extends: true,
        test: {
          name: 'postgres',
          include: overPostgres,
          exclude: overSqliteAlone,
          env: { WAYSIDE_TEST_ENGINE: 'postgres' },
          globalSetup: ['test/support/postgres-setup.ts'],
          setupFiles: ['test/support/skip-without-postgres.ts'],
        },
      },
    ],
  },
});
