/** The tiers of `npm test`; each runs alone with `npm test -- TIER`. */
import { defineConfig } from 'vitest/config';

const minutes = (count: number): number => count * 60_000;

/** A busy machine may take long to come to what a test waits for; one that never does is told by the test's own time. */
const expect = { poll: { timeout: minutes(0.5), interval: 100 } };

export default defineConfig({
  test: {
    projects: [
      {
        // Pure functions and files: no server, no process that stays.
        test: { name: 'unit', include: ['test/unit/**/*.test.ts', 'test/*.test.ts'], testTimeout: minutes(0.5) },
      },
      {
        // The Pulumi program against mocks of the engine.
        test: {
          name: 'components',
          include: ['test/components/**/*.test.ts'],
          testTimeout: minutes(0.5),
          hookTimeout: minutes(3),
        },
      },
      {
        // A real PostgreSQL + pgvector, one server for the whole run, one database for each suite.
        test: {
          name: 'sql',
          expect,
          include: ['test/sql/**/*.test.ts'],
          globalSetup: ['test/support/globalServer.ts'],
          testTimeout: minutes(2),
          hookTimeout: minutes(2),
        },
      },
      {
        // The local tier's own server handling, and every fault: servers of their own, one after the other.
        test: {
          name: 'faults',
          expect,
          include: ['test/faults/**/*.test.ts'],
          fileParallelism: false,
          testTimeout: minutes(3),
          hookTimeout: minutes(3),
        },
      },
      {
        // The Lambdas from their zips, each in a process of its own, against stand-ins of AWS and a real PostgreSQL.
        test: {
          name: 'lambda',
          expect,
          include: ['test/lambda/**/*.test.ts'],
          globalSetup: ['test/support/globalServer.ts'],
          testTimeout: minutes(2),
          hookTimeout: minutes(2),
        },
      },
      {
        // The real Pulumi engine.
        test: {
          name: 'engine',
          expect,
          include: ['test/engine/**/*.test.ts'],
          globalSetup: ['test/support/globalServer.ts'],
          fileParallelism: false,
          testTimeout: minutes(10),
          hookTimeout: minutes(10),
        },
      },
      {
        // Whole hosts under qemu, booted from the user data of tier ec2: two at a time. A boot with its installation takes minutes.
        test: {
          name: 'host',
          include: ['test/host/**/*.test.ts'],
          testTimeout: minutes(20),
          hookTimeout: minutes(20),
        },
      },
    ],
    maxWorkers: 2,
  },
});
