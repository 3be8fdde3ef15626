import { join } from 'node:path'
import { defineConfig } from 'vitest/config'

/** Set by .ci/run: where the counts of the run go, as JSON. */
const report = process.env.TEST_REPORT_FILE
/** Suites with processes, disks and clocks of their own, which mostly wait: after the others. */
const ALONE = [
  'test/{system,faults,ingest,demo,field}/**/*.test.ts',
  'test/cli/commands/{config/*,edge-commands,replay/*}.test.ts',
  'test/cli/reload.test.ts',
]

/**
 * Where the processes and threads that tests start find their modules compiled: a start of Tidegate from source costs a
 * second of CPU time less, and there are some hundred. Node.js takes a changed file for a new one.
 */
process.env.NODE_COMPILE_CACHE ??= join(import.meta.dirname, 'node_modules/.cache/compiled')

export default defineConfig({
  test: {
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    setupFiles: ['support/setup.ts'],
    reporters: report === undefined ? ['default'] : ['default', ['json', { outputFile: report }]],
    projects: [
      {
        extends: true,
        test: {
          ...{ name: 'parts', include: ['test/**/*.test.ts'], exclude: ALONE, sequence: { groupOrder: 0 } },
          // The files of a worker share its modules: to load them anew for each takes as long as the tests of most.
          isolate: false,
        },
      },
      {
        extends: true,
        // While one waits for a process or a disk, another one can run: a third worker fills the gaps.
        test: { name: 'alone', include: ALONE, maxWorkers: 3, sequence: { groupOrder: 1 } },
      },
    ],
  },
})
